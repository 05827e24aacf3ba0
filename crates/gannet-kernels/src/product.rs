//! Products of packed matrices, whose right side is read from planes as it is needed.

use rayon::prelude::*;

use crate::path::Block;
use crate::planes::Runs;

/// Columns that are computed together: their right side stays in the second-level cache.
const COLUMNS: usize = 256;
/// Products that are added before the sums are stored: a panel of the left side stays in the first-level cache.
const DEPTH: usize = 256;
/// Values of a cache line.
const LINE: usize = 16;

/// The left side: panels of as many rows as a block has, each `[depth, rows]`.
pub(crate) struct Left {
    values: Vec<f32>,
    pub(crate) n_rows: usize,
    depth: usize,
    block: Block,
}

impl Left {
    /// Row m has `values[rows[m] + offsets[k]]` at k.
    pub(crate) fn pack(block: Block, values: &[f32], rows: &[usize], offsets: &[usize]) -> Self {
        let depth = offsets.len();
        let mut packed = vec![0.0; rows.len().div_ceil(block.rows) * block.rows * depth];
        let panels = packed.par_chunks_mut((block.rows * depth).max(1));
        panels.zip(rows.par_chunks(block.rows)).for_each(|(panel, rows)| {
            for (to, offset) in panel.chunks_exact_mut(block.rows).zip(offsets) {
                to.iter_mut().zip(rows).for_each(|(to, row)| *to = values[row + offset]);
            }
        });
        Self { values: packed, n_rows: rows.len(), depth, block }
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(self.block.rows)
    }

    pub(crate) fn rows_of_panel(&self) -> usize {
        self.block.rows
    }
}

/// Memory that a thread uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) planes: Vec<f32>,
    pub(crate) right: Vec<f32>,
    pub(crate) sums: Vec<f32>,
}

/// `n` values of `buffer`, whatever they are, from the start of a cache line.
pub(crate) fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n + LINE {
        buffer.resize(n + LINE, 0.0);
    }
    let first = buffer.as_ptr().align_offset(LINE * size_of::<f32>());
    &mut buffer[first..first + n]
}

/// What the right side is: at row k and chunk c, the values of `planes` from `taps[k] + starts[c]`.
pub(crate) struct Right<'a> {
    pub(crate) planes: &'a [f32],
    pub(crate) taps: &'a [usize],
    pub(crate) starts: &'a [usize],
    pub(crate) runs: Runs,
}

/// Multiplies the `panels` of `left` with `right`. Calls `emit` with some chunks, their sums and the distance between
/// rows of sums.
pub(crate) fn multiply(
    left: &Left,
    panels: std::ops::Range<usize>,
    right: &Right<'_>,
    [packed, sums]: [&mut Vec<f32>; 2],
    mut emit: impl FnMut(std::ops::Range<usize>, &[f32], usize),
) {
    let block @ Block { rows, columns, .. } = left.block;
    let chunk = right.runs.chunk;
    let sums = room(sums, panels.len() * rows * COLUMNS);
    let packed = room(packed, DEPTH * COLUMNS);
    for (i, starts) in right.starts.chunks(COLUMNS / chunk).enumerate() {
        if left.depth == 0 {
            sums.fill(0.0); // Pixels that no tap reaches, between strides wider than the kernel.
        } else {
            let n_panels = (starts.len() * chunk).div_ceil(columns);
            for first in (0..left.depth).step_by(DEPTH) {
                let taps = &right.taps[first..left.depth.min(first + DEPTH)];
                for (starts, panel) in starts.chunks(columns / chunk).zip(packed.chunks_exact_mut(taps.len() * columns))
                {
                    pack_chunks(chunk, right.planes, taps, starts, panel, columns);
                }
                for (n, packed) in packed.chunks_exact(taps.len() * columns).take(n_panels).enumerate() {
                    for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(rows * COLUMNS)) {
                        let left = &left.values[(panel * left.depth + first) * rows..][..taps.len() * rows];
                        block.multiply(left, packed, &mut sums[n * columns..], COLUMNS, first > 0);
                    }
                }
            }
        }
        let first = i * (COLUMNS / chunk);
        emit(first..first + starts.len(), sums, COLUMNS);
    }
}

/// `[taps, columns]` from the chunks at `starts`.
fn pack_chunks(chunk: usize, planes: &[f32], taps: &[usize], starts: &[usize], panel: &mut [f32], columns: usize) {
    match chunk {
        16 => pack_chunks_of::<16>(planes, taps, starts, panel, columns),
        8 => pack_chunks_of::<8>(planes, taps, starts, panel, columns),
        4 => pack_chunks_of::<4>(planes, taps, starts, panel, columns),
        _ => pack_chunks_of::<1>(planes, taps, starts, panel, columns),
    }
}

fn pack_chunks_of<const N: usize>(planes: &[f32], taps: &[usize], starts: &[usize], panel: &mut [f32], columns: usize) {
    for (tap, row) in taps.iter().zip(panel.chunks_exact_mut(columns)) {
        let planes = &planes[*tap..];
        for (start, to) in starts.iter().zip(row.as_chunks_mut::<N>().0) {
            to.copy_from_slice(&planes[*start..*start + N]);
        }
    }
}

/// `sums[m][j] += sum over columns of rows[m] times the run at taps[j]`: the product over what [`multiply`] has as columns.
/// `left` holds panels `[columns, rows]` of the left side, one after the other; `right.starts` are its chunks.
pub(crate) fn multiply_along(
    block: Block,
    left: &[f32],
    n_along: usize,
    right: &Right<'_>,
    packed: &mut Vec<f32>,
    sums: &mut [f32],
) {
    let Block { rows, columns, .. } = block;
    let chunk = right.runs.chunk;
    let n_panels = right.taps.len().div_ceil(columns);
    let stride = n_panels * columns;
    let packed = room(packed, n_panels * columns * (DEPTH + chunk));
    let chunks_at_once = DEPTH / chunk;
    for (i, starts) in right.starts.chunks(chunks_at_once).enumerate() {
        let depth = starts.len() * chunk;
        for (taps, panel) in right.taps.chunks(columns).zip(packed.chunks_exact_mut(depth * columns)) {
            pack_across(chunk, right.planes, taps, starts, panel, columns);
        }
        for (n, packed) in packed.chunks_exact(depth * columns).take(n_panels).enumerate() {
            for (left, sums) in left.chunks_exact(n_along * rows).zip(sums.chunks_exact_mut(rows * stride)) {
                let left = &left[i * chunks_at_once * chunk * rows..][..depth * rows];
                block.multiply(left, packed, &mut sums[n * columns..], stride, true);
            }
        }
    }
}

/// `[values of the chunks at starts, columns]`, column j read at `taps[j]`.
fn pack_across(chunk: usize, planes: &[f32], taps: &[usize], starts: &[usize], panel: &mut [f32], columns: usize) {
    match chunk {
        16 => pack_across_of::<16>(planes, taps, starts, panel, columns),
        8 => pack_across_of::<8>(planes, taps, starts, panel, columns),
        4 => pack_across_of::<4>(planes, taps, starts, panel, columns),
        _ => pack_across_of::<1>(planes, taps, starts, panel, columns),
    }
}

fn pack_across_of<const N: usize>(planes: &[f32], taps: &[usize], starts: &[usize], panel: &mut [f32], columns: usize) {
    for (start, rows) in starts.iter().zip(panel.chunks_exact_mut(N * columns)) {
        for (column, tap) in taps.iter().enumerate() {
            let values = &planes[start + tap..][..N];
            for (i, value) in values.iter().enumerate() {
                rows[i * columns + column] = *value;
            }
        }
    }
}
