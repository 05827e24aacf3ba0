//! Convolution, plain, strided or grouped, and its transpose.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use gannet_kernels::{Line, Then, conv_transpose2d, conv2d, conv2d_lines, conv2d_padded, linear_back, takes_lines};

use super::scale::{self, Scaling};
use super::{Buffer, Dual, Init, Weights};

/// What a [`Conv2d`] or [`ConvTranspose2d`] will be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvConfig {
    /// Input and output channels.
    pub channels: [usize; 2],
    /// Height and width, in pixels.
    pub kernel: [usize; 2],
    /// In pixels.
    pub stride: usize,
    /// In pixels, on each side.
    pub padding: usize,
    /// Groups that the channels fall into, each convolved on its own.
    pub groups: usize,
    /// Rows and columns that a transposed convolution makes beyond the last ones, in pixels: the rest of a division by
    /// its stride, which the convolution that it undoes had lost.
    pub output_padding: usize,
    /// Whether a bias, which starts at 0, is added. A normalization or a zero-mean output behind it needs none.
    pub has_bias: bool,
    /// First weights.
    pub weights: Weights,
    /// How they are scaled in use.
    pub scaling: Scaling,
}

impl ConvConfig {
    /// Stride 1, no padding, one group, no bias, weights from N(0, 0.02²) (Radford et al. 2016, section 4).
    pub fn new(channels: [usize; 2], kernel: [usize; 2]) -> Self {
        Self {
            channels,
            kernel,
            stride: 1,
            padding: 0,
            output_padding: 0,
            groups: 1,
            has_bias: false,
            weights: Weights::Normal(0.02),
            scaling: Scaling::Plain,
        }
    }

    /// A `size` x `size` kernel padded so that the image keeps its size; `size` is odd.
    pub fn same(channels: [usize; 2], size: usize) -> Self {
        Self { padding: size / 2, ..Self::new(channels, [size, size]) }
    }

    /// The convolution.
    pub fn init(self, init: &mut Init) -> Conv2d {
        let Self { channels: [n_in, n_out], kernel: [h, w], groups, .. } = self;
        let fans = [n_in / groups * h * w, n_out / groups * h * w];
        let weight = init.weights(self.weights, [n_out, n_in / groups, h, w], fans);
        let scale = self.scaling.vector(&weight.val(), init);
        Conv2d {
            weight,
            bias: self.has_bias.then(|| init.constant([n_out], 0.0)),
            scale,
            gain: self.scaling.gain(fans[0]),
            stride: self.stride,
            padding: self.padding,
            groups,
        }
    }

    /// The transposed convolution; it takes no groups and no scaling.
    pub fn init_transposed(self, init: &mut Init) -> ConvTranspose2d {
        let Self { channels: [n_in, n_out], kernel: [h, w], stride, padding, output_padding, .. } = self;
        assert!(output_padding <= padding, "an output padding of {output_padding} exceeds the padding of {padding}");
        let weight = init.weights(self.weights, [n_in, n_out, h, w], [n_in * h * w, n_out * h * w]);
        let bias = self.has_bias.then(|| init.constant([n_out], 0.0));
        ConvTranspose2d { weight, bias, stride, padding, output_padding }
    }
}

/// Two-dimensional convolution.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in / groups, kernel height, kernel width]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    scale: Option<Buffer>,
    gain: f32,
    stride: usize,
    padding: usize,
    groups: usize,
}

impl Conv2d {
    /// `[N, in, H, W]` to `[N, out, H', W']` with `H' = (H + 2 padding - kernel) / stride + 1`.
    pub fn forward(&self, x: impl Into<Dual<4>>) -> Dual<4> {
        let weight = scale::effective(self.weight.val(), self.gain, self.scale.as_ref());
        let y = x.into().linear(|x| conv2d(x, weight.clone(), self.stride, self.padding, self.groups));
        let y = if self.scale.is_some() { y.behind_moving_weights() } else { y };
        match &self.bias {
            Some(bias) => {
                let [n_out] = bias.dims();
                y + bias.val().reshape([1, n_out, 1, 1])
            }
            None => y,
        }
    }

    /// Rows of [`forward`](Self::forward), from the rows that they need and zeros `above` and `below` these, where the image
    /// ends: equal to those of the whole image, bit for bit.
    pub fn forward_rows(&self, x: Tensor<4>, [above, below]: [usize; 2]) -> Tensor<4> {
        let weight = scale::effective(self.weight.val(), self.gain, self.scale.as_ref());
        let y = conv2d_padded(x, weight, self.stride, [[above, below], [self.padding; 2]], self.groups);
        match &self.bias {
            Some(bias) => y + bias.val().reshape([1, bias.dims()[0], 1, 1]),
            None => y,
        }
    }

    /// Whether [`forward_lines`](Self::forward_lines) computes it.
    pub fn takes_lines(&self) -> bool {
        [self.stride, self.padding, self.groups] == [1; 3] && takes_lines(self.weight.dims())
    }

    /// Rows of [`forward`](Self::forward) of `n_images` of some `width`, from the lines that they need, and what comes `then`:
    /// equal to those of the whole image, bit for bit.
    pub fn forward_lines(&self, lines: &[Line<'_>], [n_images, width]: [usize; 2], then: &Then<'_>) -> Tensor<4> {
        let weight = scale::effective(self.weight.val(), self.gain, self.scale.as_ref());
        let bias = self.bias.as_ref().map(|bias| bias.val());
        conv2d_lines(lines, [n_images, width], &weight, bias.as_ref(), then)
    }
}

/// Two-dimensional transposed convolution: the adjoint of [`Conv2d`] with the same weight.
#[derive(Module, Debug)]
pub struct ConvTranspose2d {
    /// `[in, out, kernel height, kernel width]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
    output_padding: usize,
}

impl ConvTranspose2d {
    /// `[N, in, H, W]` to `[N, out, H', W']` with `H' = (H - 1) stride - 2 padding + kernel + output padding`.
    pub fn forward(&self, x: impl Into<Dual<4>>) -> Dual<4> {
        let y = x.into().linear(|x| self.spread(x));
        match &self.bias {
            Some(bias) => {
                let [n_out] = bias.dims();
                y + bias.val().reshape([1, n_out, 1, 1])
            }
            None => y,
        }
    }

    fn spread(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, n_in, h, w] = x.dims();
        let [_, n_out, kernel_h, kernel_w] = self.weight.dims();
        if [h, w] == [1, 1] && self.padding == 0 {
            // A single pixel spreads by a plain matrix product.
            let weight = self.weight.val().reshape([n_in, n_out * kernel_h * kernel_w]);
            return linear_back(x.reshape([n, n_in]), weight).reshape([n, n_out, kernel_h, kernel_w]);
        }
        if self.output_padding == 0 {
            return conv_transpose2d(x, self.weight.val(), self.stride, self.padding);
        }
        // Less is cut off at the end than at the beginning.
        let whole = conv_transpose2d(x, self.weight.val(), self.stride, 0);
        let [_, _, height, width] = whole.dims();
        let n_cut = 2 * self.padding - self.output_padding;
        whole.narrow(2, self.padding, height - n_cut).narrow(3, self.padding, width - n_cut)
    }
}
