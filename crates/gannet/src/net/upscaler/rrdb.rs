//! RRDBNet, the generator of ESRGAN: Wang et al. 2018, "ESRGAN: Enhanced Super-Resolution Generative Adversarial
//! Networks", section 3.1 and figure 4.
//!
//! Tensors have the names of BasicSR, so that published weights fit as they are: `conv_first`, `body.N.rdb1.conv1` ...
//! Below a scale of 4, the input is folded: blocks of pixels become channels (Wang et al. 2021, "Real-ESRGAN", section
//! 3.3), and the network enlarges these by 4.
//!
//! On request, what the network makes is added to the input enlarged by a filter (`skip`, which published networks lack): one
//! that is trained for an hour then begins where the bicubic filter ends, and not with learning to repeat its input.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::pass::Pass;
use super::{count, shape};
use crate::nn::state::Tensors;
use crate::nn::{Conv2d, ConvConfig, Init, Weights};

/// Share of a block in what it adds to (section 3.1).
const RESIDUAL_SHARE: f32 = 0.2;
/// What the part behind the folding enlarges by.
const CORE_SCALE: usize = 4;
/// First weights are smaller than He et al.'s by this factor (Wang et al. 2018, section 3.1: "smaller initialization").
const INIT_GAIN: f32 = 0.1 * std::f32::consts::SQRT_2;

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RrdbConfig {
    /// Of the images.
    pub channels: usize,
    /// 4, 2 or 1.
    pub scale: usize,
    /// Channels of the trunk.
    pub width: usize,
    /// Channels that each convolution of a dense block adds.
    pub growth: usize,
    /// Residual-in-residual dense blocks.
    pub blocks: usize,
    /// Whether the input goes around the network, through a filter that starts as the bicubic one.
    pub skip: bool,
}

/// That of the paper, section 4.1: 23 blocks.
impl Default for RrdbConfig {
    fn default() -> Self {
        Self { channels: 3, scale: 4, width: 64, growth: 32, blocks: 23, skip: false }
    }
}

impl RrdbConfig {
    /// Side of the blocks of pixels that become channels.
    pub(super) fn folding(&self) -> usize {
        (CORE_SCALE / self.scale.max(1)).max(1)
    }

    /// The network whose tensors these are, if they are one's.
    pub(super) fn of(tensors: &Tensors) -> Option<Self> {
        let [width, n_folded, ..] = shape::<4>(tensors, "conv_first.weight")?;
        let [growth, ..] = shape::<4>(tensors, "body.0.rdb1.conv1.weight")?;
        let [channels, ..] = shape::<4>(tensors, "conv_last.weight")?;
        let scale = match n_folded.checked_div(channels)? {
            1 => 4,
            4 => 2,
            16 => 1,
            _ => return None,
        };
        let blocks = count(tensors, "body.", ".rdb1.conv1.weight");
        Some(Self { channels, scale, width, growth, blocks, skip: tensors.contains_key("skip.weight") })
    }
}

fn conv(n_in: usize, n_out: usize, init: &mut Init) -> Conv2d {
    let config = ConvConfig::same([n_in, n_out], 3);
    ConvConfig { has_bias: true, weights: Weights::He(INIT_GAIN), ..config }.init(init)
}

/// Pixels that a bicubic filter sees in each direction, and one more, so that all phases have the same middle.
const SKIP_SIZE: usize = 5;

/// `[N, C, H, W]` to `[N, scale² C, H, W]`, whose channels are the pixels of the bicubic enlargement.
fn bicubic(config: &RrdbConfig, init: &mut Init) -> Conv2d {
    let RrdbConfig { channels, scale, .. } = *config;
    // Where the pixels of an enlargement lie between those of the input, and what each of these counts there.
    let taps = |phase: usize| -> [f32; SKIP_SIZE] {
        let at = (phase as f32 + 0.5) / scale as f32 - 0.5;
        std::array::from_fn(|tap| keys((tap as f32 - (SKIP_SIZE / 2) as f32 - at).abs()))
    };
    let layer =
        ConvConfig { weights: Weights::Zero, ..ConvConfig::same([channels, scale * scale * channels], SKIP_SIZE) };
    let mut values = vec![0.0; scale * scale * channels * channels * SKIP_SIZE * SKIP_SIZE];
    for (place, kernel) in values.chunks_exact_mut(SKIP_SIZE * SKIP_SIZE).enumerate() {
        let [made, seen] = [place / channels, place % channels];
        let [channel, phase] = [made / (scale * scale), made % (scale * scale)];
        if channel == seen {
            let [rows, columns] = [phase / scale, phase % scale].map(taps);
            kernel
                .iter_mut()
                .enumerate()
                .for_each(|(at, value)| *value = rows[at / SKIP_SIZE] * columns[at % SKIP_SIZE]);
        }
    }
    let mut layer = layer.init(init);
    layer.weight = init.given(values, layer.weight.dims());
    layer
}

/// The cubic kernel at `x` pixels from its middle (Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing",
/// eq. 15).
fn keys(x: f32) -> f32 {
    match x {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

/// Five convolutions, each of which sees all before it.
#[derive(Module, Debug)]
struct DenseBlock {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    conv4: Conv2d,
    conv5: Conv2d,
}

impl DenseBlock {
    fn new(config: &RrdbConfig, init: &mut Init) -> Self {
        let RrdbConfig { width, growth, .. } = *config;
        let mut step = |i: usize, n_out: usize| conv(width + i * growth, n_out, init);
        Self {
            conv1: step(0, growth),
            conv2: step(1, growth),
            conv3: step(2, growth),
            conv4: step(3, growth),
            conv5: step(4, width),
        }
    }

    fn walk<P: Pass>(&self, x: P::Value, pass: &mut P) -> P::Value {
        let y = pass.conv(&x, &self.conv1);
        let mut seen = vec![x.clone(), pass.leaky(&y)];
        for layer in [&self.conv2, &self.conv3, &self.conv4] {
            let all = pass.cat(&seen);
            let y = pass.conv(&all, layer);
            seen.push(pass.leaky(&y));
        }
        let all = pass.cat(&seen);
        let y = pass.conv(&all, &self.conv5);
        pass.sum(&y, RESIDUAL_SHARE, &x)
    }
}

/// Three dense blocks and a way around them.
#[derive(Module, Debug)]
struct Block {
    rdb1: DenseBlock,
    rdb2: DenseBlock,
    rdb3: DenseBlock,
}

impl Block {
    fn walk<P: Pass>(&self, x: P::Value, pass: &mut P) -> P::Value {
        let mut y = x.clone();
        for block in [&self.rdb1, &self.rdb2, &self.rdb3] {
            y = block.walk(y, pass);
        }
        pass.sum(&y, RESIDUAL_SHARE, &x)
    }
}

/// Small images to large ones.
#[derive(Module, Debug)]
pub struct Rrdb {
    conv_first: Conv2d,
    body: Vec<Block>,
    conv_body: Conv2d,
    conv_up1: Conv2d,
    conv_up2: Conv2d,
    conv_hr: Conv2d,
    conv_last: Conv2d,
    skip: Option<Conv2d>,
    folding: usize,
}

impl Rrdb {
    pub(super) fn new(config: &RrdbConfig, init: &mut Init) -> Self {
        let (width, folding) = (config.width, config.folding());
        let conv_first = conv(config.channels * folding * folding, width, init);
        let mut dense = || DenseBlock::new(config, init);
        let body = (0..config.blocks).map(|_| Block { rdb1: dense(), rdb2: dense(), rdb3: dense() }).collect();
        let [conv_body, conv_up1, conv_up2, conv_hr] = std::array::from_fn(|_| conv(width, width, init));
        let conv_last = conv(width, config.channels, init);
        let skip = config.skip.then(|| bicubic(config, init));
        Self { conv_first, body, conv_body, conv_up1, conv_up2, conv_hr, conv_last, skip, folding }
    }

    pub(super) fn input_channels(&self) -> usize {
        let [_, n_folded, ..] = self.conv_first.weight.dims();
        n_folded / (self.folding * self.folding)
    }

    pub(super) fn walk<P: Pass>(&self, image: P::Value, pass: &mut P) -> P::Value {
        let x = if self.folding > 1 { pass.unshuffle(&image, self.folding) } else { image.clone() };
        let first = pass.conv(&x, &self.conv_first);
        let mut y = first.clone();
        for block in &self.body {
            y = block.walk(y, pass);
        }
        let y = pass.conv(&y, &self.conv_body);
        let mut y = pass.sum(&y, 1.0, &first);
        for layer in [&self.conv_up1, &self.conv_up2] {
            let large = pass.nearest(&y, 2);
            let large = pass.conv(&large, layer);
            y = pass.leaky(&large);
        }
        let y = pass.conv(&y, &self.conv_hr);
        let y = pass.leaky(&y);
        let y = pass.conv(&y, &self.conv_last);
        let Some(skip) = &self.skip else { return y };
        let around = pass.conv(&image, skip);
        let around = pass.shuffle(&around, CORE_SCALE / self.folding);
        pass.sum(&y, 1.0, &around)
    }
}
