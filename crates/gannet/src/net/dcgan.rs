//! Deep convolutional networks: Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep
//! Convolutional Generative Adversarial Networks", section 3 and figure 1.
//!
//! The paper's networks make 64x64 images from a 4x4 base; here the base follows from the image (`ladder`). A layer that
//! leads to (or from) an even size has kernel 4, one to an odd size kernel 3; both have stride 2 and padding 1 and land
//! exactly.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::ladder::{self, Ladder};
use super::{CriticNorm, LayerPlan, MAX_SIZE, Norm, Subject};
use crate::image::Shape;
use crate::nn::activation::{leaky_relu, tanh};
use crate::nn::{BatchNorm, Conv2d, ConvConfig, ConvTranspose2d, Dual, Init, MinibatchDiscrimination, minibatch_std};

/// All weights start from N(0, 0.02²) (section 4).
const INIT_STD: f32 = 0.02;
/// Channels stop doubling at this multiple of the width.
const MAX_MULTIPLE: usize = 8;

/// Size of both networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DcganConfig {
    /// Length of a latent vector.
    pub latent: usize,
    /// Channels of the layer next to the image; each halving of the size doubles them, up to eight times.
    pub width: usize,
    /// How the critic normalizes: `none`, `batch`, `layer`, `instance` or `spectral`. Gradient penalties need another
    /// than `batch`.
    pub critic_norm: CriticNorm,
    /// How the critic compares the samples of a batch: `none`, `deviation` or `discrimination`.
    pub critic_minibatch: Minibatch,
}

impl Default for DcganConfig {
    fn default() -> Self {
        Self { latent: 100, width: 64, critic_norm: CriticNorm::Batch, critic_minibatch: Minibatch::None }
    }
}

/// How a critic compares the samples of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Minibatch {
    /// It does not.
    None,
    /// Their standard deviation as one more channel (Karras et al. 2018, section 3).
    Deviation,
    /// Learnt closeness to the others as further features (Salimans et al. 2016, section 3.2).
    Discrimination,
}

/// Kernels of minibatch discrimination.
const N_KERNELS: usize = 16;

impl DcganConfig {
    pub(super) fn problems(&self, shape: Shape) -> Vec<String> {
        let sizes = [("latent", self.latent), ("width", self.width)];
        let out_of_range = sizes.into_iter().filter_map(|(name, value)| super::out_of_range(name, value, MAX_SIZE));
        out_of_range.chain(ladder::problem("dcgan", shape)).collect()
    }

    fn ladder(&self, shape: Shape) -> Ladder {
        Ladder::new(shape, self.width, MAX_MULTIPLE)
    }

    pub(super) fn generator_plan(&self, subject: Subject) -> Vec<LayerPlan> {
        let Ladder { sizes, channels } = self.ladder(subject.shape);
        let mut layers = vec![LayerPlan {
            name: name("conv transpose", sizes[0], 1) + ", batch norm, relu",
            output: output(channels[0], sizes[0]),
            n_parameters: weights(self.latent + subject.n_condition(), channels[0], sizes[0]) + 2 * channels[0],
        }];
        for (i, &size) in sizes.iter().enumerate().skip(1) {
            let (outer, is_last) = (*channels.get(i).unwrap_or(&subject.shape.channels), i == channels.len());
            layers.push(LayerPlan {
                name: name("conv transpose", kernel(size), 2) + if is_last { ", tanh" } else { ", batch norm, relu" },
                output: output(outer, size),
                n_parameters: weights(channels[i - 1], outer, kernel(size)) + if is_last { 0 } else { 2 * outer },
            });
        }
        layers
    }

    pub(super) fn trunk_plan(&self, shape: Shape) -> (Vec<LayerPlan>, usize) {
        let Ladder { sizes, channels } = self.ladder(shape);
        let (norm, n_affine) = self.critic_norm.planned();
        let mut layers = vec![];
        for (i, &size) in sizes.iter().enumerate().skip(1).rev() {
            let outer = channels.get(i).copied();
            let (norm, n_affine) = if outer.is_some() || n_affine == 0 { (norm, n_affine) } else { ("", 0) };
            let n_out = channels[i - 1];
            layers.push(LayerPlan {
                name: name("conv", kernel(size), 2) + norm + ", leaky relu",
                output: output(n_out, sizes[i - 1]),
                n_parameters: weights(outer.unwrap_or(shape.channels), n_out, kernel(size)) + n_affine * n_out,
            });
        }
        let [h, w] = sizes[0];
        let mut n_features = (channels[0] + usize::from(self.critic_minibatch == Minibatch::Deviation)) * h * w;
        if self.critic_minibatch == Minibatch::Discrimination {
            let n_parameters = n_features * N_KERNELS * 4;
            n_features += N_KERNELS;
            layers.push(LayerPlan {
                name: "minibatch discrimination".into(),
                output: [n_features, 1, 1],
                n_parameters,
            });
        }
        (layers, n_features)
    }
}

fn name(kind: &str, [h, w]: [usize; 2], stride: usize) -> String {
    format!("{kind} {h}x{w} / {stride}")
}

fn output(c: usize, [h, w]: [usize; 2]) -> [usize; 3] {
    [c, h, w]
}

fn weights(n_in: usize, n_out: usize, [h, w]: [usize; 2]) -> usize {
    n_in * n_out * h * w
}

fn kernel(size: [usize; 2]) -> [usize; 2] {
    size.map(|side| if side % 2 == 0 { 4 } else { 3 })
}

/// A convolution between a size and half of it.
fn step(io: [usize; 2], size: [usize; 2]) -> ConvConfig {
    ConvConfig { stride: 2, padding: 1, ..ConvConfig::new(io, kernel(size)) }
}

/// One stage of the generator: upsample, then normalize unless it is the image.
#[derive(Module, Debug)]
struct Up {
    conv: ConvTranspose2d,
    norm: Option<BatchNorm>,
}

/// Latents to images.
#[derive(Module, Debug)]
pub struct DcganGenerator {
    layers: Vec<Up>,
}

impl DcganGenerator {
    pub(super) fn new(config: &DcganConfig, subject: Subject, init: &mut Init) -> Self {
        let Ladder { sizes, channels } = config.ladder(subject.shape);
        let mut layers = vec![Up {
            conv: ConvConfig::new([config.latent + subject.n_condition(), channels[0]], sizes[0]).init_transposed(init),
            norm: Some(BatchNorm::new(channels[0], INIT_STD, init)),
        }];
        for (i, &size) in sizes.iter().enumerate().skip(1) {
            let next = channels.get(i).copied();
            let io = [channels[i - 1], next.unwrap_or(subject.shape.channels)];
            layers.push(Up {
                conv: step(io, size).init_transposed(init),
                norm: next.map(|n_channels| BatchNorm::new(n_channels, INIT_STD, init)),
            });
        }
        Self { layers }
    }

    /// `[N, latent]` to `[N, C, H, W]` in [-1, 1].
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let [n, latent] = latents.dims();
        let mut x = Dual::from(latents.reshape([n, latent, 1, 1]));
        for Up { conv, norm } in &self.layers {
            x = conv.forward(x); // [N, channels, 2 H, 2 W]
            x = match norm {
                Some(norm) => norm.forward_leaky(x, 0.0),
                None => tanh(x),
            };
        }
        x.value
    }
}

/// One stage of the critic: downsample and, except next to the image, normalize.
#[derive(Module, Debug)]
struct Down {
    conv: Conv2d,
    norm: Option<Norm>,
}

/// Images to features.
#[derive(Module, Debug)]
pub(super) struct DcganTrunk {
    layers: Vec<Down>,
    discrimination: Option<MinibatchDiscrimination>,
    has_deviation: bool,
}

impl DcganTrunk {
    pub(super) fn new(config: &DcganConfig, shape: Shape, init: &mut Init) -> Self {
        let Ladder { sizes, channels } = config.ladder(shape);
        let mut layers = vec![];
        for (i, &size) in sizes.iter().enumerate().skip(1).rev() {
            let outer = channels.get(i).copied();
            let io = [outer.unwrap_or(shape.channels), channels[i - 1]];
            layers.push(Down {
                conv: ConvConfig { scaling: config.critic_norm.scaling(), ..step(io, size) }.init(init),
                norm: outer.and_then(|_| config.critic_norm.layer(io[1], init)),
            });
        }
        let n_features = channels[0] * sizes[0][0] * sizes[0][1];
        let discriminates = config.critic_minibatch == Minibatch::Discrimination;
        Self {
            layers,
            discrimination: discriminates.then(|| MinibatchDiscrimination::new(n_features, N_KERNELS, init)),
            has_deviation: config.critic_minibatch == Minibatch::Deviation,
        }
    }

    /// `[N, C, H, W]` in [-1, 1] to `[N, F]`.
    pub(super) fn forward(&self, images: Dual<4>) -> Dual<2> {
        let mut x = images;
        for Down { conv, norm } in &self.layers {
            x = conv.forward(x); // [N, channels, H / 2, W / 2]
            x = match norm {
                Some(norm) => norm.forward_leaky(x),
                None => leaky_relu(x),
            };
        }
        if self.has_deviation {
            x = minibatch_std(x);
        }
        let features = x.linear(|x| x.flatten(1, 3));
        match &self.discrimination {
            Some(layer) => layer.forward(features),
            None => features,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::net::{Condition, NetConfig, NetworkPlan};
    use crate::random::Purpose;

    #[test]
    fn any_size_from_8_up_is_generated_and_criticized_as_planned() {
        let device = Device::default().autodiff();
        let sizes: [(usize, usize, [usize; 2]); 7] = [
            (28, 28, [7, 7]),
            (32, 32, [4, 4]),
            (64, 64, [4, 4]),
            (128, 128, [4, 4]),
            (48, 64, [6, 8]),
            (8, 8, [4, 4]),
            (45, 30, [6, 4]),
        ];
        let minibatch = [Minibatch::None, Minibatch::Deviation, Minibatch::Discrimination];
        for (i, (height, width, base)) in sizes.into_iter().enumerate() {
            let critic_minibatch = minibatch[i % 3];
            let config = DcganConfig { latent: 5, width: 2, critic_norm: CriticNorm::Layer, critic_minibatch };
            let shape = Shape { channels: 3, height, width };
            assert_eq!(config.ladder(shape).sizes[0], base, "{height}x{width}");
            let net = NetConfig::Dcgan(config);
            let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
            let generator = net.generator(shape, &mut init);
            let critic = net.critic(shape, Condition::None, &mut init);

            let fake = generator.forward(Tensor::ones([2, 5], &device), None);
            assert_eq!(fake.dims(), [2, 3, height, width]);
            assert_eq!(critic.forward(fake, None).value.dims(), [2]);

            let [generator_plan, critic_plan] = net.plan(shape.into(), Condition::None);
            let n_buffered = |plan: &NetworkPlan| -> usize {
                let normed = plan.layers.iter().filter(|layer| layer.name.contains("batch norm"));
                normed.map(|layer| 2 * layer.output[0]).sum()
            };
            assert_eq!(generator_plan.n_parameters() as usize, generator.num_params() - n_buffered(&generator_plan));
            assert_eq!(critic_plan.n_parameters() as usize, critic.num_params());
        }
    }
}
