//! Heads that make features of patches comparable: for each layer that features are taken of, two affine maps to a vector
//! of length one (Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", section 3, the
//! paper's H).
//!
//! First weights and biases are uniform in ±1/√in. Without biases, a dark pixel and a bright one of the same colour would
//! be one vector.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor};

use super::LayerPlan;
use crate::nn::{Init, Linear, LinearConfig};

/// Keeps the division by a vector's length finite.
const EPSILON: f64 = 1e-12;

/// A head for each layer.
#[derive(Module, Debug)]
pub struct PatchHeads {
    layers: Vec<Head>,
}

/// Two affine maps with ReLU between them.
#[derive(Module, Debug)]
struct Head {
    first: Linear,
    second: Linear,
}

impl PatchHeads {
    /// Heads for `features`, channels, height and width of each layer, that make vectors of length `width`.
    pub fn new(features: &[[usize; 3]], width: usize, init: &mut Init) -> Self {
        let head = |&[n_channels, ..]: &[usize; 3]| Head {
            first: LinearConfig::new(n_channels, width).init(init),
            second: LinearConfig::new(width, width).init(init),
        };
        Self { layers: features.iter().map(head).collect() }
    }

    /// The layers of such heads, for up to `n_patches` of each of `features`.
    pub fn plan(features: &[[usize; 3]], width: usize, n_patches: usize) -> Vec<LayerPlan> {
        let affine = |n_in: usize, n: usize| LayerPlan {
            name: format!("head {n_in} -> {width}"),
            output: [width, n, 1],
            n_parameters: (n_in + 1) * width,
        };
        let head = |&[n_channels, height, w]: &[usize; 3]| {
            let n = n_patches.min(height * w);
            [affine(n_channels, n), affine(width, n)]
        };
        features.iter().flat_map(head).collect()
    }

    /// Of each layer's features `[N, C, H, W]` those at its `positions` `[S]`, counted along rows, as vectors `[N, S, width]` of
    /// length one.
    pub fn forward(&self, features: Vec<Tensor<4>>, positions: &[Tensor<1, Int>]) -> Vec<Tensor<3>> {
        let layers = self.layers.iter().zip(features).zip(positions);
        layers.map(|((head, features), positions)| head.forward(features, positions.clone())).collect()
    }
}

impl Head {
    fn forward(&self, features: Tensor<4>, positions: Tensor<1, Int>) -> Tensor<3> {
        let [n, c, h, w] = features.dims();
        let patches = features.reshape([n, c, h * w]).select(2, positions).swap_dims(1, 2); // [N, S, C]
        let [_, n_patches, _] = patches.dims();
        let hidden = relu(self.first.forward(patches.reshape([n * n_patches, c])).value);
        let vectors = self.second.forward(hidden).value; // [N S, width]
        let lengths = (vectors.clone().square().sum_dim(1) + EPSILON).sqrt();
        let [_, width] = vectors.dims();
        (vectors / lengths).reshape([n, n_patches, width])
    }
}
