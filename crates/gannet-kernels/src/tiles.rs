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
mod windows;

use std::ops::Range;

use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::geometry::Convolution;
use crate::packs::Way;
use crate::path::{Block, GROUP, LANES, Lanes, Path, Vector, Wide, Work, do_widely};
use crate::threads;
use layout::{LayOutImages, LayOutInput, LayOutOutput, LayOutOutputAcross, Place, WriteInput, WriteOutput};
use points::POINTS;

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
/// Depth after which sums are stored: a panel of the left side stays in the first-level cache.
const DEPTH: usize = 256;
/// Channels of the input in a task of the weights' gradient.
const TASK_CHANNELS: usize = 16;
/// Tasks that keep all threads at work.
const MIN_TASKS: usize = 8;

/// Fewer channels than this do not make up for laying tiles out.
const MIN_CHANNELS: usize = 32;

/// Whether a convolution is of the kind that is computed so.
pub(crate) fn suits(path: Path, convolution: &Convolution) -> bool {
    let tiles = convolution.axes.map(|axis| axis.output.div_ceil(SIDE));
    let n_tiles = tiles[0] * tiles[1];
    // Tiles that reach over the end are computed in vain.
    let is_filled = POINTS * n_tiles <= 3 * convolution.output_pixels();
    // With AMX products are cheap already, and laying tiles out is not; there it was not tried.
    !path.is_amx()
        && convolution.groups == 1
        && convolution.channels.iter().all(|n| *n >= MIN_CHANNELS)
        && convolution.axes.iter().all(|axis| (axis.kernel, axis.stride, axis.dilation) == (KERNEL, STRIDE, 1))
        && is_filled
        && convolution.batch * n_tiles >= TASK_TILES
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

/// Weights as points: the left sides of products, `[point, panel, groups of depth, row, GROUP]`.
struct Weights<C> {
    values: Buffer<C>,
    block: Block<C>,
    n_rows: usize,
    /// In cells.
    depth: usize,
}

impl<C: Cell> Weights<C> {
    /// Whose kernel of `row` and `depth` begins at `at(row, depth)` of `w`, with its other taps [from there](TAPS).
    fn pack(path: Path, w: &[f32], [n_rows, depth]: [usize; 2], at: impl Fn(usize, usize) -> usize + Sync) -> Self {
        let block = C::block(path, n_rows);
        let n_panels = n_rows.div_ceil(block.rows);
        let cells = depth.div_ceil(C::DEPTH);
        let panel_cells = cells.next_multiple_of(GROUP) * block.rows;
        let mut values = Buffer::of(POINTS * n_panels * panel_cells);
        // A panel of each point at a time.
        let mut panels: Vec<Vec<&mut [C]>> = (0..n_panels).map(|_| vec![]).collect();
        values.chunks_exact_mut(panel_cells).enumerate().for_each(|(i, panel)| panels[i % n_panels].push(panel));
        threads::each(panels.iter_mut().enumerate(), |(panel, points)| {
            let rows = panel * block.rows..((panel + 1) * block.rows).min(n_rows);
            do_widely(PackPanel { w, at: &at, rows, depth, panel_rows: block.rows, points });
        });
        Self { values, block, n_rows, depth: cells }
    }

    fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(self.block.rows)
    }

    fn padded_depth(&self) -> usize {
        self.depth.next_multiple_of(GROUP)
    }

    /// The sums `[point, row, tile]` over the depth of `right`, `[point, panel, depth, column]`.
    fn multiply(&self, right: &[C], n_tiles: usize, sums: &mut [f32]) {
        let (depth, columns) = (self.padded_depth(), self.block.columns);
        let (n_panels, n_right) = (self.n_panels(), n_tiles.div_ceil(columns));
        multiply(self.block, [n_panels, depth, n_right], &self.values, right, sums, false);
    }
}

/// Packs the `rows` of a panel, `[groups, panel_rows, GROUP]` of each point.
struct PackPanel<'a, 'b, C, A> {
    w: &'a [f32],
    at: &'a A,
    rows: Range<usize>,
    depth: usize,
    panel_rows: usize,
    points: &'a mut [&'b mut [C]],
}

impl<C: Cell, A: Fn(usize, usize) -> usize> Work for PackPanel<'_, '_, C, A> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { w, at, rows, depth, panel_rows, points } = self;
        let [down, across] = TAPS;
        for (r, row) in rows.enumerate() {
            for (group, first) in (0..depth).step_by(GROUP * C::DEPTH).enumerate() {
                // The taps of the first numbers of cells, and of the second ones.
                let mut taps = [[[[0.0; LANES]; 2]; 2]; 2];
                for k in 0..(depth - first).min(GROUP * C::DEPTH) {
                    let (at, lane) = (at(row, first + k), k / C::DEPTH);
                    let [[a, b], [c, d]] = &mut taps[k % C::DEPTH];
                    [a[lane], b[lane]] = [w[at], w[at + across]];
                    [c[lane], d[lane]] = [w[at + down], w[at + down + across]];
                }
                let load = |[[a, b], [c, d]]: &[[Lanes; 2]; 2]| {
                    points::of_weights([[width.load(a), width.load(b)], [width.load(c), width.load(d)]])
                };
                let (first, second) = (load(&taps[0]), load(&taps[C::DEPTH - 1]));
                for (point, values) in points.iter_mut().enumerate() {
                    let to = &mut values.as_chunks_mut().0[group * panel_rows + r];
                    C::join_vectors(first[point / 3][point % 3], second[point / 3][point % 3], to);
                }
            }
        }
    }
}

/// Of each point, `sums[row][column] = left x right`, added to what is there if `is_more`. `left` is `[point, panel, groups,
/// row, GROUP]`, `right` `[point, panel, depth, column]`; the depth is a multiple of [`GROUP`].
fn multiply<C: Cell>(
    block: Block<C>,
    [n_left, depth, n_right]: [usize; 3],
    left: &[C],
    right: &[C],
    sums: &mut [f32],
    is_more: bool,
) {
    let Block { rows, columns, .. } = block;
    let stride = n_right * columns;
    let points = left.chunks_exact(n_left * depth * rows).zip(right.chunks_exact(n_right * depth * columns));
    for ((left, right), sums) in points.zip(sums.chunks_exact_mut(n_left * rows * stride)) {
        for first in (0..depth).step_by(DEPTH) {
            let n = DEPTH.min(depth - first);
            for (at, right) in right.chunks_exact(depth * columns).enumerate() {
                let right = &right[first * columns..][..n * columns];
                for (left, sums) in left.chunks_exact(depth * rows).zip(sums.chunks_exact_mut(rows * stride)) {
                    let left = &left[first * rows..][..n * rows];
                    block.multiply(n, left, right, &mut sums[at * columns..], stride, is_more || first > 0);
                }
            }
        }
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
        let weights = match way {
            Way::Forth => Weights::pack(path, w, [n_out, depth], at),
            Way::Back => Weights::pack(path, w, [depth, n_out], |k, o| at(o, k)),
        };
        Self { tiles, weights, way }
    }

    /// Values that are kept.
    pub(crate) fn n_values(&self) -> usize {
        self.weights.values.len()
    }

    /// Of any number of images.
    pub(crate) fn run(&self, from: &[f32], to: &mut [f32]) {
        let Self { tiles, .. } = self;
        let [n_in, n_out] = tiles.channels;
        let mut sides = [n_in * tiles.input_pixels(), n_out * tiles.output_pixels()];
        if self.way == Way::Back {
            sides.reverse();
        }
        let at_once = tiles.images_of(TASK_TILES);
        let tasks = from.chunks(at_once * sides[0]).zip(to.chunks_mut(at_once * sides[1]));
        threads::each(tasks, |(from, to)| {
            let n_images = from.len() / sides[0];
            let n_tiles = n_images * tiles.per_image();
            let Weights { block, depth, n_rows, .. } = self.weights;
            let padded = [self.weights.padded_depth(), n_tiles.next_multiple_of(block.columns)];
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
            match self.way {
                Way::Forth => do_widely(LayOutInput { tiles, images: from, place, to: &mut right }),
                Way::Back => do_widely(LayOutOutput { tiles, images: from, place, to: &mut right }),
            }
            let mut sums = Buffer::of(POINTS * n_rows.next_multiple_of(block.rows) * padded[1]);
            self.weights.multiply(&right, n_tiles, &mut sums);
            match self.way {
                Way::Forth => do_widely(WriteOutput { tiles, sums: &sums, stride: padded[1], images: to }),
                Way::Back => do_widely(WriteInput { tiles, sums: &sums, stride: padded[1], images: to }),
            }
        });
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
            multiply(block, [n_left, depth, n_right], &left, right, &mut sums, round > rounds.start);
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

/// From a tap of such a kernel to the next one down and across.
const TAPS: [usize; 2] = [STRIDE * KERNEL, STRIDE];

impl Tiles {
    /// Where the kernel of an output channel and a phase of an input channel begins in the weights.
    fn kernels(&self) -> impl Fn(usize, usize) -> usize + Sync + use<> {
        let n_in = self.channels[0];
        move |output, k| {
            let (channel, phase) = (k / PHASES, k % PHASES);
            (output * n_in + channel) * KERNEL * KERNEL + phase / STRIDE * KERNEL + phase % STRIDE
        }
    }
}

/// The weights' gradients, at each tap, from their points.
struct FoldPoints<'a> {
    sums: &'a [f32],
    at: usize,
    taps: &'a mut [[Lanes; 2]; 2],
}

impl Work for FoldPoints<'_> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let taps = points::to_weights(layout::points_at(width, self.sums, self.at));
        for (tap, to) in taps.as_flattened().iter().zip(self.taps.as_flattened_mut()) {
            tap.store(to);
        }
    }
}
