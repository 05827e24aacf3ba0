//! What a network may ask for, and the pass that computes it.

use burn::tensor::Tensor;

use crate::nn::activation::leaky_relu;
use crate::nn::{BatchNorm, Conv2d, Prelu};

/// Takes a network's layers in their order. A value is `[N, C, H, W]`.
pub(super) trait Pass {
    type Value: Clone;

    /// A convolution of stride 1 that keeps the size.
    fn conv(&mut self, x: &Self::Value, layer: &Conv2d) -> Self::Value;

    fn norm(&mut self, x: &Self::Value, layer: &BatchNorm) -> Self::Value;

    fn prelu(&mut self, x: &Self::Value, layer: &Prelu) -> Self::Value;

    /// Leaky ReLU of slope 0.2.
    fn leaky(&mut self, x: &Self::Value) -> Self::Value;

    /// `share x + y`.
    fn sum(&mut self, x: &Self::Value, share: f32, y: &Self::Value) -> Self::Value;

    /// One behind the other along the channels.
    fn cat(&mut self, parts: &[Self::Value]) -> Self::Value;

    /// Every pixel repeated `factor` times each way.
    fn nearest(&mut self, x: &Self::Value, factor: usize) -> Self::Value;

    /// `factor²` channels to a block of pixels (Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using
    /// an Efficient Sub-Pixel Convolutional Neural Network", eq. 4).
    fn shuffle(&mut self, x: &Self::Value, factor: usize) -> Self::Value;

    /// The inverse of [`shuffle`](Self::shuffle).
    fn unshuffle(&mut self, x: &Self::Value, factor: usize) -> Self::Value;
}

/// Computes whole images.
pub(super) struct Compute;

impl Pass for Compute {
    type Value = Tensor<4>;

    fn conv(&mut self, x: &Tensor<4>, layer: &Conv2d) -> Tensor<4> {
        layer.forward(x.clone()).value
    }

    fn norm(&mut self, x: &Tensor<4>, layer: &BatchNorm) -> Tensor<4> {
        layer.forward(x.clone()).value
    }

    fn prelu(&mut self, x: &Tensor<4>, layer: &Prelu) -> Tensor<4> {
        layer.forward(x.clone()).value
    }

    fn leaky(&mut self, x: &Tensor<4>) -> Tensor<4> {
        leaky_relu(x.clone()).value
    }

    fn sum(&mut self, x: &Tensor<4>, share: f32, y: &Tensor<4>) -> Tensor<4> {
        let x = if share == 1.0 { x.clone() } else { x.clone() * share };
        x + y.clone()
    }

    fn cat(&mut self, parts: &[Tensor<4>]) -> Tensor<4> {
        Tensor::cat(parts.to_vec(), 1)
    }

    fn nearest(&mut self, x: &Tensor<4>, factor: usize) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let spread = x.clone().reshape([n, c, h, 1, w, 1]).expand([n, c, h, factor, w, factor]);
        spread.reshape([n, c, h * factor, w * factor])
    }

    fn shuffle(&mut self, x: &Tensor<4>, factor: usize) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let c = c / (factor * factor);
        let blocks = x.clone().reshape([n, c, factor, factor, h, w]);
        blocks.permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * factor, w * factor])
    }

    fn unshuffle(&mut self, x: &Tensor<4>, factor: usize) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let [h, w] = [h, w].map(|side| side / factor);
        let blocks = x.clone().reshape([n, c, h, factor, w, factor]);
        blocks.permute([0, 1, 3, 5, 2, 4]).reshape([n, c * factor * factor, h, w])
    }
}
