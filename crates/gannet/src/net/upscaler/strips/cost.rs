//! What strips cost, found by walking through a picture without computing it.

use super::Strips;
use crate::net::upscaler::graph::radius;
use crate::net::upscaler::{Graph, Op};

/// What a picture of some width costs while it is computed in strips of some height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripCost {
    /// Values that are kept between strips, at most.
    pub kept: usize,
    /// Values that a strip needs beside them, at most.
    pub passing: usize,
}

impl Strips<'_> {
    /// What a picture of `size`, height and width, costs, `rows` at a time.
    pub fn cost(graph: &Graph, [height, width]: [usize; 2], rows: usize, by_lines: bool) -> StripCost {
        // Once rows come out, all strips cost the same. (No network folds blocks of more than four rows.)
        let height = height.min((2 * graph.reach(false) + 8 * rows).next_multiple_of(4));
        let mut strips = Strips::new(graph, height, by_lines);
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
            let kept = graph.nodes.iter().enumerate().filter(|(place, _)| !strips.is_on_demand[*place]);
            let kept = kept.map(|(place, node)| {
                let since = |needed: &[usize]| match strips.done[place].saturating_sub(needed[place]) {
                    0 => 0,
                    // Strips are kept whole.
                    n_rows => n_rows + strips.most_of(place) - 1,
                };
                let as_lines = strips.form.map_or(0, |form| form.n_values(node.channels, widths[place]));
                let as_lines = as_lines * since(&needed.lines);
                node.channels * widths[place] * since(&needed.rows) + as_lines
            });
            cost.kept = cost.kept.max(kept.sum());
        }
        cost
    }
}
