//! What has a kernel, as functions of Burn's tensors. On every device but the CPU, and without the feature `kernels`, they
//! are made of Burn's own operations.

use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, activation};

use crate::step::AdamStep;

#[cfg(feature = "kernels")]
use crate::{
    Precision,
    extension::KernelOps,
    geometry::{Axis, Convolution},
};
#[cfg(feature = "kernels")]
use burn::backend::{Dispatch, DispatchDevice};

/// Convolutions of images whose width is a multiple of it read their rows where they are, and copy those of others once more.
pub const RUN: usize = 16;
/// Columns, from a multiple of as many on, that [`keeping_weights`] may have computed together.
pub const TOGETHER: usize = 4;

/// Whether the kernels serve tensors of `device`.
#[cfg(feature = "kernels")]
pub(crate) fn is_served(device: Device) -> bool {
    matches!(device.without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// Whether what becomes of a sample on `device` depends, to the last bit, on nothing that is beside it in a batch: it does
/// not where the kernels serve, for which each sample has its own sums.
pub fn keeps_apart(device: &Device) -> bool {
    #[cfg(feature = "kernels")]
    let is_served = is_served(device.clone());
    #[cfg(not(feature = "kernels"))]
    let (is_served, _) = (false, device);
    is_served
}

/// Does `work`, such as sampling a trained generator, whose convolutions keep what they prepare of their weights for the
/// next time. Up to 268 MB are kept until other weights take their place. Convolutions of 3x3, and of 4x4 with a stride of 2,
/// then prepare more and multiply half as much, but compute columns by [`TOGETHER`], or pixels by two both ways: a value depends,
/// in its last bits, on all that those beside it depend on.
pub fn keeping_weights<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(feature = "kernels")]
    return crate::packs::Keeping::Any.scope(work);
    #[cfg(not(feature = "kernels"))]
    return work();
}

/// The same with every column computed by itself.
pub fn keeping_weights_of_columns<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(feature = "kernels")]
    return crate::packs::Keeping::Taps.scope(work);
    #[cfg(not(feature = "kernels"))]
    return work();
}

/// Convolution of `[N, in, H, W]` with weights `[out, in / groups, kernel, kernel]`.
///
/// # Panics
/// If the padded input is smaller than the kernel, or the channels do not fit the groups.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize, groups: usize) -> Tensor<4> {
    conv2d_padded(x, weight, stride, [[padding; 2]; 2], groups)
}

/// The same with zeros counted above and below, left and right. A value of the output depends on what the kernel covers,
/// never on where in the image that lies or on the image's size: a part of an image, with as much around it as the kernel
/// reaches, gives the same bits as the whole. (Within [`keeping_weights`] this holds of rows, and of columns by [`TOGETHER`];
/// there and in training it does not hold of kernels of 4x4 with a stride of 2.)
///
/// # Panics
/// If the padded input is smaller than the kernel, or the channels do not fit the groups.
pub fn conv2d_padded(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: [[usize; 2]; 2],
    groups: usize,
) -> Tensor<4> {
    let padding = padding.map(|[before, behind]| (before, behind));
    let options = ConvOptions::new_with_padding([stride; 2], padding, [1; 2], groups);
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return correlate(x, weight, options);
    }
    module::conv2d(x, weight, None, options)
}

/// Convolution of signals `[N, in, L]` with weights `[out, in / groups, kernel]` to `[N, out, L']`, plus a bias `[out]`. L' is
/// `(before + L + behind - dilation (kernel - 1) - 1) / stride + 1`, rounded down, with zeros counted before and behind.
///
/// # Panics
/// If the padded input is smaller than the kernel, or the channels do not fit the groups.
pub fn conv1d(x: Tensor<3>, weight: Tensor<3>, bias: Option<Tensor<1>>, options: ConvOptions<1>) -> Tensor<3> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        let ConvOptions { stride: [stride], padding: [padding], dilation: [dilation], groups } = options;
        let of_rows = ConvOptions::new_with_padding([1, stride], [(0, 0), padding], [1, dilation], groups);
        return plus(correlate(x.unsqueeze_dim(2), weight.unsqueeze_dim(2), of_rows).squeeze_dim(2), bias);
    }
    module::conv1d(x, weight, bias, options)
}

/// Transposed convolution of `[N, in, H, W]` with weights `[in, out, kernel, kernel]` to `(H - 1) stride - 2 padding +
/// kernel` pixels each way: the input gradient of a convolution.
///
/// # Panics
/// If nothing is left after the padding, or the channels do not fit.
pub fn conv_transpose2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], 1);
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return correlate_back(x, weight, options);
    }
    module::conv_transpose2d(x, weight, None, options)
}

/// Transposed convolution of signals `[N, in, L]` with weights `[in, out / groups, kernel]`, plus a bias `[out]`, to
/// `(L - 1) stride - 2 padding + dilation (kernel - 1) + 1 + padding_out` values: the input gradient of a convolution.
///
/// # Panics
/// If nothing is left after the padding, or the channels do not fit.
pub fn conv_transpose1d(
    x: Tensor<3>,
    weight: Tensor<3>,
    bias: Option<Tensor<1>>,
    options: ConvTransposeOptions<1>,
) -> Tensor<3> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        let ConvTransposeOptions { stride, padding, padding_out, dilation, groups } = options;
        let [[stride], [padding], [more], [dilation]] = [stride, padding, padding_out, dilation];
        let of_rows = ConvTransposeOptions::new([1, stride], [0, padding], [0, more], [1, dilation], groups);
        return plus(correlate_back(x.unsqueeze_dim(2), weight.unsqueeze_dim(2), of_rows).squeeze_dim(2), bias);
    }
    module::conv_transpose1d(x, weight, bias, options)
}

/// `x` where it is positive, `slope x` elsewhere; `slope` is in [0, 1).
pub fn leaky_relu<const D: usize>(x: Tensor<D>, slope: f32) -> Tensor<D> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return Tensor::from_dispatch(Dispatch::leaky(x.into_dispatch(), slope));
    }
    // Burn's own leaky ReLU is a masked selection, which takes longer.
    activation::relu(x.clone()) * (1.0 - slope) + x * slope
}

/// How [`leaky_relu`] moves at `x` when its input moves along `dx`: `dx` where `x` is positive, `slope dx` elsewhere. It is
/// constant in `x`.
pub fn leaky_relu_tangent<const D: usize>(dx: Tensor<D>, x: Tensor<D>, slope: f32) -> Tensor<D> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return Tensor::from_dispatch(Dispatch::leaky_back(dx.into_dispatch(), x.into_dispatch(), slope));
    }
    dx * (x.detach().greater_elem(0.0).float() * (1.0 - slope) + slope)
}

/// `x Wᵀ + b` of `[N, in]` with weights `[out, in]` and a bias `[out]`.
///
/// # Panics
/// If the sides do not fit each other.
pub fn affine(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
        return Tensor::from_dispatch(Dispatch::affine(x, weight, bias));
    }
    x.matmul(weight.transpose()) + bias.unsqueeze()
}

/// The same without a bias.
///
/// # Panics
/// If the sides do not fit each other.
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return Tensor::from_dispatch(Dispatch::linear_forth(x.into_dispatch(), weight.into_dispatch()));
    }
    x.matmul(weight.transpose())
}

/// `x W`: the same with weights `[in, out]`.
///
/// # Panics
/// If the sides do not fit each other.
pub fn linear_back(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return Tensor::from_dispatch(Dispatch::linear_back(x.into_dispatch(), weight.into_dispatch()));
    }
    x.matmul(weight)
}

/// What layers of a [pass](layered) made, which fixes the signs of another one.
#[derive(Clone, Debug)]
pub struct Passed(#[cfg(feature = "kernels")] std::sync::Arc<crate::perceptron::Outputs>);

/// Fully connected layers, one after the other: weights `[out, in]`, biases `[out]`, and a slope for what is not positive, 1
/// where nothing follows; `[N, in]` to `[N, out]`. None where there is no kernel: for other devices, for no layer, and for
/// more than seven or large ones, which gain nothing by it.
///
/// With another pass's signs and a rate for each sample, `[N]`, these are the same layers' linear pieces there: a value is
/// multiplied by what it was multiplied by then, and a bias counts as often as the rate says, or not at all.
///
/// # Panics
/// If the sides do not fit each other.
pub fn layered(
    x: &Tensor<2>,
    layers: &[(Tensor<2>, Tensor<1>, f32)],
    piece: Option<(&Passed, Option<&Tensor<1>>)>,
) -> Option<(Tensor<2>, Passed)> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        let piece = piece.map(|(passed, rates)| (&passed.0, rates));
        let (y, outputs) = crate::extension::layered(x, layers, piece)?;
        return Some((y, Passed(outputs)));
    }
    let _ = (x, layers, piece);
    None
}

/// The hyperbolic tangent.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        return Tensor::from_dispatch(Dispatch::tanh(x.into_dispatch()));
    }
    x.tanh()
}

/// `[N, C, H, W]` normalized by the mean and biased variance of each channel over batch and pixels, times `weight`, plus
/// `bias` (Ioffe and Szegedy 2015, algorithm 1), then times `slope` where it is not positive: leaky ReLU, or nothing with a
/// slope of 1. Also the moments, `[C]` each, without a gradient.
pub fn batch_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f32,
    slope: f32,
) -> (Tensor<4>, [Tensor<1>; 2]) {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        let (y, mean, variance) =
            Dispatch::normalize(x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch(), epsilon, slope);
        return (Tensor::from_dispatch(y), [mean, variance].map(Tensor::from_dispatch));
    }
    let normalized = module::batch_norm_train(x, weight, bias, f64::from(epsilon));
    let moments = [normalized.mean, normalized.variance].map(Tensor::detach);
    (if slope == 1.0 { normalized.output } else { leaky_relu(normalized.output, slope) }, moments)
}

/// `[N, C, H, W]` normalized by the given mean and variance of each channel, then as [`batch_norm`], without automatic
/// differentiation.
pub fn batch_norm_by(
    x: Tensor<4>,
    [weight, bias]: [Tensor<1>; 2],
    [mean, variance]: [Tensor<1>; 2],
    epsilon: f32,
    slope: f32,
) -> Tensor<4> {
    #[cfg(feature = "kernels")]
    if is_served(x.device()) {
        let [weight, bias, mean, variance] = [weight, bias, mean, variance].map(Tensor::into_dispatch);
        let y = Dispatch::normalize_by(x.into_dispatch(), weight, bias, mean, variance, epsilon, slope);
        return Tensor::from_dispatch(y);
    }
    let y = module::batch_norm(x, weight, bias, mean, variance, f64::from(epsilon));
    if slope == 1.0 { y } else { leaky_relu(y, slope) }
}

/// A flat weight after `step` against `gradient`, and its two moments, all without automatic differentiation.
pub fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    moments: [Tensor<1>; 2],
    step: AdamStep,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    let [first, second] = moments;
    #[cfg(feature = "kernels")]
    if is_served(weight.device()) {
        let [first, second] = [first, second].map(Tensor::into_dispatch);
        let (weight, first, second) =
            Dispatch::adam(weight.into_dispatch(), gradient.into_dispatch(), first, second, step);
        return (Tensor::from_dispatch(weight), [first, second].map(Tensor::from_dispatch));
    }
    let AdamStep { beta_1, beta_2, corrections, epsilon, learning_rate } = step;
    let second = second * beta_2 + gradient.clone().square() * (1.0 - beta_2);
    let first = first * beta_1 + gradient * (1.0 - beta_1);
    let root = (second.clone() / corrections[1]).sqrt();
    let change = first.clone() / corrections[0] / (root + epsilon) * learning_rate;
    (weight - change, [first, second])
}

/// `average share + value (1 - share)`, without automatic differentiation.
pub fn blend<const D: usize>(average: Tensor<D>, value: Tensor<D>, share: f32) -> Tensor<D> {
    #[cfg(feature = "kernels")]
    if is_served(average.device()) {
        return Tensor::from_dispatch(Dispatch::blend(average.into_dispatch(), value.into_dispatch(), share));
    }
    average * share + value * (1.0 - share)
}

/// The Euclidean norm of all values of `tensors` together, without automatic differentiation.
pub fn norm<'a>(tensors: impl IntoIterator<Item = &'a Tensor<1>>) -> f64 {
    let square = |x: &Tensor<1>| {
        #[cfg(feature = "kernels")]
        if is_served(x.device()) {
            let x = crate::extension::primitive(x);
            return crate::pointwise::squared_norm(x.as_slice::<f32>().unwrap_or_default());
        }
        f64::from(x.clone().square().sum().into_scalar::<f32>())
    };
    tensors.into_iter().map(square).sum::<f64>().sqrt()
}

/// What a convolution is for the kernels.
#[cfg(feature = "kernels")]
fn correlate(x: Tensor<4>, weight: Tensor<4>, options: ConvOptions<2>) -> Tensor<4> {
    let ConvOptions { stride, padding, dilation, groups } = options;
    let [batch, n_in, h, w] = x.dims();
    let [n_out, n_in_group, kernel_h, kernel_w] = weight.dims();
    assert_eq!(n_in, n_in_group * groups, "the input has as many channels as the weights take");
    let axes = [(0, h, kernel_h), (1, w, kernel_w)].map(|(i, size, kernel)| {
        Axis::new(size, kernel, stride[i], padding[i].into(), dilation[i])
            .unwrap_or_else(|| panic!("{size} pixels with a padding of {:?} hold no kernel of {kernel}", padding[i]))
    });
    let convolution = Convolution { batch, channels: [n_in, n_out], groups, axes };
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::correlate(x, weight, convolution, Precision::current()))
}

/// What a transposed convolution is for the kernels.
#[cfg(feature = "kernels")]
fn correlate_back(x: Tensor<4>, weight: Tensor<4>, options: ConvTransposeOptions<2>) -> Tensor<4> {
    let ConvTransposeOptions { stride, padding, padding_out, dilation, groups } = options;
    let [batch, n_in, h, w] = x.dims();
    let [n_in_weight, n_out_group, kernel_h, kernel_w] = weight.dims();
    assert_eq!(n_in, n_in_weight, "the input has as many channels as the weights take");
    let axes = [(0, h, kernel_h), (1, w, kernel_w)].map(|(i, output, kernel)| {
        let [stride, padding, dilation] = [stride[i], padding[i], dilation[i]];
        let padded = (output - 1) * stride + dilation * (kernel - 1) + 1 + padding_out[i];
        assert!(padded > 2 * padding, "of {padded} pixels none is left after a padding of {padding}");
        Axis { input: padded - 2 * padding, output, kernel, stride, padding, dilation }
    });
    let convolution = Convolution { batch, channels: [n_out_group * groups, n_in], groups, axes };
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::correlate_back(x, weight, convolution, Precision::current()))
}

/// `y` of `[N, out, L]` plus a bias `[out]`.
#[cfg(feature = "kernels")]
fn plus(y: Tensor<3>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [_, n_out, _] = y.dims();
    match bias {
        Some(bias) => y + bias.reshape([1, n_out, 1]),
        None => y,
    }
}
