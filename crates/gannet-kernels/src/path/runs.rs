//! Blocks of sums over runs of lanes, whose right side is read where it is.

use std::ops::Range;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Path, registers};
use crate::cell::Pair;

/// A block of sums over runs: `rows` x `runs` x `lanes`.
#[derive(Clone, Copy)]
pub(crate) struct RunBlock {
    pub(crate) rows: usize,
    pub(crate) runs: usize,
    pub(crate) lanes: usize,
    /// Whether numbers come [in halves](RunBlock::HALVED).
    pub(crate) is_halved: bool,
    run: RunSegments,
}

/// A part of the depth, with the right side's values for it: `[depth, lanes]` for each run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Segment<'a> {
    pub(crate) depth: usize,
    pub(crate) runs: [&'a [f32]; RunBlock::MAX_RUNS],
}

/// Segments, their left side, sums, and whether they are added to what is there.
type RunSegments = unsafe fn(&[Segment<'_>], *const f32, *mut f32, bool);

impl RunBlock {
    /// The most runs of any.
    pub(crate) const MAX_RUNS: usize = 3;
    /// The depth of what is halved is a multiple of this. As many numbers then take as many words: their upper halves
    /// `[HALVED / 2, lanes]`, of the left side `[rows / 16, 16, HALVED / 2]`, each a [`Pair`], and behind these the lower ones.
    pub(crate) const HALVED: usize = 32;

    /// Does `work`, which calls [`multiply`](Self::multiply) and nothing that takes long.
    #[inline]
    pub(crate) fn within(&self, work: impl FnOnce()) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.is_halved {
            // SAFETY: such a block is made only where there are tiles.
            return unsafe { amx::configured(work) };
        }
        work();
    }

    /// Puts a number of the left side, which was zero, to its place in the depth and its row.
    pub(crate) fn put(&self, left: &mut [f32], [k, row]: [usize; 2], number: f32) {
        if !self.is_halved {
            left[k * self.rows + row] = number;
            return;
        }
        let of_halves = Self::HALVED / 2 * self.rows;
        let first = k / Self::HALVED * 2 * of_halves;
        let at = first + row * Self::HALVED / 2 + k % Self::HALVED / 2;
        for (half, to) in Pair::halves(number).into_iter().zip([at, at + of_halves]) {
            left[to] = f32::from_bits(left[to].to_bits() | u32::from(half) << (16 * (k % 2)));
        }
    }

    /// [Within](Self::within), `sums[row][run] = sum over k of left[k][row] run[k]`, lane by lane, added to what is there if `is_more`; k runs through
    /// one of the `segments` after the other. `left` is `[depth, rows]`.
    #[inline]
    pub(crate) fn multiply(&self, segments: &[Segment<'_>], left: &[f32], sums: &mut [f32], is_more: bool) {
        let depth: usize = segments.iter().map(|segment| segment.depth).sum();
        assert!(left.len() >= depth * self.rows && sums.len() >= self.rows * self.runs * self.lanes);
        for segment in segments {
            assert!(segment.runs[..self.runs].iter().all(|run| run.len() >= segment.depth * self.lanes));
            assert!(!self.is_halved || segment.depth.is_multiple_of(Self::HALVED));
        }
        // SAFETY: the lengths were just checked, and a block is made only where its instructions exist.
        unsafe { (self.run)(segments, left.as_ptr(), sums.as_mut_ptr(), is_more) }
    }
}

impl Path {
    /// The block for sums over runs; with AMX, of numbers in halves.
    ///
    /// # Panics
    /// If this machine cannot run the path.
    pub(crate) fn run_block(self) -> RunBlock {
        self.assert_available();
        let of = |rows, runs, lanes, run| RunBlock { rows, runs, lanes, is_halved: false, run };
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => RunBlock { is_halved: true, ..of(32, 2, 16, amx::block_of_runs) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx512Bf16 => of(8, 3, 16, x86::avx512_of_runs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => of(4, 3, 8, x86::avx2_of_runs),
            Self::Portable => of(4, 2, 8, registers::portable_of_runs),
        }
    }
}

/// Numbers that windows have at most.
const MAX_WINDOW: usize = 4 * 16 + 2;

/// Which numbers of a window that begins at `at` of a row of `n` are there, one after the other: a bit for each of its `n_window`.
pub(crate) fn inside(at: isize, n_window: usize, n: usize) -> u128 {
    let is_there = |i: &usize| at.checked_add_unsigned(*i).is_some_and(|at| (0..n as isize).contains(&at));
    (0..n_window).filter(is_there).fold(0, |inside, i| inside | 1 << i)
}

/// Those numbers in the window, and in the row.
///
/// # Panics
/// If the row has no such numbers.
#[inline(always)]
fn places(n: usize, at: isize, inside: u128) -> [Range<usize>; 2] {
    if inside == 0 {
        return [0..0, 0..0];
    }
    let window = inside.trailing_zeros() as usize..inside.ilog2() as usize + 1;
    let first = at.wrapping_add_unsigned(window.start) as usize;
    let row = first..first.wrapping_add(window.len());
    assert!(row.start <= row.end && row.end <= n, "the window is not inside");
    [window, row]
}

/// Of the window that begins at `at` of a row every `STEP`-th number, from each of the first `N` on: of overlapping windows of `N`,
/// one every `STEP` numbers, each place's numbers side by side. Numbers that are not [`inside`] are zero.
///
/// # Panics
/// If the row has no such numbers.
#[inline(always)]
pub(crate) fn spread<const LANES: usize, const STEP: usize, const N: usize>(
    row: &[f32],
    at: isize,
    inside: u128,
    apart: &mut [[f32; LANES]; N],
) {
    let [in_window, in_row] = places(row.len(), at, inside);
    #[cfg(target_arch = "x86_64")]
    if LANES == 16 && x86::Of512::new().is_some() {
        let (window, to) = (row.as_ptr().wrapping_offset(at), apart.as_mut_ptr().cast());
        // SAFETY: the processor has AVX-512, and the numbers inside were just looked for.
        match (STEP, N) {
            (4, 6) => return unsafe { x86::spread_by_4(window, inside, to) },
            (2, 2) => return unsafe { x86::spread_by_2(window, inside, to) },
            _ => {}
        }
    }
    let mut copied = [0.0; MAX_WINDOW];
    let window = if in_window == (0..STEP * LANES + N - STEP) {
        &row[in_row]
    } else {
        copied[in_window].copy_from_slice(&row[in_row]);
        &copied
    };
    let (steps, rest) = window.split_at(STEP * LANES);
    for (j, step) in steps.chunks_exact(STEP).enumerate() {
        step.iter().zip(&mut *apart).for_each(|(from, apart)| apart[j] = *from);
    }
    // What overlaps is what the next window begins with.
    let (own, shared) = apart.split_at_mut(STEP);
    for ((own, shared), last) in own.iter().zip(shared).zip(rest) {
        shared[..LANES - 1].copy_from_slice(&own[1..]);
        shared[LANES - 1] = *last;
    }
}

/// Puts numbers back together, the first of all `N`, then the second ones, to a row from `at` on, those [`inside`] it.
///
/// # Panics
/// If the row has no such numbers.
#[inline(always)]
pub(crate) fn gather<const LANES: usize, const N: usize>(
    apart: &[[f32; LANES]; N],
    row: &mut [f32],
    at: isize,
    inside: u128,
) {
    let [in_window, in_row] = places(row.len(), at, inside);
    #[cfg(target_arch = "x86_64")]
    if LANES == 16 && x86::Of512::new().is_some() {
        let (from, to) = (apart.as_ptr().cast(), row.as_mut_ptr().wrapping_offset(at));
        // SAFETY: as above.
        match N {
            4 => return unsafe { x86::gather_by_4(from, to, inside) },
            2 => return unsafe { x86::gather_by_2(from, to, inside) },
            _ => {}
        }
    }
    let mut together = [0.0; MAX_WINDOW];
    for (j, to) in together[..N * LANES].chunks_exact_mut(N).enumerate() {
        to.iter_mut().zip(apart).for_each(|(to, apart)| *to = apart[j]);
    }
    row[in_row].copy_from_slice(&together[in_window]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every window that reaches over neither, one or both ends of its row, by what all processors have and by what this one has.
    #[test]
    fn windows_are_taken_apart_and_put_together() {
        windows::<8, 4, 6>();
        windows::<16, 4, 6>();
        windows::<8, 2, 2>();
        windows::<16, 2, 2>();
    }

    fn windows<const LANES: usize, const STEP: usize, const N: usize>() {
        for (at, n) in [(0isize, 70u8), (3, 80), (-1, 90), (-2, 29), (5, 16), (-70, 20), (30, 20)] {
            let row: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            let number = |i: usize| at.checked_add_unsigned(i).and_then(|i| row.get(usize::try_from(i).ok()?)).copied();
            let n_window = STEP * LANES + N - STEP;
            let inside = inside(at, n_window, row.len());
            let mut apart = [[f32::NAN; LANES]; N];
            spread::<LANES, STEP, N>(&row, at, inside, &mut apart);
            for (i, apart) in apart.iter().enumerate() {
                let expected: Vec<f32> = (0..LANES).map(|j| number(STEP * j + i).unwrap_or_default()).collect();
                assert_eq!(apart[..], expected, "{STEP} {N}, from {at} of {n}: {i}");
            }

            let mut firsts = [[0.0; LANES]; STEP];
            firsts.copy_from_slice(&apart[..STEP]);
            let mut again = vec![0.0; row.len()];
            gather(&firsts, &mut again, at, inside & ((1 << (STEP * LANES)) - 1));
            let end = at + (STEP * LANES) as isize;
            let expected = row.iter().zip(0..).map(|(x, i)| if (at..end).contains(&i) { *x } else { 0.0 });
            assert_eq!(again, expected.collect::<Vec<f32>>(), "{STEP}, from {at} of {n}");
        }
    }
}
