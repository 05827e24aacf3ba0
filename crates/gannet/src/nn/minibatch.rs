//! Layers that let a critic compare the samples of a batch, so that a generator that repeats itself gives itself away.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::{Dual, Init};

/// One more channel that holds the batch's standard deviation, averaged over all features (Karras et al. 2018,
/// "Progressive Growing of GANs", section 3): `[N, C, H, W]` to `[N, C + 1, H, W]`.
pub fn minibatch_std(x: impl Into<Dual<4>>) -> Dual<4> {
    let x = x.into();
    let [n, c, h, w] = x.value.dims();
    let centred = x.clone() - x.clone().mean_dim(0);
    let variance = (centred.clone() * centred).mean_dim(0);
    let deviation = variance.pointwise(|v| (v + 1e-8).sqrt(), |_, y| y.recip() * 0.5);
    let mean = deviation.reshape([1, c * h * w]).mean_dim(1);
    x.cat(mean.linear(|mean| mean.reshape([1, 1, 1, 1]).expand([n, 1, h, w])), 1)
}

/// More features that say how close a sample is to the others of its batch (Salimans et al. 2016, "Improved Techniques
/// for Training GANs", section 3.2).
#[derive(Module, Debug)]
pub struct MinibatchDiscrimination {
    /// The paper's T, `[features, kernels * values per kernel]`.
    pub weight: Param<Tensor<2>>,
    n_kernels: usize,
}

/// Values that each kernel compares.
const KERNEL_SIZE: usize = 4;

impl MinibatchDiscrimination {
    /// `n_kernels` more features for inputs of `n_features`.
    pub fn new(n_features: usize, n_kernels: usize, init: &mut Init) -> Self {
        let std = (n_features as f32).sqrt().recip();
        Self { weight: init.normal([n_features, n_kernels * KERNEL_SIZE], 0.0, std), n_kernels }
    }

    /// `[N, features]` to `[N, features + kernels]`.
    pub fn forward(&self, x: impl Into<Dual<2>>) -> Dual<2> {
        let x = x.into();
        let [n, _] = x.value.dims();
        let [_, n_values] = self.weight.dims();
        let (kernels, size) = (self.n_kernels, n_values / self.n_kernels);
        let weight = self.weight.val();
        let rows = x.clone().linear(|x| x.matmul(weight.clone())); // the paper's M_i
        let differences = rows.clone().reshape([n, 1, kernels, size]) - rows.reshape([1, n, kernels, size]);
        let distances = differences
            .pointwise(Tensor::abs, |d, _| d.detach().sign())
            .linear(|d| d.sum_dim(3).reshape([n, n, kernels]));
        let closeness = distances.pointwise(|d| (-d).exp(), |_, y| -y); // c of the paper, [N, N, kernels]
        // A sample's closeness to itself is 1 and says nothing.
        let others =
            closeness.linear(|c| c.sum_dim(1).reshape([n, kernels])) + Tensor::full([1, 1], -1.0, &weight.device());
        x.cat(others, 1)
    }
}
