//! Products of packed matrices, whose right side is read from planes as it is needed.

use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::path::{Block, GROUP, RUN, Taps, vectorized};
use crate::planes::Runs;
use crate::threads;

/// Columns that are computed together: their right side stays in the second-level cache.
const COLUMNS: usize = 256;
/// Cells that are multiplied before the sums are stored: a panel of the left side stays in the first-level cache.
const DEPTH: usize = 256;

/// The left side: panels of as many rows as a block has, each `[groups, rows, GROUP]` with zeros behind the depth.
pub(crate) struct Left<C> {
    values: Buffer<C>,
    pub(crate) n_rows: usize,
    depth: usize,
    block: Block<C>,
}

/// Where a row of the left side is in some weights: of each cell the first number, and from there the second one.
pub(crate) struct Depth {
    pub(crate) firsts: Vec<usize>,
    pub(crate) to_second: usize,
    /// Cells that have a second number; in those behind them it is zero.
    pub(crate) n_pairs: usize,
}

impl<C: Cell> Left<C> {
    /// Row m has the `depth` from `values[rows[m]]` on.
    pub(crate) fn pack(block: Block<C>, values: &[f32], rows: &[usize], depth: &Depth) -> Self {
        let n_panels = rows.len().div_ceil(block.rows);
        let size = depth.firsts.len().next_multiple_of(GROUP) * block.rows;
        let mut packed = Buffer::of(n_panels * size);
        let pack = |panel: &mut [C], rows: &[usize]| {
            let groups = panel.chunks_exact_mut(GROUP * block.rows).zip(depth.firsts.chunks(GROUP));
            for (i, (group, offsets)) in groups.enumerate() {
                let is_run = offsets.iter().zip(offsets[0]..).all(|(offset, next)| *offset == next);
                let n_pairs = if C::DEPTH > 1 { depth.n_pairs.saturating_sub(i * GROUP).min(offsets.len()) } else { 0 };
                for (r, cells) in group.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
                    let mut numbers = [[0.0; GROUP]; 2];
                    if let Some(row) = rows.get(r) {
                        let [firsts, seconds] = &mut numbers;
                        gather(&values[*row..], offsets, is_run, firsts);
                        if n_pairs > 0 {
                            gather(&values[row + depth.to_second..], &offsets[..n_pairs], is_run, seconds);
                        }
                    }
                    join_group(&numbers, cells);
                }
            }
        };
        let panels = packed.chunks_mut(size.max(1)).zip(rows.chunks(block.rows));
        threads::each(panels, |(panel, rows)| vectorized!(pack(panel, rows)));
        Self { values: packed, n_rows: rows.len(), depth: depth.firsts.len(), block }
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(self.block.rows)
    }

    pub(crate) fn rows_of_panel(&self) -> usize {
        self.block.rows
    }

    /// Some cells of all rows of a panel, from the start of a group.
    fn cells(&self, panel: usize, first: usize, n: usize) -> &[C] {
        let at = panel * self.depth.next_multiple_of(GROUP) + first;
        &self.values[at * self.block.rows..][..n.next_multiple_of(GROUP) * self.block.rows]
    }
}

/// The values at `offsets`, which are a run or not.
#[inline(always)]
fn gather(values: &[f32], offsets: &[usize], is_run: bool, to: &mut [f32; GROUP]) {
    if is_run {
        to[..offsets.len()].copy_from_slice(&values[offsets[0]..][..offsets.len()]);
    } else {
        to.iter_mut().zip(offsets).for_each(|(to, offset)| *to = values[*offset]);
    }
}

/// A group of cells from their first numbers and their second ones.
#[inline(always)]
pub(crate) fn join_group<C: Cell>([firsts, seconds]: &[[f32; GROUP]; 2], cells: &mut [C; GROUP]) {
    for (cell, (first, second)) in cells.iter_mut().zip(firsts.iter().zip(seconds)) {
        *cell = C::join([*first, *second]);
    }
}

/// What the right side is: at row k and chunk c, the cells of `planes` from `taps[k] + starts[c]`.
pub(crate) struct Right<'a, C: Cell> {
    pub(crate) planes: &'a [C],
    pub(crate) taps: &'a [usize],
    pub(crate) starts: &'a [usize],
    pub(crate) runs: Runs,
}

/// Multiplies the `panels` of `left` with `right`. Calls `emit` with some chunks, their sums and the distance between
/// rows of sums.
pub(crate) fn multiply<C: Cell>(
    left: &Left<C>,
    panels: std::ops::Range<usize>,
    right: &Right<'_, C>,
    mut emit: impl FnMut(std::ops::Range<usize>, &[f32], usize),
) {
    let block @ Block { rows, columns, .. } = left.block;
    let chunk = right.runs.chunk;
    let mut sums = Buffer::of(panels.len() * rows * COLUMNS);
    let mut packed = Buffer::of(DEPTH * columns);
    for (i, starts) in right.starts.chunks(COLUMNS / chunk).enumerate() {
        if left.depth == 0 {
            sums.fill(0.0); // Pixels that no tap reaches, between strides wider than the kernel.
        }
        for (at, taps) in right.taps.chunks(DEPTH).enumerate() {
            let depth = taps.len();
            let whole_taps = Taps::new(taps);
            let packed = &mut packed[..depth.next_multiple_of(GROUP) * columns];
            for (n, starts) in starts.chunks(columns / chunk).enumerate() {
                let mut is_packed = false;
                for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(rows * COLUMNS)) {
                    let (left, sums) = (left.cells(panel, at * DEPTH, depth), &mut sums[n * columns..]);
                    let whole = [starts[0], starts[starts.len() - 1]];
                    if chunk == RUN
                        && block.multiply_planes(whole_taps, left, right.planes, &whole, sums, (COLUMNS, at > 0))
                    {
                        continue;
                    }
                    if !is_packed {
                        pack_chunks(chunk, right.planes, taps, starts, packed, columns);
                        is_packed = true;
                    }
                    block.multiply(depth, left, packed, sums, COLUMNS, at > 0);
                }
            }
        }
        let first = i * (COLUMNS / chunk);
        emit(first..first + starts.len(), &sums, COLUMNS);
    }
}

/// `[depth, columns]` from the chunks at `starts`, with zeros behind the depth.
fn pack_chunks<C: Cell>(chunk: usize, planes: &[C], taps: &[usize], starts: &[usize], panel: &mut [C], columns: usize) {
    vectorized!(match chunk {
        16 => pack_chunks_of::<C, 16>(planes, taps, starts, panel, columns),
        8 => pack_chunks_of::<C, 8>(planes, taps, starts, panel, columns),
        4 => pack_chunks_of::<C, 4>(planes, taps, starts, panel, columns),
        _ => pack_chunks_of::<C, 1>(planes, taps, starts, panel, columns),
    });
}

#[inline(always)]
fn pack_chunks_of<C: Cell, const N: usize>(
    planes: &[C],
    taps: &[usize],
    starts: &[usize],
    panel: &mut [C],
    columns: usize,
) {
    let reach = taps.iter().max().zip(starts.iter().max()).map_or(0, |(tap, start)| tap + start + N);
    assert!(reach <= planes.len());
    // SAFETY: no tap reaches further than just checked.
    let run = |at: usize| unsafe { *planes.as_ptr().add(at).cast::<[C; N]>() };
    let mut rows = panel.chunks_exact_mut(columns);
    for (tap, row) in taps.iter().zip(&mut rows) {
        for (start, to) in starts.iter().zip(row.as_chunks_mut::<N>().0) {
            *to = run(tap + start);
        }
    }
    rows.for_each(|row| row.fill(C::default()));
}

/// `sums[m][j] += sum over columns of rows[m] times the run at taps[j]`: the product over what [`multiply`] has as columns.
/// `left` holds panels of `n_along` cells, laid out as those of [`Left`]; `right.starts` are its chunks.
pub(crate) fn multiply_along<C: Cell>(
    block: Block<C>,
    left: &[C],
    n_along: usize,
    right: &Right<'_, C>,
    sums: &mut [f32],
) {
    let Block { rows, columns, .. } = block;
    let chunk = right.runs.chunk;
    let n_panels = right.taps.len().div_ceil(columns);
    let stride = n_panels * columns;
    let mut packed = Buffer::of(n_panels * columns * DEPTH);
    for (i, starts) in right.starts.chunks(DEPTH / chunk).enumerate() {
        let depth = starts.len() * chunk;
        let padded = depth.next_multiple_of(GROUP);
        let panels = packed.chunks_exact_mut(padded * columns).zip(right.taps.chunks(columns));
        for (n, (packed, taps)) in panels.enumerate() {
            pack_across(chunk, right.planes, taps, starts, packed, columns);
            for (left, sums) in left.chunks_exact(n_along * rows).zip(sums.chunks_exact_mut(rows * stride)) {
                let left = &left[i * DEPTH * rows..][..padded * rows];
                block.multiply(depth, left, packed, &mut sums[n * columns..], stride, true);
            }
        }
    }
}

/// `[cells of the chunks at starts, columns]`, column j read at `taps[j]`, with zeros behind the depth.
fn pack_across<C: Cell>(chunk: usize, planes: &[C], taps: &[usize], starts: &[usize], panel: &mut [C], columns: usize) {
    vectorized!(match chunk {
        16 => pack_across_of::<C, 16>(planes, taps, starts, panel, columns),
        8 => pack_across_of::<C, 8>(planes, taps, starts, panel, columns),
        4 => pack_across_of::<C, 4>(planes, taps, starts, panel, columns),
        _ => pack_across_of::<C, 1>(planes, taps, starts, panel, columns),
    });
}

#[inline(always)]
fn pack_across_of<C: Cell, const N: usize>(
    planes: &[C],
    taps: &[usize],
    starts: &[usize],
    panel: &mut [C],
    columns: usize,
) {
    let mut chunks = panel.chunks_exact_mut(N * columns);
    for (start, rows) in starts.iter().zip(&mut chunks) {
        for (column, tap) in taps.iter().enumerate() {
            for (i, cell) in planes[start + tap..][..N].iter().enumerate() {
                rows[i * columns + column] = *cell;
            }
        }
    }
    let n = starts.len() * N * columns;
    panel[n..].fill(C::default());
}
