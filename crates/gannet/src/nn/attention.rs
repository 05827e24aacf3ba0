//! Self-attention over the pixels of a feature map: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks",
//! section 3, eqs. 1 to 3.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::activation::softmax;
use super::{Conv2d, ConvConfig, Dual, Init, Scaling, Weights};

/// Adds to each pixel what it gathers from all others. It starts as the identity.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// 1x1, to an eighth of the channels: f of eq. 1.
    pub query: Conv2d,
    /// 1x1, to an eighth of the channels: g of eq. 1.
    pub key: Conv2d,
    /// 1x1, to half of the channels: h of eq. 2.
    pub value: Conv2d,
    /// 1x1, back to all channels: v of eq. 2.
    pub output: Conv2d,
    /// How much of it is added, `[1]`; starts at 0 (eq. 3).
    pub gamma: Param<Tensor<1>>,
}

impl SelfAttention {
    /// For feature maps of `n_channels`.
    pub fn new(n_channels: usize, weights: Weights, scaling: Scaling, init: &mut Init) -> Self {
        let [eighth, half] = [8, 2].map(|share| (n_channels / share).max(1));
        let mut conv = |channels| ConvConfig { weights, scaling, ..ConvConfig::same(channels, 1) }.init(init);
        Self {
            query: conv([n_channels, eighth]),
            key: conv([n_channels, eighth]),
            value: conv([n_channels, half]),
            output: conv([half, n_channels]),
            gamma: init.constant([1], 0.0),
        }
    }

    /// `[N, C, H, W]` to the same shape.
    pub fn forward(&self, x: impl Into<Dual<4>>) -> Dual<4> {
        let x = x.into();
        let [n, _, h, w] = x.value.dims();
        let pixels = |features: Dual<4>| {
            let [_, c, _, _] = features.value.dims();
            features.reshape([n, c, h * w])
        };
        let query = pixels(self.query.forward(x.clone()));
        let key = pixels(self.key.forward(x.clone()));
        let value = pixels(self.value.forward(x.clone()));

        let energy = transpose(query).matmul(key); // [N, pixels that look, pixels looked at]
        let gathered = value.matmul(transpose(softmax(energy, 2))); // [N, C / 2, pixels that look]
        let [_, c, _] = gathered.value.dims();
        x + self.output.forward(gathered.reshape([n, c, h, w])) * self.gamma.val().reshape([1, 1, 1, 1])
    }
}

fn transpose(x: Dual<3>) -> Dual<3> {
    x.linear(|x| x.swap_dims(1, 2))
}
