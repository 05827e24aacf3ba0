//! A picture computed in strips: rows go in as they come, rows come out as soon as all they depend on is there.
//!
//! Every value is computed once, from the same numbers in the same order as in a pass over the whole picture, so that the
//! results are equal bit for bit, whatever the strips' height. Between strips, each layer's output is kept only as far
//! back as later rows need it: a few rows for a convolution, more for a way around blocks. (Tiles that overlap by as much
//! as a pixel sees would be as exact, but RRDBNet sees 349 pixels far: tiles of 256 would compute everything 14 times.)

use burn::tensor::Tensor;

use super::graph::radius;
use super::pass::{Compute, Pass};
use super::{Graph, Op};

/// A picture on its way through a network.
pub struct Strips<'a> {
    graph: &'a Graph,
    /// Rows of each node's whole output.
    heights: Vec<usize>,
    /// Rows of each node that were computed.
    done: Vec<usize>,
    /// Rows of the largest strip.
    most: usize,
    /// Of each node, the rows from the first that is still needed to the last that was computed.
    kept: Vec<Kept>,
}

/// The rows of a node's output that are still needed.
#[derive(Clone, Default)]
struct Kept {
    first: usize,
    rows: Option<Tensor<4>>,
}

/// What a picture of some width costs while it is computed in strips of some height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripCost {
    /// Values that are kept between strips, at most.
    pub kept: usize,
    /// Values that a strip needs beside them, at most.
    pub passing: usize,
}

impl<'a> Strips<'a> {
    /// For pictures of `height` rows; a network's first layer may want [a multiple](super::UpscalerConfig::multiple).
    pub fn new(graph: &'a Graph, height: usize) -> Self {
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
        Self { graph, heights, done: vec![0; n], most: 0, kept: vec![Kept::default(); n] }
    }

    /// The next rows of the output `[N, C, rows, W]`, if there are any, from the next rows of the picture.
    pub fn push(&mut self, strip: Tensor<4>) -> Option<Tensor<4>> {
        let [_, _, n_rows, _] = strip.dims();
        self.append(0, strip);
        self.done[0] += n_rows;
        self.most = self.most.max(n_rows);
        assert!(self.done[0] <= self.heights[0], "there are more rows than the picture has");
        self.flush()
    }

    /// Further rows of the output without further rows of the picture: what is left when all of these were pushed, as many
    /// at a time as from the largest of them.
    pub fn flush(&mut self) -> Option<Tensor<4>> {
        for place in 1..self.graph.nodes.len() {
            let (first, end) = (self.done[place], self.next(place));
            self.done[place] = end;
            if end > first && !is_on_demand(&self.graph.nodes[place].op) {
                let rows = self.compute(place, first, end);
                self.append(place, rows);
            }
        }
        let output = self.kept.last_mut().and_then(|kept| kept.rows.take());
        self.forget();
        output
    }

    /// Whether all rows of the output were returned.
    pub fn is_done(&self) -> bool {
        self.done.last() == self.heights.last()
    }

    /// What a picture of `size`, height and width, costs, `rows` at a time.
    pub fn cost(graph: &Graph, [height, width]: [usize; 2], rows: usize) -> StripCost {
        let mut strips = Strips::new(graph, height);
        strips.most = rows;
        let widths: Vec<usize> = strips.heights.iter().map(|rows| width * rows / height).collect();
        let mut cost = StripCost { kept: 0, passing: 0 };
        while !strips.is_done() {
            strips.done[0] = (strips.done[0] + rows).min(height);
            for (place, node) in graph.nodes.iter().enumerate().skip(1) {
                let (first, end) = (strips.done[place], strips.next(place));
                strips.done[place] = end;
                let around = if let Op::Conv(layer) = &node.op { 2 * radius(layer) } else { 0 };
                let n_read: usize = node.inputs.iter().map(|&input| graph.nodes[input].channels).sum();
                // What is read, as it is and as a kernel lays it out; what is made, as the sums and with what is added.
                let values = 2 * n_read * (end - first + around) + 3 * node.channels * (end - first);
                cost.passing = cost.passing.max(values * widths[place]);
            }
            let needed = strips.needed();
            let kept = graph.nodes.iter().enumerate().filter(|(_, node)| !is_on_demand(&node.op));
            let kept = kept
                .map(|(place, node)| node.channels * widths[place] * strips.done[place].saturating_sub(needed[place]));
            cost.kept = cost.kept.max(kept.sum());
        }
        cost
    }

    /// The end of the rows of a node that are computed next: what can be, but never more at once than a strip has.
    fn next(&self, place: usize) -> usize {
        let most = (self.most * self.heights[place]).div_ceil(self.heights[0]);
        self.ready(place).min(self.done[place] + most)
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
            Op::Conv(layer) => {
                let radius = radius(layer);
                let above = radius.saturating_sub(first);
                let below = (end + radius).saturating_sub(self.heights[place]);
                layer.forward_rows(input(0, first + above - radius, end + radius - below), [above, below])
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

    /// Rows `first..end` of a node's output that were computed before, or are made on demand.
    fn rows(&self, place: usize, first: usize, end: usize) -> Tensor<4> {
        if is_on_demand(&self.graph.nodes[place].op) {
            return self.compute(place, first, end);
        }
        match &self.kept[place] {
            Kept { first: start, rows: Some(rows) } => rows.clone().narrow(2, first - start, end - first),
            _ => unreachable!("rows that a later layer needs are kept"),
        }
    }

    fn append(&mut self, place: usize, rows: Tensor<4>) {
        let kept = &mut self.kept[place];
        kept.rows = Some(match kept.rows.take() {
            Some(before) => Tensor::cat(vec![before, rows], 2),
            None => rows,
        });
    }

    /// Drops what no later row depends on.
    fn forget(&mut self) {
        let needed = self.needed();
        for (place, kept) in self.kept.iter_mut().enumerate() {
            let (first, end) = (needed[place].min(self.done[place]), self.done[place]);
            let skip = first - kept.first;
            kept.rows = kept.rows.take().filter(|_| first < end).map(|rows| {
                // A view would keep the whole of what it shows a part of; a product is a tensor of its own.
                if skip == 0 { rows } else { rows.narrow(2, skip, end - first) * 1.0 }
            });
            kept.first = first;
        }
    }

    /// The first row of each node that rows not yet computed depend on.
    fn needed(&self) -> Vec<usize> {
        let mut needed = self.heights.clone();
        for (place, node) in self.graph.nodes.iter().enumerate().rev() {
            // What is made on demand needs what is asked of it, all else what its next row needs.
            let next = if is_on_demand(&node.op) { needed[place] } else { self.done[place] };
            if next >= self.heights[place] {
                continue;
            }
            for &input in &node.inputs {
                let first = match &node.op {
                    Op::Conv(layer) => next.saturating_sub(radius(layer)),
                    Op::Nearest(factor) | Op::Shuffle(factor) => next / factor,
                    Op::Unshuffle(factor) => next * factor,
                    _ => next,
                };
                needed[input] = needed[input].min(first);
            }
        }
        needed
    }
}

/// Whether a node's rows are made anew whenever they are asked for, because that costs less than to keep them.
fn is_on_demand(op: &Op) -> bool {
    matches!(op, Op::Cat | Op::Nearest(_))
}
