//! Blocks of sums over runs of lanes, whose right side is read where it is.

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

/// Which numbers of a window that begins at `at` of a row of `n` are there: a bit for each of its `n_window`.
pub(crate) fn inside(at: isize, n_window: usize, n: usize) -> u128 {
    (0..n_window)
        .filter(|i| at.checked_add_unsigned(*i).is_some_and(|at| (0..n as isize).contains(&at)))
        .fold(0, |inside, i| inside | 1 << i)
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
    assert_inside(row.len(), at, inside);
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
    for (first, apart) in apart.iter_mut().enumerate() {
        for (j, value) in apart.iter_mut().enumerate() {
            let i = STEP * j + first;
            *value = if inside >> i & 1 == 1 { row[at.wrapping_add_unsigned(i) as usize] } else { 0.0 };
        }
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
    assert_inside(row.len(), at, inside);
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
    if inside == (1 << (N * LANES)) - 1 {
        for (j, to) in row[at as usize..][..N * LANES].chunks_exact_mut(N).enumerate() {
            to.iter_mut().zip(apart).for_each(|(to, apart)| *to = apart[j]);
        }
        return;
    }
    for i in (0..N * LANES).filter(|i| inside >> i & 1 == 1) {
        row[at.wrapping_add_unsigned(i) as usize] = apart[i % N][i / N];
    }
}

#[inline(always)]
fn assert_inside(n: usize, at: isize, inside: u128) {
    if inside != 0 {
        let (first, last) = (inside.trailing_zeros() as isize, inside.ilog2() as isize);
        assert!(at + first >= 0 && at + last < n as isize, "the window is not inside");
    }
}
