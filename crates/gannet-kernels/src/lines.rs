//! Rows of images that come one after the other, prepared once for all convolutions of 3x3 that read them.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
#[cfg(feature = "kernels")]
use burn::{backend::flex::FlexTensor, tensor::TensorData};

use crate::tensors::conv2d_padded;
#[cfg(feature = "kernels")]
use crate::{
    buffer, extension,
    geometry::{Axis, Convolution},
    packs::{self, Layout},
    path::Path,
    precision::Precision,
    tensors::is_served,
    winograd::{self, After, Pixels, Points},
};

/// How rows are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineForm {
    #[cfg(feature = "kernels")]
    path: Path,
}

impl LineForm {
    /// For inputs whose `parts` have so many channels, by the precision of the scope.
    pub fn new(parts: impl IntoIterator<Item = usize>) -> Self {
        #[cfg(feature = "kernels")]
        return Self { path: winograd::path(Precision::current(), parts) };
        #[cfg(not(feature = "kernels"))]
        return {
            let _ = parts;
            Self {}
        };
    }

    /// Numbers that a row takes.
    pub fn n_values(self, n_channels: usize, width: usize) -> usize {
        #[cfg(feature = "kernels")]
        return Points::n_values(self.path, n_channels, width);
        #[cfg(not(feature = "kernels"))]
        return n_channels * width;
    }
}

/// Rows `[N, C, rows, W]`, prepared.
pub struct PreparedRows(Prepared);

enum Prepared {
    /// For the kernels.
    #[cfg(feature = "kernels")]
    Points(Points),
    /// As they are, for Burn's own convolution.
    Rows(Tensor<4>),
}

/// A row of a convolution's input: that of each of its parts, one after the other along the channels, or none outside of the
/// image.
pub type Line<'a> = Option<Vec<(&'a PreparedRows, usize)>>;

impl PreparedRows {
    /// Of `rows`, each of whose values counts `repeat` times along its row, for convolutions of 3x3 that keep the width.
    pub fn new(rows: &Tensor<4>, repeat: usize, form: LineForm) -> Self {
        let dims @ [n, channels, n_rows, width] = rows.dims();
        #[cfg(feature = "kernels")]
        if is_served(rows.device()) {
            let rows = extension::primitive(rows);
            let line = Pixels { values: rows.as_slice::<f32>().unwrap_or_default(), dims, repeat, left: 1 };
            return Self(Prepared::Points(Points::new(form.path, line, repeat * width)));
        }
        let _ = (form, dims);
        let repeated =
            rows.clone().reshape([n, channels, n_rows, width, 1]).expand([n, channels, n_rows, width, repeat]);
        Self(Prepared::Rows(repeated.reshape([n, channels, n_rows, width * repeat])))
    }
}

/// What is done to each value of a convolution by lines.
#[derive(Default)]
pub struct Then<'a> {
    /// What is not positive is multiplied by these, one for each channel or one for all, if there are any.
    pub slopes: &'a [f32],
    /// One after the other.
    pub sums: Vec<Plus>,
}

/// A share of what there is, plus the rows of something else.
pub struct Plus {
    /// What there is is multiplied by it.
    pub share: f32,
    /// For each row of the output one of a tensor `[N, out, rows, width]`.
    pub rows: Vec<(Tensor<4>, usize)>,
}

/// Rows `[N, out, lines - 2, width]` of a convolution with weights `[out, in, 3, 3]`, plus `bias`: of `lines` with one before
/// and one behind them.
///
/// # Panics
/// If the lines have other channels or another width, or none of them is in the image.
pub fn conv2d_lines(
    lines: &[Line<'_>],
    [n_images, width]: [usize; 2],
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    then: &Then<'_>,
) -> Tensor<4> {
    #[cfg(feature = "kernels")]
    if is_served(weight.device()) {
        let [n_out, n_in, kernel_h, kernel_w] = weight.dims();
        let n_rows = lines.len() - 2;
        let axes = [
            Axis { input: lines.len(), output: n_rows, kernel: kernel_h, stride: 1, padding: 0, dilation: 1 },
            Axis { input: width, output: width, kernel: kernel_w, stride: 1, padding: 1, dilation: 1 },
        ];
        let convolution = Convolution { batch: n_images, channels: [n_in, n_out], groups: 1, axes };
        extension::count(&convolution);
        let points: Vec<winograd::Line<'_>> = lines.iter().map(|line| line.as_ref().map(points)).collect();
        let Some((first, _)) = points.iter().flatten().flatten().next() else { panic!("a line is in the image") };
        let path = first.path;
        assert!(winograd::suits(path, &convolution), "lines are for weights of 3x3");
        let packed = packs::packed(Layout::Rows, path, &convolution, &extension::primitive(weight));
        let bias = bias.map(extension::primitive);
        let bias = bias.as_ref().and_then(|bias| bias.as_slice::<f32>());
        let sums: Vec<(f32, Vec<(FlexTensor, usize)>)> = then
            .sums
            .iter()
            .map(|plus| {
                let rows = plus.rows.iter().map(|(rows, row)| (extension::primitive(rows), *row));
                (plus.share, rows.collect())
            })
            .collect();
        let plus: Vec<winograd::Plus<'_>> = sums
            .iter()
            .map(|(share, rows)| winograd::Plus {
                share: *share,
                rows: rows.iter().map(|(rows, row)| (rows.as_slice::<f32>().unwrap_or_default(), *row)).collect(),
            })
            .collect();
        let after = After { bias: bias.unwrap_or_default(), slopes: then.slopes, plus: &plus };
        let kernel = |y: &mut [f32]| {
            let Some(rows) = packed.rows() else { unreachable!("that is how they were packed") };
            rows.convolve(&points, n_images, width, after, y);
        };
        // SAFETY: every number is written, and none is read.
        let y = unsafe { buffer::written(convolution.n_output(), kernel) };
        return Tensor::from_data(TensorData::new(y, [n_images, n_out, n_rows, width]), &weight.device());
    }
    let n_above = lines.iter().take_while(|line| line.is_none()).count();
    let inside: Vec<&Vec<(&PreparedRows, usize)>> = lines.iter().flatten().collect();
    let n_below = lines.len() - n_above - inside.len();
    let part = |p: usize| Tensor::cat(inside.iter().map(|parts| one_row(parts[p])).collect(), 2);
    let x = Tensor::cat((0..inside[0].len()).map(part).collect(), 1);
    debug_assert_eq!([x.dims()[0], x.dims()[3]], [n_images, width]);
    let y = conv2d_padded(x, weight.clone(), 1, [[n_above, n_below], [1, 1]], 1);
    let y = match bias {
        Some(bias) => y + bias.clone().reshape([1, bias.dims()[0], 1, 1]),
        None => y,
    };
    let y = if then.slopes.is_empty() {
        y
    } else {
        let slopes = Tensor::<1>::from_data(then.slopes, &y.device()).reshape([1, then.slopes.len(), 1, 1]);
        relu(y.clone()) - relu(-y) * slopes
    };
    then.sums.iter().fold(y, |y, Plus { share, rows }| {
        let rows = rows.iter().map(|(rows, row)| rows.clone().narrow(2, *row, 1)).collect();
        y * *share + Tensor::cat(rows, 2)
    })
}

#[cfg(feature = "kernels")]
fn points<'a>(parts: &Vec<(&'a PreparedRows, usize)>) -> Vec<(&'a Points, usize)> {
    let point = |(part, row): &(&'a PreparedRows, usize)| match &part.0 {
        Prepared::Points(points) => (points, *row),
        Prepared::Rows(_) => panic!("lines and weights are of one device"),
    };
    parts.iter().map(point).collect()
}

fn one_row((part, row): (&PreparedRows, usize)) -> Tensor<4> {
    match &part.0 {
        #[cfg(feature = "kernels")]
        Prepared::Points(_) => panic!("lines and weights are of one device"),
        Prepared::Rows(rows) => rows.clone().narrow(2, row, 1),
    }
}

/// Whether [`conv2d_lines`] computes a convolution with weights of these sizes, `[out, in, kernel, kernel]`, if its stride is
/// 1 and it pads by 1.
pub fn takes_lines([n_out, n_in, kernel_h, kernel_w]: [usize; 4]) -> bool {
    [kernel_h, kernel_w] == [3, 3] && n_in.min(n_out) >= MIN_CHANNELS
}

/// Channels from which on products cost more than transforms.
pub(crate) const MIN_CHANNELS: usize = 16;
