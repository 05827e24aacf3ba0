//! EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946; the Lite variants drop squeeze-and-excitation and use ReLU6):
//! 1280 features and 1000 classes of ImageNet from 4.7 million weights.
//!
//! Each block widens its channels by a 1x1 convolution, convolves every channel on its own and narrows them again
//! (Sandler et al. 2018, "MobileNetV2", arXiv:1801.04381, section 3.3). Padding is TensorFlow's; the network saw bytes b
//! as (b - 127) / 128.

use burn::tensor::Tensor;

use super::layers::{Conv, Form, Padding, Source, pixel_mean};
use super::{Network, Output};

/// Side of the images, in pixels.
pub(super) const SIDE: usize = 224;
/// Of the last pooling.
pub(super) const N_FEATURES: usize = 1280;
/// Of ImageNet.
pub(super) const N_CLASSES: usize = 1000;
/// A tensor by which its weights are known.
pub(super) const SIGNATURE: &str = "_conv_stem.weight";

/// Blocks, kernel, stride of the first block, widening, output channels.
const STAGES: [[usize; 5]; 7] = [
    [1, 3, 1, 1, 16],
    [2, 3, 2, 6, 24],
    [2, 5, 2, 6, 40],
    [3, 3, 2, 6, 80],
    [3, 5, 1, 6, 112],
    [4, 5, 2, 6, 192],
    [1, 3, 1, 6, 320],
];
const N_STEM: usize = 32;

struct EfficientNet {
    stem: Conv,
    blocks: Vec<(String, Block)>,
    head: Conv,
    /// `[classes, features]`.
    classes: Tensor<2>,
    /// `[classes]`.
    bias: Tensor<1>,
}

struct Block {
    expand: Option<Conv>,
    depthwise: Conv,
    project: Conv,
    is_residual: bool,
}

/// The network with the weights of `source`.
pub(super) fn build(source: &mut Source) -> Result<Box<dyn Network>, String> {
    let form = |n_in, n_out, kernel, stride| Form {
        channels: [n_in, n_out],
        kernel: [kernel; 2],
        stride,
        padding: Padding::Same,
        groups: 1,
    };
    let stem = source.conv("_conv_stem", "_bn0", form(3, N_STEM, 3, 2))?;
    let mut blocks = vec![];
    let mut n_in = N_STEM;
    for [n_blocks, kernel, first_stride, widening, n_out] in STAGES {
        for i in 0..n_blocks {
            let stride = if i == 0 { first_stride } else { 1 };
            let path = format!("_blocks.{}", blocks.len());
            let mut conv =
                |conv: &str, norm: &str, form| source.conv(&format!("{path}.{conv}"), &format!("{path}.{norm}"), form);
            let n_wide = n_in * widening;
            let expand =
                if widening > 1 { Some(conv("_expand_conv", "_bn0", form(n_in, n_wide, 1, 1))?) } else { None };
            let apart = Form { groups: n_wide, ..form(n_wide, n_wide, kernel, stride) };
            let depthwise = conv("_depthwise_conv", "_bn1", apart)?;
            let project = conv("_project_conv", "_bn2", form(n_wide, n_out, 1, 1))?;
            blocks.push((path, Block { expand, depthwise, project, is_residual: stride == 1 && n_in == n_out }));
            n_in = n_out;
        }
    }
    Ok(Box::new(EfficientNet {
        stem,
        blocks,
        head: source.conv("_conv_head", "_bn1", form(n_in, N_FEATURES, 1, 1))?,
        classes: source.tensor("_fc.weight", [N_CLASSES, N_FEATURES])?,
        bias: source.tensor("_fc.bias", [N_CLASSES])?,
    }))
}

impl Network for EfficientNet {
    fn forward(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> Output {
        // Bytes are 127.5 (x + 1).
        let mut x = relu6(self.stem.forward((images * 127.5 + 0.5) / 128.0));
        see("stem", &x);
        for (name, block) in &self.blocks {
            x = block.forward(x);
            see(name, &x);
        }
        x = relu6(self.head.forward(x));
        see("head", &x);
        let features = pixel_mean(x);
        let scores = features.clone().matmul(self.classes.clone().transpose()) + self.bias.clone().unsqueeze::<2>();
        Output { features, scores: Some(scores) }
    }
}

impl Block {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let wide = match &self.expand {
            Some(expand) => relu6(expand.forward(input.clone())),
            None => input.clone(),
        };
        let y = self.project.forward(relu6(self.depthwise.forward(wide)));
        if self.is_residual { y + input } else { y }
    }
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}
