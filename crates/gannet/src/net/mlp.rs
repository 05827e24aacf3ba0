//! Fully connected networks, as in Goodfellow et al. 2014, "Generative Adversarial Nets", section 5, with leaky ReLU in
//! the place of maxout.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{LayerPlan, MAX_SIZE, NetworkPlan};
use crate::image::Shape;
use crate::nn::activation::{leaky_relu, tanh};
use crate::nn::{Init, Linear};

/// More hidden layers than this are taken for a typing error.
const MAX_DEPTH: usize = 64;

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
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self { latent: 64, width: 128, depth: 3 }
    }
}

impl MlpConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let sizes =
            [("latent", self.latent, MAX_SIZE), ("width", self.width, MAX_SIZE), ("depth", self.depth, MAX_DEPTH)];
        sizes.into_iter().filter_map(|(name, value, most)| super::out_of_range(name, value, most)).collect()
    }

    pub(super) fn plan(&self, shape: Shape) -> [NetworkPlan; 2] {
        let plan = |role, sizes: Vec<usize>| NetworkPlan {
            role,
            layers: sizes
                .windows(2)
                .map(|io| LayerPlan { name: "linear".into(), output: [io[1], 1, 1], n_parameters: io[1] * (io[0] + 1) })
                .collect(),
        };
        [plan("generator", self.sizes(self.latent, shape.n_values())), plan("critic", self.sizes(shape.n_values(), 1))]
    }

    fn sizes(&self, n_in: usize, n_out: usize) -> Vec<usize> {
        let hidden = std::iter::repeat_n(self.width, self.depth);
        std::iter::once(n_in).chain(hidden).chain([n_out]).collect()
    }

    fn layers(&self, n_in: usize, n_out: usize, init: &mut Init) -> Vec<Linear> {
        self.sizes(n_in, n_out).windows(2).map(|io| Linear::new(io[0], io[1], init)).collect()
    }
}

/// Latents to samples.
#[derive(Module, Debug)]
pub struct MlpGenerator {
    layers: Vec<Linear>,
    sample: [usize; 3],
    is_squashed: bool,
}

impl MlpGenerator {
    pub(super) fn new(config: &MlpConfig, shape: Shape, init: &mut Init) -> Self {
        Self {
            layers: config.layers(config.latent, shape.n_values(), init),
            sample: [shape.channels, shape.height, shape.width],
            is_squashed: !shape.is_point(),
        }
    }

    /// `[N, latent]` to `[N, C, H, W]`. Images are squashed into [-1, 1] by tanh; points, which are no pixels, are not.
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let [n, _] = latents.dims();
        let [c, h, w] = self.sample;
        let samples = hidden_then_linear(&self.layers, latents).reshape([n, c, h, w]);
        if self.is_squashed { tanh(samples) } else { samples }
    }
}

/// Samples to scores.
#[derive(Module, Debug)]
pub struct MlpCritic {
    layers: Vec<Linear>,
}

impl MlpCritic {
    pub(super) fn new(config: &MlpConfig, shape: Shape, init: &mut Init) -> Self {
        Self { layers: config.layers(shape.n_values(), 1, init) }
    }

    /// `[N, C, H, W]` to `[N]`.
    pub fn forward(&self, samples: Tensor<4>) -> Tensor<1> {
        hidden_then_linear(&self.layers, samples.flatten(1, 3)).squeeze_dim(1)
    }
}

fn hidden_then_linear(layers: &[Linear], x: Tensor<2>) -> Tensor<2> {
    layers.iter().enumerate().fold(x, |x, (i, layer)| {
        let y = layer.forward(x);
        if i + 1 < layers.len() { leaky_relu(y) } else { y }
    })
}
