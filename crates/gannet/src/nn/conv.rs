//! Strided convolution and its transpose, without bias: in our networks a normalization or a zero-mean output follows.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::Init;

/// Two-dimensional convolution.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in, kernel height, kernel width]`.
    pub weight: Param<Tensor<4>>,
    stride: usize,
    padding: usize,
}

impl Conv2d {
    /// Weights from N(0, `std`²). `channels` are in and out.
    pub fn new(
        channels: [usize; 2],
        kernel: [usize; 2],
        [stride, padding]: [usize; 2],
        std: f32,
        init: &mut Init,
    ) -> Self {
        let [n_in, n_out] = channels;
        Self { weight: init.normal([n_out, n_in, kernel[0], kernel[1]], 0.0, std), stride, padding }
    }

    /// `[N, in, H, W]` to `[N, out, H', W']` with `H' = (H + 2 padding - kernel) / stride + 1`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, n_in, h, w] = x.dims();
        let [n_out, _, kernel_h, kernel_w] = self.weight.dims();
        if [h, w] == [kernel_h, kernel_w] && self.padding == 0 {
            // A kernel that covers the image is a plain matrix product.
            let weight = self.weight.val().reshape([n_out, n_in * h * w]);
            return x.reshape([n, n_in * h * w]).matmul(weight.transpose()).reshape([n, n_out, 1, 1]);
        }
        let options = ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1);
        conv2d(x, self.weight.val(), None, options)
    }
}

/// Two-dimensional transposed convolution: the adjoint of [`Conv2d`] with the same weight.
#[derive(Module, Debug)]
pub struct ConvTranspose2d {
    /// `[in, out, kernel height, kernel width]`.
    pub weight: Param<Tensor<4>>,
    stride: usize,
    padding: usize,
}

impl ConvTranspose2d {
    /// Weights from N(0, `std`²). `channels` are in and out.
    pub fn new(
        channels: [usize; 2],
        kernel: [usize; 2],
        [stride, padding]: [usize; 2],
        std: f32,
        init: &mut Init,
    ) -> Self {
        let [n_in, n_out] = channels;
        Self { weight: init.normal([n_in, n_out, kernel[0], kernel[1]], 0.0, std), stride, padding }
    }

    /// `[N, in, H, W]` to `[N, out, H', W']` with `H' = (H - 1) stride - 2 padding + kernel`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, n_in, h, w] = x.dims();
        let [_, n_out, kernel_h, kernel_w] = self.weight.dims();
        if [h, w] == [1, 1] && self.padding == 0 {
            // A single pixel spreads by a plain matrix product.
            let weight = self.weight.val().reshape([n_in, n_out * kernel_h * kernel_w]);
            return x.reshape([n, n_in]).matmul(weight).reshape([n, n_out, kernel_h, kernel_w]);
        }
        let options = ConvTransposeOptions::new([self.stride; 2], [self.padding; 2], [0, 0], [1, 1], 1);
        conv_transpose2d(x, self.weight.val(), None, options)
    }
}
