//! Networks that fill holes: gated convolutions, which learn for every pixel and channel how much of it to believe (Yu et al.
//! 2019, "Free-Form Image Inpainting with Gated Convolution", section 3.1), and a critic of what was filled (section 3.4).
//!
//! Deviations: one network in the place of a coarse and a fine one, three halvings in the place of dilated convolutions and
//! contextual attention, ways across from every size (Liu et al. 2018, "Image Inpainting for Irregular Holes Using Partial
//! Convolutions", section 3.3), leaky ReLU in the place of ELU.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use serde::{Deserialize, Serialize};

use super::{LayerPlan, MAX_SIZE, NetworkPlan, out_of_range};
use crate::image::Shape;
use crate::nn::activation::{leaky_relu, tanh};
use crate::nn::resample::nearest_up;
use crate::nn::{Conv2d, ConvConfig, Dual, Init, Scaling, Weights};

/// Times that the picture is halved on the way in.
const N_HALVINGS: usize = 3;
/// Channels stop doubling at this multiple of the width.
const MAX_MULTIPLE: usize = 4;
/// More convolutions of the smallest size than this are taken for a typing error.
const MAX_BLOCKS: usize = 64;

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatedConfig {
    /// Channels at the full size; each halving doubles them, up to four times (Yu et al. 2019: 48).
    pub width: usize,
    /// Convolutions at the smallest size.
    pub blocks: usize,
}

impl Default for GatedConfig {
    fn default() -> Self {
        Self { width: 48, blocks: 4 }
    }
}

/// What a gated convolution will be: channels in and out, side of the kernel, stride.
type Form = ([usize; 2], usize, usize);

impl GatedConfig {
    /// What keeps these settings from filling holes; empty when nothing does.
    pub fn problems(&self) -> Vec<String> {
        let width = out_of_range("width", self.width, MAX_SIZE / MAX_MULTIPLE);
        width.into_iter().chain(out_of_range("blocks", self.blocks, MAX_BLOCKS)).collect()
    }

    /// Channels after `i` halvings.
    fn channels(&self, i: usize) -> usize {
        self.width * MAX_MULTIPLE.min(1 << i)
    }

    /// The way in, the smallest size, the way back.
    fn forms(&self, n_channels: usize) -> [Vec<Form>; 3] {
        let inwards = (0..=N_HALVINGS).map(|i| match i {
            0 => ([n_channels + 1, self.channels(0)], 5, 1),
            _ => ([self.channels(i - 1), self.channels(i)], 3, 2),
        });
        let n_inner = self.channels(N_HALVINGS);
        let back = (0..N_HALVINGS).rev().map(|i| ([self.channels(i + 1) + self.channels(i), self.channels(i)], 3, 1));
        [inwards.collect(), vec![([n_inner; 2], 3, 1); self.blocks], back.collect()]
    }

    /// The layers for pictures of `shape`.
    pub fn plan(&self, shape: Shape) -> NetworkPlan {
        let size = |i: usize| [shape.height, shape.width].map(|side| side.div_ceil(1 << i));
        let [inwards, middle, back] = self.forms(shape.channels);
        let places = (0..=N_HALVINGS).chain(middle.iter().map(|_| N_HALVINGS)).chain((0..N_HALVINGS).rev());
        let forms = inwards.iter().chain(&middle).chain(&back);
        let mut layers: Vec<LayerPlan> = forms
            .zip(places)
            .map(|(([n_in, n_out], kernel, stride), place)| LayerPlan {
                name: format!("gated conv {kernel}x{kernel}{}", if *stride == 2 { " / 2" } else { "" }),
                output: [2 * n_out, size(place)[0], size(place)[1]],
                n_parameters: 2 * n_out * (n_in * kernel * kernel + 1),
            })
            .collect();
        layers.push(LayerPlan {
            name: "conv 3x3".into(),
            output: [shape.channels, shape.height, shape.width],
            n_parameters: shape.channels * (9 * self.width + 1),
        });
        NetworkPlan { role: "generator", layers }
    }

    /// A new network for pictures of `n_channels`.
    pub fn init(&self, n_channels: usize, init: &mut Init) -> GatedGenerator {
        let [inwards, middle, back] = self.forms(n_channels);
        let mut gated = |forms: Vec<Form>| forms.into_iter().map(|form| GatedConv::new(form, init)).collect();
        let (inwards, middle, back) = (gated(inwards), gated(middle), gated(back));
        let last = ConvConfig { has_bias: true, ..ConvConfig::same([self.width, n_channels], 3) };
        GatedGenerator { inwards, middle, back, last: last.init(init) }
    }
}

/// A convolution whose every value is held back by a gate of its own (Yu et al. 2019, eq. 3).
#[derive(Module, Debug)]
struct GatedConv {
    /// Features and, behind them, gates.
    conv: Conv2d,
}

impl GatedConv {
    fn new(([n_in, n_out], kernel, stride): Form, init: &mut Init) -> Self {
        let config = ConvConfig { stride, has_bias: true, ..ConvConfig::same([n_in, 2 * n_out], kernel) };
        Self { conv: ConvConfig { weights: Weights::He(std::f32::consts::SQRT_2), ..config }.init(init) }
    }

    /// `[N, in, H, W]` to `[N, out, H / stride, W / stride]`, sizes rounded up.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let both = self.conv.forward(x).value;
        let n_out = both.dims()[1] / 2;
        let [features, gates] = [0, n_out].map(|first| both.clone().narrow(1, first, n_out));
        leaky_relu(features).value * sigmoid(gates)
    }
}

/// Pictures with holes to whole ones.
#[derive(Module, Debug)]
pub struct GatedGenerator {
    inwards: Vec<GatedConv>,
    middle: Vec<GatedConv>,
    back: Vec<GatedConv>,
    last: Conv2d,
}

impl GatedGenerator {
    /// Pictures `[N, C, H, W]` in [-1, 1] and where their holes are, `[N, 1, H, W]`, 1 in a hole and 0 elsewhere, to what
    /// belongs there, as whole pictures in (-1, 1). What the pictures show in their holes is not looked at.
    pub fn forward(&self, pictures: Tensor<4>, holes: Tensor<4>) -> Tensor<4> {
        let known = pictures * (-holes.clone() + 1.0);
        let mut x = Tensor::cat(vec![known, holes], 1); // [N, C + 1, H, W]
        let mut across = vec![];
        for layer in &self.inwards {
            x = layer.forward(x);
            across.push(x.clone());
        }
        across.pop();
        for layer in &self.middle {
            x = layer.forward(x);
        }
        for layer in &self.back {
            let Some(skip) = across.pop() else { break };
            let [_, _, height, width] = skip.dims();
            x = nearest_up(x, [height, width]).value;
            x = layer.forward(Tensor::cat(vec![x, skip], 1));
        }
        tanh(self.last.forward(x)).value
    }
}

/// Size of the critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoleCriticConfig {
    /// Channels of the first layer; the next two double them (Yu et al. 2019, section 3.4: 64).
    pub width: usize,
    /// Convolutions of stride 2 (section 3.4: 6).
    pub layers: usize,
}

impl Default for HoleCriticConfig {
    fn default() -> Self {
        Self { width: 64, layers: 6 }
    }
}

impl HoleCriticConfig {
    /// What keeps such a critic from judging, its settings being called `path`; empty when nothing does.
    pub fn problems(&self, path: &str) -> Vec<String> {
        let most = [("width", self.width, MAX_SIZE / MAX_MULTIPLE), ("layers", self.layers, MAX_BLOCKS)];
        let wrong = most.into_iter().filter(|(_, value, most)| !(1..=*most).contains(value));
        wrong.map(|(name, value, most)| format!("{path}.{name} is {value}, accepted: 1 to {most}")).collect()
    }

    /// Input and output channels of every layer.
    fn channels(&self, n_channels: usize) -> Vec<[usize; 2]> {
        let width = |i: usize| self.width * MAX_MULTIPLE.min(1 << i);
        (0..self.layers).map(|i| [if i == 0 { n_channels + 1 } else { width(i - 1) }, width(i)]).collect()
    }

    /// The layers of a critic of pictures of `shape`.
    pub fn plan(&self, shape: Shape) -> NetworkPlan {
        let channels = self.channels(shape.channels).into_iter().enumerate();
        let layers = channels.map(|(i, [n_in, n_out])| LayerPlan {
            name: "conv 5x5 / 2".into(),
            output: [n_out, shape.height.div_ceil(2 << i), shape.width.div_ceil(2 << i)],
            n_parameters: n_out * (25 * n_in + 1),
        });
        NetworkPlan { role: "critic", layers: layers.collect() }
    }

    /// A new critic of pictures of `n_channels`.
    pub fn init(&self, n_channels: usize, init: &mut Init) -> HoleCritic {
        let layer = |channels: [usize; 2]| {
            let config = ConvConfig { stride: 2, has_bias: true, ..ConvConfig::same(channels, 5) };
            ConvConfig { scaling: Scaling::Spectral, ..config }.init(init)
        };
        HoleCritic { layers: self.channels(n_channels).into_iter().map(layer).collect() }
    }
}

/// SN-PatchGAN: every value of the last maps is a score of what it sees (Yu et al. 2019, section 3.4).
#[derive(Module, Debug)]
pub struct HoleCritic {
    layers: Vec<Conv2d>,
}

impl HoleCritic {
    /// Pictures `[N, C, H, W]` in [-1, 1] and where their holes are or were, `[N, 1, H, W]`, to scores `[N * values]`, those
    /// of a picture side by side.
    pub fn forward(&self, pictures: Tensor<4>, holes: Tensor<4>) -> Tensor<1> {
        let mut x: Dual<4> = Tensor::cat(vec![pictures, holes], 1).into();
        for layer in &self.layers {
            x = leaky_relu(layer.forward(x));
        }
        let n_scores = x.value.dims().iter().product();
        x.reshape([n_scores]).value
    }
}
