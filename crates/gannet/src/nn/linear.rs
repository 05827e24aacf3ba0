//! Affine map of feature vectors.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use gannet_kernels::{affine, linear};

use super::scale::{self, Scaling};
use super::{Buffer, Dual, Init, Weights};

/// What a [`Linear`] layer will be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearConfig {
    /// Input and output features.
    pub features: [usize; 2],
    /// Whether a bias is added.
    pub has_bias: bool,
    /// First weights.
    pub weights: Weights,
    /// How they are scaled in use.
    pub scaling: Scaling,
}

impl LinearConfig {
    /// With a bias, weights and bias uniform in ±1/√in as PyTorch starts them.
    pub fn new(n_in: usize, n_out: usize) -> Self {
        Self { features: [n_in, n_out], has_bias: true, weights: Weights::FanIn, scaling: Scaling::Plain }
    }

    /// The layer.
    pub fn init(self, init: &mut Init) -> Linear {
        let Self { features: [n_in, n_out], has_bias, weights, scaling } = self;
        let weight = init.weights(weights, [n_out, n_in], [n_in, n_out]);
        let bias = has_bias.then(|| match weights {
            Weights::FanIn => init.weights(weights, [n_out], [n_in, n_out]),
            _ => init.constant([n_out], 0.0),
        });
        let scale = scaling.vector(&weight.val(), init);
        Linear { weight, bias, scale, gain: scaling.gain(n_in) }
    }
}

/// `y = x Wᵀ + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    scale: Option<Buffer>,
    gain: f32,
}

impl Linear {
    /// `[N, in]` to `[N, out]`.
    pub fn forward(&self, x: impl Into<Dual<2>>) -> Dual<2> {
        let weight = scale::effective(self.weight.val(), self.gain, self.scale.as_ref());
        let through = |x| linear(x, weight.clone());
        let y = match &self.bias {
            Some(bias) => {
                let whole = |x| affine(x, weight.clone(), bias.val());
                x.into().affine(whole, through, || bias.val().unsqueeze())
            }
            None => x.into().linear(through),
        };
        if self.scale.is_some() { y.behind_moving_weights() } else { y }
    }
}
