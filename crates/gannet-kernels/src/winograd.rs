//! Convolutions of 3x3 with half the products: Winograd's F(4, 3) along rows (Lavin and Gray 2016, "Fast Algorithms for
//! Convolutional Neural Networks", section 4), the taps down a column added up as they are.
//!
//! Four neighbours of a row and the kernel's three columns, twelve products, become six products of transformed values: the
//! [`Points`] of the input, computed once for all layers that read it, and those of the weights ([`Rows`]). Columns stay as
//! they are, so that a row of the output depends on three rows of the input and on nothing else: rows that come in strips give
//! the bits of the whole. Along a row, four neighbours that begin at a multiple of four are computed together.

mod points;

pub(crate) use points::{Pixels, Points};

use crate::buffer::{Aligned, Buffer};
use crate::geometry::{Axis, Convolution};
use crate::lines::takes_lines;
use crate::path::{self, Path, RunBlock, Segment, vectorized};
use crate::precision::Precision;
use crate::tensors::TOGETHER;
use crate::threads;

/// Products for [`TOGETHER`] columns, and transformed values of each kind.
const POINTS: usize = 6;
/// Rows of the kernel.
const TAPS: usize = 3;
/// Fours of columns in a run, at most.
const MAX_LANES: usize = 16;
/// Channels of a segment, at most: what they take of three runs, and the sums, stay in the first-level cache.
const DEPTH: usize = 64;

/// G: from a row of the kernel to six points.
const WEIGHTS: [[f64; TAPS]; POINTS] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// One of the points of a row of the kernel.
fn transform_weights(point: usize, row: &[f32]) -> f32 {
    WEIGHTS[point].iter().zip(row).map(|(g, w)| g * f64::from(*w)).sum::<f64>() as f32
}

/// The rows of Aᵀ: from six points to four neighbours of the output.
#[inline(always)]
fn transform_output(m: [f32; POINTS]) -> [f32; TOGETHER] {
    let [sum_1, difference_1] = [m[1] + m[2], m[1] - m[2]];
    let [sum_2, difference_2] = [m[3] + m[4], m[3] - m[4]];
    [
        m[0] + sum_1 + sum_2,
        difference_1 + 2.0 * difference_2,
        sum_1 + 4.0 * sum_2,
        difference_1 + 8.0 * difference_2 + m[5],
    ]
}

/// Whether a convolution is of the kind that is computed so.
pub(crate) fn suits(path: Path, convolution: &Convolution) -> bool {
    let is_three = |axis: &Axis| (axis.kernel, axis.stride, axis.dilation) == (TAPS, 1, 1);
    let [n_in, n_out] = convolution.channels;
    let fits = if path.run_block().is_halved { are_halved([n_in]) } else { path.precision() == Precision::F32 };
    fits && convolution.axes.iter().all(is_three) && convolution.groups == 1 && takes_lines([n_out, n_in, TAPS, TAPS])
}

/// Whether channels of the parts of an input can be multiplied in halves.
fn are_halved(parts: impl IntoIterator<Item = usize>) -> bool {
    parts.into_iter().all(|n_channels| n_channels.is_multiple_of(RunBlock::HALVED))
}

/// The path for a `precision`, where the parts of an input have so many channels.
pub(crate) fn path(precision: Precision, parts: impl IntoIterator<Item = usize>) -> Path {
    let is_halved = precision == Precision::Halved && precision.is_available() && are_halved(parts);
    Path::best(if is_halved { Precision::Bf16 } else { Precision::F32 })
}

/// What [`forward`](crate::forward) computes, for convolutions of 3x3 of stride 1 with many channels, with half the products.
/// False, and nothing done, for others.
pub fn forward_by_rows(path: Path, convolution: &Convolution, x: &[f32], w: &[f32], y: &mut [f32]) -> bool {
    assert_eq!(w.len(), convolution.n_weights());
    let suits = suits(path, convolution);
    if suits {
        Rows::new(path, convolution, w).run(path, convolution, x, y);
    }
    suits
}

/// A row of the input: rows of some points, one after the other along the channels, or zeros.
pub(crate) type Line<'a> = Option<Vec<(&'a Points, usize)>>;

/// What is done to each channel of the sums.
#[derive(Clone, Copy, Default)]
pub(crate) struct After<'a> {
    /// Is added, if there is any.
    pub(crate) bias: &'a [f32],
    /// By which what is not positive is multiplied after that, if there are any: one for each channel, or one for all.
    pub(crate) slopes: &'a [f32],
    /// What is done after that, one after the other.
    pub(crate) plus: &'a [Plus<'a>],
}

/// A share of what there is, plus something else.
pub(crate) struct Plus<'a> {
    pub(crate) share: f32,
    /// For each row of the output one of `[N, out, rows, width]`.
    pub(crate) rows: Vec<(&'a [f32], usize)>,
}

impl After<'_> {
    fn of_channel(&self, channel: usize) -> [f32; 2] {
        let slope = if self.slopes.len() == 1 { self.slopes.first() } else { self.slopes.get(channel) };
        [self.bias.get(channel).copied().unwrap_or(0.0), slope.copied().unwrap_or(1.0)]
    }
}

/// Weights, transformed and packed.
pub(crate) struct Rows {
    block: RunBlock,
    n_in: usize,
    n_out: usize,
    /// `[points, blocks of outputs, taps, in, outputs of a block]`.
    weights: Aligned,
}

impl Rows {
    /// Of `w`, `[out, in, 3, 3]`.
    pub(crate) fn new(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        let [n_in, n_out] = convolution.channels;
        let block = path.run_block();
        let n_blocks = n_out.div_ceil(block.rows);
        let size = TAPS * n_in * block.rows;
        let mut weights = Aligned::zeros(POINTS * n_blocks * size);
        threads::each(weights.chunks_exact_mut(size).enumerate(), |(at, panel)| {
            let [point, first] = [at / n_blocks, at % n_blocks * block.rows];
            let of_block = w.chunks_exact(n_in * TAPS * TAPS).skip(first).take(block.rows);
            for (o, w) in of_block.enumerate() {
                for (at, row) in w.chunks_exact(TAPS).enumerate() {
                    let [i, tap] = [at / TAPS, at % TAPS];
                    block.put(panel, [tap * n_in + i, o], transform_weights(point, row));
                }
            }
        });
        Self { block, n_in, n_out, weights }
    }

    pub(crate) fn n_values(&self) -> usize {
        self.weights.len()
    }

    /// The convolution of `x` `[N, in, H, W]` to `y` `[N, out, H', W']`.
    pub(crate) fn run(&self, path: Path, convolution: &Convolution, x: &[f32], y: &mut [f32]) {
        let [vertical, horizontal] = convolution.axes;
        let dims = [convolution.batch, self.n_in, vertical.input, horizontal.input];
        let pixels = Pixels { values: x, dims, repeat: 1, left: horizontal.padding };
        let points = Points::new(path, pixels, horizontal.output);
        let line = |row: usize| {
            let row = row.checked_sub(vertical.padding).filter(|row| *row < vertical.input)?;
            Some(vec![(&points, row)])
        };
        let lines: Vec<Line<'_>> = (0..vertical.output + TAPS - 1).map(line).collect();
        self.convolve(&lines, convolution.batch, horizontal.output, After::default(), y);
    }

    /// `y` `[N, out, rows, width]` from as many `lines` of the input and two more.
    pub(crate) fn convolve(&self, lines: &[Line<'_>], n_images: usize, width: usize, after: After<'_>, y: &mut [f32]) {
        let RunBlock { runs, lanes, .. } = self.block;
        let n_rows = lines.len() - (TAPS - 1);
        assert_eq!(y.len(), n_images * self.n_out * n_rows * width);
        let n_channels = |parts: &Vec<(&Points, usize)>| parts.iter().map(|(part, _)| part.n_channels).sum::<usize>();
        assert!(lines.iter().flatten().all(|parts| n_channels(parts) == self.n_in), "lines have the weights' channels");
        if y.is_empty() {
            return;
        }
        let columns = TOGETHER * lanes;
        let n_runs = width.div_ceil(columns);
        // Places in an image: a run of a row, with what belongs there of each channel.
        for (image, y) in y.chunks_exact_mut(self.n_out * n_rows * width).enumerate() {
            let mut places: Vec<Vec<&mut [f32]>> = Vec::with_capacity(n_rows * n_runs);
            places.resize_with(n_rows * n_runs, || Vec::with_capacity(self.n_out));
            for (at, row) in y.chunks_exact_mut(width).enumerate() {
                let places = places[at % n_rows * n_runs..].iter_mut();
                places.zip(row.chunks_mut(columns)).for_each(|(place, part)| place.push(part));
            }
            let zeros = Aligned::zeros(self.n_in * lanes);
            threads::each(places.chunks_mut(runs).enumerate(), |(block, places)| {
                self.block(lines, [image, n_images, block * runs, n_runs, width], &zeros, after, places);
            });
        }
    }

    /// The places from `first` on, no more than a block has runs.
    fn block(
        &self,
        lines: &[Line<'_>],
        [image, n_images, first, n_runs, width]: [usize; 5],
        zeros: &[f32],
        after: After<'_>,
        places: &mut [Vec<&mut [f32]>],
    ) {
        let RunBlock { rows, runs, lanes, is_halved, .. } = self.block;
        let of_block = rows * runs * lanes;
        let panel = TAPS * self.n_in * rows;
        let mut sums = Buffer::<f32>::of(POINTS * self.n_out.div_ceil(rows) * of_block);
        let of_point = sums.len() / POINTS;
        let parts: Vec<usize> = match lines.iter().flatten().next() {
            Some(parts) => parts.iter().map(|(part, _)| part.n_channels).collect(),
            None => vec![self.n_in],
        };
        let mut segments = Vec::new();
        self.block.within(|| {
            for (point, sums) in sums.chunks_exact_mut(of_point).enumerate() {
                segments.clear();
                for (tap, (part, &n_channels)) in
                    (0..TAPS).flat_map(|tap| parts.iter().enumerate().map(move |p| (tap, p)))
                {
                    let mut of_part = [zeros; RunBlock::MAX_RUNS];
                    for (i, of_part) in of_part.iter_mut().enumerate() {
                        // A last block that is not full computes some columns again.
                        let place = first + i.min(places.len() - 1);
                        let [row, run] = [place / n_runs, place % n_runs];
                        if let Some(parts) = &lines[row + tap] {
                            let (points, row) = parts[part];
                            let of_run = n_channels * lanes;
                            *of_part = &points.row(row, image)[(point * n_runs + run) * of_run..][..of_run];
                        }
                    }
                    for channel in (0..n_channels).step_by(DEPTH) {
                        let depth = DEPTH.min(n_channels - channel);
                        let runs = of_part.map(|run| &run[channel * lanes..][..depth * lanes]);
                        segments.push(Segment { depth, runs });
                    }
                }
                let weights = &self.weights[point * of_point / of_block * panel..][..of_point / of_block * panel];
                let mut done = 0;
                // A loop in halves takes long enough for its memory to come.
                for segments in segments.chunks(if is_halved { segments.len() } else { 1 }) {
                    for (weights, sums) in weights.chunks_exact(panel).zip(sums.chunks_exact_mut(of_block)) {
                        self.block.multiply(segments, &weights[done * rows..], sums, done > 0);
                    }
                    done += segments.iter().map(|segment| segment.depth).sum::<usize>();
                }
            }
        });
        for (i, place) in places.iter_mut().enumerate() {
            let [row, run] = [(first + i) / n_runs, (first + i) % n_runs];
            for (o, to) in place.iter_mut().enumerate() {
                let sums = &sums[(o * runs + i) * lanes..];
                let of_channel = after.of_channel(o);
                match lanes {
                    16 => vectorized!(write::<16>(sums, of_point, of_channel, to)),
                    _ => vectorized!(write::<8>(sums, of_point, of_channel, to)),
                }
                for plus in after.plus {
                    let (values, at) = plus.rows[row];
                    // Of the tensor that the row is of.
                    let of_channel = values.len() / (n_images * self.n_out);
                    let values = &values[(image * self.n_out + o) * of_channel + at * width + run * TOGETHER * lanes..];
                    vectorized!(add(to, plus.share, values));
                }
            }
        }
    }
}

/// `share` of `to`, plus `values`.
#[inline(always)]
fn add(to: &mut [f32], share: f32, values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to = share * *to + value;
    }
}

/// The columns of a run from their points, which are `distance` apart, plus `bias`, times `slope` where not positive.
#[inline(always)]
fn write<const LANES: usize>(sums: &[f32], distance: usize, [bias, slope]: [f32; 2], to: &mut [f32]) {
    let mut points = [[0.0; LANES]; POINTS];
    for (point, values) in points.iter_mut().enumerate() {
        values.copy_from_slice(&sums[point * distance..][..LANES]);
    }
    let mut made = [[0.0; LANES]; TOGETHER];
    for j in 0..LANES {
        let m = &points;
        let y = transform_output([m[0][j], m[1][j], m[2][j], m[3][j], m[4][j], m[5][j]]);
        for at in 0..TOGETHER {
            let y = y[at] + bias;
            made[at][j] = if y > 0.0 { y } else { slope * y };
        }
    }
    let inside = (1 << to.len()) - 1;
    path::gather(&made, to, 0, inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_neighbours_come_from_six_products() {
        let d = [0.5f32, -1.0, 2.0, 0.25, -0.75, 1.5];
        let g = [0.3f32, -0.2, 0.7];
        let points: [f32; POINTS] = {
            let d = points::transform_input(d);
            std::array::from_fn(|i| d[i] * transform_weights(i, &g))
        };
        for (x, y) in transform_output(points).into_iter().enumerate() {
            let expected: f64 = (0..TAPS).map(|tap| f64::from(d[x + tap]) * f64::from(g[tap])).sum();
            assert!((f64::from(y) - expected).abs() < 1e-6, "{x}: {y} {expected}");
        }
    }
}
