//! Weights as points: packed, multiplied, and their gradients from sums.

use std::ops::Range;

use super::points::{self, POINTS};
use super::{KERNEL, PHASES, STRIDE, Tiles, layout};
use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::path::{Block, GROUP, LANES, Lanes, Path, Vector, Wide, Work, do_widely};
use crate::threads;

/// Depth after which sums are stored: a panel of the left side stays in the first-level cache.
const DEPTH: usize = 256;

/// From a tap of such a kernel to the next one down and across.
pub(super) const TAPS: [usize; 2] = [STRIDE * KERNEL, STRIDE];

impl Tiles {
    /// Where the kernel of an output channel and a phase of an input channel begins in the weights.
    pub(super) fn kernels(&self) -> impl Fn(usize, usize) -> usize + Sync + use<> {
        let n_in = self.channels[0];
        move |output, k| {
            let (channel, phase) = (k / PHASES, k % PHASES);
            (output * n_in + channel) * KERNEL * KERNEL + phase / STRIDE * KERNEL + phase % STRIDE
        }
    }
}

/// Weights as points: the left sides of products, `[point, panel, groups of depth, row, GROUP]`.
pub(super) struct Weights<C> {
    pub(super) values: Buffer<C>,
    pub(super) block: Block<C>,
    n_rows: usize,
    /// In cells.
    pub(super) depth: usize,
}

impl<C: Cell> Weights<C> {
    /// For so many columns, if they are few. The kernel of a `row` and `depth` begins at `at(row, depth)` of `w`, with its other taps [from there](TAPS).
    pub(super) fn pack(
        path: Path,
        w: &[f32],
        [n_rows, depth, n_columns]: [usize; 3],
        at: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let block = C::narrow_block(path, n_rows, n_columns);
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

    pub(super) fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(self.block.rows)
    }

    pub(super) fn padded_depth(&self) -> usize {
        self.depth.next_multiple_of(GROUP)
    }

    /// The sums `[point, row, tile]` of some panels over the depth of `right`, `[point, panel, depth, column]`.
    pub(super) fn multiply(&self, panels: Range<usize>, right: &[C], n_tiles: usize, sums: &mut [f32]) {
        let Self { block, .. } = *self;
        let (depth, n_right) = (self.padded_depth(), n_tiles.div_ceil(block.columns));
        let of_panel = block.rows * depth;
        let points = self.values.chunks_exact(self.n_panels() * of_panel);
        let left = points.map(|point| &point[panels.start * of_panel..panels.end * of_panel]);
        multiply(block, [panels.len(), depth, n_right], left, right, sums, false);
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

/// Of each point, `sums[row][column] = left x right`, added to what is there if `is_more`. `left` is `[panel, groups, row,
/// GROUP]` of each point, `right` `[point, panel, depth, column]`; the depth is a multiple of [`GROUP`].
pub(super) fn multiply<'a, C: Cell>(
    block: Block<C>,
    [n_left, depth, n_right]: [usize; 3],
    left: impl Iterator<Item = &'a [C]>,
    right: &[C],
    sums: &mut [f32],
    is_more: bool,
) {
    let Block { rows, columns, .. } = block;
    let stride = n_right * columns;
    let points = left.zip(right.chunks_exact(n_right * depth * columns));
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

/// The weights' gradients, at each tap, from their points.
pub(super) struct FoldPoints<'a> {
    pub(super) sums: &'a [f32],
    pub(super) at: usize,
    pub(super) taps: &'a mut [[Lanes; 2]; 2],
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
