//! SRVGGNetCompact, the small network of Real-ESRGAN's video models: a chain of convolutions whose last one makes all
//! pixels of the enlarged picture, added to the input's pixels repeated.
//!
//! Tensors have the names of BasicSR: `body.0` the first convolution, `body.1` the slopes behind it, and so on.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::pass::Pass;
use super::shape;
use crate::nn::state::Tensors;
use crate::nn::{Conv2d, ConvConfig, Init, Prelu, Weights};

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SrvggConfig {
    /// Of the images.
    pub channels: usize,
    /// Pixels of the output for one of the input, in each direction.
    pub scale: usize,
    /// Channels between the convolutions.
    pub width: usize,
    /// Convolutions between the first and the last.
    pub layers: usize,
}

/// That of the model realesr-animevideov3.
impl Default for SrvggConfig {
    fn default() -> Self {
        Self { channels: 3, scale: 4, width: 64, layers: 16 }
    }
}

impl SrvggConfig {
    /// The network whose tensors these are, if they are one's.
    pub(super) fn of(tensors: &Tensors) -> Option<Self> {
        let [width, channels, ..] = shape::<4>(tensors, "body.0.weight")?;
        let n_slopes =
            (0..).take_while(|i| shape::<1>(tensors, &format!("body.{}.weight", 2 * i + 1)).is_some()).count();
        let [n_last, ..] = shape::<4>(tensors, &format!("body.{}.weight", 2 * n_slopes))?;
        let scale = n_last.checked_div(channels)?.isqrt();
        (scale > 0 && n_slopes > 0 && scale * scale * channels == n_last).then_some(Self {
            channels,
            scale,
            width,
            layers: n_slopes - 1,
        })
    }
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a few dozen of them")]
enum Layer {
    Conv(Conv2d),
    Prelu(Prelu),
}

/// Small images to large ones.
#[derive(Module, Debug)]
pub struct Srvgg {
    body: Vec<Layer>,
    scale: usize,
}

impl Srvgg {
    pub(super) fn new(config: &SrvggConfig, init: &mut Init) -> Self {
        let SrvggConfig { channels, scale, width, layers } = *config;
        let conv = |n_in: usize, n_out: usize, init: &mut Init| {
            let config = ConvConfig::same([n_in, n_out], 3);
            Layer::Conv(ConvConfig { has_bias: true, weights: Weights::FanIn, ..config }.init(init))
        };
        let mut body = vec![conv(channels, width, init), Layer::Prelu(Prelu::new(width, init))];
        for _ in 0..layers {
            body.extend([conv(width, width, init), Layer::Prelu(Prelu::new(width, init))]);
        }
        body.push(conv(width, channels * scale * scale, init));
        Self { body, scale }
    }

    pub(super) fn input_channels(&self) -> usize {
        match self.body.first() {
            Some(Layer::Conv(conv)) => conv.weight.dims()[1],
            _ => unreachable!("the first layer is a convolution"),
        }
    }

    pub(super) fn walk<P: Pass>(&self, x: P::Value, pass: &mut P) -> P::Value {
        let mut y = x.clone();
        for layer in &self.body {
            y = match layer {
                Layer::Conv(conv) => pass.conv(&y, conv),
                Layer::Prelu(prelu) => pass.prelu(&y, prelu),
            };
        }
        let y = pass.shuffle(&y, self.scale);
        let base = pass.nearest(&x, self.scale);
        pass.sum(&y, 1.0, &base)
    }
}
