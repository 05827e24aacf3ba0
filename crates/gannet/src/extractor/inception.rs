//! Inception v3 as the Fréchet inception distance was defined with (Szegedy et al. 2016, "Rethinking the Inception
//! architecture", arXiv:1512.00567; Heusel et al. 2017, arXiv:1706.08500): the TensorFlow network of December 2015.
//!
//! It differs from the Inception v3 of PyTorch's collection: the mean next to a border counts no zeros, the last block
//! pools by maximum, and there are 1008 classes. Its tensors have the names of the PyTorch port that the field uses.
//!
//! The class scores are taken without the bias of the last layer, as the Inception score of the original code is.

use burn::tensor::activation::relu;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::layers::{Conv, Form, Padding, Source, pixel_mean};
use super::{Network, Output};

/// Side of the images, in pixels.
pub(super) const SIDE: usize = 299;
/// Of the last pooling.
pub(super) const N_FEATURES: usize = 2048;
/// Of the last layer.
pub(super) const N_CLASSES: usize = 1008;
/// A tensor by which its weights are known.
pub(super) const SIGNATURE: &str = "Conv2d_1a_3x3.conv.weight";
/// How the SHA-256 of the standard weights, `pt_inception-2015-12-05-6726825d.pth`, begins.
pub(super) const STANDARD: &str = "6726825d";

/// A layer of a plan. Convolutions carry a name, output channels and a kernel.
#[derive(Clone, Copy)]
enum Layer {
    /// Keeps the size of the image.
    Conv(&'static str, usize, [usize; 2]),
    /// No padding, with a stride: 3x3 everywhere.
    Valid(&'static str, usize, usize),
    /// Two convolutions of the same input, side by side.
    Fork([(&'static str, usize, [usize; 2]); 2]),
    Pool(Pool),
}

#[derive(Clone, Copy)]
enum Pool {
    /// Mean of 3x3 pixels, of those that are there.
    Mean,
    /// Maximum of 3x3 pixels.
    Max,
    /// Maximum of 3x3 pixels at stride 2, without padding.
    Halve,
}

use Layer::{Conv as Same, Fork, Valid};

const MEAN: Layer = Layer::Pool(Pool::Mean);
const MAX: Layer = Layer::Pool(Pool::Max);
const HALVE: Layer = Layer::Pool(Pool::Halve);

/// Branches whose outputs are put together, each a row of layers.
type Plan = Vec<Vec<Layer>>;

/// The network from image to last maps: names and branches.
fn plans() -> Vec<(&'static str, Plan)> {
    vec![
        ("Conv2d_1a_3x3", vec![vec![Valid("", 32, 2)]]),
        ("Conv2d_2a_3x3", vec![vec![Valid("", 32, 1)]]),
        ("Conv2d_2b_3x3", vec![vec![Same("", 64, [3, 3])]]),
        ("pool_1", vec![vec![HALVE]]),
        ("Conv2d_3b_1x1", vec![vec![Same("", 80, [1, 1])]]),
        ("Conv2d_4a_3x3", vec![vec![Valid("", 192, 1)]]),
        ("pool_2", vec![vec![HALVE]]),
        ("Mixed_5b", grid_35(32)),
        ("Mixed_5c", grid_35(64)),
        ("Mixed_5d", grid_35(64)),
        ("Mixed_6a", to_grid_17()),
        ("Mixed_6b", grid_17(128)),
        ("Mixed_6c", grid_17(160)),
        ("Mixed_6d", grid_17(160)),
        ("Mixed_6e", grid_17(192)),
        ("Mixed_7a", to_grid_8()),
        ("Mixed_7b", grid_8(MEAN)),
        ("Mixed_7c", grid_8(MAX)),
    ]
}

/// Figure 5 of the paper, on 35x35 pixels.
fn grid_35(n_pool: usize) -> Plan {
    vec![
        vec![Same("branch1x1", 64, [1, 1])],
        vec![Same("branch5x5_1", 48, [1, 1]), Same("branch5x5_2", 64, [5, 5])],
        vec![
            Same("branch3x3dbl_1", 64, [1, 1]),
            Same("branch3x3dbl_2", 96, [3, 3]),
            Same("branch3x3dbl_3", 96, [3, 3]),
        ],
        vec![MEAN, Same("branch_pool", n_pool, [1, 1])],
    ]
}

/// Figure 10, from 35x35 to 17x17 pixels.
fn to_grid_17() -> Plan {
    vec![
        vec![Valid("branch3x3", 384, 2)],
        vec![Same("branch3x3dbl_1", 64, [1, 1]), Same("branch3x3dbl_2", 96, [3, 3]), Valid("branch3x3dbl_3", 96, 2)],
        vec![HALVE],
    ]
}

/// Figure 6, on 17x17 pixels, `n` channels between factorized convolutions.
fn grid_17(n: usize) -> Plan {
    vec![
        vec![Same("branch1x1", 192, [1, 1])],
        vec![Same("branch7x7_1", n, [1, 1]), Same("branch7x7_2", n, [1, 7]), Same("branch7x7_3", 192, [7, 1])],
        vec![
            Same("branch7x7dbl_1", n, [1, 1]),
            Same("branch7x7dbl_2", n, [7, 1]),
            Same("branch7x7dbl_3", n, [1, 7]),
            Same("branch7x7dbl_4", n, [7, 1]),
            Same("branch7x7dbl_5", 192, [1, 7]),
        ],
        vec![MEAN, Same("branch_pool", 192, [1, 1])],
    ]
}

/// From 17x17 to 8x8 pixels.
fn to_grid_8() -> Plan {
    vec![
        vec![Same("branch3x3_1", 192, [1, 1]), Valid("branch3x3_2", 320, 2)],
        vec![
            Same("branch7x7x3_1", 192, [1, 1]),
            Same("branch7x7x3_2", 192, [1, 7]),
            Same("branch7x7x3_3", 192, [7, 1]),
            Valid("branch7x7x3_4", 192, 2),
        ],
        vec![HALVE],
    ]
}

/// Figure 7, on 8x8 pixels.
fn grid_8(pool: Layer) -> Plan {
    vec![
        vec![Same("branch1x1", 320, [1, 1])],
        vec![Same("branch3x3_1", 384, [1, 1]), Fork([("branch3x3_2a", 384, [1, 3]), ("branch3x3_2b", 384, [3, 1])])],
        vec![
            Same("branch3x3dbl_1", 448, [1, 1]),
            Same("branch3x3dbl_2", 384, [3, 3]),
            Fork([("branch3x3dbl_3a", 384, [1, 3]), ("branch3x3dbl_3b", 384, [3, 1])]),
        ],
        vec![pool, Same("branch_pool", 192, [1, 1])],
    ]
}

/// A layer with its weights.
enum Step {
    Conv(Box<Conv>),
    Fork(Vec<Conv>),
    Pool(Pool),
}

struct Inception {
    stages: Vec<(&'static str, Vec<Vec<Step>>)>,
    /// `[classes, features]`.
    classes: Tensor<2>,
}

/// The network with the weights of `source`.
pub(super) fn build(source: &mut Source) -> Result<Box<dyn Network>, String> {
    let mut n_in = 3;
    let mut stages = vec![];
    for (name, plan) in plans() {
        let mut n_out = 0;
        let mut branches = vec![];
        for layers in plan {
            let mut n = n_in;
            let steps = layers.into_iter().map(|layer| step(source, name, layer, &mut n));
            branches.push(steps.collect::<Result<Vec<_>, _>>()?);
            n_out += n;
        }
        stages.push((name, branches));
        n_in = n_out;
    }
    let classes = source.tensor("fc.weight", [N_CLASSES, N_FEATURES])?;
    Ok(Box::new(Inception { stages, classes }))
}

/// `layer` of the block `block`; `n` is its input channels and becomes its output channels.
fn step(source: &mut Source, block: &str, layer: Layer, n: &mut usize) -> Result<Step, String> {
    let n_in = *n;
    let mut conv = |name: &str, n_out, kernel, stride, padding| {
        let path = if name.is_empty() { block.to_owned() } else { format!("{block}.{name}") };
        let form = Form { channels: [n_in, n_out], kernel, stride, padding, groups: 1 };
        source.conv(&format!("{path}.conv"), &format!("{path}.bn"), form)
    };
    Ok(match layer {
        Same(name, n_out, kernel) => {
            *n = n_out;
            Step::Conv(Box::new(conv(name, n_out, kernel, 1, Padding::Same)?))
        }
        Valid(name, n_out, stride) => {
            *n = n_out;
            Step::Conv(Box::new(conv(name, n_out, [3, 3], stride, Padding::Valid)?))
        }
        Fork([(a, n_a, kernel_a), (b, n_b, kernel_b)]) => {
            *n = n_a + n_b;
            let first = conv(a, n_a, kernel_a, 1, Padding::Same)?;
            Step::Fork(vec![first, conv(b, n_b, kernel_b, 1, Padding::Same)?])
        }
        Layer::Pool(pool) => Step::Pool(pool),
    })
}

impl Network for Inception {
    fn forward(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> Output {
        let mut x = images;
        for (name, branches) in &self.stages {
            let outputs = branches.iter().map(|steps| steps.iter().fold(x.clone(), |x, step| step.forward(x)));
            x = Tensor::cat(outputs.collect(), 1);
            see(name, &x);
        }
        let features = pixel_mean(x);
        Output { scores: Some(features.clone().matmul(self.classes.clone().transpose())), features }
    }
}

impl Step {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => relu(conv.forward(x)),
            Self::Fork(convs) => Tensor::cat(convs.iter().map(|conv| relu(conv.forward(x.clone()))).collect(), 1),
            Self::Pool(pool) => pool.forward(x),
        }
    }
}

impl Pool {
    fn forward(self, x: Tensor<4>) -> Tensor<4> {
        let max = MaxPoolOptions::new([3, 3]);
        match self {
            Self::Mean => {
                let mean = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
                avg_pool2d(x, mean.with_count_include_pad(false))
            }
            Self::Max => max_pool2d(x, max.with_stride([1, 1]).with_padding([1, 1])),
            Self::Halve => max_pool2d(x, max.with_stride([2, 2])),
        }
    }
}

/// Bilinear resizing of `[N, C, H, W]` to `size` as the TensorFlow graph of 2015 did it: output pixel i reads at
/// `i H / H'`, between its neighbours, without a half-pixel shift and without antialiasing. It exists to reproduce
/// figures of that graph; shrinking with it aliases (Parmar et al. 2022, "On aliased resizing", arXiv:2104.11222).
pub fn resize_tf1(images: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = images.dims();
    let device = images.device();
    let rows = weights(h, size[0], &device).unsqueeze::<4>(); // [1, 1, H', H]
    let columns = weights(w, size[1], &device).transpose().unsqueeze::<4>(); // [1, 1, W, W']
    rows.matmul(images).matmul(columns)
}

/// `[to, from]`: what each output pixel takes of each input pixel.
fn weights(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; to * from];
    for (i, row) in values.chunks_exact_mut(from).enumerate() {
        let at = i as f64 * from as f64 / to as f64;
        let before = (at as usize).min(from - 1);
        row[before] += (1.0 - at.fract()) as f32;
        row[(before + 1).min(from - 1)] += at.fract() as f32;
    }
    Tensor::from_data(TensorData::new(values, [to, from]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensorflow_s_resizing_reads_from_the_corner() {
        let device = Device::default();
        let image = Tensor::<4>::from_data([[[[0.0f32, 8.0]], [[4.0, 2.0]]]], &device);
        let wide: Vec<f32> = resize_tf1(image, [2, 4]).into_data().iter::<f32>().collect();
        assert_eq!(wide, [0., 4., 8., 8., 0., 4., 8., 8., 4., 3., 2., 2., 4., 3., 2., 2.]);
        let image = Tensor::<4>::from_data([[[[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]]]], &device);
        let small: Vec<f32> = resize_tf1(image, [1, 4]).into_data().iter::<f32>().collect();
        assert_eq!(small, [1.0, 2.5, 4.0, 5.5]);
    }
}
