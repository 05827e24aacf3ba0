//! The kernels as operations of Burn's CPU backend.

mod gradients;
mod layered;

pub(crate) use layered::layered;

use std::sync::atomic::{AtomicU64, Ordering};

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape, Tensor, TensorData};

use crate::buffer;
use crate::dense::{self, Matrix};
use crate::geometry::Convolution;
use crate::packs::{self, Keeping, Layout, Way};
use crate::pointwise::{self, BatchNorm, Channels};
use crate::step::AdamStep;
use crate::{Path, Precision, tiles, weight_gradient, winograd};

/// What has a kernel here.
#[backend_extension(Flex, Autodiff)]
pub trait KernelOps: Backend {
    /// A convolution: `[N, in, H, W]` to `[N, out, H', W']`.
    fn correlate(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Its input gradient: `[N, out, H', W']` to `[N, in, H, W]`.
    fn correlate_back(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Its weight gradient. It is not differentiable.
    fn correlate_both(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// `x Wᵀ + b`.
    fn affine(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x Wᵀ`.
    fn linear_forth(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x W`, which is the gradient of its input as well.
    fn linear_back(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `dyᵀ x`, the gradient of the weight. It is not differentiable.
    fn linear_both(dy: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The sum of each column, the gradient of the bias. It is not differentiable.
    fn sums_of_columns(dy: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The values where positive, `slope` times as much elsewhere.
    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// `dy` where `x` is positive, `slope` times as much elsewhere; constant in `x`.
    fn leaky_back(dy: FloatTensor<Self>, x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// The hyperbolic tangent.
    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `dy (1 - y²)`. It is not differentiable.
    fn tanh_back(dy: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `[N, C, H, W]` normalized by its own moments, times `slope` where not positive, with these moments, `[C]` each, which
    /// have no gradient.
    fn normalize(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of the input, of the weight and of the bias. They are not differentiable.
    #[allow(clippy::too_many_arguments, reason = "operations of a backend take tensors one by one")]
    fn normalize_back(
        dy: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        means: FloatTensor<Self>,
        variances: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `[N, C, H, W]` normalized by given moments, times `slope` where not positive. It is not differentiable.
    fn normalize_by(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        means: FloatTensor<Self>,
        variances: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// A flat weight after the step, with its moments. It is not differentiable.
    fn adam(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `average share + value (1 - share)`. It is not differentiable.
    fn blend(average: FloatTensor<Self>, value: FloatTensor<Self>, share: f32) -> FloatTensor<Self>;
}

/// Multiplications and additions of all convolutions so far.
static FLOPS: AtomicU64 = AtomicU64::new(0);

/// Multiplications and additions of all convolutions of this process so far, forwards and backwards.
pub fn convolution_flops() -> u64 {
    FLOPS.load(Ordering::Relaxed)
}

/// Counts what `convolution` multiplies and adds.
pub(crate) fn count(convolution: &Convolution) {
    FLOPS.fetch_add(convolution.flops(), Ordering::Relaxed);
}

impl KernelOps for Flex {
    fn correlate(x: FlexTensor, weight: FlexTensor, convolution: Convolution, precision: Precision) -> FlexTensor {
        Way::Forth.run(x, weight, convolution, precision)
    }

    fn correlate_back(y: FlexTensor, weight: FlexTensor, convolution: Convolution, precision: Precision) -> FlexTensor {
        Way::Back.run(y, weight, convolution, precision)
    }

    fn correlate_both(x: FlexTensor, y: FlexTensor, convolution: Convolution, precision: Precision) -> FlexTensor {
        let [vertical, horizontal] = convolution.axes;
        let [n_in, _] = convolution.group_channels();
        let shape = Shape::new([convolution.channels[1], n_in, vertical.kernel, horizontal.kernel]);
        let kernel = |[x, y]: [&[f32]; 2], weight: &mut [f32]| {
            count(&convolution);
            weight_gradient(Path::best(precision), &convolution, x, y, weight)
        };
        run([x, y], shape, kernel)
    }

    fn affine(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let [sides, sides_w] = [&x, &weight].map(sides);
        run([x, weight, bias], Shape::new([sides[0], sides_w[0]]), |[x, weight, bias], y| {
            let weight = Matrix::new(weight, sides_w).transposed();
            dense::product(Path::best(Precision::F32), Matrix::new(x, sides), weight, bias, y);
        })
    }

    fn linear_forth(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let [sides, sides_w] = [&x, &weight].map(sides);
        run([x, weight], Shape::new([sides[0], sides_w[0]]), |[x, weight], y| {
            let weight = Matrix::new(weight, sides_w).transposed();
            dense::product(Path::best(Precision::F32), Matrix::new(x, sides), weight, &[], y);
        })
    }

    fn linear_back(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let [sides, sides_w] = [&x, &weight].map(sides);
        run([x, weight], Shape::new([sides[0], sides_w[1]]), |[x, weight], y| {
            dense::product(Path::best(Precision::F32), Matrix::new(x, sides), Matrix::new(weight, sides_w), &[], y);
        })
    }

    fn linear_both(dy: FlexTensor, x: FlexTensor) -> FlexTensor {
        let [sides, sides_x] = [&dy, &x].map(sides);
        run([dy, x], Shape::new([sides[1], sides_x[1]]), |[dy, x], dw| {
            let dy = Matrix::new(dy, sides).transposed();
            dense::product(Path::best(Precision::F32), dy, Matrix::new(x, sides_x), &[], dw);
        })
    }

    fn sums_of_columns(dy: FlexTensor) -> FlexTensor {
        let sides = sides(&dy);
        run([dy], Shape::new([sides[1]]), |[dy], sums| dense::sums_of_columns(Matrix::new(dy, sides), sums))
    }

    fn leaky(x: FlexTensor, slope: f32) -> FlexTensor {
        let shape = x.shape();
        run([x], shape, |[x], y| pointwise::leaky_relu(x, slope, y))
    }

    fn leaky_back(dy: FlexTensor, x: FlexTensor, slope: f32) -> FlexTensor {
        let shape = x.shape();
        run([dy, x], shape, |[dy, x], dx| pointwise::leaky_relu_gradient(dy, x, slope, dx))
    }

    fn tanh(x: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        run([x], shape, |[x], y| pointwise::tanh(x, y))
    }

    fn tanh_back(dy: FlexTensor, y: FlexTensor) -> FlexTensor {
        let shape = y.shape();
        run([dy, y], shape, |[dy, y], dx| pointwise::tanh_gradient(dy, y, dx))
    }

    fn normalize(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let channels = channels(&x);
        let mut moments = Default::default();
        let shape = x.shape();
        let y = run([x, weight, bias], shape, |[x, weight, bias], y| {
            let [means, variances] = pointwise::moments(channels, x);
            BatchNorm { channels, means: &means, variances: &variances, weight, bias, epsilon, slope }.forward(x, y);
            moments = [means, variances];
        });
        let [means, variances] = moments.map(flat);
        (y, means, variances)
    }

    fn normalize_back(
        dy: FlexTensor,
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        means: FlexTensor,
        variances: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let channels = channels(&x);
        let mut gradients = Default::default();
        let shape = x.shape();
        let dx = run([dy, x, weight, bias, means, variances], shape, |[dy, x, weight, bias, means, variances], dx| {
            let norm = BatchNorm { channels, means, variances, weight, bias, epsilon, slope };
            gradients = norm.gradient(dy, x, dx);
        });
        let [weight, bias] = gradients.map(flat);
        (dx, weight, bias)
    }

    fn normalize_by(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        means: FlexTensor,
        variances: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> FlexTensor {
        let (channels, shape) = (channels(&x), x.shape());
        run([x, weight, bias, means, variances], shape, |[x, weight, bias, means, variances], y| {
            BatchNorm { channels, means, variances, weight, bias, epsilon, slope }.forward(x, y);
        })
    }

    fn adam(
        weight: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [mut first, mut second] = [first, second].map(|moment| moment.to_contiguous());
        let shape = weight.shape();
        let moved = run([weight, gradient], shape, |[weight, gradient], moved| {
            pointwise::adam(step, weight, gradient, [first.storage_mut(), second.storage_mut()], moved);
        });
        (moved, first, second)
    }

    fn blend(average: FlexTensor, value: FlexTensor, share: f32) -> FlexTensor {
        let shape = average.shape();
        run([average, value], shape, |[average, value], blended| pointwise::blend(average, value, share, blended))
    }
}

/// Of the input (0) or the output (1).
fn shape(convolution: &Convolution, side: usize) -> Shape {
    let [h, w] = convolution.axes.map(|axis| if side == 0 { axis.input } else { axis.output });
    Shape::new([convolution.batch, convolution.channels[side], h, w])
}

fn channels(x: &FlexTensor) -> Channels {
    let shape = x.shape();
    Channels { n_channels: shape[1], n_pixels: shape.num_elements() / (shape[0] * shape[1]).max(1) }
}

/// Rows and columns of a matrix.
fn sides(x: &FlexTensor) -> [usize; 2] {
    let shape = x.shape();
    [shape[0], shape[1]]
}

fn flat(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// A tensor of the CPU, contiguous.
pub(crate) fn primitive<const D: usize>(tensor: &Tensor<D>) -> FlexTensor {
    let primitive = tensor.clone().try_into_primitive::<Flex>();
    primitive.unwrap_or_else(|error| panic!("a tensor of the CPU was asked for: {error:?}")).to_contiguous()
}

/// What `kernel` makes of tensors of 32-bit numbers.
fn run<const N: usize>(
    operands: [FlexTensor; N],
    shape: Shape,
    kernel: impl FnOnce([&[f32]; N], &mut [f32]),
) -> FlexTensor {
    assert!(operands.iter().all(|operand| operand.dtype() == DType::F32), "kernels are of 32-bit numbers");
    let operands = operands.map(|operand| operand.to_contiguous());
    assert!(operands.iter().all(|operand| operand.as_slice::<f32>().is_some()), "what was made contiguous is a slice");
    let operands = operands.each_ref().map(|operand| operand.as_slice::<f32>().unwrap_or_default());
    // SAFETY: all kernels write every value before they read one.
    let result = unsafe { buffer::written(shape.num_elements(), |values| kernel(operands, values)) };
    FlexTensor::from_data(TensorData::new(result, shape))
}

impl Way {
    fn run(self, from: FlexTensor, weight: FlexTensor, convolution: Convolution, precision: Precision) -> FlexTensor {
        assert!(weight.dtype() == DType::F32, "kernels are of 32-bit numbers");
        count(&convolution);
        let best = Path::best(precision);
        let by_rows = winograd::path(precision, [convolution.channels[0]]);
        let (layout, path) = match Keeping::current() {
            Keeping::Nothing if tiles::suits(best, &convolution) => (Layout::Tiles(self), best),
            // Sums of neighbours, rounded to bf16, would lose more than the neighbours.
            Keeping::Any if precision == Precision::Bf16 => (Layout::Taps(self), best),
            Keeping::Any if self == Self::Forth && winograd::suits(by_rows, &convolution) => (Layout::Rows, by_rows),
            Keeping::Any if tiles::suits_any_batch(best, &convolution) => (Layout::Tiles(self), best),
            _ => (Layout::Taps(self), best),
        };
        let packed = packs::packed(layout, path, &convolution, &weight.to_contiguous());
        let shape = shape(&convolution, if self == Self::Forth { 1 } else { 0 });
        run([from], shape, |[from], to| packed.run(&convolution, from, to))
    }
}
