//! VGG16 (Simonyan and Zisserman 2015, arXiv:1409.1556, table 1, column D): thirteen convolutions of 3x3 in five groups with
//! poolings between them. Its maps are what perceptual losses compare (Ledig et al. 2017, eq. 5), before their activation
//! (Wang et al. 2018, "ESRGAN", section 3.3).
//!
//! Tensors have the names of torchvision's `vgg16`, `features.0.weight` to `features.28.bias`; those of its classifier are
//! not used. The network saw colours in [0, 1] less the means of ImageNet, over their deviations.

use std::path::Path;

use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};
use gannet_kernels::{conv2d, leaky_relu};

use super::layers::{Source, pixel_mean};
use super::{Network, Output, library};
use crate::nn::state::Tensors;
use crate::{Error, Result};

/// Side of the images it is shown as an extractor, in pixels.
pub(super) const SIDE: usize = 224;
/// Means over the maps of the last convolution.
pub(super) const N_FEATURES: usize = 512;
/// A tensor by which its weights are known.
pub(super) const SIGNATURE: &str = "features.28.weight";

/// Convolutions of each group.
const GROUPS: [usize; 5] = [2, 2, 3, 3, 3];
/// Means and standard deviations of ImageNet's red, green and blue.
const MEANS: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATIONS: [f32; 3] = [0.229, 0.224, 0.225];

/// `conv1_1` to `conv5_3`, in their order.
pub fn layers() -> Vec<String> {
    let groups = GROUPS.iter().enumerate();
    groups.flat_map(|(group, n)| (1..=*n).map(move |i| format!("conv{}_{i}", group + 1))).collect()
}

struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    /// Whether the last group ended before it.
    is_behind_pooling: bool,
}

struct Vgg {
    convs: Vec<Conv>,
    /// `[1, 3, 1, 1]` each.
    normal: [Tensor<4>; 2],
}

impl Vgg {
    /// The first `n_convs` convolutions, of whatever widths the tensors have.
    fn new(from: &Tensors, n_convs: usize, source: &mut Source, device: &Device) -> Result<Self, String> {
        let mut convs: Vec<Conv> = vec![];
        let mut place = 0;
        let mut n_in = 3;
        for (group, n) in GROUPS.iter().enumerate() {
            for i in 0..*n {
                if convs.len() == n_convs {
                    break;
                }
                let name = format!("features.{place}");
                let n_out = from.get(&format!("{name}.bias")).map_or(0, TensorData::num_elements);
                convs.push(Conv {
                    weight: source.tensor(&format!("{name}.weight"), [n_out, n_in, 3, 3])?,
                    bias: source.tensor(&format!("{name}.bias"), [n_out])?,
                    is_behind_pooling: group > 0 && i == 0,
                });
                n_in = n_out;
                place += 2; // A ReLU stands between any two.
            }
            place += 1; // And a pooling behind each group.
        }
        let colours = |values: [f32; 3]| Tensor::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), device);
        Ok(Self { convs, normal: [colours(MEANS), colours(DEVIATIONS)] })
    }

    /// The maps of the last convolution, before its activation, of images `[N, 3, H, W]` in [-1, 1].
    fn maps(&self, images: Tensor<4>, see: &mut dyn FnMut(usize, &Tensor<4>)) -> Tensor<4> {
        let [means, deviations] = self.normal.clone();
        let mut x = ((images + 1.0) * 0.5 - means) / deviations;
        for (i, Conv { weight, bias, is_behind_pooling }) in self.convs.iter().enumerate() {
            if i > 0 {
                x = leaky_relu(x, 0.0);
            }
            if *is_behind_pooling {
                x = max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
            }
            let [n_out] = bias.dims();
            x = conv2d(x, weight.clone(), 1, 1, 1) + bias.clone().reshape([1, n_out, 1, 1]);
            see(i, &x);
        }
        x
    }
}

/// The network with the weights of `source`, as an extractor without classes.
pub(super) fn build(source: &mut Source) -> Result<Box<dyn Network>, String> {
    let (from, device) = source.origin();
    let vgg = Vgg::new(from, layers().len(), source, device)?;
    match vgg.convs.last().map(|conv| conv.bias.dims()) {
        Some([N_FEATURES]) => Ok(Box::new(vgg)),
        _ => Err(format!("its last convolution has not {N_FEATURES} channels")),
    }
}

impl Network for Vgg {
    fn forward(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> Output {
        let names = layers();
        let maps = self.maps(images, &mut |i, maps| see(&names[i], maps));
        Output { features: pixel_mean(leaky_relu(maps, 0.0)), scores: None }
    }
}

/// VGG16 up to one of its convolutions, through which gradients pass.
pub struct Perceptual {
    vgg: Vgg,
}

impl Perceptual {
    /// The network that `name` means, a kept extractor or a file of weights, up to the convolution called `layer`.
    pub fn find(name: &str, layer: &str, folder: &Path, device: &Device) -> Result<Self> {
        let tensors = library::tensors(name, folder)?;
        let named = |reason: String| Error::setting(format!("the extractor `{name}`: {reason}"));
        Self::new(&tensors, layer, device).map_err(named)
    }

    /// The network of `tensors`, which may have any widths, up to the convolution called `layer`.
    pub fn new(tensors: &Tensors, layer: &str, device: &Device) -> Result<Self, String> {
        let layers = layers();
        let place = layers.iter().position(|known| known == layer);
        let place = place.ok_or_else(|| format!("`{layer}` is no layer, accepted: {}", layers.join(", ")))?;
        if !tensors.contains_key(SIGNATURE) {
            return Err(format!("is not VGG16, the network of perceptual losses: it holds no tensor `{SIGNATURE}`"));
        }
        Ok(Self { vgg: Vgg::new(tensors, place + 1, &mut Source::new(tensors, device), device)? })
    }

    /// Images `[N, C, H, W]` in [-1, 1], grey or RGB, to maps `[N, F, h, w]` before their activation; h and w are halved at
    /// every pooling, rounded down.
    pub fn maps(&self, images: Tensor<4>) -> Tensor<4> {
        let [_, channels, ..] = images.dims();
        let images = if channels == 1 { images.repeat_dim(1, 3) } else { images };
        self.vgg.maps(images, &mut |_, _| {})
    }

    /// The smallest side of an image that any pixel is left of.
    pub fn least_side(&self) -> usize {
        1 << self.vgg.convs.iter().filter(|conv| conv.is_behind_pooling).count()
    }
}
