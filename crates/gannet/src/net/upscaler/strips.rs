//! A picture computed in strips: rows go in as they come, rows come out as soon as all they depend on is there.
//!
//! Every value is computed once, from the same numbers in the same order as in a pass over the whole picture, so that the
//! results are equal bit for bit, whatever the strips' height. Between strips, each layer's output is kept only as far
//! back as later rows need it: a few rows for a convolution, more for a way around blocks. (Tiles that overlap by as much
//! as a pixel sees would be as exact, but RRDBNet sees 349 pixels far: tiles of 256 would compute everything 14 times.)

mod cost;

use std::collections::VecDeque;

use burn::tensor::Tensor;
use gannet_kernels::{
    Line, LineForm, Plus, Precision, PreparedRows, Then, keeping_weights, keeping_weights_of_columns,
};

use super::graph::radius;
use super::pass::{Compute, Pass};
use super::{Graph, Node, Op};
use crate::nn::activation;

pub use cost::StripCost;

/// Nodes after whose computation is looked which rows are still needed.
const FORGET_EVERY: usize = 16;

/// A picture on its way through a network.
pub struct Strips<'a> {
    graph: &'a Graph,
    /// How rows are prepared for convolutions that [take lines](crate::nn::Conv2d::takes_lines); none where all are computed as
    /// others.
    form: Option<LineForm>,
    /// What each node reads.
    parts: Vec<Vec<usize>>,
    /// Rows of each node's whole output.
    heights: Vec<usize>,
    /// Rows of each node that were computed.
    done: Vec<usize>,
    /// Rows of the largest strip.
    most: usize,
    /// Of the strips.
    n_images: usize,
    width: usize,
    /// Whether a node's rows are made anew whenever they are asked for, because that costs less than to keep them.
    is_on_demand: Vec<bool>,
    /// Which of these are computed by lines, together with what alone reads them.
    is_fused: Vec<bool>,
    /// Who reads each node.
    readers: Vec<Readers>,
    /// Of each node, the strips that hold rows which are still needed.
    kept: Vec<VecDeque<Kept>>,
}

/// Who reads a node's rows.
#[derive(Clone, Copy, Default)]
struct Readers {
    /// Convolutions by lines.
    as_lines: bool,
    /// All others.
    as_rows: bool,
}

/// Some rows of a node's output, in the forms in which they are still needed.
struct Kept {
    first: usize,
    end: usize,
    rows: Option<Tensor<4>>,
    prepared: Option<PreparedRows>,
}

/// The first row that is still needed of each node, in either form.
struct Needed {
    rows: Vec<usize>,
    lines: Vec<usize>,
}

impl<'a> Strips<'a> {
    /// For pictures of `height` rows; a network's first layer may want [a multiple](super::UpscalerConfig::multiple). By lines,
    /// convolutions that [take them](crate::nn::Conv2d::takes_lines) are faster, but rows take more memory while they wait, and a
    /// value may depend on [more columns](Graph::reach).
    pub fn new(graph: &'a Graph, height: usize, by_lines: bool) -> Self {
        let mut heights: Vec<usize> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let of_input = node.inputs.first().map_or(height, |&input| heights[input]);
            heights.push(match node.op {
                Op::Nearest(factor) | Op::Shuffle(factor) => of_input * factor,
                Op::Unshuffle(factor) => of_input / factor,
                _ => of_input,
            });
        }
        let n = graph.nodes.len();
        let parts: Vec<Vec<usize>> = (0..n).map(|place| graph.parts(place)).collect();
        let with_lines = (0..n).filter(|&place| graph.takes_lines(place));
        let channels = with_lines.flat_map(|place| &parts[place]).map(|&part| graph.nodes[part].channels);
        let form = by_lines.then(|| Precision::Halved.scope(|| LineForm::new(channels)));
        let is_cheap = |op: &Op| matches!(op, Op::Cat | Op::Nearest(_));
        // A convolution is computed together with the activation or the sums that alone read it.
        let mut is_fused = vec![false; n];
        for node in graph.nodes.iter().filter(|_| by_lines) {
            let &[input, ..] = node.inputs.as_slice() else { continue };
            let n_readers = graph.nodes.iter().flat_map(|node| &node.inputs).filter(|read| **read == input).count();
            let fits = match (&node.op, &graph.nodes[input]) {
                (Op::Leaky | Op::Prelu(_), _) => graph.takes_lines(input),
                (Op::Sum(_), Node { op: Op::Sum(_), inputs, .. }) => is_fused[inputs[0]],
                (Op::Sum(_), _) => graph.takes_lines(input),
                _ => false,
            };
            is_fused[input] = fits && n_readers == 1;
        }
        let is_on_demand = (0..n).map(|place| is_fused[place] || is_cheap(&graph.nodes[place].op)).collect::<Vec<_>>();
        let mut readers = vec![Readers::default(); n];
        if let Some(output) = readers.last_mut() {
            output.as_rows = true;
        }
        for (place, _) in graph.nodes.iter().enumerate().filter(|(_, node)| !matches!(node.op, Op::Cat)) {
            for &part in &parts[place] {
                let as_lines = by_lines && graph.takes_lines(place) && !is_on_demand[part];
                readers[part].as_lines |= as_lines;
                readers[part].as_rows |= !as_lines;
            }
        }
        Self {
            graph,
            form,
            parts,
            heights,
            done: vec![0; n],
            most: 0,
            n_images: 0,
            width: 0,
            is_on_demand,
            is_fused,
            readers,
            kept: (0..n).map(|_| VecDeque::new()).collect(),
        }
    }

    /// The next rows of the output `[N, C, rows, W]`, if there are any, from the next rows of the picture.
    pub fn push(&mut self, strip: Tensor<4>) -> Option<Tensor<4>> {
        let [n_images, _, n_rows, width] = strip.dims();
        (self.n_images, self.width) = (n_images, width);
        self.append(0, self.done[0], strip);
        self.done[0] += n_rows;
        self.most = self.most.max(n_rows);
        assert!(self.done[0] <= self.heights[0], "there are more rows than the picture has");
        self.flush()
    }

    /// Further rows of the output without further rows of the picture: what is left when all of these were pushed, as many
    /// at a time as from the largest of them.
    pub fn flush(&mut self) -> Option<Tensor<4>> {
        // Among the threads that the kernels work on, none of which then waits for another one to begin.
        rayon::scope(|_| match self.form {
            Some(_) => keeping_weights(|| self.advance()),
            None => keeping_weights_of_columns(|| self.advance()),
        })
    }

    fn advance(&mut self) -> Option<Tensor<4>> {
        for place in 1..self.graph.nodes.len() {
            let (first, end) = (self.done[place], self.next(place));
            self.done[place] = end;
            if end > first && !self.is_on_demand[place] {
                let rows = self.compute(place, first, end);
                self.append(place, first, rows);
            }
            // What only this strip has needed would otherwise add up to a strip of every layer.
            if place.is_multiple_of(FORGET_EVERY) && place + 1 < self.graph.nodes.len() {
                self.forget();
            }
        }
        let output = self.kept.last_mut().and_then(|kept| kept.pop_front()?.rows);
        self.forget();
        output
    }

    /// Whether all rows of the output were returned.
    pub fn is_done(&self) -> bool {
        self.done.last() == self.heights.last()
    }

    /// The end of the rows of a node that are computed next: what can be, but never more at once than a strip has.
    fn next(&self, place: usize) -> usize {
        self.ready(place).min(self.done[place] + self.most_of(place))
    }

    /// Rows of a node that are computed at once, at most.
    fn most_of(&self, place: usize) -> usize {
        (self.most * self.heights[place]).div_ceil(self.heights[0])
    }

    /// Rows of a node that can be computed by now.
    fn ready(&self, place: usize) -> usize {
        let node = &self.graph.nodes[place];
        let inputs = node.inputs.iter().map(|&input| self.done[input]);
        let ready = inputs.min().unwrap_or(self.done[place]);
        match &node.op {
            Op::Conv(layer) if ready < self.heights[place] => ready.saturating_sub(radius(layer)).max(self.done[place]),
            Op::Nearest(factor) | Op::Shuffle(factor) => ready * factor,
            Op::Unshuffle(factor) => ready / factor,
            _ => ready,
        }
    }

    /// Rows `first..end` of a node, from rows of its inputs.
    fn compute(&self, place: usize, first: usize, end: usize) -> Tensor<4> {
        let node = &self.graph.nodes[place];
        let input = |i: usize, first: usize, end: usize| self.rows(node.inputs[i], first, end);
        match &node.op {
            Op::Input => unreachable!("the picture itself is not computed"),
            Op::Conv(_) if self.takes_lines(place) => self.convolve(place, [first, end], &Then::default()),
            Op::Conv(layer) => {
                let radius = radius(layer);
                let above = radius.saturating_sub(first);
                let below = (end + radius).saturating_sub(self.heights[place]);
                layer.forward_rows(input(0, first + above - radius, end + radius - below), [above, below])
            }
            Op::Leaky if self.is_fused[node.inputs[0]] => {
                let then = Then { slopes: &[activation::SLOPE], ..Then::default() };
                self.convolve(node.inputs[0], [first, end], &then)
            }
            Op::Prelu(prelu) if self.is_fused[node.inputs[0]] => {
                let then = Then { slopes: &prelu.slopes(), ..Then::default() };
                self.convolve(node.inputs[0], [first, end], &then)
            }
            Op::Sum(_) if self.is_fused[node.inputs[0]] => {
                // From the last sum back to the convolution.
                let (mut sums, mut place) = (vec![], place);
                while let Node { op: Op::Sum(share), inputs, .. } = &self.graph.nodes[place] {
                    sums.insert(0, Plus { share: *share, rows: self.row_by_row(inputs[1], [first, end]) });
                    place = inputs[0];
                }
                self.convolve(place, [first, end], &Then { sums, ..Then::default() })
            }
            Op::Norm(layer) => Compute.norm(&input(0, first, end), layer),
            Op::Prelu(layer) => Compute.prelu(&input(0, first, end), layer),
            Op::Leaky => Compute.leaky(&input(0, first, end)),
            Op::Sum(share) => Compute.sum(&input(0, first, end), *share, &input(1, first, end)),
            Op::Cat => Compute.cat(&(0..node.inputs.len()).map(|i| input(i, first, end)).collect::<Vec<_>>()),
            Op::Nearest(factor) | Op::Shuffle(factor) => {
                let start = first / factor;
                let rows = input(0, start, end.div_ceil(*factor));
                let rows = match node.op {
                    Op::Nearest(_) => Compute.nearest(&rows, *factor),
                    _ => Compute.shuffle(&rows, *factor),
                };
                rows.narrow(2, first - start * factor, end - first)
            }
            Op::Unshuffle(factor) => Compute.unshuffle(&input(0, first * factor, end * factor), *factor),
        }
    }

    /// Rows `first..end` of a convolution from prepared rows of the parts of its input, and what comes `then`.
    fn convolve(&self, place: usize, [first, end]: [usize; 2], then: &Then<'_>) -> Tensor<4> {
        let Op::Conv(layer) = &self.graph.nodes[place].op else { unreachable!("only convolutions take lines") };
        // The lines that the rows see, but for those outside of the image.
        let (start, stop) = (first.saturating_sub(1), (end + 1).min(self.heights[place]));
        let parts = &self.parts[place];
        // What is made on demand, the first row of it, and how often each of its rows counts.
        let fresh: Vec<Option<(PreparedRows, usize, usize)>> = parts
            .iter()
            .map(|&part| {
                let Node { op, inputs, .. } = &self.graph.nodes[part];
                self.is_on_demand[part].then(|| match op {
                    &Op::Nearest(factor) => {
                        let rows = self.rows(inputs[0], start / factor, stop.div_ceil(factor));
                        (self.prepare(&rows, factor), start / factor, factor)
                    }
                    _ => (self.prepare(&self.compute(part, start, stop), 1), start, 1),
                })
            })
            .collect();
        let line = |row: usize| -> Line<'_> {
            let row = row.checked_sub(1).filter(|row| *row < self.heights[place])?;
            let parts = parts.iter().zip(&fresh).map(|(&part, fresh)| match fresh {
                Some((rows, first, factor)) => Some((rows, row / factor - first)),
                None => {
                    let kept = self.kept(part, row)?;
                    Some((kept.prepared.as_ref()?, row - kept.first))
                }
            });
            let parts: Option<Vec<_>> = parts.collect();
            assert!(parts.is_some(), "rows that a later layer needs are kept");
            parts
        };
        // Counted from one before the image, so that none is negative.
        let lines: Vec<Line<'_>> = (first..end + 2).map(line).collect();
        layer.forward_lines(&lines, [self.n_images, self.width * self.heights[place] / self.heights[0]], then)
    }

    /// What holds a row of a node's output.
    fn kept(&self, place: usize, row: usize) -> Option<&Kept> {
        self.kept[place].iter().find(|kept| kept.first <= row && row < kept.end)
    }

    /// Rows `first..end` of a node's output, each with the tensor that it is in.
    fn row_by_row(&self, place: usize, [first, end]: [usize; 2]) -> Vec<(Tensor<4>, usize)> {
        if self.is_on_demand[place] {
            let rows = self.compute(place, first, end);
            return (0..end - first).map(|row| (rows.clone(), row)).collect();
        }
        let row = |row: usize| {
            let kept = self.kept(place, row).and_then(|kept| Some((kept.rows.clone()?, row - kept.first)));
            let Some(found) = kept else { unreachable!("rows that a later layer needs are kept") };
            found
        };
        (first..end).map(row).collect()
    }

    /// Rows `first..end` of a node's output that were computed before, or are made on demand.
    fn rows(&self, place: usize, first: usize, end: usize) -> Tensor<4> {
        if self.is_on_demand[place] {
            return self.compute(place, first, end);
        }
        let within = self.kept[place].iter().filter(|kept| kept.first < end && first < kept.end);
        let parts = within.map(|kept| {
            let (start, stop) = (first.max(kept.first), end.min(kept.end));
            let Some(rows) = kept.rows.clone() else { unreachable!("rows that a later layer needs are kept") };
            rows.narrow(2, start - kept.first, stop - start)
        });
        let mut parts: Vec<Tensor<4>> = parts.collect();
        if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 2) }
    }

    /// Whether a node is a convolution that is computed by lines.
    fn takes_lines(&self, place: usize) -> bool {
        self.form.is_some() && self.graph.takes_lines(place)
    }

    fn prepare(&self, rows: &Tensor<4>, repeat: usize) -> PreparedRows {
        let Some(form) = self.form else { unreachable!("lines are read where there is a form of them") };
        PreparedRows::new(rows, repeat, form)
    }

    fn append(&mut self, place: usize, first: usize, rows: Tensor<4>) {
        let end = first + rows.dims()[2];
        let Readers { as_lines, as_rows } = self.readers[place];
        let prepared = as_lines.then(|| self.prepare(&rows, 1));
        self.kept[place].push_back(Kept { first, end, rows: as_rows.then_some(rows), prepared });
    }

    /// Drops what no later row depends on.
    fn forget(&mut self) {
        let needed = self.needed();
        for (place, strips) in self.kept.iter_mut().enumerate() {
            for kept in strips.iter_mut() {
                kept.rows = kept.rows.take().filter(|_| needed.rows[place] < kept.end);
                kept.prepared = kept.prepared.take().filter(|_| needed.lines[place] < kept.end);
            }
            strips.retain(|kept| kept.rows.is_some() || kept.prepared.is_some());
        }
    }

    /// The first row of each node that rows not yet computed depend on.
    fn needed(&self) -> Needed {
        let mut needed = Needed { rows: self.heights.clone(), lines: self.heights.clone() };
        for (place, node) in self.graph.nodes.iter().enumerate().rev() {
            // What is made on demand needs what is asked of it, all else what its next row needs.
            let next = if self.is_on_demand[place] { needed.rows[place] } else { self.done[place] };
            if next >= self.heights[place] {
                continue;
            }
            for &part in &self.parts[place] {
                let first = match &node.op {
                    Op::Conv(layer) => next.saturating_sub(radius(layer)),
                    Op::Nearest(factor) | Op::Shuffle(factor) => next / factor,
                    Op::Unshuffle(factor) => next * factor,
                    _ => next,
                };
                let as_lines = self.takes_lines(place) && !self.is_on_demand[part];
                let needed = if as_lines { &mut needed.lines } else { &mut needed.rows };
                needed[part] = needed[part].min(first);
            }
        }
        needed
    }
}
