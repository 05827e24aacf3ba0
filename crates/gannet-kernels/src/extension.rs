//! The kernels as operations on Burn's tensors, with gradients.
//!
//! On the CPU backend the operations are the kernels of this crate; on every other they are Burn's own convolutions.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Shape, Tensor};

use crate::geometry::{Axis, Convolution};

/// A convolution and its two adjoints.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(feature = "cube"),
    LibTorch: cfg(feature = "libtorch"),
    Autodiff,
)]
pub trait ConvolutionOps: Backend {
    /// `[N, in, H, W]` to `[N, out, H', W']`.
    fn correlate(x: FloatTensor<Self>, weight: FloatTensor<Self>, convolution: Convolution) -> FloatTensor<Self> {
        Self::conv2d(x, weight, None, options(&convolution))
    }

    /// `[N, out, H', W']` to `[N, in, H, W]`.
    fn correlate_back(y: FloatTensor<Self>, weight: FloatTensor<Self>, convolution: Convolution) -> FloatTensor<Self> {
        let [padding_out_y, padding_out_x] = convolution.axes.map(|axis| {
            axis.input + 2 * axis.padding - (axis.output - 1) * axis.stride - axis.dilation * (axis.kernel - 1) - 1
        });
        let ConvOptions { stride, dilation, groups, .. } = options(&convolution);
        let padding = convolution.axes.map(|axis| axis.padding);
        let options = ConvTransposeOptions::new(stride, padding, [padding_out_y, padding_out_x], dilation, groups);
        Self::conv_transpose2d(y, weight, None, options)
    }

    /// `[N, in, H, W]` and `[N, out, H', W']` to `[out, in / groups, kernel, kernel]`.
    fn correlate_both(x: FloatTensor<Self>, y: FloatTensor<Self>, convolution: Convolution) -> FloatTensor<Self> {
        let weight = Self::float_zeros(weight_shape(&convolution), &x.device(), x.dtype().into());
        Self::conv2d_weight_backward(x, weight, y, options(&convolution))
    }
}

/// Convolution of `[N, in, H, W]` with weights `[out, in / groups, kernel, kernel]`.
///
/// # Panics
/// If the padded input is smaller than the kernel, or the channels do not fit the groups.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize, groups: usize) -> Tensor<4> {
    let [batch, n_in, h, w] = x.dims();
    let [n_out, n_in_group, kernel_h, kernel_w] = weight.dims();
    assert_eq!(n_in, n_in_group * groups, "the input has as many channels as the weights take");
    let axes = [(h, kernel_h), (w, kernel_w)].map(|(size, kernel)| {
        Axis::new(size, kernel, stride, [padding; 2], 1).expect("the padded input holds a kernel")
    });
    let convolution = Convolution { batch, channels: [n_in, n_out], groups, axes };
    Tensor::from_dispatch(Dispatch::correlate(x.into_dispatch(), weight.into_dispatch(), convolution))
}

/// Transposed convolution of `[N, in, H, W]` with weights `[in, out, kernel, kernel]` to `(H - 1) stride - 2 padding +
/// kernel` pixels each way: the input gradient of a convolution.
///
/// # Panics
/// If nothing is left after the padding, or the channels do not fit.
pub fn conv_transpose2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let [batch, n_in, h, w] = x.dims();
    let [n_in_weight, n_out, kernel_h, kernel_w] = weight.dims();
    assert_eq!(n_in, n_in_weight, "the input has as many channels as the weights take");
    let axes = [(h, kernel_h), (w, kernel_w)].map(|(size, kernel)| {
        let input = ((size - 1) * stride + kernel).checked_sub(2 * padding).expect("pixels are left after the padding");
        Axis { input, output: size, kernel, stride, padding, dilation: 1 }
    });
    let convolution = Convolution { batch, channels: [n_out, n_in], groups: 1, axes };
    Tensor::from_dispatch(Dispatch::correlate_back(x.into_dispatch(), weight.into_dispatch(), convolution))
}

fn options(convolution: &Convolution) -> ConvOptions<2> {
    let axes = convolution.axes;
    ConvOptions::new(
        axes.map(|axis| axis.stride),
        axes.map(|axis| axis.padding),
        axes.map(|axis| axis.dilation),
        convolution.groups,
    )
}

fn weight_shape(convolution: &Convolution) -> Shape {
    let [vertical, horizontal] = convolution.axes;
    Shape::new([convolution.channels[1], convolution.group_channels()[0], vertical.kernel, horizontal.kernel])
}

#[cfg(feature = "cube")]
impl ConvolutionOps for burn::backend::Cube {}

#[cfg(feature = "libtorch")]
impl ConvolutionOps for burn::backend::LibTorch {}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::Flex;
    use burn::backend::flex::FlexTensor;
    use burn::backend::ops::ModuleOps;
    use burn::tensor::{DType, Shape, TensorData};

    use super::{ConvolutionOps, options, weight_shape};
    use crate::geometry::Convolution;
    use crate::{Path, forward, input_gradient, weight_gradient};

    impl ConvolutionOps for Flex {
        fn correlate(x: FlexTensor, weight: FlexTensor, convolution: Convolution) -> FlexTensor {
            let shape = shape(&convolution, 1);
            let kernel = |x: &[f32], weight: &[f32], y: &mut [f32]| forward(Path::best(), &convolution, x, weight, y);
            run([&x, &weight], shape, kernel).unwrap_or_else(|| Self::conv2d(x, weight, None, options(&convolution)))
        }

        fn correlate_back(y: FlexTensor, weight: FlexTensor, convolution: Convolution) -> FlexTensor {
            let shape = shape(&convolution, 0);
            let kernel =
                |y: &[f32], weight: &[f32], x: &mut [f32]| input_gradient(Path::best(), &convolution, y, weight, x);
            run([&y, &weight], shape, kernel).expect("transposed convolutions are of 32-bit numbers")
        }

        fn correlate_both(x: FlexTensor, y: FlexTensor, convolution: Convolution) -> FlexTensor {
            let shape = weight_shape(&convolution);
            let kernel =
                |x: &[f32], y: &[f32], weight: &mut [f32]| weight_gradient(Path::best(), &convolution, x, y, weight);
            run([&x, &y], shape, kernel).expect("weights are 32-bit numbers")
        }
    }

    /// Of the input (0) or the output (1).
    fn shape(convolution: &Convolution, side: usize) -> Shape {
        let [h, w] = convolution.axes.map(|axis| if side == 0 { axis.input } else { axis.output });
        Shape::new([convolution.batch, convolution.channels[side], h, w])
    }

    /// What `kernel` makes of two tensors of 32-bit numbers; nothing for others.
    fn run(
        operands: [&FlexTensor; 2],
        shape: Shape,
        kernel: impl FnOnce(&[f32], &[f32], &mut [f32]),
    ) -> Option<FlexTensor> {
        if operands.iter().any(|operand| operand.dtype() != DType::F32) {
            return None;
        }
        let [a, b] = operands.map(FlexTensor::to_contiguous);
        let mut result = vec![0.0; shape.num_elements()];
        kernel(a.as_slice::<f32>()?, b.as_slice::<f32>()?, &mut result);
        Some(FlexTensor::from_data(TensorData::new(result, shape)))
    }
}

impl<B: Backend + ConvolutionOps, C: CheckpointStrategy> ConvolutionOps for Autodiff<B, C> {
    fn correlate(x: FloatTensor<Self>, weight: FloatTensor<Self>, convolution: Convolution) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Correlate;

        impl<B: Backend + ConvolutionOps> Backward<B, 2> for Correlate {
            type State = ([burn::backend::autodiff::NodeId; 2], Convolution);

            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
                let ([x, weight], convolution) = ops.state;
                let [node_x, node_weight] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
                let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(weight);
                if let Some(node) = node_x {
                    grads.register::<B>(node.id, B::correlate_back(grad.clone(), weight, convolution));
                }
                if let Some(node) = node_weight {
                    grads.register::<B>(node.id, B::correlate_both(x, grad, convolution));
                }
            }
        }

        match Correlate.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&x), prep.checkpoint(&weight)];
                let y = B::correlate(x.into_primitive(), weight.into_primitive(), convolution);
                prep.finish((state, convolution), y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::correlate(x.into_primitive(), weight.into_primitive(), convolution))
            }
        }
    }

    fn correlate_back(y: FloatTensor<Self>, weight: FloatTensor<Self>, convolution: Convolution) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct CorrelateBack;

        impl<B: Backend + ConvolutionOps> Backward<B, 2> for CorrelateBack {
            type State = ([burn::backend::autodiff::NodeId; 2], Convolution);

            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
                let ([y, weight], convolution) = ops.state;
                let [node_y, node_weight] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                let y = checkpointer.retrieve_node_output::<FloatTensor<B>>(y);
                let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(weight);
                if let Some(node) = node_y {
                    grads.register::<B>(node.id, B::correlate(grad.clone(), weight, convolution));
                }
                if let Some(node) = node_weight {
                    grads.register::<B>(node.id, B::correlate_both(grad, y, convolution));
                }
            }
        }

        match CorrelateBack.prepare::<C>([y.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&y), prep.checkpoint(&weight)];
                let x = B::correlate_back(y.into_primitive(), weight.into_primitive(), convolution);
                prep.finish((state, convolution), x)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::correlate_back(y.into_primitive(), weight.into_primitive(), convolution))
            }
        }
    }
}
