//! The loop over the depth with all sums in registers, whatever these are, and the portable one.

use super::{GROUP, RUN, Segment};

/// Registers of cells and of sums.
pub(super) trait Lanes {
    type Cell: Copy;
    type Operand: Copy;
    type Sums: Copy;
    const N: usize;
    unsafe fn splat(cell: Self::Cell) -> Self::Operand;
    unsafe fn load(from: *const Self::Cell) -> Self::Operand;
    unsafe fn zero() -> Self::Sums;
    /// `sums + a b`.
    unsafe fn multiply_add(a: Self::Operand, b: Self::Operand, sums: Self::Sums) -> Self::Sums;
    /// Stores `sums`, or adds them to what is there.
    unsafe fn store(sums: Self::Sums, to: *mut f32, is_more: bool);
}

/// The loop itself, to be inlined where the instruction set is enabled.
///
/// # Safety
/// The pointers are good for what [`Block::multiply`](super::Block::multiply) says, with `VECTORS * L::N` columns.
#[inline(always)]
pub(super) unsafe fn block<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    depth: usize,
    left: *const L::Cell,
    right: *const L::Cell,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: every access is within what the caller vouches for.
    unsafe {
        let row = |k: usize, v: usize| right.add(k * VECTORS * L::N + v * L::N);
        block_of::<L, ROWS, VECTORS>(depth, left, row, sums, stride, is_more);
    }
}

/// The same, reading each row of the right side from planes.
///
/// # Safety
/// The pointers are good for what [`Block::multiply_planes`](super::Block::multiply_planes) says, with `VECTORS * L::N` columns.
#[inline(always)]
pub(super) unsafe fn block_from_planes<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    taps: &[usize],
    left: *const L::Cell,
    planes: *const L::Cell,
    starts: &[usize; 2],
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: every access is within what the caller vouches for.
    unsafe {
        let runs: [*const L::Cell; VECTORS] =
            std::array::from_fn(|v| planes.add(starts[v * L::N / RUN] + v * L::N % RUN));
        let row = |k: usize, v: usize| runs[v].add(*taps.get_unchecked(k));
        block_of::<L, ROWS, VECTORS>(taps.len(), left, row, sums, stride, is_more);
    }
}

/// # Safety
/// `left` and `sums` are good for what [`Block::multiply`](super::Block::multiply) says, and `row` for every row and register of the right side.
#[inline(always)]
unsafe fn block_of<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    depth: usize,
    mut left: *const L::Cell,
    row: impl Fn(usize, usize) -> *const L::Cell,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: every access is within what the caller vouches for.
    unsafe {
        let mut block = [[L::zero(); VECTORS]; ROWS];
        for first in (0..depth).step_by(GROUP) {
            for k in 0..GROUP.min(depth - first) {
                let values: [L::Operand; VECTORS] = std::array::from_fn(|v| L::load(row(first + k, v)));
                for (r, sums) in block.iter_mut().enumerate() {
                    let factor = L::splat(*left.add(r * GROUP + k));
                    for (sum, values) in sums.iter_mut().zip(values) {
                        *sum = L::multiply_add(factor, values, *sum);
                    }
                }
            }
            left = left.add(ROWS * GROUP);
        }
        for (r, row) in block.into_iter().enumerate() {
            for (v, row) in row.into_iter().enumerate() {
                L::store(row, sums.add(r * stride + v * L::N), is_more);
            }
        }
    }
}

/// The loop over the depth of segments.
///
/// # Safety
/// The pointers are good for what [`RunBlock::multiply`](super::RunBlock::multiply) says, with `ROWS`, `RUNS` and `L::N` lanes.
#[inline(always)]
pub(super) unsafe fn block_of_runs<L, const ROWS: usize, const RUNS: usize>(
    segments: &[Segment<'_>],
    mut left: *const f32,
    sums: *mut f32,
    is_more: bool,
) where
    L: Lanes<Cell = f32, Sums = <L as Lanes>::Operand>,
{
    // SAFETY: every access is within what the caller vouches for.
    unsafe {
        let mut block = [[L::zero(); RUNS]; ROWS];
        if is_more {
            // One sum after the other, whatever the segments.
            for (r, row) in block.iter_mut().enumerate() {
                for (run, sum) in row.iter_mut().enumerate() {
                    *sum = L::load(sums.add((r * RUNS + run) * L::N));
                }
            }
        }
        for segment in segments {
            let mut runs = [segment.runs[0].as_ptr(); RUNS];
            runs.iter_mut().zip(&segment.runs).for_each(|(from, run)| *from = run.as_ptr());
            for k in 0..segment.depth {
                let mut values = [L::load(runs[0].add(k * L::N)); RUNS];
                for run in 1..RUNS {
                    values[run] = L::load(runs[run].add(k * L::N));
                }
                for (r, sums) in block.iter_mut().enumerate() {
                    let factor = L::splat(*left.add(k * ROWS + r));
                    for (sum, values) in sums.iter_mut().zip(values) {
                        *sum = L::multiply_add(factor, values, *sum);
                    }
                }
            }
            left = left.add(segment.depth * ROWS);
        }
        for (r, row) in block.into_iter().enumerate() {
            for (run, row) in row.into_iter().enumerate() {
                L::store(row, sums.add((r * RUNS + run) * L::N), false);
            }
        }
    }
}

struct Eight;

impl Lanes for Eight {
    type Cell = f32;
    type Operand = [f32; 8];
    type Sums = [f32; 8];
    const N: usize = 8;

    #[inline(always)]
    unsafe fn splat(cell: f32) -> [f32; 8] {
        [cell; 8]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 8] {
        // SAFETY: as the caller vouches; an array of numbers needs no alignment beyond theirs.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn zero() -> [f32; 8] {
        [0.0; 8]
    }

    #[inline(always)]
    unsafe fn multiply_add(a: [f32; 8], b: [f32; 8], mut sums: [f32; 8]) -> [f32; 8] {
        for (sum, (a, b)) in sums.iter_mut().zip(a.into_iter().zip(b)) {
            *sum += a * b;
        }
        sums
    }

    #[inline(always)]
    unsafe fn store(mut sums: [f32; 8], to: *mut f32, is_more: bool) {
        // SAFETY: as the caller vouches.
        let to: &mut [f32; 8] = unsafe { &mut *to.cast() };
        if is_more {
            sums.iter_mut().zip(*to).for_each(|(sum, there)| *sum += there);
        }
        *to = sums;
    }
}

/// # Safety
/// See [`block`].
pub(super) unsafe fn portable(
    depth: usize,
    left: *const f32,
    right: *const f32,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: as the caller vouches.
    unsafe { block::<Eight, 4, 2>(depth, left, right, sums, stride, is_more) }
}

/// # Safety
/// See [`block_of_runs`].
pub(super) unsafe fn portable_of_runs(segments: &[Segment<'_>], left: *const f32, sums: *mut f32, is_more: bool) {
    // SAFETY: as the caller vouches.
    unsafe { block_of_runs::<Eight, 4, 2>(segments, left, sums, is_more) }
}
