//! Affine map of feature vectors.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use gannet_kernels::{affine, linear};

use super::activation::{SLOPE, leaky_relu};
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

/// `[N, in]` through `hidden` layers, leaky ReLU behind each, and where there is one through a `last` layer: `[N, out]`.
pub fn through_layers(x: Dual<2>, hidden: &[Linear], last: Option<&Linear>) -> Dual<2> {
    let all = hidden.iter().map(|layer| (layer, SLOPE)).chain(last.map(|layer| (layer, 1.0)));
    let plain = |(layer, slope): (&Linear, f32)| {
        let bias = layer.bias.as_ref().filter(|_| layer.scale.is_none() && layer.gain == 1.0)?;
        Some((layer.weight.val(), bias.val(), slope))
    };
    let at_once = all.map(plain).collect::<Option<Vec<_>>>();
    if let Some(y) = at_once.and_then(|layers| x.layered(&layers)) {
        return y;
    }
    let x = hidden.iter().fold(x, |x, layer| leaky_relu(layer.forward(x)));
    match last {
        Some(layer) => layer.forward(x),
        None => x,
    }
}
