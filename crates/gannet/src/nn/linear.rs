//! Affine map of feature vectors.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::Init;

/// `y = x Wᵀ + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Weights and bias uniform in ±1/√in, as LeCun et al. 1998 ("Efficient BackProp") suggest and PyTorch does.
    pub fn new(n_in: usize, n_out: usize, init: &mut Init) -> Self {
        let bound = (n_in as f32).sqrt().recip();
        Self { weight: init.uniform([n_out, n_in], bound), bias: init.uniform([n_out], bound) }
    }

    /// `[N, in]` to `[N, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}
