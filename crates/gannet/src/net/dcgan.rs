//! Deep convolutional networks: Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep
//! Convolutional Generative Adversarial Networks", section 3 and figure 1.
//!
//! The paper's networks make 64x64 images from a 4x4 base. Here the base follows from the image: the size is halved,
//! rounding up, as long as its shorter side is 8 or more, so 28x28 grows from 7x7, 48x64 from 6x8 and 45x30 from 6x4.
//! A layer that leads to (or from) an even size has kernel 4, one to an odd size kernel 3; both have stride 2 and
//! padding 1 and land exactly.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{LayerPlan, MAX_SIZE, NetworkPlan};
use crate::image::Shape;
use crate::nn::activation::{leaky_relu, relu, tanh};
use crate::nn::{BatchNorm, Conv2d, ConvTranspose2d, Init};

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
    /// Whether the critic normalizes by batch. Penalties on its gradient need this off.
    pub critic_norm: bool,
}

impl Default for DcganConfig {
    fn default() -> Self {
        Self { latent: 100, width: 64, critic_norm: true }
    }
}

/// Sizes from the base to the image, and the channels at each size but the last.
struct Ladder {
    sizes: Vec<[usize; 2]>,
    channels: Vec<usize>,
}

impl DcganConfig {
    pub(super) fn problems(&self, shape: Shape) -> Vec<String> {
        let mut problems = vec![];
        for (name, value) in [("latent", self.latent), ("width", self.width)] {
            problems.extend(super::out_of_range(name, value, MAX_SIZE));
        }
        if shape.height.min(shape.width) < 8 {
            problems.push(format!(
                "samples are {shape}, the dcgan networks need images of 8x8 or more; use method.net.family = \"mlp\""
            ));
        }
        problems
    }

    fn ladder(&self, shape: Shape) -> Ladder {
        let mut sizes = vec![[shape.height, shape.width]];
        while sizes[0][0].min(sizes[0][1]) >= 8 {
            sizes.insert(0, sizes[0].map(|side| side.div_ceil(2)));
        }
        let n_halvings = sizes.len() - 1;
        let channels = (0..n_halvings).rev().map(|i| self.width * MAX_MULTIPLE.min(1 << i.min(16))).collect();
        Ladder { sizes, channels }
    }

    pub(super) fn plan(&self, shape: Shape) -> [NetworkPlan; 2] {
        let Ladder { sizes, channels } = self.ladder(shape);
        let weights = |n_in: usize, n_out: usize, [h, w]: [usize; 2], n_norm: usize| n_in * n_out * h * w + 2 * n_norm;
        let output = |c: usize, [h, w]: [usize; 2]| [c, h, w];
        let name = |kind: &str, [h, w]: [usize; 2], stride| format!("{kind} {h}x{w} / {stride}");

        let mut generator = vec![LayerPlan {
            name: name("conv transpose", sizes[0], 1) + ", batch norm, relu",
            output: output(channels[0], sizes[0]),
            n_parameters: weights(self.latent, channels[0], sizes[0], channels[0]),
        }];
        let mut critic = vec![];
        for (i, &size) in sizes.iter().enumerate().skip(1) {
            let (inner, kernel) = (channels[i - 1], kernel(size));
            let (outer, is_last) = (*channels.get(i).unwrap_or(&shape.channels), i == channels.len());
            generator.push(LayerPlan {
                name: name("conv transpose", kernel, 2) + if is_last { ", tanh" } else { ", batch norm, relu" },
                output: output(outer, size),
                n_parameters: weights(inner, outer, kernel, if is_last { 0 } else { outer }),
            });
            let has_norm = self.critic_norm && !is_last;
            critic.insert(
                0,
                LayerPlan {
                    name: name("conv", kernel, 2) + if has_norm { ", batch norm" } else { "" } + ", leaky relu",
                    output: output(inner, sizes[i - 1]),
                    n_parameters: weights(outer, inner, kernel, if has_norm { inner } else { 0 }),
                },
            );
        }
        critic.push(LayerPlan {
            name: name("conv", sizes[0], 1),
            output: [1, 1, 1],
            n_parameters: weights(channels[0], 1, sizes[0], 0),
        });
        [NetworkPlan { role: "generator", layers: generator }, NetworkPlan { role: "critic", layers: critic }]
    }
}

fn kernel(size: [usize; 2]) -> [usize; 2] {
    size.map(|side| if side % 2 == 0 { 4 } else { 3 })
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
    pub(super) fn new(config: &DcganConfig, shape: Shape, init: &mut Init) -> Self {
        let Ladder { sizes, channels } = config.ladder(shape);
        let mut layers = vec![Up {
            conv: ConvTranspose2d::new([config.latent, channels[0]], sizes[0], [1, 0], INIT_STD, init),
            norm: Some(BatchNorm::new(channels[0], INIT_STD, init)),
        }];
        for (i, &size) in sizes.iter().enumerate().skip(1) {
            let next = channels.get(i).copied();
            let io = [channels[i - 1], next.unwrap_or(shape.channels)];
            layers.push(Up {
                conv: ConvTranspose2d::new(io, kernel(size), [2, 1], INIT_STD, init),
                norm: next.map(|n_channels| BatchNorm::new(n_channels, INIT_STD, init)),
            });
        }
        Self { layers }
    }

    /// `[N, latent]` to `[N, C, H, W]` in [-1, 1].
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let [n, latent] = latents.dims();
        let mut x = latents.reshape([n, latent, 1, 1]);
        for Up { conv, norm } in &self.layers {
            x = conv.forward(x); // [N, channels, 2 H, 2 W]
            x = match norm {
                Some(norm) => relu(norm.forward(x)),
                None => tanh(x),
            };
        }
        x
    }
}

/// One stage of the critic: downsample and, except next to the image, normalize.
#[derive(Module, Debug)]
struct Down {
    conv: Conv2d,
    norm: Option<BatchNorm>,
}

/// Images to scores.
#[derive(Module, Debug)]
pub struct DcganCritic {
    layers: Vec<Down>,
}

impl DcganCritic {
    pub(super) fn new(config: &DcganConfig, shape: Shape, init: &mut Init) -> Self {
        let Ladder { sizes, channels } = config.ladder(shape);
        let mut layers = vec![];
        for (i, &size) in sizes.iter().enumerate().skip(1).rev() {
            let outer = channels.get(i).copied();
            let io = [outer.unwrap_or(shape.channels), channels[i - 1]];
            layers.push(Down {
                conv: Conv2d::new(io, kernel(size), [2, 1], INIT_STD, init),
                norm: outer.filter(|_| config.critic_norm).map(|_| BatchNorm::new(io[1], INIT_STD, init)),
            });
        }
        let score = Conv2d::new([channels[0], 1], sizes[0], [1, 0], INIT_STD, init);
        layers.push(Down { conv: score, norm: None });
        Self { layers }
    }

    /// `[N, C, H, W]` in [-1, 1] to `[N]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<1> {
        let [n, ..] = images.dims();
        let mut x = images;
        for (i, Down { conv, norm }) in self.layers.iter().enumerate() {
            x = conv.forward(x); // [N, channels, H / 2, W / 2]
            if let Some(norm) = norm {
                x = norm.forward(x);
            }
            if i + 1 < self.layers.len() {
                x = leaky_relu(x);
            }
        }
        x.reshape([n])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::random::Purpose;

    #[test]
    fn any_size_from_8_up_is_generated_and_criticized_as_planned() {
        let device = Device::default().autodiff();
        let config = DcganConfig { latent: 5, width: 2, critic_norm: true };
        for (height, width, base) in [
            (28, 28, [7, 7]),
            (32, 32, [4, 4]),
            (64, 64, [4, 4]),
            (128, 128, [4, 4]),
            (48, 64, [6, 8]),
            (8, 8, [4, 4]),
            (45, 30, [6, 4]),
        ] {
            let shape = Shape { channels: 3, height, width };
            let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
            let generator = DcganGenerator::new(&config, shape, &mut init);
            let critic = DcganCritic::new(&config, shape, &mut init);
            assert_eq!(config.ladder(shape).sizes[0], base, "{height}x{width}");

            let fake = generator.forward(Tensor::ones([2, 5], &device));
            assert_eq!(fake.dims(), [2, 3, height, width]);
            assert_eq!(critic.forward(fake).dims(), [2]);

            let trained = |plan: &NetworkPlan| plan.n_parameters() as usize;
            let [generator_plan, critic_plan] = config.plan(shape);
            assert_eq!(trained(&generator_plan), generator.num_params() - n_buffered(&generator_plan));
            assert_eq!(trained(&critic_plan), critic.num_params() - n_buffered(&critic_plan));
        }
    }

    fn n_buffered(plan: &NetworkPlan) -> usize {
        plan.layers.iter().filter(|layer| layer.name.contains("norm")).map(|layer| 2 * layer.output[0]).sum()
    }
}
