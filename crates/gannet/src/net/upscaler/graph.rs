//! A network written down: its layers in the order of their computation.

use burn::module::Module;
use gannet_kernels::TOGETHER;

use super::pass::Pass;
use crate::nn::{BatchNorm, Conv2d, Prelu};

/// A network as a list of operations; the last one makes its output.
#[derive(Debug)]
pub struct Graph {
    /// Each takes what earlier ones made.
    pub nodes: Vec<Node>,
}

/// One operation of a [`Graph`].
#[derive(Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// To what: places in the graph.
    pub inputs: Vec<usize>,
    /// That it makes.
    pub channels: usize,
}

/// What a node does with `[N, C, H, W]`.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a graph has a few hundred of them")]
pub enum Op {
    /// The image itself.
    Input,
    /// A convolution of stride 1 that keeps the size.
    Conv(Conv2d),
    /// Batch normalization.
    Norm(BatchNorm),
    /// Parametric ReLU.
    Prelu(Prelu),
    /// Leaky ReLU of slope 0.2.
    Leaky,
    /// This share of the first input, plus the second one.
    Sum(f32),
    /// One input behind the other along the channels.
    Cat,
    /// Every pixel repeated so many times each way.
    Nearest(usize),
    /// Channels to blocks of pixels of this side.
    Shuffle(usize),
    /// Blocks of pixels of this side to channels.
    Unshuffle(usize),
}

impl Graph {
    /// A graph of nothing but images of `channels`, and its only node.
    pub(super) fn starting_at(channels: usize) -> (Self, usize) {
        (Self { nodes: vec![Node { op: Op::Input, inputs: vec![], channels }] }, 0)
    }

    /// How many columns of the input, to each side of some, the same columns of the output may depend on, to the last bit. By
    /// lines, the first of them is a multiple of [`TOGETHER`] in all of the network.
    pub fn reach(&self, by_lines: bool) -> usize {
        // From the output back: how far on each side a value of the node matters, in its own pixels.
        let mut reach = vec![None; self.nodes.len()];
        if let Some(last) = reach.last_mut() {
            *last = Some(0usize);
        }
        for (place, node) in self.nodes.iter().enumerate().rev() {
            let Some(here) = reach[place] else { continue };
            let there = match &node.op {
                Op::Conv(layer) if by_lines && layer.takes_lines() => here.next_multiple_of(TOGETHER) + 1,
                Op::Conv(layer) => here + radius(layer),
                Op::Nearest(factor) | Op::Shuffle(factor) => here.div_ceil(*factor),
                Op::Unshuffle(factor) => (here + 1) * factor - 1,
                _ => here,
            };
            for &input in &node.inputs {
                reach[input] = reach[input].max(Some(there));
            }
        }
        reach.first().copied().flatten().unwrap_or(0)
    }

    /// Whether a node is a convolution that [takes lines](Conv2d::takes_lines).
    pub(super) fn takes_lines(&self, place: usize) -> bool {
        matches!(&self.nodes[place].op, Op::Conv(layer) if layer.takes_lines())
    }

    /// What a node reads: its inputs, of those that only lie behind one another their parts.
    pub(super) fn parts(&self, place: usize) -> Vec<usize> {
        let of_input = |&input: &usize| match &self.nodes[input] {
            Node { op: Op::Cat, inputs, .. } => inputs.clone(),
            _ => vec![input],
        };
        self.nodes[place].inputs.iter().flat_map(of_input).collect()
    }

    fn push(&mut self, op: Op, inputs: Vec<usize>, channels: usize) -> usize {
        self.nodes.push(Node { op, inputs, channels });
        self.nodes.len() - 1
    }

    fn channels(&self, place: usize) -> usize {
        self.nodes[place].channels
    }
}

/// Pixels to each side that a convolution reads.
pub(crate) fn radius(layer: &Conv2d) -> usize {
    let [_, _, height, _] = layer.weight.dims();
    height / 2
}

impl Pass for Graph {
    type Value = usize;

    fn conv(&mut self, x: &usize, layer: &Conv2d) -> usize {
        let [n_out, ..] = layer.weight.dims();
        self.push(Op::Conv(layer.valid()), vec![*x], n_out)
    }

    fn norm(&mut self, x: &usize, layer: &BatchNorm) -> usize {
        self.push(Op::Norm(layer.valid()), vec![*x], self.channels(*x))
    }

    fn prelu(&mut self, x: &usize, layer: &Prelu) -> usize {
        self.push(Op::Prelu(layer.valid()), vec![*x], self.channels(*x))
    }

    fn leaky(&mut self, x: &usize) -> usize {
        self.push(Op::Leaky, vec![*x], self.channels(*x))
    }

    fn sum(&mut self, x: &usize, share: f32, y: &usize) -> usize {
        self.push(Op::Sum(share), vec![*x, *y], self.channels(*x))
    }

    fn cat(&mut self, parts: &[usize]) -> usize {
        let channels = parts.iter().map(|part| self.channels(*part)).sum();
        self.push(Op::Cat, parts.to_vec(), channels)
    }

    fn nearest(&mut self, x: &usize, factor: usize) -> usize {
        self.push(Op::Nearest(factor), vec![*x], self.channels(*x))
    }

    fn shuffle(&mut self, x: &usize, factor: usize) -> usize {
        self.push(Op::Shuffle(factor), vec![*x], self.channels(*x) / (factor * factor))
    }

    fn unshuffle(&mut self, x: &usize, factor: usize) -> usize {
        self.push(Op::Unshuffle(factor), vec![*x], self.channels(*x) * factor * factor)
    }
}
