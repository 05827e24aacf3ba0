//! Normalization layers.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::scale::Scaling;
use super::{Buffer, Dual, Init, Linear, LinearConfig, Weights};

/// Keeps the division by a deviation finite: PyTorch's value.
pub(crate) const EPSILON: f32 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// What [`BatchNorm`] is called where it is refused.
const BATCH_NORM: &str = "batch norm";

/// Batch normalization over `[N, C, H, W]`, per channel (Ioffe and Szegedy 2015, algorithms 1 and 2).
///
/// On an autodiff device it normalizes with the batch's own statistics and folds them into the running ones; elsewhere
/// it normalizes with the running ones. The running variance is the unbiased one, as in the paper and in PyTorch.
///
/// It has no tangent rule on purpose: with it, a score depends on the whole batch, and the gradient penalties, which
/// bound each sample's own gradient, lose their meaning (Gulrajani et al. 2017, section 4).
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale, `[C]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[C]`.
    pub bias: Param<Tensor<1>>,
    /// Average of the batches' means, `[C]`.
    pub running_mean: Buffer,
    /// Average of the batches' unbiased variances, `[C]`.
    pub running_var: Buffer,
}

impl BatchNorm {
    /// Scale from N(1, `std`²), shift 0.
    pub fn new(n_channels: usize, std: f32, init: &mut Init) -> Self {
        Self {
            weight: init.normal([n_channels], 1.0, std),
            bias: init.constant([n_channels], 0.0),
            running_mean: Buffer::new(Tensor::zeros([n_channels], init.device())),
            running_var: Buffer::new(Tensor::ones([n_channels], init.device())),
        }
    }

    /// `[N, C, H, W]` to the same shape.
    pub fn forward(&self, x: impl Into<Dual<4>>) -> Dual<4> {
        self.forward_leaky(x, 1.0)
    }

    /// The same with a leaky ReLU of `slope` behind it, in one pass over memory.
    pub fn forward_leaky(&self, x: impl Into<Dual<4>>, slope: f32) -> Dual<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        x.into()
            .without_rule(BATCH_NORM, |x| normalize(x, weight, bias, slope, [&self.running_mean, &self.running_var]))
    }
}

/// Batch normalization whose scale and shift follow from a condition: a class (Dumoulin et al. 2017, "A Learned
/// Representation for Artistic Style", eq. 5), or a class embedding with a piece of the latent (Brock et al. 2019,
/// "Large Scale GAN Training", appendix B.1).
#[derive(Module, Debug)]
pub struct ConditionalBatchNorm {
    /// `[C, K]`: how the condition moves the scale away from 1.
    pub gain: Linear,
    /// `[C, K]`: how it moves the shift away from 0.
    pub shift: Linear,
    /// As in [`BatchNorm`].
    pub running_mean: Buffer,
    /// As in [`BatchNorm`].
    pub running_var: Buffer,
}

impl ConditionalBatchNorm {
    /// For conditions of `n_condition` values; both maps start from `weights`.
    pub fn new(n_channels: usize, n_condition: usize, weights: Weights, scaling: Scaling, init: &mut Init) -> Self {
        let map = LinearConfig { has_bias: false, weights, scaling, ..LinearConfig::new(n_condition, n_channels) };
        Self {
            gain: map.init(init),
            shift: map.init(init),
            running_mean: Buffer::new(Tensor::zeros([n_channels], init.device())),
            running_var: Buffer::new(Tensor::ones([n_channels], init.device())),
        }
    }

    /// `[N, C, H, W]`, with conditions `[N, K]`, to the same shape.
    pub fn forward(&self, x: impl Into<Dual<4>>, condition: &Tensor<2>) -> Dual<4> {
        x.into().without_rule("conditional batch norm", |x| {
            let [n, c, _, _] = x.dims();
            let [gain, shift] =
                [&self.gain, &self.shift].map(|map| map.forward(condition.clone()).value.reshape([n, c, 1, 1]));
            let (ones, zeros) = (Tensor::ones([c], &x.device()), Tensor::zeros([c], &x.device()));
            normalize(x, ones, zeros, 1.0, [&self.running_mean, &self.running_var]) * (gain + 1.0) + shift
        })
    }
}

fn normalize(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    slope: f32,
    [running_mean, running_var]: [&Buffer; 2],
) -> Tensor<4> {
    if !x.device().is_autodiff() {
        let moments = [running_mean.value(), running_var.value()];
        return gannet_kernels::batch_norm_by(x, [weight, bias], moments, EPSILON, slope);
    }
    let [n, _, h, w] = x.dims();
    let (normalized, [mean, variance]) = gannet_kernels::batch_norm(x, weight, bias, EPSILON, slope);
    let n_values = (n * h * w) as f64;
    fold(running_mean, mean);
    fold(running_var, variance * (n_values / (n_values - 1.0).max(1.0)));
    normalized
}

fn fold(running: &Buffer, batch: Tensor<1>) {
    running.set(running.value() * (1.0 - MOMENTUM) + batch * MOMENTUM);
}

/// Normalization of each sample by itself over groups of channels and all pixels (Wu and He 2018, "Group
/// Normalization", eq. 7): one group is layer norm, a group for each channel is instance norm.
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// Scale, `[C]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[C]`.
    pub bias: Param<Tensor<1>>,
    n_groups: usize,
}

impl GroupNorm {
    /// One group: layer normalization (Ba et al. 2016).
    pub fn layer(n_channels: usize, init: &mut Init) -> Self {
        Self::new(n_channels, 1, init)
    }

    /// A group for each channel: instance normalization (Ulyanov et al. 2016).
    pub fn instance(n_channels: usize, init: &mut Init) -> Self {
        Self::new(n_channels, n_channels, init)
    }

    /// Scale 1, shift 0; `n_groups` divides `n_channels`.
    pub fn new(n_channels: usize, n_groups: usize, init: &mut Init) -> Self {
        assert_eq!(n_channels % n_groups, 0, "{n_groups} groups do not divide {n_channels} channels");
        Self { weight: init.constant([n_channels], 1.0), bias: init.constant([n_channels], 0.0), n_groups }
    }

    /// `[N, C, H, W]` to the same shape.
    pub fn forward(&self, x: impl Into<Dual<4>>) -> Dual<4> {
        let x = x.into();
        let [n, c, h, w] = x.value.dims();
        let groups = x.reshape([n, self.n_groups, c / self.n_groups * h * w]);
        let centred = groups.clone() - groups.mean_dim(2);
        let variance = (centred.clone() * centred.clone()).mean_dim(2);
        let inverse = variance.pointwise(|v| (v + EPSILON).sqrt().recip(), |_, y| y.powi_scalar(3) * -0.5);
        let [weight, bias] = [&self.weight, &self.bias].map(|affine| affine.val().reshape([1, c, 1, 1]));
        (centred * inverse).reshape([n, c, h, w]) * weight + bias
    }
}

/// Normalization of each channel of each sample by itself, without weights (Ulyanov et al. 2016, "Instance
/// Normalization"), then times `slope` where it is not positive: leaky ReLU, ReLU with 0, nothing with 1.
/// `[N, C, H, W]` to the same shape.
pub fn instance_norm(x: impl Into<Dual<4>>, slope: f32) -> Dual<4> {
    x.into().curved(
        |x| normalize_planes(x, slope),
        |x, _, dx| {
            let [n, c, h, w] = x.dims();
            let normalized = normalize_planes(x.clone(), 1.0).reshape([n, c, h * w]);
            let [x, dx] = [x, dx].map(|x| x.reshape([n, c, h * w]));
            let centred = x.clone() - x.mean_dim(2);
            let inverse = (centred.square().mean_dim(2) + EPSILON).sqrt().recip();
            let along = (normalized.clone() * dx.clone()).mean_dim(2);
            let moved = (dx.clone() - dx.mean_dim(2) - normalized.clone() * along) * inverse;
            gannet_kernels::leaky_relu_tangent(moved, normalized, slope).reshape([n, c, h, w])
        },
    )
}

/// Batch norm sees the planes of all samples as channels of one.
fn normalize_planes(x: Tensor<4>, slope: f32) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let (ones, zeros) = (Tensor::ones([n * c], &x.device()), Tensor::zeros([n * c], &x.device()));
    let (y, _) = gannet_kernels::batch_norm(x.reshape([1, n * c, h, w]), ones, zeros, EPSILON, slope);
    y.reshape([n, c, h, w])
}

/// Each pixel's features scaled to mean square 1 (Karras et al. 2018, "Progressive Growing of GANs", section 4.2);
/// `[N, C]` or `[N, C, H, W]` to the same shape.
pub fn pixel_norm<const D: usize>(x: impl Into<Dual<D>>) -> Dual<D> {
    let x = x.into();
    let mean_square = (x.clone() * x.clone()).mean_dim(1);
    x * mean_square.pointwise(|m| (m + 1e-8).sqrt().recip(), |_, y| y.powi_scalar(3) * -0.5)
}
