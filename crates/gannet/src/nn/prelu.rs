//! Parametric ReLU: He et al. 2015, "Delving Deep into Rectifiers", eq. 1.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::activation::relu;
use super::{Dual, Init};

/// Slope of the first weights (section 2.1).
const FIRST_SLOPE: f32 = 0.25;

/// `x` where it is positive, `weight x` elsewhere, with a slope for each channel.
#[derive(Module, Debug)]
pub struct Prelu {
    /// Slopes below zero, `[C]`.
    pub weight: Param<Tensor<1>>,
}

impl Prelu {
    /// All slopes 0.25.
    pub fn new(n_channels: usize, init: &mut Init) -> Self {
        Self { weight: init.constant([n_channels], FIRST_SLOPE) }
    }

    /// A slope for each channel.
    pub fn slopes(&self) -> Vec<f32> {
        self.weight.val().into_data().iter().collect()
    }

    /// `[N, C, H, W]` to the same shape.
    pub fn forward(&self, x: impl Into<Dual<4>>) -> Dual<4> {
        let x = x.into();
        let [n_channels] = self.weight.dims();
        let slopes = self.weight.val().reshape([1, n_channels, 1, 1]);
        let positive = relu(x.clone());
        positive.clone() + (x - positive) * slopes
    }
}
