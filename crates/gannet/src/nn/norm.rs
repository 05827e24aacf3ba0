//! Normalization layers.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::{batch_norm, batch_norm_train};

use super::{Buffer, Init};

const EPSILON: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Batch normalization over `[N, C, H, W]`, per channel (Ioffe and Szegedy 2015, algorithms 1 and 2).
///
/// On an autodiff device it normalizes with the batch's own statistics and folds them into the running ones; elsewhere
/// it normalizes with the running ones. The running variance is the unbiased one, as in the paper and in PyTorch.
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
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        if !x.device().is_autodiff() {
            let (mean, var) = (self.running_mean.value(), self.running_var.value());
            return batch_norm(x, self.weight.val(), self.bias.val(), mean, var, EPSILON);
        }
        let [n, _, h, w] = x.dims();
        let normalized = batch_norm_train(x, self.weight.val(), self.bias.val(), EPSILON);
        let n_values = (n * h * w) as f64;
        let unbiased = normalized.variance.detach() * (n_values / (n_values - 1.0).max(1.0));
        fold(&self.running_mean, normalized.mean.detach());
        fold(&self.running_var, unbiased);
        normalized.output
    }
}

fn fold(running: &Buffer, batch: Tensor<1>) {
    running.set(running.value() * (1.0 - MOMENTUM) + batch * MOMENTUM);
}
