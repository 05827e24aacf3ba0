//! PatchGAN: a critic that judges every patch of a picture by itself (Isola et al. 2017, "Image-to-Image Translation with
//! Conditional Adversarial Networks", section 3.3 and appendix 6.1.2).
//!
//! In the widely used PyTorch layout `layers.0.conv` is `model.0`, `layers.i.conv` is `model.{3 i - 1}` and its norm
//! `model.{3 i}`; of the critic of single pixels they are `net.0`, `net.2`, `net.3` and `net.5`.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::translator::Normalization;
use super::{MAX_SIZE, NetworkPlan, PictureNorm};
use crate::image::Shape;
use crate::nn::activation::{SLOPE, leaky_relu};
use crate::nn::{Conv2d, ConvConfig, Dual, Init};

/// Channels stop doubling at this multiple of the width.
const MAX_MULTIPLE: usize = 8;

/// Sides of a patch, in pixels, and the halvings that a critic of it makes.
const FIELDS: [(usize, usize); 4] = [(1, 0), (16, 1), (34, 2), (70, 3)];

/// Size of the critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatchConfig {
    /// Side of the patches that are judged, in pixels: 1, 16, 34 or 70 (section 4.4: 70 at 256 pixels).
    pub field: usize,
    /// Channels of the first layer; each further one doubles them, up to eight times (appendix 6.1.2: 64).
    pub width: usize,
    /// How layers but the first and the last are normalized: `instance` or `batch`.
    pub norm: PictureNorm,
}

impl Default for PatchConfig {
    fn default() -> Self {
        Self { field: 70, width: 64, norm: PictureNorm::Instance }
    }
}

impl PatchConfig {
    /// What keeps such a critic from judging pictures of `shape`; empty when nothing does.
    pub fn problems(&self, shape: Shape) -> Vec<String> {
        let mut problems = vec![];
        if !(1..=MAX_SIZE).contains(&self.width) {
            problems.push(format!("method.patch.width is {}, accepted: 1 to {MAX_SIZE}", self.width));
        }
        let n_halvings = FIELDS.iter().find(|(field, _)| *field == self.field).map(|(_, n)| *n);
        match n_halvings {
            None => problems.push(format!("method.patch.field is {}, accepted: 1, 16, 34 or 70", self.field)),
            Some(n) if n > 0 && shape.height.min(shape.width) >> n < 3 => problems.push(format!(
                "method.patch.field is {}, accepted for pictures of {shape}: those of fewer pixels, or 1",
                self.field
            )),
            Some(_) => {}
        }
        problems
    }

    /// The convolutions of pictures of `n_channels`. The first and the last one are not normalized and have a bias.
    fn convs(&self, n_channels: usize) -> Vec<ConvConfig> {
        let mut convs = self.plain_convs(n_channels);
        let last = convs.len() - 1;
        [0, last].iter().for_each(|&edge| convs[edge].has_bias = true);
        convs
    }

    fn plain_convs(&self, n_channels: usize) -> Vec<ConvConfig> {
        let n_halvings = FIELDS.iter().find(|(field, _)| *field == self.field).map_or(0, |(_, n)| *n);
        if n_halvings == 0 {
            let widths = [[n_channels, self.width], [self.width, 2 * self.width], [2 * self.width, 1]];
            return widths.map(|io| self.norm.conv(io, 1)).into();
        }
        let width = |i: usize| self.width * MAX_MULTIPLE.min(1 << i);
        let conv = |io, stride| ConvConfig { stride, padding: 1, ..self.norm.conv(io, 4) };
        let mut layers = vec![conv([n_channels, self.width], 2)];
        layers.extend((1..n_halvings).map(|i| conv([width(i - 1), width(i)], 2)));
        layers.push(conv([width(n_halvings - 1), width(n_halvings)], 1));
        layers.push(conv([width(n_halvings), 1], 1));
        layers
    }

    /// The layers of a critic of pictures of `shape`.
    pub fn plan(&self, shape: Shape) -> NetworkPlan {
        let convs = self.convs(shape.channels);
        let last = convs.len() - 1;
        let mut size = [shape.height, shape.width];
        let mut layers = vec![];
        for (i, conv) in convs.iter().enumerate() {
            let ConvConfig { kernel: [k, _], stride, padding, .. } = *conv;
            size = size.map(|side| (side + 2 * padding).saturating_sub(k) / stride + 1);
            let name = if stride == 1 { format!("conv {k}x{k}") } else { format!("conv {k}x{k} / {stride}") };
            let is_normalized = i > 0 && i < last;
            layers.push(self.norm.planned(&name, *conv, size, is_normalized));
        }
        NetworkPlan { role: "critic", layers }
    }

    /// A new critic of pictures of `n_channels`.
    pub fn init(&self, n_channels: usize, init: &mut Init) -> PatchCritic {
        let convs = self.convs(n_channels);
        let last = convs.len() - 1;
        let layers = convs.iter().enumerate().map(|(i, conv)| Layer {
            conv: conv.init(init),
            norm: (i > 0 && i < last).then(|| self.norm.layer(conv.channels[1], init)),
        });
        PatchCritic { layers: layers.collect() }
    }
}

/// A convolution and, but for the first and the last one, its norm.
#[derive(Module, Debug)]
struct Layer {
    conv: Conv2d,
    norm: Option<Normalization>,
}

/// Pictures to a score for each patch.
#[derive(Module, Debug)]
pub struct PatchCritic {
    layers: Vec<Layer>,
}

impl PatchCritic {
    /// `[N, C, H, W]` in [-1, 1] to scores `[N * patches]`, those of a picture side by side.
    pub fn forward(&self, pictures: impl Into<Dual<4>>) -> Dual<1> {
        let mut x = pictures.into();
        for (i, Layer { conv, norm }) in self.layers.iter().enumerate() {
            x = conv.forward(x);
            x = match norm {
                Some(norm) => norm.forward(x, SLOPE),
                None if i == 0 => leaky_relu(x),
                None => x, // [N, 1, h, w]
            };
        }
        let n_scores = x.value.dims().iter().product();
        x.reshape([n_scores])
    }
}
