//! Residual generators of pictures from pictures: Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer",
//! as Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", appendix 7.2,
//! use them: halved twice, residual blocks, doubled twice.
//!
//! In the widely used PyTorch layout ours are these, with b blocks: `first` is `model.1`, `down.0` and `down.1` are `model.4`
//! and `model.7`, `blocks.i.first` and `.second` are `model.{10 + i}.conv_block.1` and `.5`, `up.0` and `up.1` are `model.{10 +
//! b}` and `model.{13 + b}`, `last` is `model.{17 + b}`; a norm has the number after its convolution's.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::translator::Normalization;
use super::{LayerPlan, MAX_SIZE, PictureNorm};
use crate::image::Shape;
use crate::nn::activation::tanh;
use crate::nn::{Conv2d, ConvConfig, ConvTranspose2d, Dual, Init, reflect};

/// Sides of a picture are multiples of this: it is halved twice.
pub(super) const MULTIPLE: usize = 4;

/// The shortest side of a picture: a quarter of it is still reflected at its edges.
pub(super) const LEAST: usize = 8;

/// More residual blocks than this are taken for a typing error.
const MAX_BLOCKS: usize = 100;

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResnetGeneratorConfig {
    /// Channels of the layer next to the picture; each of the two halvings doubles them (appendix 7.2: 64).
    pub width: usize,
    /// Residual blocks (appendix 7.2: 6 for 128 pixels, 9 for 256 and more).
    pub blocks: usize,
    /// How layers are normalized: `instance` or `batch`.
    pub norm: PictureNorm,
}

impl Default for ResnetGeneratorConfig {
    fn default() -> Self {
        Self { width: 64, blocks: 6, norm: PictureNorm::Instance }
    }
}

impl ResnetGeneratorConfig {
    pub(super) fn problems(&self, shape: Shape) -> Vec<String> {
        let sizes = [("width", self.width, MAX_SIZE), ("blocks", self.blocks, MAX_BLOCKS)];
        let mut problems: Vec<String> =
            sizes.into_iter().filter_map(|(name, value, most)| super::out_of_range(name, value, most)).collect();
        if ![shape.height, shape.width].iter().all(|&side| side.is_multiple_of(MULTIPLE) && side >= LEAST) {
            problems.push(format!(
                "pictures are {shape}, the resnet translators need sides that are multiples of {MULTIPLE}, from {LEAST} up; set \
                 data.size"
            ));
        }
        problems
    }

    /// Halving or, transposed, doubling.
    fn step(&self, io: [usize; 2]) -> ConvConfig {
        ConvConfig { stride: 2, padding: 1, ..self.norm.conv(io, 3) }
    }

    pub(super) fn plan(&self, Shape { channels: c, height: h, width: w }: Shape) -> Vec<LayerPlan> {
        let n = self.width;
        let layer = |name: &str, conv, divisor| self.norm.planned(name, conv, [h / divisor, w / divisor], true);
        let mut layers = vec![
            layer("conv 7x7", self.norm.conv([c, n], 7), 1),
            layer("conv 3x3 / 2", self.step([n, 2 * n]), 2),
            layer("conv 3x3 / 2", self.step([2 * n, 4 * n]), 4),
        ];
        let inner = self.norm.conv([4 * n, 4 * n], 3);
        layers.extend((0..2 * self.blocks).map(|_| layer("residual conv 3x3", inner, 4)));
        layers.push(layer("transposed conv 3x3 * 2", self.step([4 * n, 2 * n]), 2));
        layers.push(layer("transposed conv 3x3 * 2", self.step([2 * n, n]), 1));
        let last = ConvConfig { has_bias: true, ..self.norm.conv([n, c], 7) };
        layers.push(self.norm.planned("conv 7x7, tanh", last, [h, w], false));
        layers
    }

    /// A new generator for pictures of `shape`.
    pub fn init(&self, shape: Shape, init: &mut Init) -> ResnetGenerator {
        ResnetGenerator::new(self, shape, init)
    }

    /// Channels, height and width of the features that [`ResnetGenerator::features`] takes of pictures of `shape`: the
    /// pixels themselves, both halving convolutions, the first block and the last one of the first half (Park et al. 2020,
    /// "Contrastive Learning for Unpaired Image-to-Image Translation", appendix on training: of nine blocks the fifth).
    pub fn features(&self, Shape { channels: c, height: h, width: w }: Shape) -> Vec<[usize; 3]> {
        let n = self.width;
        let behind_blocks = (0..n_encoding(self.blocks)).filter(|&i| is_tapped(i, self.blocks));
        let mut features = vec![[c, h, w], [2 * n, h / 2, w / 2], [4 * n, h / 4, w / 4]];
        features.extend(behind_blocks.map(|_| [4 * n, h / 4, w / 4]));
        features
    }
}

/// A convolution and its norm.
#[derive(Module, Debug)]
struct Layer {
    conv: Conv2d,
    norm: Normalization,
}

impl Layer {
    fn forward(&self, x: Dual<4>, slope: f32) -> Dual<4> {
        self.norm.forward(self.conv.forward(x), slope)
    }
}

/// A transposed convolution and its norm.
#[derive(Module, Debug)]
struct Up {
    conv: ConvTranspose2d,
    norm: Normalization,
}

/// Two layers whose output is added to their input.
#[derive(Module, Debug)]
struct Block {
    first: Layer,
    second: Layer,
}

impl Block {
    fn forward(&self, x: Dual<4>) -> Dual<4> {
        let inner = self.first.forward(reflect(x.clone(), 1), 0.0);
        x + self.second.forward(reflect(inner, 1), 1.0)
    }
}

/// How many of `n_blocks` belong to the encoder, the first half of the network: five of nine.
fn n_encoding(n_blocks: usize) -> usize {
    n_blocks.div_ceil(2)
}

/// Whether features are taken behind block `i`: the encoder's first and its last one.
fn is_tapped(i: usize, n_blocks: usize) -> bool {
    i == 0 || i + 1 == n_encoding(n_blocks)
}

/// Pictures to pictures.
#[derive(Module, Debug)]
pub struct ResnetGenerator {
    first: Layer,
    down: Vec<Layer>,
    blocks: Vec<Block>,
    up: Vec<Up>,
    last: Conv2d,
}

impl ResnetGenerator {
    fn new(config: &ResnetGeneratorConfig, shape: Shape, init: &mut Init) -> Self {
        let ResnetGeneratorConfig { width: n, blocks: n_blocks, norm } = *config;
        let layer = |conv: ConvConfig, init: &mut Init| Layer {
            conv: conv.init(init),
            norm: norm.layer(conv.channels[1], init),
        };
        let first = layer(norm.conv([shape.channels, n], 7), init);
        let down = [[n, 2 * n], [2 * n, 4 * n]].map(|io| layer(config.step(io), init)).into();
        let inner = norm.conv([4 * n, 4 * n], 3);
        let blocks = (0..n_blocks).map(|_| Block { first: layer(inner, init), second: layer(inner, init) }).collect();
        let up = [[4 * n, 2 * n], [2 * n, n]].map(|io| Up {
            conv: ConvConfig { output_padding: 1, ..config.step(io) }.init_transposed(init),
            norm: norm.layer(io[1], init),
        });
        let last = ConvConfig { has_bias: true, ..norm.conv([n, shape.channels], 7) };
        Self { first, down, blocks, up: up.into(), last: last.init(init) }
    }

    /// `[N, C, H, W]` in [-1, 1] to the same shape and range.
    pub fn forward(&self, source: Tensor<4>) -> Tensor<4> {
        let encoded = self.encode(source, |_| {});
        self.decode(encoded)
    }

    /// As [`forward`](Self::forward), with the [`features`](Self::features) of the source, which lie on the way.
    pub fn forward_with_features(&self, source: Tensor<4>) -> (Tensor<4>, Vec<Tensor<4>>) {
        let mut features = vec![];
        let encoded = self.encode(source, |x| features.push(x.clone()));
        (self.decode(encoded), features)
    }

    /// What the encoder makes of pictures `[N, C, H, W]`, of the shapes that [`ResnetGeneratorConfig::features`] tells.
    pub fn features(&self, source: Tensor<4>) -> Vec<Tensor<4>> {
        let mut features = vec![];
        self.encode(source, |x| features.push(x.clone()));
        features
    }

    /// The first half of the network, which shows `tap` the features of `source`.
    fn encode(&self, source: Tensor<4>, mut tap: impl FnMut(&Tensor<4>)) -> Dual<4> {
        tap(&source);
        let mut x = self.first.forward(reflect(source, 3), 0.0);
        for Layer { conv, norm } in &self.down {
            x = conv.forward(x); // [N, channels, H / 2, W / 2]
            tap(&x.value);
            x = norm.forward(x, 0.0);
        }
        for (i, block) in self.blocks[..n_encoding(self.blocks.len())].iter().enumerate() {
            x = block.forward(x);
            if is_tapped(i, self.blocks.len()) {
                tap(&x.value);
            }
        }
        x
    }

    fn decode(&self, mut x: Dual<4>) -> Tensor<4> {
        for block in &self.blocks[n_encoding(self.blocks.len())..] {
            x = block.forward(x);
        }
        for Up { conv, norm } in &self.up {
            x = norm.forward(conv.forward(x), 0.0); // [N, channels, 2 H, 2 W]
        }
        tanh(self.last.forward(reflect(x, 3))).value
    }
}
