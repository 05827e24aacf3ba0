//! Convolutions of a kernel of 4x4 and a stride of 2, as DCGANs are made of, with 9 products in the place of 16: Winograd's
//! F(2x2, 2x2) (Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016, section 4).
//!
//! On each of the four interleaved phases of its input such a convolution has a kernel of 2x2 and no stride. In one direction two
//! neighbours of the output, y = (d0 g0 + d1 g1, d1 g0 + d2 g1), are four products, or three: m = (d0 - d1) g0, d1 (g0 + g1),
//! (d2 - d1) g1 and y = (m0 + m1, m1 + m2). In both directions, a tile of 2x2 outputs needs the products of nine points.
//! Sums over channels are taken of points, so that each point is a product of matrices: of weights with what tiles of the
//! input became. The two gradients are the adjoints of this, on the same tiles. All factors are 0 and ±1, so that nothing is
//! lost but the rounding of sums; in bf16, whose cells join two numbers, the points are rounded too.

mod layout;
mod points;
mod weights;
mod windows;

use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::geometry::Convolution;
use crate::packs::Way;
use crate::path::{GROUP, LANES, Path, do_widely};
use crate::threads;
use layout::{LayOutImages, LayOutInput, LayOutOutput, LayOutOutputAcross, Place, WriteInput, WriteOutput};
use points::POINTS;
use weights::{FoldPoints, TAPS, Weights};

const KERNEL: usize = 4;
const STRIDE: usize = 2;
/// Interleaved parts of a channel of the input.
const PHASES: usize = STRIDE * STRIDE;
/// Outputs along a side of a tile.
const SIDE: usize = 2;
/// Tiles that make a task worth its weights.
const TASK_TILES: usize = 64;
/// Tiles that the weights' gradient adds up before the next ones are laid out.
const ROUND_TILES: usize = 256;
/// Channels of the input in a task of the weights' gradient.
const TASK_CHANNELS: usize = 16;
/// Tasks that keep all threads at work.
const MIN_TASKS: usize = 8;
/// Fewer channels than this do not make up for laying tiles out.
const MIN_CHANNELS: usize = 32;
/// Weights that stay in a cache until the next image, as points, and are worth few tiles.
const MAX_WEIGHTS: usize = 1 << 20;
/// The fewest tiles of an image that any weights are worth.
const MIN_TILES: usize = 16;

/// Whether a convolution is of the kind that is computed so.
pub(crate) fn suits(path: Path, convolution: &Convolution) -> bool {
    is_of_kind(path, convolution) && convolution.batch * Tiles::new(convolution).per_image() >= TASK_TILES
}

/// The same where weights are kept, whatever the number of images.
pub(crate) fn suits_any_batch(path: Path, convolution: &Convolution) -> bool {
    let min_tiles = if convolution.n_weights() <= MAX_WEIGHTS { MIN_TILES } else { TASK_TILES };
    is_of_kind(path, convolution) && Tiles::new(convolution).per_image() >= min_tiles
}

fn is_of_kind(path: Path, convolution: &Convolution) -> bool {
    // Tiles that reach over the end are computed in vain.
    let is_filled = POINTS * Tiles::new(convolution).per_image() <= 3 * convolution.output_pixels();
    // With AMX products are cheap already, and laying tiles out is not; there it was not tried.
    !path.is_amx()
        && convolution.groups == 1
        && convolution.channels.iter().all(|n| *n >= MIN_CHANNELS)
        && convolution.axes.iter().all(|axis| (axis.kernel, axis.stride, axis.dilation) == (KERNEL, STRIDE, 1))
        && is_filled
}

/// How a convolution falls into tiles.
struct Tiles {
    /// Of the input and of the output.
    channels: [usize; 2],
    /// Pixels of the input and of the output, down and across.
    input: [usize; 2],
    output: [usize; 2],
    /// Zeros before the input.
    before: [usize; 2],
    /// Tiles down and across an image.
    size: [usize; 2],
}

impl Tiles {
    fn new(convolution: &Convolution) -> Self {
        let Convolution { axes, channels, .. } = *convolution;
        Self {
            channels,
            input: axes.map(|axis| axis.input),
            output: axes.map(|axis| axis.output),
            before: axes.map(|axis| axis.padding),
            size: axes.map(|axis| axis.output.div_ceil(SIDE)),
        }
    }

    fn per_image(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Phases of all input channels.
    fn depth(&self) -> usize {
        self.channels[0] * PHASES
    }

    /// Images that make a task of `n_tiles`.
    fn images_of(&self, n_tiles: usize) -> usize {
        n_tiles.div_ceil(self.per_image())
    }

    fn input_pixels(&self) -> usize {
        self.input[0] * self.input[1]
    }

    fn output_pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }
}

/// A convolution or its input gradient, with its weights as points.
pub(crate) struct Packed<C> {
    tiles: Tiles,
    weights: Weights<C>,
    way: Way,
}

impl<C: Cell> Packed<C> {
    pub(crate) fn new(way: Way, path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        let tiles = Tiles::new(convolution);
        let (at, [n_out, depth]) = (tiles.kernels(), [tiles.channels[1], tiles.depth()]);
        let n_tiles = convolution.batch * tiles.per_image();
        let weights = match way {
            Way::Forth => Weights::pack(path, w, [n_out, depth, n_tiles], at),
            Way::Back => Weights::pack(path, w, [depth, n_out, n_tiles], |k, o| at(o, k)),
        };
        Self { tiles, weights, way }
    }

    /// Values that are kept.
    pub(crate) fn n_values(&self) -> usize {
        self.weights.values.len()
    }

    /// Of any number of images.
    pub(crate) fn run(&self, from: &[f32], to: &mut [f32]) {
        let Self { tiles, weights, .. } = self;
        let sides = self.sides();
        let [read, written] = sides.map(|[n_channels, pixels]| n_channels * pixels);
        let (n_images, n_threads) = (from.len() / read, rayon::current_num_threads());
        if n_images < n_threads {
            // Each image is split by panels of weights, as many as make whole channels.
            let (rows, rows_of_channel) = (weights.block.rows, self.rows_of_channel());
            let are_whole = |n_panels: &usize| (n_panels * rows).is_multiple_of(rows_of_channel);
            let whole = (1..PHASES).find(are_whole).unwrap_or(PHASES);
            let n_panels = weights.n_panels().div_ceil(n_threads).next_multiple_of(whole);
            let n_channels = n_panels * rows / rows_of_channel;
            let pieces = from.chunks_exact(read).zip(to.chunks_exact_mut(written)).flat_map(|(from, to)| {
                to.chunks_mut(n_channels * sides[1][1]).enumerate().map(move |(i, to)| (from, i * n_panels, to))
            });
            let pieces: Vec<(&[f32], usize, &mut [f32])> = pieces.collect();
            threads::each(pieces.into_iter(), |(from, panel, to)| self.task(from, panel, to));
        } else {
            let at_once = tiles.images_of(TASK_TILES).min(n_images / n_threads);
            let tasks = from.chunks(at_once * read).zip(to.chunks_mut(at_once * written));
            threads::each(tasks, |(from, to)| self.task(from, 0, to));
        }
    }

    /// Channels and their pixels of what is read and of what is written.
    fn sides(&self) -> [[usize; 2]; 2] {
        let tiles = &self.tiles;
        let [n_in, n_out] = tiles.channels;
        let [input, output] = [[n_in, tiles.input_pixels()], [n_out, tiles.output_pixels()]];
        match self.way {
            Way::Forth => [input, output],
            Way::Back => [output, input],
        }
    }

    /// Rows of the weights that make a channel of what is written.
    fn rows_of_channel(&self) -> usize {
        match self.way {
            Way::Forth => 1,
            Way::Back => PHASES,
        }
    }

    /// Some whole images, or the channels of one that the panels from `first` on make.
    fn task(&self, from: &[f32], first: usize, to: &mut [f32]) {
        let Self { tiles, weights, way } = self;
        let Weights { block, depth, .. } = *weights;
        let [[n_read, read], [_, written]] = self.sides();
        let n_images = from.len() / (n_read * read);
        let n_channels = to.len() / (n_images * written);
        let n_tiles = n_images * tiles.per_image();
        let padded = [weights.padded_depth(), n_tiles.next_multiple_of(block.columns)];
        let mut right = Buffer::of(POINTS * padded[0] * padded[1]);
        if padded != [depth, n_tiles] {
            right.fill(C::default());
        }
        let place = |k: usize| Place {
            first: k * block.columns,
            run: block.columns,
            step: padded[0] * block.columns,
            point: padded[0] * padded[1],
        };
        match way {
            Way::Forth => do_widely(LayOutInput { tiles, images: from, place, to: &mut right }),
            Way::Back => do_widely(LayOutOutput { tiles, images: from, place, to: &mut right }),
        }
        let n_panels = (n_channels * self.rows_of_channel()).div_ceil(block.rows);
        let mut sums = Buffer::of(POINTS * n_panels * block.rows * padded[1]);
        weights.multiply(first..first + n_panels, &right, n_tiles, &mut sums);
        match way {
            Way::Forth => do_widely(WriteOutput { tiles, n_channels, sums: &sums, stride: padded[1], images: to }),
            Way::Back => do_widely(WriteInput { tiles, n_channels, sums: &sums, stride: padded[1], images: to }),
        }
    }
}

/// The gradient of `w` from those of `y`, for convolutions that are [suited](suits).
pub(crate) fn weight_gradient<C: Cell>(path: Path, convolution: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let tiles = Tiles::new(convolution);
    let [n_in, n_out] = tiles.channels;
    let block = C::block(path, TASK_CHANNELS * PHASES);
    let at_once = tiles.images_of(ROUND_TILES).next_multiple_of(C::DEPTH);
    let depth = (at_once / C::DEPTH * tiles.per_image()).next_multiple_of(GROUP);
    let n_right = n_out.div_ceil(block.columns);
    let right_values = POINTS * n_right * depth * block.columns;

    // The gradients of y as points, `[round, point, panel, tile, channel]`.
    let [input, output] = [n_in * tiles.input_pixels(), n_out * tiles.output_pixels()];
    let n_rounds = convolution.batch.div_ceil(at_once);
    let mut rights = Buffer::<C>::of(n_rounds * right_values);
    threads::each(rights.chunks_exact_mut(right_values).zip(dy.chunks(at_once * output)), |(to, images)| {
        do_widely(LayOutOutputAcross { tiles: &tiles, images, depth, columns: block.columns, to });
    });

    // Some channels of the input, and some of the rounds, are a task.
    let n_blocks = n_in.div_ceil(TASK_CHANNELS);
    let rounds_at_once = n_rounds.div_ceil(MIN_TASKS.div_ceil(n_blocks).min(n_rounds));
    let n_slices = n_rounds.div_ceil(rounds_at_once);
    let tasks: Vec<[usize; 2]> = (0..n_slices).flat_map(|s| (0..n_blocks).map(move |b| [b, s])).collect();
    let stride = n_right * block.columns;
    let channels_of = |b: usize| b * TASK_CHANNELS..((b + 1) * TASK_CHANNELS).min(n_in);
    let partial: Vec<Buffer<f32>> = threads::map(tasks.iter(), |&[b, s]| {
        let channels = channels_of(b);
        let n_rows = channels.len() * PHASES;
        let n_left = n_rows.div_ceil(block.rows);
        let mut left = Buffer::of(POINTS * n_left * block.rows * depth);
        let place = |k: usize| Place {
            first: k / block.rows * block.rows * depth + k % block.rows * GROUP,
            run: GROUP,
            step: block.rows * GROUP,
            point: n_left * block.rows * depth,
        };
        let mut sums = Buffer::of(POINTS * n_left * block.rows * stride);
        let rounds = s * rounds_at_once..((s + 1) * rounds_at_once).min(n_rounds);
        for round in rounds.clone() {
            let images = &x[round * at_once * input..((round + 1) * at_once * input).min(x.len())];
            if (images.len() / input).div_ceil(C::DEPTH) * tiles.per_image() < depth {
                left.fill(C::default());
            }
            do_widely(LayOutImages { tiles: &tiles, images, channels: channels.clone(), place, to: &mut left });
            let right = &rights[round * right_values..][..right_values];
            let left = left.chunks_exact(n_left * block.rows * depth);
            weights::multiply(block, [n_left, depth, n_right], left, right, &mut sums, round > rounds.start);
        }
        sums
    });

    let (at, [down, across]) = (tiles.kernels(), TAPS);
    let row = n_in * convolution.taps();
    threads::each(dw.chunks_mut(LANES * row).enumerate(), |(chunk, dw)| {
        dw.fill(0.0);
        for ([b, _], sums) in tasks.iter().zip(&partial) {
            let channels = channels_of(*b);
            let n_rows = channels.len() * PHASES;
            let point = n_rows.next_multiple_of(block.rows) * stride;
            for k in 0..n_rows {
                let mut taps = [[[0.0; LANES]; 2]; 2];
                let sums = &sums[..POINTS * point];
                do_widely(FoldPoints { sums, at: k * stride + chunk * LANES, taps: &mut taps });
                for (o, dw) in dw.chunks_exact_mut(row).enumerate() {
                    let first = at(0, channels.start * PHASES + k);
                    for (tap, values) in [0, across, down, down + across].into_iter().zip(taps.as_flattened()) {
                        dw[first + tap] += values[o];
                    }
                }
            }
        }
    });
}
