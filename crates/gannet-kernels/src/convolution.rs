//! The three products that a convolution and its gradients are.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::cell::{Cell, Pair};
use crate::geometry::Convolution;
use crate::path::{Block, GROUP, Path, vectorized};
use crate::planes::{self, Planes, Runs};
use crate::precision::Precision;
use crate::product::{self, Left, Right};
use crate::winograd::Rows;

/// Columns that make a task worth its planes.
const TASK_COLUMNS: usize = 256;
/// Tasks that a few large images are split into, so that no thread idles.
const MIN_TASKS: usize = 8;

/// `y[n, o] = sum over i and taps of w[o, i, tap] x[n, i, where the tap reads]`. `x` is `[N, in, H, W]`, `w`
/// `[out, in / groups, kernel, kernel]`, `y` `[N, out, H', W']`.
pub fn forward(path: Path, convolution: &Convolution, x: &[f32], w: &[f32], y: &mut [f32]) {
    Packed::forward(path, convolution, w).run(convolution, x, y);
}

/// The gradient of `x` from that of `y`, or the transposed convolution of `y`. The shapes are those of [`forward`].
pub fn input_gradient(path: Path, convolution: &Convolution, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    Packed::input_gradient(path, convolution, w).run(convolution, dy, dx);
}

/// A convolution or an input gradient with its weights packed, for any number of images.
pub(crate) struct Packed {
    of: Of,
    /// Values that are kept.
    pub(crate) n_values: usize,
}

enum Of {
    Rows(Path, Rows),
    Numbers(Correlation<f32>),
    Pairs(Correlation<Pair>),
}

impl Packed {
    pub(crate) fn forward(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        let of = match path.precision() {
            Precision::F32 | Precision::Halved => Of::Numbers(correlation(path, convolution, w)),
            Precision::Bf16 => Of::Pairs(correlation(path, convolution, w)),
        };
        Self { of, n_values: w.len() }
    }

    /// For convolutions that [`winograd`](crate::winograd) suits.
    pub(crate) fn by_rows(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        let rows = Rows::new(path, convolution, w);
        Self { n_values: rows.n_values(), of: Of::Rows(path, rows) }
    }

    pub(crate) fn input_gradient(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        let of = match path.precision() {
            Precision::F32 | Precision::Halved => Of::Numbers(adjoint(path, convolution, w)),
            Precision::Bf16 => Of::Pairs(adjoint(path, convolution, w)),
        };
        Self { of, n_values: w.len() }
    }

    /// The weights of a convolution that [`winograd`](crate::winograd) suits.
    pub(crate) fn rows(&self) -> Option<&Rows> {
        match &self.of {
            Of::Rows(_, rows) => Some(rows),
            Of::Numbers(_) | Of::Pairs(_) => None,
        }
    }

    /// Of the `convolution` that it was packed for, of any number of images.
    pub(crate) fn run(&self, convolution: &Convolution, from: &[f32], to: &mut [f32]) {
        match &self.of {
            Of::Rows(path, rows) => rows.run(*path, convolution, from, to),
            Of::Numbers(correlation) => correlation.run(convolution.batch, from, to),
            Of::Pairs(correlation) => correlation.run(convolution.batch, from, to),
        }
    }
}

fn correlation<C: Cell>(path: Path, convolution: &Convolution, w: &[f32]) -> Correlation<C> {
    let [n_in, n_out] = convolution.group_channels();
    let (planes, runs) = planes::of_input(convolution);
    let taps = planes::taps(convolution, &planes, n_in);
    let depth: Vec<usize> = (0..taps.len()).collect();
    let products = (0..convolution.groups).map(|group| {
        let rows: Vec<usize> = (0..n_out).map(|o| (group * n_out + o) * taps.len()).collect();
        let left = Left::pack(C::block(path, rows.len()), w, &rows, &depth);
        vec![Part { left, taps: taps.clone(), runs, first: 0, row: convolution.axes[1].output, step: 1 }]
    });
    let (channels, pixels) = (convolution.channels, convolution.output_pixels());
    Correlation { planes, channels, groups: products.collect(), pixels }
}

fn adjoint<C: Cell>(path: Path, convolution: &Convolution, w: &[f32]) -> Correlation<C> {
    let [n_in, n_out] = convolution.group_channels();
    let axes = convolution.axes;
    // Each interleaved part of the padded input is a convolution of y, of stride 1, with every other tap.
    let parts = [0, 1].map(|axis| {
        let axis = axes[axis];
        (0..axis.stride)
            .filter_map(move |phase| {
                let first = axis.padding.saturating_sub(phase).div_ceil(axis.stride);
                let end = (axis.padding + axis.input).saturating_sub(phase).div_ceil(axis.stride);
                let taps: Vec<[usize; 2]> = (0..axis.kernel)
                    .filter(|&tap| axis.tap(tap)[0] == phase)
                    .map(|tap| [tap, axis.tap(tap)[1]])
                    .collect();
                (end > first).then(|| (first * axis.stride + phase - axis.padding, first, end - first, taps))
            })
            .collect::<Vec<_>>()
    });
    let reach = axes.map(|axis| axis.reach());
    let length = |axis: usize| parts[axis].iter().map(|(_, first, n, _)| first + n).max().unwrap_or(0);
    let widest = parts[1].iter().map(|(_, first, n, _)| first + Runs::new([1, *n]).padded_width).max().unwrap_or(0);
    let planes = Planes {
        image: axes.map(|axis| axis.output),
        stride: [1, 1],
        before: reach,
        size: [length(0) + reach[0], widest + reach[1]],
    };
    let n_taps = convolution.taps();
    let rows: Vec<usize> = (0..n_in).map(|i| i * n_taps).collect();
    let groups = (0..convolution.groups).map(|group| {
        let mut products = vec![];
        for (first_y, start_y, n_y, taps_y) in &parts[0] {
            for (first_x, start_x, n_x, taps_x) in &parts[1] {
                let (mut taps, mut depth) = (vec![], vec![]);
                for o in 0..n_out {
                    for [tap_y, back_y] in taps_y {
                        for [tap_x, back_x] in taps_x {
                            let at = [start_y + reach[0] - back_y, start_x + reach[1] - back_x];
                            taps.push(o * planes.n_values() + planes.offset([0, 0], at));
                            depth.push(((group * n_out + o) * n_in) * n_taps + tap_y * axes[1].kernel + tap_x);
                        }
                    }
                }
                products.push(Part {
                    left: Left::pack(C::block(path, rows.len()), w, &rows, &depth),
                    taps,
                    runs: Runs::new([*n_y, *n_x]),
                    first: first_y * axes[1].input + first_x,
                    row: axes[0].stride * axes[1].input,
                    step: axes[1].stride,
                });
            }
        }
        products
    });
    let channels = [convolution.channels[1], convolution.channels[0]];
    Correlation { planes, channels, groups: groups.collect(), pixels: convolution.input_pixels() }
}

/// A part of the output: every so many pixels, from one product.
struct Part<C> {
    left: Left<C>,
    taps: Vec<usize>,
    runs: Runs,
    /// Where in a channel of the output the part begins.
    first: usize,
    /// From one row of the part to the next.
    row: usize,
    /// From one column to the next.
    step: usize,
}

/// Sums over taps of planes: what a convolution and its input gradient have in common.
struct Correlation<C> {
    planes: Planes,
    /// Of what is read and of what is written.
    channels: [usize; 2],
    /// The parts of each group.
    groups: Vec<Vec<Part<C>>>,
    /// Of a channel that is written.
    pixels: usize,
}

impl<C: Cell> Correlation<C> {
    fn run(&self, n_images: usize, from: &[f32], to: &mut [f32]) {
        let [n_read, n_written] = self.channels;
        let image = self.planes.image[0] * self.planes.image[1] * n_read;
        assert_eq!([from.len(), to.len()], [n_images * image, n_images * n_written * self.pixels]);
        let per_task = TASK_COLUMNS.div_ceil(self.pixels.max(1)).min(n_images.max(1));
        let n_tasks = n_images.div_ceil(per_task);
        if n_tasks < MIN_TASKS && self.groups.len() == 1 && per_task == 1 {
            // Few images: each is split by its channels as well.
            let left = &self.groups[0][0].left;
            let panels_at_once = left.n_panels().div_ceil(MIN_TASKS / n_tasks).max(1);
            let piece = panels_at_once * left.rows_of_panel() * self.pixels;
            let pieces: Vec<(usize, Range<usize>, &mut [f32])> = to
                .chunks_mut(n_written * self.pixels)
                .enumerate()
                .flat_map(|(n, to)| {
                    to.chunks_mut(piece).enumerate().map(move |(i, to)| {
                        let first = i * panels_at_once;
                        (n, first..(first + panels_at_once).min(left.n_panels()), to)
                    })
                })
                .collect();
            pieces.into_par_iter().for_each(|(n, panels, to)| self.task(&from[n * image..][..image], to, Some(panels)));
        } else {
            let tasks = to.par_chunks_mut(per_task * n_written * self.pixels);
            tasks.zip(from.par_chunks(per_task * image)).for_each(|(to, from)| self.task(from, to, None));
        }
    }

    /// Some whole images, or some panels of one.
    fn task(&self, from: &[f32], to: &mut [f32], panels: Option<Range<usize>>) {
        let [n_read, n_written] = self.channels;
        let n_groups = self.groups.len();
        let image = self.planes.image[0] * self.planes.image[1] * n_read;
        let n_images = from.len() / image.max(1);
        let group_values = self.planes.n_values() * (n_read / n_groups);
        let mut planes = Buffer::of(n_images * group_values);
        for (g, parts) in self.groups.iter().enumerate() {
            let channels = image / n_groups;
            for (from, planes) in from.chunks_exact(image).zip(planes.chunks_exact_mut(group_values)) {
                vectorized!(self.planes.fill::<C>(&from[g * channels..][..channels], planes));
            }
            for part in parts {
                let panels = panels.clone().unwrap_or(0..part.left.n_panels());
                let first_row = panels.start * part.left.rows_of_panel();
                let n_rows = (panels.len() * part.left.rows_of_panel()).min(part.left.n_rows - first_row);
                let starts = part.runs.starts(n_images, group_values, self.planes.size[1]);
                let places = part.places(n_images, n_written * self.pixels);
                let right = Right { planes: &planes, taps: &part.taps, starts: &starts, runs: part.runs };
                let first_channel = g * (n_written / n_groups);
                product::multiply(&part.left, panels, &right, |chunks, sums, stride| {
                    vectorized!({
                        for (m, sums) in sums.chunks(stride).take(n_rows).enumerate() {
                            let channel = (first_channel + m) * self.pixels;
                            part.write(&places[chunks.clone()], sums, &mut to[channel..]);
                        }
                    });
                });
            }
        }
    }
}

impl<C> Part<C> {
    /// Where each chunk of `n_images` belongs in a channel of the output, and how many of its values do; images are
    /// `image` values apart.
    fn places(&self, n_images: usize, image: usize) -> Vec<[usize; 2]> {
        let Runs { size: [height, width], padded_width, chunk } = self.runs;
        let chunks =
            (0..padded_width).step_by(chunk).map(|x| [self.first + x * self.step, chunk.min(width.saturating_sub(x))]);
        let chunks: Vec<[usize; 2]> = chunks.collect();
        (0..n_images)
            .flat_map(|n| (0..height).map(move |y| n * image + y * self.row))
            .flat_map(|row| chunks.iter().map(move |[at, count]| [row + at, *count]))
            .collect()
    }

    /// Copies the sums of some chunks of one channel to where they belong.
    #[inline(always)]
    fn write(&self, places: &[[usize; 2]], sums: &[f32], to: &mut [f32]) {
        for (sums, [at, count]) in sums.chunks_exact(self.runs.chunk).zip(places) {
            if self.step == 1 {
                to[*at..at + count].copy_from_slice(&sums[..*count]);
            } else {
                to[*at..].iter_mut().step_by(self.step).zip(&sums[..*count]).for_each(|(to, sum)| *to = *sum);
            }
        }
    }
}

/// The gradient of `w` from those of `y`. The shapes are those of [`forward`].
pub fn weight_gradient(path: Path, convolution: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let lengths = [convolution.n_input(), convolution.n_output(), convolution.n_weights()];
    assert_eq!([x.len(), dy.len(), dw.len()], lengths);
    let (planes, runs) = planes::of_input(convolution);
    // Pairs are of neighbours in a row; where rows are too short for them, nothing is gained by them either.
    if path.precision() == Precision::F32 || runs.chunk == 1 {
        weight_gradient_of::<f32>(path, convolution, (planes, runs), x, dy, dw);
    } else {
        weight_gradient_of::<Pair>(path, convolution, (planes, runs), x, dy, dw);
    }
}

fn weight_gradient_of<C: Cell>(
    path: Path,
    convolution: &Convolution,
    (planes, runs): (Planes, Runs),
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let [n_in, n_out] = convolution.group_channels();
    let block = C::block(path, n_out);
    let n_taps = convolution.taps();

    let at_once = (TASK_COLUMNS * C::DEPTH).div_ceil(runs.n_columns().max(1));
    let n_along = (at_once * runs.n_columns()).div_ceil(C::DEPTH).next_multiple_of(GROUP);
    let n_panels = n_out.div_ceil(block.rows);
    let packed = pack_outputs(convolution, block, runs, [at_once, n_along], dy);
    let panels_of = n_panels * block.rows * n_along;

    // As many channels as fill some registers, and slices of the batch, are a task.
    let channels_at_once = TASK_COLUMNS.div_ceil(n_taps).clamp(1, n_in);
    let n_blocks = n_in.div_ceil(channels_at_once);
    let n_rounds = convolution.batch.div_ceil(at_once);
    let n_slices = MIN_TASKS.div_ceil(n_blocks * convolution.groups).min(n_rounds);
    let rounds_at_once = n_rounds.div_ceil(n_slices);
    let tasks: Vec<[usize; 3]> = (0..convolution.groups)
        .flat_map(|g| (0..n_blocks).flat_map(move |b| (0..n_slices).map(move |s| [g, b, s])))
        .collect();
    let partial: Vec<Vec<f32>> = tasks
        .par_iter()
        .map(|&[g, b, s]| {
            let first_channel = b * channels_at_once;
            let n_channels = channels_at_once.min(n_in - first_channel);
            let taps = planes::taps(convolution, &planes, n_channels);
            let mut sums = vec![0.0; n_panels * block.rows * taps.len().next_multiple_of(block.columns)];
            let image_values = planes.n_values() * n_channels;
            let mut buffer = Buffer::of(at_once * image_values);
            for round in s * rounds_at_once..((s + 1) * rounds_at_once).min(n_rounds) {
                let images = round * at_once..((round + 1) * at_once).min(convolution.batch);
                let pixels = convolution.input_pixels();
                for (n, buffer) in images.clone().zip(buffer.chunks_exact_mut(image_values)) {
                    let channel = n * convolution.channels[0] + g * n_in + first_channel;
                    vectorized!(planes.fill::<C>(&x[channel * pixels..][..n_channels * pixels], buffer));
                }
                let starts = runs.starts(images.len(), image_values, planes.size[1]);
                let left = &packed[(g * n_rounds + round) * panels_of..][..panels_of];
                let right = Right { planes: &buffer, taps: &taps, starts: &starts, runs };
                product::multiply_along(block, left, n_along, &right, &mut sums);
            }
            sums
        })
        .collect();

    let row = n_in * n_taps;
    dw.par_chunks_mut(row.max(1)).enumerate().for_each(|(at, dw)| {
        dw.fill(0.0);
        for ([g, b, _], sums) in tasks.iter().zip(&partial).filter(|([g, ..], _)| *g == at / n_out) {
            let first = b * channels_at_once * n_taps;
            let n_values = (channels_at_once * n_taps).min(row - first);
            let sums = &sums[(at - g * n_out) * n_values.next_multiple_of(block.columns)..];
            dw[first..first + n_values].iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }
    });
}

/// `[group, round, panel]` of panels as [`product`] has them, whose depth is `n_along` cells of the gradients of `at_once`
/// images' outputs, with zeros for the columns that do not count.
fn pack_outputs<C: Cell>(
    convolution: &Convolution,
    block: Block<C>,
    runs: Runs,
    [at_once, n_along]: [usize; 2],
    dy: &[f32],
) -> Buffer<C> {
    let [_, n_out] = convolution.group_channels();
    let n_rounds = convolution.batch.div_ceil(at_once);
    let n_panels = n_out.div_ceil(block.rows);
    let panel_cells = n_along * block.rows;
    let pixels = convolution.output_pixels();
    let width = runs.size[1];
    let mut packed = Buffer::of(convolution.groups * n_rounds * n_panels * panel_cells);
    let pack = |i: usize, panel: &mut [C]| {
        let (g, round, p) = (i / (n_rounds * n_panels), i / n_panels % n_rounds, i % n_panels);
        let images = round * at_once..((round + 1) * at_once).min(convolution.batch);
        let mut line = Buffer::<f32>::of(n_along * 2);
        line.fill(0.0);
        for row in 0..block.rows {
            let channel = g * n_out + p * block.rows + row;
            if p * block.rows + row < n_out {
                for (n, line) in images.clone().zip(line.chunks_exact_mut(runs.n_columns())) {
                    let values = &dy[(n * convolution.channels[1] + channel) * pixels..][..pixels];
                    for (to, from) in line.chunks_exact_mut(runs.padded_width).zip(values.chunks_exact(width)) {
                        to[..width].copy_from_slice(from);
                    }
                }
            } else {
                line.fill(0.0);
            }
            let groups = panel.as_chunks_mut::<GROUP>().0.iter_mut().skip(row).step_by(block.rows);
            for (cells, values) in groups.zip(line.chunks_exact(GROUP * C::DEPTH)) {
                let mut numbers = [0.0; 2 * GROUP];
                numbers[..GROUP * C::DEPTH].copy_from_slice(values);
                product::write_group(&numbers, cells);
            }
        }
    };
    packed.par_chunks_mut(panel_cells.max(1)).enumerate().for_each(|(i, panel)| vectorized!(pack(i, panel)));
    packed
}
