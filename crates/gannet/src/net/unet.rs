//! U-Net generators: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", section 3.2
//! and appendix 6.1.1, after Ronneberger et al. 2015.
//!
//! The picture is halved until its shorter side is a single pixel and doubled back; each size of the way back also sees
//! what the way there had at that size. The paper's network is the one for 256 pixels; smaller pictures take fewer steps.
//!
//! In the widely used PyTorch layout, where each step holds the next smaller one, ours are these, with `P` =
//! `model.model` for i = 0 and `model.model.1` followed by `.model.3` (i - 1) times and `.model` for others:
//! `down.0.conv` is `P.0`, `down.i.conv` is `P.1` and its norm `P.2`; `up.0.conv` is `P.3`, `up.i.conv` is `P.5` and its norm
//! `P.6`, but `P.3` and `P.4` in the innermost step.

use burn::module::Module;
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::translator::Normalization;
use super::{LayerPlan, MAX_SIZE, PictureNorm};
use crate::image::Shape;
use crate::nn::activation::{SLOPE, leaky_relu, relu, tanh};
use crate::nn::{Conv2d, ConvConfig, ConvTranspose2d, Init, dropout};

/// Channels stop doubling at this multiple of the width.
const MAX_MULTIPLE: usize = 8;

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnetConfig {
    /// Channels of the layer next to the picture; each halving doubles them, up to eight times (appendix 6.1: 64).
    pub width: usize,
    /// How layers are normalized: `instance` or `batch`.
    pub norm: PictureNorm,
    /// Share of the values that the innermost steps of the decoder drop, in training and in use: the only noise (section
    /// 2.1: 0.5). The three innermost do at 256 pixels, two at 128, one below.
    pub dropout: f64,
}

impl Default for UnetConfig {
    fn default() -> Self {
        Self { width: 64, norm: PictureNorm::Instance, dropout: 0.5 }
    }
}

impl UnetConfig {
    pub(super) fn problems(&self, shape: Shape) -> Vec<String> {
        let mut problems: Vec<String> = super::out_of_range("width", self.width, MAX_SIZE).into_iter().collect();
        if ![shape.height, shape.width].iter().all(|side| side.is_power_of_two() && (32..=256).contains(side)) {
            problems.push(format!(
                "pictures are {shape}, the unet networks need sides of 32, 64, 128 or 256 pixels: set data.size, or \
                 method.net.family = \"resnet\""
            ));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            problems.push(format!("method.net.dropout is {}, accepted: 0 or more and less than 1", self.dropout));
        }
        problems
    }

    /// Channels after each halving of pictures of `shape`.
    fn channels(&self, shape: Shape) -> Vec<usize> {
        let n_steps = shape.height.min(shape.width).max(2).ilog2() as usize;
        (0..n_steps).map(|i| self.width * MAX_MULTIPLE.min(1 << i)).collect()
    }

    /// The convolutions of step `i` from the picture inwards: there, and back. The outermost one back has a bias in any
    /// case.
    fn convs(&self, channels: &[usize], n_picture: usize, i: usize) -> [ConvConfig; 2] {
        let outer = if i == 0 { n_picture } else { channels[i - 1] };
        let n_back = if i + 1 == channels.len() { channels[i] } else { 2 * channels[i] };
        let [there, back] = [[outer, channels[i]], [n_back, outer]].map(|io| ConvConfig {
            stride: 2,
            padding: 1,
            ..self.norm.conv(io, 4)
        });
        [there, ConvConfig { has_bias: back.has_bias || i == 0, ..back }]
    }

    pub(super) fn plan(&self, shape: Shape) -> Vec<LayerPlan> {
        let channels = self.channels(shape);
        let last = channels.len() - 1;
        let size = |i: usize| [shape.height >> i, shape.width >> i];
        let there = (0..=last).map(|i| {
            let [conv, _] = self.convs(&channels, shape.channels, i);
            self.norm.planned("conv 4x4 / 2", conv, size(i + 1), (1..last).contains(&i))
        });
        let back = (0..=last).rev().map(|i| {
            let [_, conv] = self.convs(&channels, shape.channels, i);
            self.norm.planned("transposed conv 4x4 * 2", conv, size(i), i > 0)
        });
        there.chain(back).collect()
    }
}

/// A halving.
#[derive(Module, Debug)]
struct Down {
    conv: Conv2d,
    norm: Option<Normalization>,
}

/// A doubling.
#[derive(Module, Debug)]
struct Up {
    conv: ConvTranspose2d,
    norm: Option<Normalization>,
}

/// Pictures to pictures.
#[derive(Module, Debug)]
pub struct UnetGenerator {
    /// From the picture inwards.
    down: Vec<Down>,
    /// From the picture inwards too: the last one is used first.
    up: Vec<Up>,
    dropout: f64,
}

impl UnetGenerator {
    pub(super) fn new(config: &UnetConfig, shape: Shape, init: &mut Init) -> Self {
        let UnetConfig { norm, dropout, .. } = *config;
        let channels = config.channels(shape);
        let last = channels.len() - 1;
        let (mut down, mut up) = (vec![], vec![]);
        for i in 0..=last {
            let [there, back] = config.convs(&channels, shape.channels, i);
            let is_inner = (1..last).contains(&i);
            down.push(Down { conv: there.init(init), norm: is_inner.then(|| norm.layer(channels[i], init)) });
            let norm = (i > 0).then(|| norm.layer(back.channels[1], init));
            up.push(Up { conv: back.init_transposed(init), norm });
        }
        Self { down, up, dropout }
    }

    /// `[N, C, H, W]` in [-1, 1] to the same shape and range.
    pub(super) fn forward(&self, source: Tensor<4>, noise: &mut ChaCha8Rng) -> Tensor<4> {
        let n_steps = self.down.len();
        let mut skipped = vec![];
        let mut x = source.into();
        for (i, Down { conv, norm }) in self.down.iter().enumerate() {
            x = conv.forward(x); // [N, channels, H / 2, W / 2]
            x = match norm {
                Some(norm) => norm.forward(x, SLOPE),
                None if i + 1 < n_steps => leaky_relu(x),
                None => relu(x),
            };
            skipped.push(x.clone());
        }
        skipped.pop();
        for (place, Up { conv, norm }) in self.up.iter().rev().enumerate() {
            x = conv.forward(x); // [N, channels, 2 H, 2 W]
            let Some(norm) = norm else { break };
            x = norm.forward(x, 0.0);
            if place < n_dropped(n_steps) {
                x = dropout(x, self.dropout, noise);
            }
            if let Some(skip) = skipped.pop() {
                x = relu(skip).cat(x, 1);
            }
        }
        tanh(x).value
    }
}

/// Steps of the decoder that drop values, of `n_steps` in all.
fn n_dropped(n_steps: usize) -> usize {
    n_steps.saturating_sub(5).clamp(1, 3)
}
