//! Rows of the input, transformed.

use super::{MAX_LANES, POINTS, TAPS};
use crate::buffer::Aligned;
use crate::cell::Pair;
use crate::path::{self, Path, RunBlock, vectorized};
use crate::tensors::TOGETHER;
use crate::threads;

/// The rows of Bᵀ: from six neighbours of the input to six points.
#[inline(always)]
pub(super) fn transform_input(d: [f32; POINTS]) -> [f32; POINTS] {
    let [even, odd] = [d[4] - 4.0 * d[2], d[3] - 4.0 * d[1]];
    let [far, near] = [2.0 * (d[3] - d[1]), d[4] - d[2]];
    [4.0 * d[0] - 5.0 * d[2] + d[4], even + odd, even - odd, near + far, near - far, 4.0 * d[1] - 5.0 * d[3] + d[5]]
}

/// Rows of images.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    pub(crate) values: &'a [f32],
    /// `[N, C, rows, W]`.
    pub(crate) dims: [usize; 4],
    /// How often each value counts along its row.
    pub(crate) repeat: usize,
    /// Zeros before each row.
    pub(crate) left: usize,
}

/// Rows of images, transformed.
pub(crate) struct Points {
    /// `[rows, N, points, runs, C, lanes]`.
    values: Aligned,
    pub(crate) path: Path,
    n_images: usize,
    pub(super) n_channels: usize,
    n_runs: usize,
    lanes: usize,
}

impl Points {
    /// Of `pixels`, for an output of `width` columns.
    pub(crate) fn new(path: Path, pixels: Pixels<'_>, width: usize) -> Self {
        let [n_images, n_channels, n_rows, w] = pixels.dims;
        assert_eq!(pixels.values.len(), n_images * n_channels * n_rows * w);
        let RunBlock { lanes, is_halved, .. } = path.run_block();
        let n_runs = width.div_ceil(TOGETHER * lanes);
        let of_row = n_images * Self::n_values(path, n_channels, width);
        let write = |all: &mut [f32]| {
            threads::each(all.chunks_mut((of_row / n_images).max(1)).enumerate(), |(at, points)| {
                let place = [at % n_images, at / n_images];
                match (is_halved, lanes) {
                    (true, _) => vectorized!(transform_row_in_halves::<16>(&pixels, place, points)),
                    (false, 16) => vectorized!(transform_row::<16>(&pixels, place, points)),
                    (false, _) => vectorized!(transform_row::<8>(&pixels, place, points)),
                }
            });
        };
        // SAFETY: every number is written, and none is read.
        let values = unsafe { Aligned::written((n_rows * of_row).next_multiple_of(16), write) };
        Self { values, path, n_images, n_channels, n_runs, lanes }
    }

    /// Values of a row of an image.
    pub(crate) fn n_values(path: Path, n_channels: usize, width: usize) -> usize {
        let lanes = path.run_block().lanes;
        POINTS * width.div_ceil(TOGETHER * lanes) * n_channels * lanes
    }

    /// A row of an image, `[points, runs, C, lanes]`.
    pub(super) fn row(&self, row: usize, image: usize) -> &[f32] {
        let of_row = POINTS * self.n_runs * self.n_channels * self.lanes;
        &self.values[(row * self.n_images + image) * of_row..][..of_row]
    }
}

/// The points `[points, runs, C, LANES]` of a row of an image.
#[inline(always)]
fn transform_row<const LANES: usize>(pixels: &Pixels<'_>, place: [usize; 2], points: &mut [f32]) {
    let [_, n_channels, ..] = pixels.dims;
    let of_point = points.len() / POINTS;
    for run in 0..of_point / (n_channels * LANES) {
        for channel in 0..n_channels {
            let made = transform_run::<LANES>(pixels, place, channel, run);
            let to = (run * n_channels + channel) * LANES;
            for (point, made) in made.iter().enumerate() {
                points[point * of_point + to..][..LANES].copy_from_slice(made);
            }
        }
    }
}

/// The same in halves: of every [`HALVED`](RunBlock::HALVED) channels the upper ones, then the lower ones.
#[inline(always)]
fn transform_row_in_halves<const LANES: usize>(pixels: &Pixels<'_>, place: [usize; 2], points: &mut [f32]) {
    let [_, n_channels, ..] = pixels.dims;
    let of_point = points.len() / POINTS;
    let of_halves = RunBlock::HALVED / 2 * LANES;
    for run in 0..of_point / (n_channels * LANES) {
        for channel in (0..n_channels).step_by(2) {
            let even = transform_run::<LANES>(pixels, place, channel, run);
            let odd = transform_run::<LANES>(pixels, place, channel + 1, run);
            let within = channel % RunBlock::HALVED;
            let to = (run * n_channels + channel - within) * LANES + within / 2 * LANES;
            for point in 0..POINTS {
                let (upper, lower) = points[point * of_point + to..][..of_halves + LANES].split_at_mut(of_halves);
                for lane in 0..LANES {
                    let [upper_even, lower_even] = Pair::halves(even[point][lane]);
                    let [upper_odd, lower_odd] = Pair::halves(odd[point][lane]);
                    upper[lane] = Pair::of([upper_even, upper_odd]).word();
                    lower[lane] = Pair::of([lower_even, lower_odd]).word();
                }
            }
        }
    }
}

/// The points of the columns of a run, of a channel of a row of an image.
#[inline(always)]
fn transform_run<const LANES: usize>(
    &Pixels { values, dims: [_, n_channels, n_rows, w], repeat, left }: &Pixels<'_>,
    [image, row]: [usize; 2],
    channel: usize,
    run: usize,
) -> [[f32; LANES]; POINTS] {
    let line = &values[((image * n_channels + channel) * n_rows + row) * w..][..w];
    // Pixels that the columns depend on, and the first of them, counted from where the zeros on the left begin.
    let n_seen = TOGETHER * LANES + TAPS - 1;
    let first = run * TOGETHER * LANES;
    let mut copied = [0.0; TOGETHER * MAX_LANES + TAPS - 1];
    let seen = first.checked_sub(left).filter(|_| repeat == 1).and_then(|first| line.get(first..first + n_seen));
    let window = match seen {
        Some(seen) => seen,
        None => {
            let end = (first + n_seen).saturating_sub(left).min(w * repeat);
            let zeros = left.saturating_sub(first);
            let begin = (first + zeros - left).min(end);
            if repeat == 1 {
                copied[zeros..][..end - begin].copy_from_slice(&line[begin..end]);
            } else {
                (begin..end).for_each(|at| copied[zeros + at - begin] = line[at / repeat]);
            }
            &copied[..n_seen]
        }
    };
    let mut d = [[0.0; LANES]; 6];
    path::spread::<LANES, 4, 6>(window, 0, (1 << (4 * LANES + 2)) - 1, &mut d);
    let mut made = [[0.0; LANES]; POINTS];
    for j in 0..LANES {
        let points = transform_input([d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j]]);
        for point in 0..POINTS {
            made[point][j] = points[point];
        }
    }
    made
}
