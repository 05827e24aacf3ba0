//! What extractors are built from: convolutions with their batch norm folded in, read from tensors by name.

use std::collections::BTreeSet;

use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use gannet_kernels::conv2d;

use crate::nn::state::{self, Tensors};

/// Both networks here were trained with it.
const NORM_EPSILON: f64 = 1e-3;

/// Tensors that a network takes its weights from, and the names of those it took.
pub(super) struct Source<'a> {
    from: &'a Tensors,
    device: &'a Device,
    used: BTreeSet<String>,
}

/// Zeros around the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Padding {
    /// None.
    Valid,
    /// As many as give `ceil(size / stride)` pixels; if their number is odd, one more behind than before, as TensorFlow
    /// has it.
    Same,
}

/// What a [`Conv`] is: channels, kernel, stride and padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Input and output channels.
    pub(super) channels: [usize; 2],
    /// Height and width, in pixels.
    pub(super) kernel: [usize; 2],
    /// In pixels.
    pub(super) stride: usize,
    pub(super) padding: Padding,
    /// Groups that the channels fall into: 1, or as many as channels.
    pub(super) groups: usize,
}

/// A convolution with bias.
pub(super) struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    form: Form,
}

impl<'a> Source<'a> {
    pub(super) fn new(from: &'a Tensors, device: &'a Device) -> Self {
        Self { from, device, used: BTreeSet::new() }
    }

    /// The tensors that were taken, to be kept and hashed.
    pub(super) fn used(self) -> Tensors {
        self.used
            .into_iter()
            .filter_map(|name| self.from.get_key_value(&name))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }

    /// What it takes from, and where to.
    pub(super) fn origin(&self) -> (&'a Tensors, &'a Device) {
        (self.from, self.device)
    }

    /// The tensor called `name`, of `shape`.
    pub(super) fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, String> {
        Ok(Tensor::from_data(self.data(name, &shape)?.clone(), self.device))
    }

    /// The convolution whose weight is `conv.weight`, followed by the batch norm called `norm`, which multiplies channel
    /// o by `weight / sqrt(running_var + eps)` and is linear, hence part of the convolution.
    pub(super) fn conv(&mut self, conv: &str, norm: &str, form: Form) -> Result<Conv, String> {
        let Form { channels: [n_in, n_out], kernel: [h, w], groups, .. } = form;
        let shape = [n_out, n_in / groups, h, w];
        let kernels: Vec<f32> = self.data(&format!("{conv}.weight"), &shape)?.iter::<f32>().collect();
        let mut vector = |part: &str| -> Result<Vec<f64>, String> {
            Ok(self.data(&format!("{norm}.{part}"), &[n_out])?.iter::<f64>().collect())
        };
        let [weight, bias] = [vector("weight")?, vector("bias")?];
        let [mean, variance] = [vector("running_mean")?, vector("running_var")?];
        let scales: Vec<f64> = weight.iter().zip(&variance).map(|(w, v)| w / (v + NORM_EPSILON).sqrt()).collect();
        let n_taps = shape[1] * h * w;
        let kernels = kernels.chunks_exact(n_taps).zip(&scales);
        let folded: Vec<f32> = kernels.flat_map(|(k, s)| k.iter().map(move |k| (f64::from(*k) * s) as f32)).collect();
        let shifts = bias.iter().zip(&mean).zip(&scales).map(|((b, m), s)| (b - m * s) as f32);
        let shifts: Vec<f32> = shifts.collect();
        Ok(Conv {
            weight: Tensor::from_data(TensorData::new(folded, shape), self.device),
            bias: Tensor::from_data(TensorData::new(shifts, [n_out]), self.device),
            form,
        })
    }

    fn data(&mut self, name: &str, shape: &[usize]) -> Result<&'a TensorData, String> {
        let data = state::take(self.from, name, shape)?;
        self.used.insert(name.to_owned());
        Ok(data)
    }
}

impl Padding {
    /// Before and behind an axis of `size` pixels.
    fn pixels(self, size: usize, kernel: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Valid => (0, 0),
            Self::Same => {
                let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
                (total / 2, total - total / 2)
            }
        }
    }
}

impl Conv {
    /// `[N, in, H, W]` to `[N, out, H', W']`.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Form { channels: [_, n_out], kernel: [kernel_h, kernel_w], stride, padding, groups } = self.form;
        let [_, _, h, w] = x.dims();
        let pads = [padding.pixels(h, kernel_h, stride), padding.pixels(w, kernel_w, stride)];
        if groups > 1 {
            // One channel each: Burn's own loop over pixels is made for it, a product of matrices is not.
            let options = ConvOptions::new_with_padding([stride; 2], pads, [1, 1], groups);
            return burn_conv2d(x, self.weight.clone(), Some(self.bias.clone()), options);
        }
        let [(top, bottom), (left, right)] = pads;
        let y = if [bottom, left, right] == [top; 3] {
            conv2d(x, self.weight.clone(), stride, top, 1)
        } else {
            conv2d(x.pad(pads, 0.0), self.weight.clone(), stride, 0, 1)
        };
        y + self.bias.clone().reshape([1, n_out, 1, 1])
    }
}

/// The mean over the pixels of each channel: `[N, C, H, W]` to `[N, C]`.
pub(super) fn pixel_mean(x: Tensor<4>) -> Tensor<2> {
    let [n, c, _, _] = x.dims();
    x.mean_dims(&[2, 3]).reshape([n, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_tensorflow_s() {
        let same = |size, kernel, stride| Padding::Same.pixels(size, kernel, stride);
        assert_eq!(same(224, 3, 2), (0, 1));
        assert_eq!(same(56, 5, 2), (1, 2));
        assert_eq!(same(7, 3, 2), (1, 1));
        assert_eq!(same(17, 7, 1), (3, 3));
        assert_eq!(same(17, 1, 1), (0, 0));
        assert_eq!(Padding::Valid.pixels(17, 7, 1), (0, 0));
    }
}
