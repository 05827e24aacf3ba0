//! Pairs of generator and critic, one family per file, and what they share: a plan that can be read before any memory
//! is taken.
//!
//! A generator maps latents `[N, latent]` to samples `[N, C, H, W]` in [-1, 1]; a critic maps samples to scores `[N]`,
//! unbounded, high where it sees a real one.

mod dcgan;
mod mlp;
mod plan;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use dcgan::DcganConfig;
pub use mlp::MlpConfig;
pub use plan::{LayerPlan, NetworkPlan};

use crate::image::Shape;
use crate::nn::Init;

/// Longer latents and wider layers than this are taken for a typing error.
const MAX_SIZE: usize = 16_384;

/// Why `value` cannot be the size `method.net.name`, if it cannot.
fn out_of_range(name: &str, value: usize, most: usize) -> Option<String> {
    let is_usable = (1..=most).contains(&value);
    (!is_usable).then(|| format!("method.net.{name} is {value}, accepted: 1 to {most}"))
}

/// Which family of networks plays, and how large it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum NetConfig {
    /// Fully connected networks, for points and small images.
    Mlp(MlpConfig),
    /// Strided convolutions, for images of any size from 8x8 up.
    Dcgan(DcganConfig),
}

impl NetConfig {
    /// Length of a latent vector.
    pub fn latent(&self) -> usize {
        match self {
            Self::Mlp(config) => config.latent,
            Self::Dcgan(config) => config.latent,
        }
    }

    /// What keeps these settings from making samples of `shape`; empty when nothing does.
    pub fn problems(&self, shape: Shape) -> Vec<String> {
        match self {
            Self::Mlp(config) => config.problems(),
            Self::Dcgan(config) => config.problems(shape),
        }
    }

    /// The layers of the generator and of the critic for samples of `shape`.
    pub fn plan(&self, shape: Shape) -> [NetworkPlan; 2] {
        match self {
            Self::Mlp(config) => config.plan(shape),
            Self::Dcgan(config) => config.plan(shape),
        }
    }

    /// A new generator of samples of `shape`.
    pub fn generator(&self, shape: Shape, init: &mut Init) -> Generator {
        match self {
            Self::Mlp(config) => Generator::Mlp(mlp::MlpGenerator::new(config, shape, init)),
            Self::Dcgan(config) => Generator::Dcgan(dcgan::DcganGenerator::new(config, shape, init)),
        }
    }

    /// A new critic of samples of `shape`.
    pub fn critic(&self, shape: Shape, init: &mut Init) -> Critic {
        match self {
            Self::Mlp(config) => Critic::Mlp(mlp::MlpCritic::new(config, shape, init)),
            Self::Dcgan(config) => Critic::Dcgan(dcgan::DcganCritic::new(config, shape, init)),
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
}

impl Generator {
    /// Latents `[N, latent]` to samples `[N, C, H, W]` in [-1, 1].
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Mlp(net) => net.forward(latents),
            Self::Dcgan(net) => net.forward(latents),
        }
    }
}

/// A critic, or discriminator, of any family.
#[derive(Module, Debug)]
pub enum Critic {
    /// Fully connected.
    Mlp(mlp::MlpCritic),
    /// Strided convolutions.
    Dcgan(dcgan::DcganCritic),
}

impl Critic {
    /// Samples `[N, C, H, W]` in [-1, 1] to scores `[N]`.
    pub fn forward(&self, samples: Tensor<4>) -> Tensor<1> {
        match self {
            Self::Mlp(net) => net.forward(samples),
            Self::Dcgan(net) => net.forward(samples),
        }
    }
}
