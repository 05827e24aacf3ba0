//! The critic of SRGAN and ESRGAN: pairs of convolutions, the second of each with stride 2, as in the VGG networks, and two
//! dense layers (Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
//! section 2.1.2 and figure 4).

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::{LayerPlan, MAX_SIZE, NetworkPlan};
use crate::image::Shape;
use crate::nn::activation::{SLOPE, leaky_relu};
use crate::nn::{BatchNorm, Conv2d, ConvConfig, Dual, Init, Linear, LinearConfig};

/// Pairs of convolutions; each of them doubles the channels of the one before and halves the size.
const N_PAIRS: usize = 4;

/// Size of the critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VggCriticConfig {
    /// Channels of the first pair (figure 4: 64).
    pub width: usize,
    /// Features of the dense layer (figure 4: 1024).
    pub dense: usize,
}

impl Default for VggCriticConfig {
    fn default() -> Self {
        Self { width: 64, dense: 1024 }
    }
}

impl VggCriticConfig {
    /// What keeps such a critic from judging pictures of `shape`, its settings being called `path`; empty when nothing does.
    pub fn problems(&self, path: &str, shape: Shape) -> Vec<String> {
        let sizes = [("width", self.width), ("dense", self.dense)].into_iter();
        let mut problems: Vec<String> = sizes
            .filter(|(_, value)| !(1..=MAX_SIZE).contains(value))
            .map(|(name, value)| format!("{path}.{name} is {value}, accepted: 1 to {MAX_SIZE}"))
            .collect();
        if shape.height.min(shape.width) < 2 {
            problems.push(format!("data.size is {shape}, accepted: 2 pixels or more a side"));
        }
        problems
    }

    /// Input and output channels and stride of every convolution, for pictures of `n_channels`.
    fn convs(&self, n_channels: usize) -> Vec<ConvConfig> {
        let mut n_in = n_channels;
        let pair = |i: usize| [1, 2].map(|stride| (self.width << i, stride));
        let convs = (0..N_PAIRS).flat_map(pair).enumerate();
        convs
            .map(|(i, (n_out, stride))| {
                // Batch norm, which all but the first have, makes a bias idle.
                let conv = ConvConfig { stride, has_bias: i == 0, ..ConvConfig::same([n_in, n_out], 3) };
                n_in = n_out;
                conv
            })
            .collect()
    }

    /// Height and width behind all convolutions.
    fn last_size(shape: Shape) -> [usize; 2] {
        (0..N_PAIRS).fold([shape.height, shape.width], |size, _| size.map(|side| side.div_ceil(2)))
    }

    /// The layers of a critic of pictures of `shape`.
    pub fn plan(&self, shape: Shape) -> NetworkPlan {
        let mut size = [shape.height, shape.width];
        let mut layers = vec![];
        for (i, ConvConfig { channels: [n_in, n_out], stride, .. }) in self.convs(shape.channels).iter().enumerate() {
            size = size.map(|side| side.div_ceil(*stride));
            let (norm, n_others) = if i == 0 { ("", *n_out) } else { (", batch norm", 2 * n_out) };
            let name = if *stride == 1 { format!("conv 3x3{norm}") } else { format!("conv 3x3 / 2{norm}") };
            layers.push(LayerPlan {
                name,
                output: [*n_out, size[0], size[1]],
                n_parameters: 9 * n_in * n_out + n_others,
            });
        }
        let n_features = (self.width << (N_PAIRS - 1)) * size[0] * size[1];
        for (n_in, n_out) in [(n_features, self.dense), (self.dense, 1)] {
            layers.push(LayerPlan { name: "linear".into(), output: [n_out, 1, 1], n_parameters: (n_in + 1) * n_out });
        }
        NetworkPlan { role: "critic", layers }
    }

    /// A new critic of pictures of `shape`.
    pub fn init(&self, shape: Shape, init: &mut Init) -> VggCritic {
        let block = |(i, conv): (usize, ConvConfig)| Block {
            conv: conv.init(init),
            norm: (i > 0).then(|| BatchNorm::new(conv.channels[1], 0.0, init)),
        };
        let blocks = self.convs(shape.channels).into_iter().enumerate().map(block).collect();
        let [height, width] = Self::last_size(shape);
        let n_features = (self.width << (N_PAIRS - 1)) * height * width;
        let dense = LinearConfig::new(n_features, self.dense).init(init);
        VggCritic { blocks, dense, score: LinearConfig::new(self.dense, 1).init(init) }
    }
}

/// A convolution and, but for the first one, its norm.
#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: Option<BatchNorm>,
}

/// Pictures of one size to scores.
#[derive(Module, Debug)]
pub struct VggCritic {
    blocks: Vec<Block>,
    dense: Linear,
    score: Linear,
}

impl VggCritic {
    /// `[N, C, H, W]` in [-1, 1] to scores `[N]`.
    pub fn forward(&self, pictures: impl Into<Dual<4>>) -> Dual<1> {
        let mut x = pictures.into();
        for Block { conv, norm } in &self.blocks {
            x = conv.forward(x);
            x = match norm {
                Some(norm) => norm.forward_leaky(x, SLOPE),
                None => leaky_relu(x),
            };
        }
        let [n, c, h, w] = x.value.dims();
        let features = leaky_relu(self.dense.forward(x.reshape([n, c * h * w])));
        self.score.forward(features).reshape([n])
    }
}
