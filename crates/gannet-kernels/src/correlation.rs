//! Sums over taps of planes: what a convolution and its input gradient have in common.

use std::ops::Range;

use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::geometry::Convolution;
use crate::path::{Path, vectorized};
use crate::planes::{self, Planes, Runs};
use crate::product::{self, Depth, Left, Right};
use crate::threads;

/// Columns that make a task worth its planes.
pub(crate) const TASK_COLUMNS: usize = 256;
/// From as many tasks on no thread idles for long.
pub(crate) const MIN_TASKS: usize = 8;

/// A convolution with its weights packed.
pub(crate) fn correlation<C: Cell>(path: Path, convolution: &Convolution, w: &[f32]) -> Correlation<C> {
    let [n_in, n_out] = convolution.group_channels();
    let (planes, runs) = planes::of_input(convolution);
    let taps = planes::taps(convolution, &planes, n_in.div_ceil(C::DEPTH));
    let n_taps = convolution.taps();
    let firsts = (0..n_in).step_by(C::DEPTH).flat_map(|channel| channel * n_taps..(channel + 1) * n_taps);
    let depth = Depth { firsts: firsts.collect(), to_second: n_taps, n_pairs: n_in / C::DEPTH * n_taps };
    let products = (0..convolution.groups).map(|group| {
        let rows: Vec<usize> = (0..n_out).map(|o| (group * n_out + o) * n_in * n_taps).collect();
        let block = C::narrow_block(path, rows.len(), convolution.batch * runs.n_columns());
        let left = Left::pack(block, w, &rows, &depth);
        vec![Part { left, taps: taps.clone(), runs, first: 0, row: convolution.axes[1].output, step: 1 }]
    });
    let (channels, pixels) = (convolution.channels, convolution.output_pixels());
    Correlation { planes, channels, groups: products.collect(), pixels }
}

/// Its input gradient.
pub(crate) fn adjoint<C: Cell>(path: Path, convolution: &Convolution, w: &[f32]) -> Correlation<C> {
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
    let most = [0, 1].map(|axis: usize| parts[axis].iter().map(|(_, _, n, _)| *n).max().unwrap_or(0));
    let block = C::narrow_block(path, rows.len(), convolution.batch * Runs::new(most).n_columns());
    let groups = (0..convolution.groups).map(|group| {
        let mut products = vec![];
        for (first_y, start_y, n_y, taps_y) in &parts[0] {
            for (first_x, start_x, n_x, taps_x) in &parts[1] {
                let (mut taps, mut firsts) = (vec![], vec![]);
                for o in (0..n_out).step_by(C::DEPTH) {
                    for [tap_y, back_y] in taps_y {
                        for [tap_x, back_x] in taps_x {
                            let at = [start_y + reach[0] - back_y, start_x + reach[1] - back_x];
                            taps.push(o / C::DEPTH * planes.n_values() + planes.offset([0, 0], at));
                            firsts.push(((group * n_out + o) * n_in) * n_taps + tap_y * axes[1].kernel + tap_x);
                        }
                    }
                }
                let n_pairs = n_out / C::DEPTH * taps_y.len() * taps_x.len();
                let depth = Depth { firsts, to_second: n_in * n_taps, n_pairs };
                products.push(Part {
                    left: Left::pack(block, w, &rows, &depth),
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

/// Products with packed weights, for any number of images.
pub(crate) struct Correlation<C> {
    planes: Planes,
    /// Of what is read and of what is written.
    channels: [usize; 2],
    /// The parts of each group.
    groups: Vec<Vec<Part<C>>>,
    /// Of a channel that is written.
    pixels: usize,
}

impl<C: Cell> Correlation<C> {
    pub(crate) fn run(&self, n_images: usize, from: &[f32], to: &mut [f32]) {
        let [n_read, n_written] = self.channels;
        let image = self.planes.image[0] * self.planes.image[1] * n_read;
        assert_eq!([from.len(), to.len()], [n_images * image, n_images * n_written * self.pixels]);
        let per_task = TASK_COLUMNS.div_ceil(self.pixels.max(1)).min(n_images.max(1));
        let n_tasks = n_images.div_ceil(per_task);
        let n_threads = rayon::current_num_threads();
        if n_tasks < MIN_TASKS && !n_tasks.is_multiple_of(n_threads) && self.groups.len() == 1 && per_task == 1 {
            // Few images: each is split by its channels as well, though not further than needed, for all read the whole image.
            let left = &self.groups[0][0].left;
            let panels_at_once = left.n_panels().div_ceil(n_threads).max(1);
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
            threads::each(pieces.into_iter(), |(n, panels, to)| {
                self.task(&from[n * image..][..image], to, Some(panels))
            });
        } else {
            let tasks = to.chunks_mut(per_task * n_written * self.pixels).zip(from.chunks(per_task * image));
            threads::each(tasks, |(to, from)| self.task(from, to, None));
        }
    }

    /// Some whole images, or some panels of one.
    fn task(&self, from: &[f32], to: &mut [f32], panels: Option<Range<usize>>) {
        let [n_read, n_written] = self.channels;
        let n_groups = self.groups.len();
        let image = self.planes.image[0] * self.planes.image[1] * n_read;
        let n_images = from.len() / image.max(1);
        let group_values = self.planes.n_values() * (n_read / n_groups).div_ceil(C::DEPTH);
        let mut planes = Buffer::of(n_images * group_values);
        for (g, parts) in self.groups.iter().enumerate() {
            let channels = image / n_groups;
            for (from, planes) in from.chunks_exact(image).zip(planes.chunks_exact_mut(group_values)) {
                vectorized!(self.planes.fill_channels(&from[g * channels..][..channels], planes));
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
