//! Fully connected networks, as in Goodfellow et al. 2014, "Generative Adversarial Nets", section 5, with leaky ReLU in
//! the place of maxout.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{CriticNorm, LayerPlan, MAX_SIZE, Norm, Subject};
use crate::image::Shape;
use crate::nn::activation::{leaky_relu, tanh};
use crate::nn::{Dual, Init, Linear, LinearConfig, Weights, through_layers};

/// More hidden layers than this are taken for a typing error.
const MAX_DEPTH: usize = 64;
/// A larger gain is taken for a typing error.
const MAX_GAIN: f64 = 100.0;

/// Size of both networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpConfig {
    /// Length of a latent vector.
    pub latent: usize,
    /// Units of each hidden layer.
    pub width: usize,
    /// Hidden layers of each network.
    pub depth: usize,
    /// How the critic normalizes: `none`, `batch`, `layer`, `instance` or `spectral`.
    pub critic_norm: CriticNorm,
    /// The critic's first weights are from N(0, gain²/in): √2 keeps the variance of activations (He et al. 2015, "Delving
    /// Deep into Rectifiers", eq. 10), so that fine structure is learnt early, which a critic without a penalty pays with
    /// collapse. 0: uniform in ±1/√in, as PyTorch starts.
    pub critic_gain: f64,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self { latent: 64, width: 128, depth: 3, critic_norm: CriticNorm::None, critic_gain: 0.0 }
    }
}

impl MlpConfig {
    /// A new generator of `subject`, known to be of this family.
    pub fn generator(&self, subject: impl Into<Subject>, init: &mut Init) -> MlpGenerator {
        MlpGenerator::new(self, subject.into(), init)
    }

    /// A new critic of samples of `shape` that knows no other family, so that a program with nothing else stays small.
    pub fn critic(&self, shape: Shape, init: &mut Init) -> MlpCritic {
        let trunk = MlpTrunk::new(self, shape, init);
        let score = LinearConfig { scaling: self.critic_norm.scaling(), ..LinearConfig::new(self.width, 1) };
        MlpCritic { trunk, score: score.init(init) }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let sizes =
            [("latent", self.latent, MAX_SIZE), ("width", self.width, MAX_SIZE), ("depth", self.depth, MAX_DEPTH)];
        let mut problems: Vec<String> =
            sizes.into_iter().filter_map(|(name, value, most)| super::out_of_range(name, value, most)).collect();
        if self.critic_norm == CriticNorm::Instance {
            problems.push(
                "method.net.critic_norm is `instance`, which needs images; accepted: none, batch, layer, spectral"
                    .into(),
            );
        }
        if !(0.0..=MAX_GAIN).contains(&self.critic_gain) {
            problems.push(format!("method.net.critic_gain is {}, accepted: 0 to {MAX_GAIN}", self.critic_gain));
        }
        problems
    }

    pub(super) fn generator_plan(&self, subject: Subject) -> Vec<LayerPlan> {
        let sizes = self.sizes(self.latent + subject.n_condition(), Some(subject.shape.n_values()));
        sizes.windows(2).map(|io| linear_plan("", io[0], io[1], 0)).collect()
    }

    pub(super) fn trunk_plan(&self, shape: Shape) -> (Vec<LayerPlan>, usize) {
        let (norm, n_affine) = self.critic_norm.planned();
        let sizes = self.sizes(shape.n_values(), None);
        (sizes.windows(2).map(|io| linear_plan(norm, io[0], io[1], n_affine)).collect(), self.width)
    }

    fn sizes(&self, n_in: usize, n_out: Option<usize>) -> Vec<usize> {
        let hidden = std::iter::repeat_n(self.width, self.depth);
        std::iter::once(n_in).chain(hidden).chain(n_out).collect()
    }
}

fn linear_plan(norm: &str, n_in: usize, n_out: usize, n_affine: usize) -> LayerPlan {
    LayerPlan { name: format!("linear{norm}"), output: [n_out, 1, 1], n_parameters: n_out * (n_in + 1 + n_affine) }
}

/// Latents to samples.
#[derive(Module, Debug)]
pub struct MlpGenerator {
    layers: Vec<Linear>,
    sample: [usize; 3],
    is_squashed: bool,
}

impl MlpGenerator {
    pub(super) fn new(config: &MlpConfig, subject: Subject, init: &mut Init) -> Self {
        let shape = subject.shape;
        let sizes = config.sizes(config.latent + subject.n_condition(), Some(shape.n_values()));
        Self {
            layers: sizes.windows(2).map(|io| LinearConfig::new(io[0], io[1]).init(init)).collect(),
            sample: [shape.channels, shape.height, shape.width],
            is_squashed: !shape.is_point(),
        }
    }

    /// `[N, latent]` to `[N, C, H, W]`. Images are squashed into [-1, 1] by tanh; points, which are no pixels, are not.
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let [n, _] = latents.dims();
        let [c, h, w] = self.sample;
        let (last, hidden) = self.layers.split_last().map_or((None, &[][..]), |(last, hidden)| (Some(last), hidden));
        let samples = through_layers(latents.into(), hidden, last).reshape([n, c, h, w]);
        if self.is_squashed { tanh(samples).value } else { samples.value }
    }
}

/// Samples to features.
#[derive(Module, Debug)]
pub(super) struct MlpTrunk {
    layers: Vec<Linear>,
    norms: Vec<Norm>,
}

impl MlpTrunk {
    pub(super) fn new(config: &MlpConfig, shape: Shape, init: &mut Init) -> Self {
        let sizes = config.sizes(shape.n_values(), None);
        let scaling = config.critic_norm.scaling();
        let weights = if config.critic_gain > 0.0 { Weights::He(config.critic_gain as f32) } else { Weights::FanIn };
        let linear = |io: &[usize]| LinearConfig { weights, scaling, ..LinearConfig::new(io[0], io[1]) };
        Self {
            layers: sizes.windows(2).map(|io| linear(io).init(init)).collect(),
            norms: (0..config.depth).filter_map(|_| config.critic_norm.layer(config.width, init)).collect(),
        }
    }

    /// `[N, C, H, W]` to `[N, width]`.
    pub(super) fn forward(&self, samples: Dual<4>) -> Dual<2> {
        self.forward_to(samples, None)
    }

    /// The same, and where there is one through a `last` layer.
    fn forward_to(&self, samples: Dual<4>, last: Option<&Linear>) -> Dual<2> {
        let x = samples.linear(|samples| samples.flatten(1, 3));
        if self.norms.is_empty() {
            return through_layers(x, &self.layers, last);
        }
        let x = self.layers.iter().zip(&self.norms).fold(x, |x, (layer, norm)| {
            let x = layer.forward(x);
            let [n, width] = x.value.dims();
            leaky_relu(norm.forward(x.reshape([n, width, 1, 1])).reshape([n, width]))
        });
        through_layers(x, &[], last)
    }
}

/// Samples to scores.
#[derive(Module, Debug)]
pub struct MlpCritic {
    trunk: MlpTrunk,
    score: Linear,
}

impl MlpCritic {
    /// `[N, C, H, W]` to scores `[N]`.
    pub fn forward(&self, samples: impl Into<Dual<4>>) -> Dual<1> {
        let score = self.trunk.forward_to(samples.into(), Some(&self.score));
        let [n, _] = score.value.dims();
        score.reshape([n])
    }
}
