//! Residual networks: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", appendix B.4,
//! with the self-attention of Zhang et al. 2019 and the class-conditional blocks of Brock et al. 2019, "Large Scale GAN
//! Training for High Fidelity Natural Image Synthesis", appendix B, where asked.
//!
//! A base follows from the image (`ladder`); each block of the generator doubles the size, each but the last of the
//! critic halves it. The critic is spectrally normalized throughout.

mod route;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub(crate) use route::ResnetRoute;

use super::ladder::{self, Ladder};
use super::{LayerPlan, MAX_SIZE, Subject};
use crate::image::Shape;
use crate::nn::activation::{relu, tanh};
use crate::nn::resample::{average_down, nearest_up};
use crate::nn::{
    BatchNorm, ConditionalBatchNorm, Conv2d, ConvConfig, Dual, Init, Linear, LinearConfig, Scaling, SelfAttention,
    Weights,
};

/// Channels stop doubling at this multiple of the width.
const MAX_MULTIPLE: usize = 8;
/// Values of the class embedding that all blocks share (Brock et al. 2019, appendix B.1).
const N_EMBEDDING: usize = 32;

/// Size of both networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResnetConfig {
    /// Length of a latent vector.
    pub latent: usize,
    /// Channels next to the image; each further halving of the size doubles them, up to eight times.
    pub width: usize,
    /// Height or width, whichever is smaller, of the feature maps whose pixels attend to each other; 0 for none.
    pub attention: usize,
    /// Whether the generator's weights are spectrally normalized too (Zhang et al. 2019, section 3.1).
    pub spectral_generator: bool,
    /// Whether every block of the generator gets a piece of the latent of its own, beside an embedding of the class
    /// that all share (Brock et al. 2019, section 3.1).
    pub skip_latents: bool,
    /// Whether weights start orthogonal (Brock et al. 2019, section 3) rather than after Glorot and Bengio.
    pub orthogonal: bool,
}

impl Default for ResnetConfig {
    fn default() -> Self {
        Self { latent: 128, width: 32, attention: 0, spectral_generator: false, skip_latents: false, orthogonal: false }
    }
}

impl ResnetConfig {
    pub(super) fn problems(&self, shape: Shape) -> Vec<String> {
        let sizes = [("latent", self.latent), ("width", self.width)];
        let out_of_range = sizes.into_iter().filter_map(|(name, value)| super::out_of_range(name, value, MAX_SIZE));
        let mut problems: Vec<String> = out_of_range.chain(ladder::problem("resnet", shape)).collect();
        let Ladder { sizes, .. } = self.ladder(shape);
        let inner: Vec<usize> = sizes.iter().rev().skip(1).map(|size| size[0].min(size[1])).collect();
        if self.attention != 0 && !inner.contains(&self.attention) && problems.is_empty() {
            let inner: Vec<String> = inner.iter().map(usize::to_string).collect();
            let accepted = inner.join(", ");
            problems.push(format!("method.net.attention is {}, accepted: 0 (none), {accepted}", self.attention));
        }
        if self.skip_latents && self.latent < sizes.len() {
            problems.push(format!(
                "method.net.latent is {}, accepted with skip_latents: {} or more",
                self.latent,
                sizes.len()
            ));
        }
        problems
    }

    /// First weights; Glorot's are scaled by `gain`.
    pub(super) fn weights(&self, gain: f32) -> Weights {
        if self.orthogonal { Weights::Orthogonal } else { Weights::Glorot(gain) }
    }

    fn conv(&self, io: [usize; 2], size: usize, gain: f32, scaling: Scaling) -> ConvConfig {
        ConvConfig { has_bias: true, weights: self.weights(gain), scaling, ..ConvConfig::same(io, size) }
    }

    fn ladder(&self, shape: Shape) -> Ladder {
        Ladder::new(shape, self.width, MAX_MULTIPLE)
    }

    /// Values of the latent that the base gets, and that each block gets.
    fn pieces(&self, n_blocks: usize) -> [usize; 2] {
        let each = if self.skip_latents { self.latent / (n_blocks + 1) } else { 0 };
        [self.latent - each * n_blocks, each]
    }

    /// Values that a block's normalization depends on.
    fn n_conditions(&self, subject: Subject, n_blocks: usize) -> usize {
        match subject.n_condition() {
            n if !self.skip_latents => n,
            0 => self.pieces(n_blocks)[1],
            _ => self.pieces(n_blocks)[1] + N_EMBEDDING,
        }
    }

    fn attends(&self, [h, w]: [usize; 2]) -> bool {
        self.attention != 0 && self.attention == h.min(w)
    }

    pub(super) fn generator_plan(&self, subject: Subject) -> Vec<LayerPlan> {
        let Ladder { sizes, channels } = self.ladder(subject.shape);
        let n_blocks = channels.len();
        let n_conditions = self.n_conditions(subject, n_blocks);
        let norm = |c: usize| if n_conditions == 0 { 2 * c } else { 2 * c * n_conditions };
        let [n_base, _] = self.pieces(n_blocks);
        let n_pixels = sizes[0][0] * sizes[0][1];
        let embedding = if self.skip_latents { subject.n_condition() * N_EMBEDDING } else { 0 };
        let mut layers = vec![LayerPlan {
            name: "linear".into(),
            output: [channels[0], sizes[0][0], sizes[0][1]],
            n_parameters: channels[0] * n_pixels * (n_base + 1) + embedding,
        }];
        for (i, &size) in sizes.iter().enumerate().skip(1) {
            let (inner, outer) = (channels[i - 1], *channels.get(i).unwrap_or(&self.width));
            let n_parameters =
                norm(inner) + norm(outer) + conv(inner, outer, 3) + conv(outer, outer, 3) + conv(inner, outer, 1);
            layers.push(LayerPlan {
                name: "residual block, up".into(),
                output: [outer, size[0], size[1]],
                n_parameters,
            });
            layers.extend(self.attends(size).then(|| attention_plan(outer, size)));
        }
        let Shape { channels: c, height, width } = subject.shape;
        layers.push(LayerPlan {
            name: "batch norm, relu, conv 3x3, tanh".into(),
            output: [c, height, width],
            n_parameters: 2 * self.width + conv(self.width, c, 3),
        });
        layers
    }

    pub(super) fn trunk_plan(&self, shape: Shape) -> (Vec<LayerPlan>, usize) {
        let mut layers = vec![];
        let stages = self.stages(shape);
        for &Stage { io: [inner, outer], size, is_halved } in &stages {
            let shortcut = if inner == outer && !is_halved { 0 } else { conv(inner, outer, 1) };
            layers.push(LayerPlan {
                name: if is_halved { "residual block, down, spectral norm" } else { "residual block, spectral norm" }
                    .into(),
                output: [outer, size[0], size[1]],
                n_parameters: conv(inner, outer, 3) + conv(outer, outer, 3) + shortcut,
            });
            layers.extend((is_halved && self.attends(size)).then(|| attention_plan(outer, size)));
        }
        (layers, stages.last().map_or(0, |stage| stage.io[1]))
    }

    /// The critic's blocks, from the image to the base.
    fn stages(&self, shape: Shape) -> Vec<Stage> {
        let Ladder { sizes, channels } = self.ladder(shape);
        let mut stages: Vec<Stage> = (0..channels.len())
            .rev()
            .map(|i| Stage {
                io: [*channels.get(i + 1).unwrap_or(&shape.channels), channels[i]],
                size: sizes[i],
                is_halved: true,
            })
            .collect();
        stages.push(Stage { io: [channels[0]; 2], size: sizes[0], is_halved: false });
        stages
    }
}

/// One block of the critic: its channels in and out, the size it puts out, and whether that is half of its input's.
struct Stage {
    io: [usize; 2],
    size: [usize; 2],
    is_halved: bool,
}

fn conv(n_in: usize, n_out: usize, kernel: usize) -> usize {
    n_out * (n_in * kernel * kernel + 1)
}

fn attention_plan(c: usize, [h, w]: [usize; 2]) -> LayerPlan {
    let [eighth, half] = [(c / 8).max(1), (c / 2).max(1)];
    LayerPlan { name: "self-attention".into(), output: [c, h, w], n_parameters: c * 2 * (eighth + half) + 1 }
}

/// Normalization in the generator, told the condition where there is one.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a few of them live as long as the network")]
enum BlockNorm {
    Plain(BatchNorm),
    Conditional(ConditionalBatchNorm),
}

impl BlockNorm {
    fn new(config: &ResnetConfig, n_channels: usize, n_conditions: usize, init: &mut Init) -> Self {
        let scaling = generator_scaling(config);
        match n_conditions {
            0 => Self::Plain(BatchNorm::new(n_channels, 0.0, init)),
            n if config.skip_latents => {
                Self::Conditional(ConditionalBatchNorm::new(n_channels, n, config.weights(1.0), scaling, init))
            }
            n => Self::Conditional(ConditionalBatchNorm::new(n_channels, n, Weights::Zero, Scaling::Plain, init)),
        }
    }

    fn forward(&self, x: Dual<4>, condition: Option<&Tensor<2>>) -> Dual<4> {
        match (self, condition) {
            (Self::Plain(norm), _) => norm.forward(x),
            (Self::Conditional(norm), Some(condition)) => norm.forward(x, condition),
            (Self::Conditional(_), None) => panic!("a conditional generator was given no condition"),
        }
    }
}

fn generator_scaling(config: &ResnetConfig) -> Scaling {
    if config.spectral_generator { Scaling::Spectral } else { Scaling::Plain }
}

/// Norm, ReLU, double the size, 3x3, norm, ReLU, 3x3; beside it, double the size and 1x1.
#[derive(Module, Debug)]
struct UpBlock {
    norm1: BlockNorm,
    conv1: Conv2d,
    norm2: BlockNorm,
    conv2: Conv2d,
    shortcut: Conv2d,
    size: [usize; 2],
}

impl UpBlock {
    fn forward(&self, x: Dual<4>, condition: Option<&Tensor<2>>) -> Dual<4> {
        let y = relu(self.norm1.forward(x.clone(), condition));
        let y = self.conv1.forward(nearest_up(y, self.size));
        let y = self.conv2.forward(relu(self.norm2.forward(y, condition)));
        // A 1x1 convolution and repeated pixels commute; this order is cheaper.
        y + nearest_up(self.shortcut.forward(x), self.size)
    }
}

/// Latents to images.
#[derive(Module, Debug)]
pub struct ResnetGenerator {
    base: Linear,
    embedding: Option<Linear>,
    blocks: Vec<UpBlock>,
    attention: Option<SelfAttention>,
    attention_size: usize,
    norm: BatchNorm,
    output: Conv2d,
    base_shape: [usize; 3],
    n_piece: usize,
}

impl ResnetGenerator {
    pub(super) fn new(config: &ResnetConfig, subject: Subject, init: &mut Init) -> Self {
        let Ladder { sizes, channels } = config.ladder(subject.shape);
        let scaling = generator_scaling(config);
        let n_blocks = channels.len();
        let n_conditions = config.n_conditions(subject, n_blocks);
        let [n_base, n_piece] = config.pieces(n_blocks);
        let conv = |io, size, gain| config.conv(io, size, gain, scaling);
        let linear = |n_in: usize, n_out: usize| LinearConfig {
            weights: config.weights(1.0),
            scaling,
            ..LinearConfig::new(n_in, n_out)
        };
        let base = linear(n_base, channels[0] * sizes[0][0] * sizes[0][1]).init(init);
        let has_embedding = config.skip_latents && subject.n_condition() > 0;
        let embedding = has_embedding
            .then(|| LinearConfig { has_bias: false, ..linear(subject.n_condition(), N_EMBEDDING) }.init(init));
        let (mut blocks, mut attention) = (vec![], None);
        for (i, &size) in sizes.iter().enumerate().skip(1) {
            let (inner, outer) = (channels[i - 1], *channels.get(i).unwrap_or(&config.width));
            blocks.push(UpBlock {
                norm1: BlockNorm::new(config, inner, n_conditions, init),
                conv1: conv([inner, outer], 3, std::f32::consts::SQRT_2).init(init),
                norm2: BlockNorm::new(config, outer, n_conditions, init),
                conv2: conv([outer, outer], 3, std::f32::consts::SQRT_2).init(init),
                shortcut: conv([inner, outer], 1, 1.0).init(init),
                size,
            });
            if config.attends(size) {
                attention = Some(SelfAttention::new(outer, config.weights(1.0), scaling, init));
            }
        }
        Self {
            base,
            embedding,
            blocks,
            attention,
            attention_size: config.attention,
            norm: BatchNorm::new(config.width, 0.0, init),
            output: conv([config.width, subject.shape.channels], 3, 1.0).init(init),
            base_shape: [channels[0], sizes[0][0], sizes[0][1]],
            n_piece,
        }
    }

    /// `[N, latent]`, with conditions `[N, K]` where it takes them, to `[N, C, H, W]` in [-1, 1].
    pub fn forward(&self, latents: Tensor<2>, condition: Option<&Tensor<2>>) -> Tensor<4> {
        let [n, n_latent] = latents.dims();
        let n_base = n_latent - self.n_piece * self.blocks.len();
        let [c, h, w] = self.base_shape;
        let shared = match (&self.embedding, condition) {
            (Some(embedding), Some(condition)) => Some(embedding.forward(condition.clone()).value),
            (None, condition) => condition.cloned(),
            (Some(_), None) => panic!("a conditional generator was given no condition"),
        };
        let mut x = self.base.forward(latents.clone().narrow(1, 0, n_base)).reshape([n, c, h, w]);
        for (i, block) in self.blocks.iter().enumerate() {
            let piece = (self.n_piece > 0).then(|| latents.clone().narrow(1, n_base + i * self.n_piece, self.n_piece));
            let told = match (piece, shared.clone()) {
                (Some(piece), Some(shared)) => Some(Tensor::cat(vec![piece, shared], 1)),
                (piece, shared) => piece.or(shared),
            };
            x = block.forward(x, told.as_ref());
            if let Some(attention) =
                self.attention.as_ref().filter(|_| block.size[0].min(block.size[1]) == self.attention_size)
            {
                x = attention.forward(x);
            }
        }
        tanh(self.output.forward(self.norm.forward_leaky(x, 0.0))).value
    }
}

/// ReLU, 3x3, ReLU, 3x3, halve the size; beside it 1x1 and halve the size. The first block, which sees the image,
/// begins without ReLU and halves before the 1x1.
#[derive(Module, Debug)]
struct DownBlock {
    conv1: Conv2d,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    is_first: bool,
    is_halved: bool,
}

impl DownBlock {
    fn forward(&self, x: Dual<4>) -> Dual<4> {
        let y = if self.is_first { x.clone() } else { relu(x.clone()) };
        let y = self.conv2.forward(relu(self.conv1.forward(y)));
        let half = |x| if self.is_halved { average_down(x) } else { x };
        // A 1x1 convolution and averages commute, so that all blocks halve first.
        let beside = half(x);
        half(y) + self.shortcut.as_ref().map_or(beside.clone(), |conv| conv.forward(beside))
    }
}

/// Images to features.
#[derive(Module, Debug)]
pub(super) struct ResnetTrunk {
    blocks: Vec<DownBlock>,
    attention: Option<SelfAttention>,
    attention_size: usize,
}

impl ResnetTrunk {
    pub(super) fn new(config: &ResnetConfig, shape: Shape, init: &mut Init) -> Self {
        let scaling = Scaling::Spectral;
        let conv = |io, size, gain| config.conv(io, size, gain, scaling);
        let (mut blocks, mut attention) = (vec![], None);
        for (i, Stage { io: [inner, outer], size, is_halved }) in config.stages(shape).into_iter().enumerate() {
            let has_shortcut = is_halved || inner != outer;
            blocks.push(DownBlock {
                conv1: conv([inner, outer], 3, std::f32::consts::SQRT_2).init(init),
                conv2: conv([outer, outer], 3, std::f32::consts::SQRT_2).init(init),
                shortcut: has_shortcut.then(|| conv([inner, outer], 1, 1.0).init(init)),
                is_first: i == 0,
                is_halved,
            });
            if is_halved && config.attends(size) {
                attention = Some(SelfAttention::new(outer, config.weights(1.0), scaling, init));
            }
        }
        Self { blocks, attention, attention_size: config.attention }
    }

    /// `[N, C, H, W]` in [-1, 1] to `[N, F]`: the sum over pixels of the last features.
    pub(super) fn forward(&self, images: Dual<4>) -> Dual<2> {
        let mut x = images;
        for block in &self.blocks {
            x = block.forward(x);
            let [_, _, h, w] = x.value.dims();
            if let Some(attention) =
                self.attention.as_ref().filter(|_| block.is_halved && h.min(w) == self.attention_size)
            {
                x = attention.forward(x);
            }
        }
        let [n, c, h, w] = x.value.dims();
        relu(x).linear(|x| x.reshape([n, c, h * w]).sum_dim(2).reshape([n, c]))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::net::{Condition, NetConfig, NetworkPlan};
    use crate::random::Purpose;

    fn n_trained<M: Module>(module: &M) -> usize {
        struct Count(usize);
        impl burn::module::ModuleVisitor for Count {
            fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
                self.0 += if param.val().is_require_grad() { param.val().shape().num_elements() } else { 0 };
            }
        }
        let mut count = Count(0);
        module.visit(&mut count);
        count.0
    }

    #[test]
    fn images_of_any_size_are_generated_and_criticized_as_planned() {
        let device = Device::default().autodiff();
        for (height, width, attention, skip_latents, n_classes) in
            [(28, 28, 14, false, 0), (16, 24, 8, true, 3), (13, 18, 0, false, 3), (32, 32, 8, true, 0)]
        {
            let shape = Shape { channels: 3, height, width };
            let subject = Subject { n_classes, ..shape.into() };
            let config = ResnetConfig {
                latent: 9,
                width: 4,
                attention,
                spectral_generator: skip_latents,
                skip_latents,
                orthogonal: skip_latents,
            };
            assert_eq!(config.problems(shape), [""; 0]);
            let net = NetConfig::Resnet(config);
            let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
            let condition = if n_classes > 0 { Condition::Projection } else { Condition::None };
            let generator = net.generator(subject, &mut init);
            let critic = net.critic(subject, condition, &mut init);
            let classes = (n_classes > 0).then(|| Tensor::ones([2, n_classes], &device));
            let fake = generator.forward(Tensor::ones([2, 9], &device), classes.as_ref());
            assert_eq!(fake.dims(), [2, 3, height, width]);
            assert_eq!(critic.forward(fake, classes.as_ref()).value.dims(), [2]);
            let [generator_plan, critic_plan] = net.plan(subject, condition);
            let planned = |plan: &NetworkPlan| plan.n_parameters() as usize;
            assert_eq!(planned(&generator_plan), n_trained(&generator), "generator {height}x{width}");
            assert_eq!(planned(&critic_plan), n_trained(&critic), "critic {height}x{width}");
        }
    }
}
