//! Pairs of generator and critic, one family per file, and what they share: a plan that can be read before any memory
//! is taken.
//!
//! A generator maps latents `[N, latent]`, and where it is conditional a condition `[N, K]`, to samples `[N, C, H, W]`
//! in [-1, 1]. A critic is a trunk of its family, which maps samples to features, and a [`Critic`] head, which maps
//! features to scores `[N]`, unbounded, high where it sees a real one.

mod mlp;
mod dcgan;
mod resnet;
mod r3gan;
mod critic;
mod autoencoder;
mod translator;
mod unet;
mod resnet_generator;
mod patch;
mod patch_heads;
mod vgg_critic;
mod gated;
mod ladder;
mod plan;
pub mod upscaler;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use autoencoder::Autoencoder;
pub use critic::{Condition, Critic, ReadingCritic};
pub use dcgan::{DcganConfig, Minibatch};
pub use gated::{GatedConfig, GatedGenerator, HoleCritic, HoleCriticConfig};
pub use mlp::{MlpConfig, MlpCritic, MlpGenerator};
pub use patch::{PatchConfig, PatchCritic};
pub use patch_heads::PatchHeads;
pub use plan::{LayerPlan, NetworkPlan};
pub use r3gan::R3ganConfig;
pub use resnet::ResnetConfig;
pub(crate) use resnet::ResnetRoute;
pub use resnet_generator::{ResnetGenerator, ResnetGeneratorConfig};
pub use translator::{PictureNorm, Translator, TranslatorConfig};
pub use unet::{UnetConfig, UnetGenerator};
pub use vgg_critic::{VggCritic, VggCriticConfig};

use crate::image::Shape;
use crate::nn::activation::{SLOPE, leaky_relu};
use crate::nn::{BatchNorm, Dual, GroupNorm, Init, Scaling};

/// Longer latents and wider layers than this are taken for a typing error.
const MAX_SIZE: usize = 16_384;

/// Why `value` cannot be the size `method.net.name`, if it cannot.
fn out_of_range(name: &str, value: usize, most: usize) -> Option<String> {
    let is_usable = (1..=most).contains(&value);
    (!is_usable).then(|| format!("method.net.{name} is {value}, accepted: 1 to {most}"))
}

/// What the networks are about: the samples, and what they are told beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Shape of a sample.
    pub shape: Shape,
    /// Classes that the generator can be asked for; 0 where it cannot. The condition holds one of them as a one-hot.
    pub n_classes: usize,
    /// Further values in [-1, 1] that the condition holds behind the class.
    pub n_codes: usize,
}

impl Subject {
    /// Length of a condition vector; 0 where there is none.
    pub fn n_condition(self) -> usize {
        self.n_classes + self.n_codes
    }
}

/// Samples without any condition.
impl From<Shape> for Subject {
    fn from(shape: Shape) -> Self {
        Self { shape, n_classes: 0, n_codes: 0 }
    }
}

/// How a critic keeps its activations in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CriticNorm {
    /// Not at all.
    None,
    /// Batch normalization, which rules gradient penalties out.
    Batch,
    /// Layer normalization (Ba et al. 2016), what Gulrajani et al. 2017 (section 4) use beside a penalty.
    Layer,
    /// Instance normalization (Ulyanov et al. 2016).
    Instance,
    /// Spectral normalization of the weights (Miyato et al. 2018).
    Spectral,
}

impl CriticNorm {
    fn scaling(self) -> Scaling {
        if self == Self::Spectral { Scaling::Spectral } else { Scaling::Plain }
    }

    /// The layer for `n_channels`, where there is one.
    fn layer(self, n_channels: usize, init: &mut Init) -> Option<Norm> {
        match self {
            Self::None | Self::Spectral => None,
            Self::Batch => Some(Norm::Batch(BatchNorm::new(n_channels, 0.02, init))),
            Self::Layer => Some(Norm::Group(GroupNorm::layer(n_channels, init))),
            Self::Instance => Some(Norm::Group(GroupNorm::instance(n_channels, init))),
        }
    }

    /// What a plan calls it, and the trained values of each channel.
    fn planned(self) -> (&'static str, usize) {
        match self {
            Self::None => ("", 0),
            Self::Batch => (", batch norm", 2),
            Self::Layer => (", layer norm", 2),
            Self::Instance => (", instance norm", 2),
            Self::Spectral => (", spectral norm", 0),
        }
    }
}

/// A normalization layer of a critic.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a few of them live as long as the network")]
enum Norm {
    Batch(BatchNorm),
    Group(GroupNorm),
}

impl Norm {
    fn forward(&self, x: Dual<4>) -> Dual<4> {
        match self {
            Self::Batch(norm) => norm.forward(x),
            Self::Group(norm) => norm.forward(x),
        }
    }

    /// The same with leaky ReLU behind it.
    fn forward_leaky(&self, x: Dual<4>) -> Dual<4> {
        match self {
            Self::Batch(norm) => norm.forward_leaky(x, SLOPE),
            Self::Group(norm) => leaky_relu(norm.forward(x)),
        }
    }
}

/// Which family of networks plays, and how large it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum NetConfig {
    /// Fully connected networks, for points and small images.
    Mlp(MlpConfig),
    /// Strided convolutions, for images of any size from 8x8 up.
    Dcgan(DcganConfig),
    /// Residual networks, with attention where asked, for images of any size from 8x8 up.
    Resnet(ResnetConfig),
    /// Grouped residual blocks without normalization, for images of any size from 8x8 up.
    R3gan(R3ganConfig),
}

impl NetConfig {
    /// Length of a latent vector.
    pub fn latent(&self) -> usize {
        match self {
            Self::Mlp(config) => config.latent,
            Self::Dcgan(config) => config.latent,
            Self::Resnet(config) => config.latent,
            Self::R3gan(config) => config.latent,
        }
    }

    /// What keeps these settings from making samples of `shape`; empty when nothing does.
    pub fn problems(&self, shape: Shape) -> Vec<String> {
        match self {
            Self::Mlp(config) => config.problems(),
            Self::Dcgan(config) => config.problems(shape),
            Self::Resnet(config) => config.problems(shape),
            Self::R3gan(config) => config.problems(shape),
        }
    }

    /// The layers of the generator of `subject`.
    pub fn generator_plan(&self, subject: Subject) -> NetworkPlan {
        let layers = match self {
            Self::Mlp(config) => config.generator_plan(subject),
            Self::Dcgan(config) => config.generator_plan(subject),
            Self::Resnet(config) => config.generator_plan(subject),
            Self::R3gan(config) => config.generator_plan(subject),
        };
        NetworkPlan { role: "generator", layers }
    }

    /// A new generator of `subject`.
    pub fn generator(&self, subject: impl Into<Subject>, init: &mut Init) -> Generator {
        let subject = subject.into();
        match self {
            Self::Mlp(config) => Generator::Mlp(mlp::MlpGenerator::new(config, subject, init)),
            Self::Dcgan(config) => Generator::Dcgan(dcgan::DcganGenerator::new(config, subject, init)),
            Self::Resnet(config) => Generator::Resnet(resnet::ResnetGenerator::new(config, subject, init)),
            Self::R3gan(config) => Generator::R3gan(r3gan::R3ganGenerator::new(config, subject, init)),
        }
    }

    /// The layers of the critic's trunk for samples of `shape`, and the features it ends in.
    fn trunk_plan(&self, shape: Shape) -> (Vec<LayerPlan>, usize) {
        match self {
            Self::Mlp(config) => config.trunk_plan(shape),
            Self::Dcgan(config) => config.trunk_plan(shape),
            Self::Resnet(config) => config.trunk_plan(shape),
            Self::R3gan(config) => config.trunk_plan(shape),
        }
    }

    fn trunk(&self, shape: Shape, init: &mut Init) -> Trunk {
        match self {
            Self::Mlp(config) => Trunk::Mlp(mlp::MlpTrunk::new(config, shape, init)),
            Self::Dcgan(config) => Trunk::Dcgan(dcgan::DcganTrunk::new(config, shape, init)),
            Self::Resnet(config) => Trunk::Resnet(resnet::ResnetTrunk::new(config, shape, init)),
            Self::R3gan(config) => Trunk::R3gan(r3gan::R3ganTrunk::new(config, shape, init)),
        }
    }

    /// How the critic's head scales its weights.
    fn head_scaling(&self) -> Scaling {
        match self {
            Self::Mlp(MlpConfig { critic_norm, .. }) | Self::Dcgan(DcganConfig { critic_norm, .. }) => {
                critic_norm.scaling()
            }
            Self::Resnet(_) => Scaling::Spectral,
            Self::R3gan(_) => Scaling::Plain,
        }
    }

    /// Whether the critic is spectrally normalized.
    pub fn is_spectral(&self) -> bool {
        self.head_scaling() == Scaling::Spectral
    }

    /// The layer of the critic that has no tangent rule, so that gradient penalties are impossible, if there is one.
    pub fn layer_without_tangent(&self) -> Option<&'static str> {
        match self {
            Self::Mlp(MlpConfig { critic_norm, .. }) | Self::Dcgan(DcganConfig { critic_norm, .. }) => {
                (*critic_norm == CriticNorm::Batch).then_some("batch norm")
            }
            Self::Resnet(_) | Self::R3gan(_) => None,
        }
    }
}

/// A generator of any family.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "two of them live as long as the program")]
pub enum Generator {
    /// Fully connected.
    Mlp(mlp::MlpGenerator),
    /// Transposed convolutions.
    Dcgan(dcgan::DcganGenerator),
    /// Residual blocks with batch norm.
    Resnet(resnet::ResnetGenerator),
    /// Grouped residual blocks.
    R3gan(r3gan::R3ganGenerator),
}

impl Generator {
    /// Latents `[N, latent]`, and a condition `[N, K]` where the generator takes one, to samples `[N, C, H, W]` in
    /// [-1, 1].
    pub fn forward(&self, latents: Tensor<2>, condition: Option<&Tensor<2>>) -> Tensor<4> {
        let beside = |latents: Tensor<2>| match condition {
            Some(condition) => Tensor::cat(vec![latents, condition.clone()], 1),
            None => latents,
        };
        match self {
            Self::Mlp(net) => net.forward(beside(latents)),
            Self::Dcgan(net) => net.forward(beside(latents)),
            Self::Resnet(net) => net.forward(latents, condition),
            Self::R3gan(net) => net.forward(beside(latents)),
        }
    }
}

/// What of a critic belongs to its family: samples to features.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "two of them live as long as the program")]
enum Trunk {
    Mlp(mlp::MlpTrunk),
    Dcgan(dcgan::DcganTrunk),
    Resnet(resnet::ResnetTrunk),
    R3gan(r3gan::R3ganTrunk),
}

impl Trunk {
    /// Samples `[N, C, H, W]` to features `[N, F]`.
    fn forward(&self, samples: Dual<4>) -> Dual<2> {
        match self {
            Self::Mlp(net) => net.forward(samples),
            Self::Dcgan(net) => net.forward(samples),
            Self::Resnet(net) => net.forward(samples),
            Self::R3gan(net) => net.forward(samples),
        }
    }
}
