//! Generators that turn one picture into another, of any family, and what the families share.

use burn::module::Module;
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::resnet_generator::{ResnetGenerator, ResnetGeneratorConfig};
use super::unet::{UnetConfig, UnetGenerator};
use super::{LayerPlan, NetworkPlan, resnet_generator};
use crate::image::Shape;
use crate::nn::{BatchNorm, ConvConfig, Dual, Init, instance_norm};

/// Which family of networks translates, and how large it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum TranslatorConfig {
    /// An encoder and a decoder that are joined at every size, for sides that are powers of two from 32 to 256.
    Unet(UnetConfig),
    /// Residual blocks at a quarter of the size, for sides that are multiples of four from 8 up.
    Resnet(ResnetGeneratorConfig),
}

impl TranslatorConfig {
    /// What keeps these settings from translating pictures of `shape`; empty when nothing does.
    pub fn problems(&self, shape: Shape) -> Vec<String> {
        match self {
            Self::Unet(config) => config.problems(shape),
            Self::Resnet(config) => config.problems(shape),
        }
    }

    /// The layers for pictures of `shape`.
    pub fn plan(&self, shape: Shape) -> NetworkPlan {
        let layers = match self {
            Self::Unet(config) => config.plan(shape),
            Self::Resnet(config) => config.plan(shape),
        };
        NetworkPlan { role: "generator", layers }
    }

    /// A new translator, trained on pictures of `shape`.
    pub fn init(&self, shape: Shape, init: &mut Init) -> Translator {
        match self {
            Self::Unet(config) => Translator::Unet(UnetGenerator::new(config, shape, init)),
            Self::Resnet(config) => Translator::Resnet(config.init(shape, init)),
        }
    }

    /// What the sides of a picture have to be multiples of, and the least of them, for a translator trained on pictures of
    /// `shape`.
    pub fn sides(&self, shape: Shape) -> [usize; 2] {
        match self {
            Self::Unet(_) => [shape.height.min(shape.width); 2],
            Self::Resnet(_) => [resnet_generator::MULTIPLE, resnet_generator::LEAST],
        }
    }
}

/// A translator of any family.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "two of them live as long as the program")]
pub enum Translator {
    /// Joined at every size.
    Unet(UnetGenerator),
    /// Residual blocks.
    Resnet(ResnetGenerator),
}

impl Translator {
    /// Pictures `[N, C, H, W]` in [-1, 1] to others of the same shape; `noise` is what dropout draws from.
    pub fn forward(&self, source: Tensor<4>, noise: &mut ChaCha8Rng) -> Tensor<4> {
        match self {
            Self::Unet(net) => net.forward(source, noise),
            Self::Resnet(net) => net.forward(source),
        }
    }
}

/// How a translator or a [`super::PatchCritic`] normalizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureNorm {
    /// Each channel of each picture by itself, without weights: a picture does not depend on its neighbours.
    Instance,
    /// Batch normalization; at a batch of one the same but for its weights (Isola et al. 2017, section 3.4).
    Batch,
}

impl PictureNorm {
    /// A convolution behind which this norm stands: batch norm makes a bias idle.
    pub(super) fn conv(self, channels: [usize; 2], kernel: usize) -> ConvConfig {
        ConvConfig { has_bias: self == Self::Instance, ..ConvConfig::new(channels, [kernel; 2]) }
    }

    pub(super) fn layer(self, n_channels: usize, init: &mut Init) -> Normalization {
        Normalization { batch: (self == Self::Batch).then(|| BatchNorm::new(n_channels, 0.02, init)) }
    }

    /// The plan of `conv`, called `name`, with this norm behind it or with none.
    pub(super) fn planned(self, name: &str, conv: ConvConfig, size: [usize; 2], is_normalized: bool) -> LayerPlan {
        let ConvConfig { channels: [n_in, n_out], kernel: [h, w], has_bias, .. } = conv;
        let (norm, n_affine) = match self {
            _ if !is_normalized => ("", 0),
            Self::Instance => (", instance norm", 0),
            Self::Batch => (", batch norm", 2 * n_out),
        };
        let n_biases = if has_bias { n_out } else { 0 };
        LayerPlan {
            name: format!("{name}{norm}"),
            output: [n_out, size[0], size[1]],
            n_parameters: n_in * n_out * h * w + n_biases + n_affine,
        }
    }
}

/// Batch norm where it holds one, else instance norm, which has no weights.
#[derive(Module, Debug)]
pub(super) struct Normalization {
    batch: Option<BatchNorm>,
}

impl Normalization {
    /// `[N, C, H, W]` to the same shape, times `slope` where it is not positive.
    pub(super) fn forward(&self, x: Dual<4>, slope: f32) -> Dual<4> {
        match &self.batch {
            Some(norm) => norm.forward_leaky(x, slope),
            None => instance_norm(x, slope),
        }
    }
}
