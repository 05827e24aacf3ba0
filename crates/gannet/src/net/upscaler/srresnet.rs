//! SRResNet, the generator of SRGAN: Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative
//! Adversarial Network", section 2.1 and figure 4.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::pass::Pass;
use super::{count, shape};
use crate::nn::state::Tensors;
use crate::nn::{BatchNorm, Conv2d, ConvConfig, Init, Prelu, Weights};

/// Side of the first and the last kernel, and of all others (figure 4).
const KERNELS: [usize; 2] = [9, 3];

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SrresnetConfig {
    /// Of the images.
    pub channels: usize,
    /// 1, or a power of 2: every doubling is a layer.
    pub scale: usize,
    /// Channels of the trunk.
    pub width: usize,
    /// Residual blocks.
    pub blocks: usize,
}

/// That of the paper: 16 blocks.
impl Default for SrresnetConfig {
    fn default() -> Self {
        Self { channels: 3, scale: 4, width: 64, blocks: 16 }
    }
}

impl SrresnetConfig {
    /// The network whose tensors these are, if they are one's.
    pub(super) fn of(tensors: &Tensors) -> Option<Self> {
        let [width, channels, ..] = shape::<4>(tensors, "first.weight")?;
        shape::<4>(tensors, "last.weight")?;
        let n_doublings = count(tensors, "up.", ".conv.weight");
        let scale = 1usize.checked_shl(u32::try_from(n_doublings).ok()?)?;
        Some(Self { channels, scale, width, blocks: count(tensors, "body.", ".conv1.weight") })
    }
}

fn conv(channels: [usize; 2], kernel: usize, init: &mut Init) -> Conv2d {
    let config = ConvConfig::same(channels, kernel);
    ConvConfig { has_bias: true, weights: Weights::FanIn, ..config }.init(init)
}

/// Two convolutions and a way around them.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    norm1: BatchNorm,
    prelu: Prelu,
    conv2: Conv2d,
    norm2: BatchNorm,
}

impl Block {
    fn new(width: usize, init: &mut Init) -> Self {
        Self {
            conv1: conv([width; 2], KERNELS[1], init),
            norm1: BatchNorm::new(width, 0.0, init),
            prelu: Prelu::new(width, init),
            conv2: conv([width; 2], KERNELS[1], init),
            norm2: BatchNorm::new(width, 0.0, init),
        }
    }

    fn walk<P: Pass>(&self, x: P::Value, pass: &mut P) -> P::Value {
        let y = pass.conv(&x, &self.conv1);
        let y = pass.norm(&y, &self.norm1);
        let y = pass.prelu(&y, &self.prelu);
        let y = pass.conv(&y, &self.conv2);
        let y = pass.norm(&y, &self.norm2);
        pass.sum(&y, 1.0, &x)
    }
}

/// Twice the size.
#[derive(Module, Debug)]
struct Doubling {
    conv: Conv2d,
    prelu: Prelu,
}

/// Small images to large ones.
#[derive(Module, Debug)]
pub struct Srresnet {
    first: Conv2d,
    prelu: Prelu,
    body: Vec<Block>,
    conv: Conv2d,
    norm: BatchNorm,
    up: Vec<Doubling>,
    last: Conv2d,
}

impl Srresnet {
    pub(super) fn new(config: &SrresnetConfig, init: &mut Init) -> Self {
        let SrresnetConfig { channels, scale, width, blocks } = *config;
        let first = conv([channels, width], KERNELS[0], init);
        let prelu = Prelu::new(width, init);
        let body = (0..blocks).map(|_| Block::new(width, init)).collect();
        let mut doubling =
            || Doubling { conv: conv([width, 4 * width], KERNELS[1], init), prelu: Prelu::new(width, init) };
        let up = (0..scale.ilog2()).map(|_| doubling()).collect();
        Self {
            first,
            prelu,
            body,
            conv: conv([width; 2], KERNELS[1], init),
            norm: BatchNorm::new(width, 0.0, init),
            up,
            last: conv([width, channels], KERNELS[0], init),
        }
    }

    pub(super) fn input_channels(&self) -> usize {
        self.first.weight.dims()[1]
    }

    pub(super) fn walk<P: Pass>(&self, x: P::Value, pass: &mut P) -> P::Value {
        let first = pass.conv(&x, &self.first);
        let first = pass.prelu(&first, &self.prelu);
        let mut y = first.clone();
        for block in &self.body {
            y = block.walk(y, pass);
        }
        let y = pass.conv(&y, &self.conv);
        let y = pass.norm(&y, &self.norm);
        let mut y = pass.sum(&y, 1.0, &first);
        for Doubling { conv, prelu } in &self.up {
            y = pass.conv(&y, conv); // [N, 4 width, H, W]
            y = pass.shuffle(&y, 2); // [N, width, 2 H, 2 W]
            y = pass.prelu(&y, prelu);
        }
        pass.conv(&y, &self.last)
    }
}
