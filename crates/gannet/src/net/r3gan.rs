//! Grouped residual networks without normalization: Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN
//! Baseline", section 4 and figure 4.
//!
//! Each stage has a size; between stages images are halved or doubled with a low-pass filter and a 1x1 convolution. A
//! block is 1x1, grouped 3x3, 1x1, and starts as the identity (Zhang et al. 2019, "Fixup Initialization"). The critic
//! mirrors the generator.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::ladder::{self, Ladder};
use super::{LayerPlan, MAX_SIZE, Subject};
use crate::image::Shape;
use crate::nn::activation::leaky_relu;
use crate::nn::resample::{filtered_down, filtered_up};
use crate::nn::{Conv2d, ConvConfig, Dual, Init, Linear, LinearConfig, Weights};

/// How much wider a block is inside.
const EXPANSION: usize = 2;
/// Convolutions of a block.
const N_CONVS: f32 = 3.0;
/// He's gain for a leaky ReLU of slope 0.2: √(2 / (1 + 0.2²)).
const GAIN: f32 = 1.386_750_5;

/// Size of both networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct R3ganConfig {
    /// Length of a latent vector.
    pub latent: usize,
    /// Channels at the size of the image; each halving doubles them, up to `max_multiple` times.
    pub width: usize,
    /// See `width`.
    pub max_multiple: usize,
    /// Residual blocks of each stage.
    pub blocks: usize,
    /// Groups of the 3x3 convolutions.
    pub groups: usize,
}

impl Default for R3ganConfig {
    fn default() -> Self {
        Self { latent: 64, width: 16, max_multiple: 8, blocks: 2, groups: 2 }
    }
}

impl R3ganConfig {
    pub(super) fn problems(&self, shape: Shape) -> Vec<String> {
        let sizes = [
            ("latent", self.latent, MAX_SIZE),
            ("width", self.width, MAX_SIZE),
            ("max_multiple", self.max_multiple, 64),
            ("blocks", self.blocks, 64),
            ("groups", self.groups, MAX_SIZE),
        ];
        let out_of_range = sizes.into_iter().filter_map(|(name, value, most)| super::out_of_range(name, value, most));
        let mut problems: Vec<String> = out_of_range.chain(ladder::problem("r3gan", shape)).collect();
        let inside = EXPANSION * self.width;
        if self.groups > 0 && !inside.is_multiple_of(self.groups) {
            problems.push(format!(
                "method.net.groups is {}, accepted: a divisor of 2 method.net.width, {inside}",
                self.groups
            ));
        }
        problems
    }

    /// Sizes from the base to the image, with the channels at each.
    fn stages(&self, shape: Shape) -> Vec<([usize; 2], usize)> {
        let Ladder { sizes, .. } = Ladder::new(shape, self.width, self.max_multiple);
        let n_halvings = sizes.len() - 1;
        let multiple = |i: usize| self.max_multiple.min(1 << (n_halvings - i).min(16));
        sizes.into_iter().enumerate().map(|(i, size)| (size, self.width * multiple(i))).collect()
    }

    /// Of the stages, from the base to the image.
    pub(crate) fn sizes(&self, shape: Shape) -> Vec<[usize; 2]> {
        self.stages(shape).into_iter().map(|(size, _)| size).collect()
    }

    fn block_plan(&self, [h, w]: [usize; 2], c: usize) -> LayerPlan {
        let inside = EXPANSION * c;
        let n_parameters = inside * (c + 1) + inside * (inside / self.groups * 9 + 1) + c * inside;
        LayerPlan { name: "residual block 1x1, 3x3 grouped, 1x1".into(), output: [c, h, w], n_parameters }
    }

    pub(super) fn generator_plan(&self, subject: Subject) -> Vec<LayerPlan> {
        let mut layers = vec![];
        let mut inner = None;
        for (size, c) in self.stages(subject.shape) {
            let [h, w] = size;
            layers.push(match inner {
                None => {
                    let n_linear = (self.latent + subject.n_condition()) * c;
                    LayerPlan { name: "basis".into(), output: [c, h, w], n_parameters: n_linear + c * h * w }
                }
                Some(inner) => LayerPlan { name: "conv 1x1, up".into(), output: [c, h, w], n_parameters: inner * c },
            });
            layers.extend(std::iter::repeat_n(self.block_plan(size, c), self.blocks));
            inner = Some(c);
        }
        let Shape { channels, height, width } = subject.shape;
        let n_parameters = self.width * channels;
        layers.push(LayerPlan { name: "conv 1x1".into(), output: [channels, height, width], n_parameters });
        layers
    }

    pub(super) fn trunk_plan(&self, shape: Shape) -> (Vec<LayerPlan>, usize) {
        let mut layers = vec![];
        let (mut inner, mut name) = (shape.channels, "conv 1x1");
        let stages = self.stages(shape);
        for &(size, c) in stages.iter().rev() {
            layers.push(LayerPlan { name: name.into(), output: [c, size[0], size[1]], n_parameters: inner * c });
            layers.extend(std::iter::repeat_n(self.block_plan(size, c), self.blocks));
            (inner, name) = (c, "down, conv 1x1");
        }
        let ([h, w], c) = stages[0];
        layers.push(LayerPlan { name: "basis".into(), output: [c, 1, 1], n_parameters: c * h * w });
        (layers, c)
    }
}

/// Adds a correction to its input, at first none.
#[derive(Module, Debug)]
struct Block {
    expand: Conv2d,
    grouped: Conv2d,
    project: Conv2d,
}

impl Block {
    fn new(config: &R3ganConfig, n_channels: usize, n_blocks: usize, init: &mut Init) -> Self {
        // Fixup: with L blocks of m layers, all layers but the last of each are scaled by L^(-1 / (2m - 2)).
        let gain = GAIN * (n_blocks as f32).powf(-1.0 / (2.0 * N_CONVS - 2.0));
        let inside = EXPANSION * n_channels;
        let conv = |io, size| ConvConfig { has_bias: true, weights: Weights::He(gain), ..ConvConfig::same(io, size) };
        Self {
            expand: conv([n_channels, inside], 1).init(init),
            grouped: ConvConfig { groups: config.groups, ..conv([inside, inside], 3) }.init(init),
            project: ConvConfig { weights: Weights::Zero, ..ConvConfig::same([inside, n_channels], 1) }.init(init),
        }
    }

    fn forward(&self, x: Dual<4>) -> Dual<4> {
        let y = leaky_relu(self.expand.forward(x.clone()));
        let y = leaky_relu(self.grouped.forward(y));
        x + self.project.forward(y)
    }
}

/// The blocks of one size, and the way to the next one.
#[derive(Module, Debug)]
struct Stage {
    blocks: Vec<Block>,
    transition: Option<Conv2d>,
}

fn transition(io: [usize; 2]) -> ConvConfig {
    ConvConfig { weights: Weights::He(1.0), ..ConvConfig::same(io, 1) }
}

/// Latents to images.
#[derive(Module, Debug)]
pub struct R3ganGenerator {
    /// Latents to the weight of each channel of the basis.
    input: Linear,
    /// `[C, h, w]`: what each channel of the base looks like.
    basis: Param<Tensor<3>>,
    stages: Vec<Stage>,
    output: Conv2d,
    sizes: Vec<[usize; 2]>,
}

impl R3ganGenerator {
    pub(super) fn new(config: &R3ganConfig, subject: Subject, init: &mut Init) -> Self {
        let stages = config.stages(subject.shape);
        let ([h, w], c) = stages[0];
        let n_blocks = stages.len() * config.blocks;
        let input = LinearConfig {
            has_bias: false,
            weights: Weights::He(1.0),
            ..LinearConfig::new(config.latent + subject.n_condition(), c)
        };
        Self {
            input: input.init(init),
            basis: init.normal([c, h, w], 0.0, 1.0),
            stages: (0..stages.len())
                .map(|i| Stage {
                    blocks: (0..config.blocks).map(|_| Block::new(config, stages[i].1, n_blocks, init)).collect(),
                    transition: stages.get(i + 1).map(|next| transition([stages[i].1, next.1]).init(init)),
                })
                .collect(),
            output: transition([config.width, subject.shape.channels]).init(init),
            sizes: stages.iter().map(|stage| stage.0).collect(),
        }
    }

    /// `[N, latent]` to `[N, C, H, W]`, about in [-1, 1]: nothing squashes the output.
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let [n, _] = latents.dims();
        let [c, h, w] = self.basis.dims();
        let shares = self.input.forward(latents).value.reshape([n, c, 1, 1]);
        let mut x = Dual::from(shares * self.basis.val().reshape([1, c, h, w]));
        for (i, Stage { blocks, transition }) in self.stages.iter().enumerate() {
            x = blocks.iter().fold(x, |x, block| block.forward(x));
            if let Some(transition) = transition {
                x = filtered_up(transition.forward(x), self.sizes[i + 1]);
            }
        }
        self.output.forward(x).value
    }
}

/// Images to features.
#[derive(Module, Debug)]
pub(super) struct R3ganTrunk {
    input: Conv2d,
    stages: Vec<Stage>,
    /// `[C, h, w]`: what each channel of the base is compared with.
    basis: Param<Tensor<3>>,
}

impl R3ganTrunk {
    pub(super) fn new(config: &R3ganConfig, shape: Shape, init: &mut Init) -> Self {
        let stages = config.stages(shape);
        let n_blocks = stages.len() * config.blocks;
        let ([h, w], c) = stages[0];
        let std = GAIN / ((h * w) as f32).sqrt();
        Self {
            input: transition([shape.channels, config.width]).init(init),
            stages: (0..stages.len())
                .rev()
                .map(|i| Stage {
                    blocks: (0..config.blocks).map(|_| Block::new(config, stages[i].1, n_blocks, init)).collect(),
                    transition: i.checked_sub(1).map(|next| transition([stages[i].1, stages[next].1]).init(init)),
                })
                .collect(),
            basis: init.normal([c, h, w], 0.0, std),
        }
    }

    /// `[N, C, H, W]` to `[N, C]`.
    pub(super) fn forward(&self, images: Dual<4>) -> Dual<2> {
        let mut x = self.input.forward(images);
        for Stage { blocks, transition } in &self.stages {
            x = blocks.iter().fold(x, |x, block| block.forward(x));
            if let Some(transition) = transition {
                x = transition.forward(filtered_down(x));
            }
        }
        let [n, c, h, w] = x.value.dims();
        let compared = x * self.basis.val().reshape([1, c, h, w]);
        compared.linear(|x| x.reshape([n, c, h * w]).sum_dim(2).reshape([n, c]))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::net::{Condition, NetConfig};
    use crate::random::Purpose;

    #[test]
    fn images_of_any_size_are_generated_and_criticized_as_planned() {
        let device = Device::default().autodiff();
        for (height, width) in [(28, 28), (16, 24), (13, 18)] {
            let shape = Shape { channels: 3, height, width };
            let config = R3ganConfig { latent: 5, width: 4, max_multiple: 2, blocks: 2, groups: 4 };
            assert_eq!(config.problems(shape), [""; 0]);
            let net = NetConfig::R3gan(config);
            let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
            let generator = net.generator(shape, &mut init);
            let critic = net.critic(shape, Condition::None, &mut init);
            let fake = generator.forward(Tensor::ones([2, 5], &device), None);
            assert_eq!(fake.dims(), [2, 3, height, width]);
            assert_eq!(critic.forward(fake, None).value.dims(), [2]);
            let [generator_plan, critic_plan] = net.plan(shape.into(), Condition::None);
            assert_eq!(generator_plan.n_parameters() as usize, generator.num_params());
            assert_eq!(critic_plan.n_parameters() as usize, critic.num_params());
        }
    }
}
