//! The innermost loop, once for each instruction set.
//!
//! A block of `rows` x `columns` sums stays in registers while `depth` products are added to each: with AVX-512, 13 rows of
//! two registers use 26 of 32 for sums (11 rows where that leaves fewer of them empty), two for the right side's row, and the
//! left side is broadcast from memory. With AMX a register holds 16 x 16 sums.

use std::time::Instant;

use crate::buffer::Buffer;
use crate::cell::{Cell, Pair};
use crate::precision::Precision;
use crate::threads;

pub(crate) use runs::{RunBlock, Segment, gather, inside, spread};
pub(crate) use transpose::transpose;
pub(crate) use vector::{LANES, Lanes, Vector, Wide, Work, do_widely};

/// Cells of a run that is read from planes as it is.
pub(crate) use crate::tensors::RUN;

/// Cells of a row of the left side that lie together.
pub(crate) const GROUP: usize = 16;

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Tiles of bf16.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx,
    /// 512 bits of bf16 at once.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// 512 bits at once.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256 bits at once, with fused multiplication and addition.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every processor has; the compiler uses the vectors of the target, NEON or `simd128` among them.
    Portable,
}

/// A block of sums: its size, and how it is computed.
#[derive(Clone, Copy)]
pub(crate) struct Block<C> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    run: Run<C>,
    /// The same without a packed right side, where there is such a loop.
    run_from_planes: Option<RunFromPlanes<C>>,
}

/// Depth, left side, right side, sums, distance of their rows, and whether they are added to what is there.
type Run<C> = unsafe fn(usize, *const C, *const C, *mut f32, usize, bool);

/// Taps, left side, planes, where the columns' runs of [`RUN`] values begin, sums, distance of their rows, and whether they
/// are added to what is there.
type RunFromPlanes<C> = unsafe fn(&[usize], *const C, *const C, &[usize; 2], *mut f32, usize, bool);

/// Where taps begin in planes, and the furthest of them.
#[derive(Clone, Copy)]
pub(crate) struct Taps<'a> {
    offsets: &'a [usize],
    furthest: usize,
}

impl<'a> Taps<'a> {
    pub(crate) fn new(offsets: &'a [usize]) -> Self {
        Self { offsets, furthest: offsets.iter().copied().max().unwrap_or_default() }
    }
}

impl Path {
    /// The paths this machine can run, for each precision the fastest first.
    pub fn available() -> &'static [Self] {
        static AVAILABLE: std::sync::OnceLock<Vec<Path>> = std::sync::OnceLock::new();
        AVAILABLE.get_or_init(|| {
            let mut paths = vec![];
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            if amx::is_available() {
                paths.push(Self::Amx);
            }
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
                    paths.push(Self::Avx512Bf16);
                }
                if is_x86_feature_detected!("avx512f") {
                    paths.push(Self::Avx512);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    paths.push(Self::Avx2);
                }
            }
            paths.push(Self::Portable);
            paths
        })
    }

    /// The fastest path of this machine for `precision`, or for [`Precision::F32`] where it has none.
    pub fn best(precision: Precision) -> Self {
        let fastest = |precision| Self::available().iter().copied().find(|path| path.precision() == precision);
        fastest(precision).or_else(|| fastest(Precision::F32)).unwrap_or(Self::Portable)
    }

    /// What it multiplies.
    pub fn precision(self) -> Precision {
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => Precision::Bf16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Precision::Bf16,
            _ => Precision::F32,
        }
    }

    pub(crate) fn is_amx(self) -> bool {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        return self == Self::Amx;
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        return false;
    }

    /// The path itself, or where it is one for bf16 the fastest for 32 bits.
    pub(crate) fn of_32_bits(self) -> Self {
        match self.precision() {
            Precision::F32 | Precision::Halved => self,
            Precision::Bf16 => Self::best(Precision::F32),
        }
    }

    /// The block for a left side of `n_rows` numbers.
    ///
    /// # Panics
    /// If this machine cannot run the path.
    pub(crate) fn block(self, n_rows: usize) -> Block<f32> {
        self.assert_available();
        match self.of_32_bits() {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if n_rows <= 4 => Block {
                rows: 4,
                columns: 32,
                run: x86::avx512::<4, 2>,
                run_from_planes: Some(x86::avx512_from_planes::<4>),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if missing(n_rows, 11) < missing(n_rows, 13) => Block {
                rows: 11,
                columns: 32,
                run: x86::avx512::<11, 2>,
                run_from_planes: Some(x86::avx512_from_planes::<11>),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Block {
                rows: 13,
                columns: 32,
                run: x86::avx512::<13, 2>,
                run_from_planes: Some(x86::avx512_from_planes::<13>),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if n_rows <= 4 => {
                Block { rows: 4, columns: 16, run: x86::avx2::<4>, run_from_planes: Some(x86::avx2_from_planes::<4>) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                Block { rows: 6, columns: 16, run: x86::avx2::<6>, run_from_planes: Some(x86::avx2_from_planes::<6>) }
            }
            _ => Block { rows: 4, columns: 16, run: registers::portable, run_from_planes: None },
        }
    }

    /// The block for a left side of `n_rows` pairs.
    ///
    /// # Panics
    /// If this machine cannot run the path, or the path is not for bf16.
    pub(crate) fn block_of_pairs(self, n_rows: usize) -> Block<Pair> {
        self.assert_available();
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx if n_rows <= 16 => Block { rows: 16, columns: 32, run: amx::block::<1>, run_from_planes: None },
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => Block { rows: 32, columns: 32, run: amx::block::<2>, run_from_planes: None },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 if n_rows <= 4 => Block {
                rows: 4,
                columns: 32,
                run: x86::avx512_bf16::<4, 2>,
                run_from_planes: Some(x86::avx512_bf16_from_planes::<4>),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Block {
                rows: 13,
                columns: 32,
                run: x86::avx512_bf16::<13, 2>,
                run_from_planes: Some(x86::avx512_bf16_from_planes::<13>),
            },
            _ => panic!("{self:?} does not multiply bf16"),
        }
    }

    /// The block for a left side of `n_rows` numbers and a right side of few columns: as many rows more as it has columns less.
    pub(crate) fn narrow_block(self, n_rows: usize, n_columns: usize) -> Block<f32> {
        self.assert_available();
        match self.of_32_bits() {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if n_columns <= 16 && n_rows > 13 => {
                Block { rows: 26, columns: 16, run: x86::avx512::<26, 1>, run_from_planes: None }
            }
            _ => self.block(n_rows),
        }
    }

    /// The same for pairs.
    pub(crate) fn narrow_block_of_pairs(self, n_rows: usize, n_columns: usize) -> Block<Pair> {
        self.assert_available();
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 if n_columns <= 16 && n_rows > 13 => {
                Block { rows: 26, columns: 16, run: x86::avx512_bf16::<26, 1>, run_from_planes: None }
            }
            _ => self.block_of_pairs(n_rows),
        }
    }

    fn assert_available(self) {
        assert!(Self::available().contains(&self), "{self:?} is not available on this machine");
    }
}

/// Rows that fill up the last of the blocks of `rows`: what is computed in vain.
#[cfg(target_arch = "x86_64")]
fn missing(n_rows: usize, rows: usize) -> usize {
    (rows - n_rows % rows) % rows
}

impl<C: Cell> Block<C> {
    /// `sums[row][column] = sum over k of left[k][row] right[k][column]`, added to what is there if `is_more`. `left` is
    /// `[groups, rows, GROUP]`, `right` `[groups, GROUP, columns]`, both with zeros behind the depth, and the rows of `sums`
    /// are `stride` apart.
    #[inline]
    pub(crate) fn multiply(
        &self,
        depth: usize,
        left: &[C],
        right: &[C],
        sums: &mut [f32],
        stride: usize,
        is_more: bool,
    ) {
        let padded = depth.next_multiple_of(GROUP);
        assert!(left.len() >= padded * self.rows && right.len() >= padded * self.columns);
        assert!(sums.len() >= (self.rows - 1) * stride + self.columns);
        // SAFETY: the lengths were just checked, and a block is made only where its instructions exist.
        unsafe { (self.run)(depth, left.as_ptr(), right.as_ptr(), sums.as_mut_ptr(), stride, is_more) }
    }

    /// What [`multiply`](Self::multiply) does with the values of `planes` from `taps[k] + starts[run]` as the right side.
    /// False, and nothing done, where there is no such loop.
    #[inline]
    pub(crate) fn multiply_planes(
        &self,
        taps: Taps<'_>,
        left: &[C],
        planes: &[C],
        starts: &[usize; 2],
        sums: &mut [f32],
        (stride, is_more): (usize, bool),
    ) -> bool {
        let Some(run) = self.run_from_planes else { return false };
        let Taps { offsets, furthest } = taps;
        assert!(left.len() >= offsets.len().next_multiple_of(GROUP) * self.rows);
        assert!(sums.len() >= (self.rows - 1) * stride + self.columns);
        assert!(furthest + starts[0].max(starts[1]) + RUN <= planes.len() && self.columns <= 2 * RUN);
        // SAFETY: the lengths were just checked, and a block is made only where its instructions exist.
        unsafe { run(offsets, left.as_ptr(), planes.as_ptr(), starts, sums.as_mut_ptr(), stride, is_more) }
        true
    }
}

/// Does `$work` with the machine's widest vectors, as far as the compiler inlines it. Nothing is rounded differently.
///
/// A macro, because closures that are called once are inlined: one that were called for several instruction sets would stay a
/// function of the narrowest.
macro_rules! vectorized {
    ($work:expr) => {
        match $crate::path::Width::of_machine() {
            #[cfg(target_arch = "x86_64")]
            $crate::path::Width::Of512(width) => width.run(|| $work),
            #[cfg(target_arch = "x86_64")]
            $crate::path::Width::Of256(width) => width.run(|| $work),
            $crate::path::Width::OfTarget => $work,
        }
    };
}
pub(crate) use vectorized;

/// How wide vectors are that [`vectorized`] uses.
pub(crate) enum Width {
    #[cfg(target_arch = "x86_64")]
    Of512(x86::Of512),
    #[cfg(target_arch = "x86_64")]
    Of256(x86::Of256),
    OfTarget,
}

impl Width {
    #[inline(always)]
    pub(crate) fn of_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(width) = x86::Of512::new() {
                return Self::Of512(width);
            }
            if let Some(width) = x86::Of256::new() {
                return Self::Of256(width);
            }
        }
        Self::OfTarget
    }
}

/// Products and sums a second, in units of 10⁹, that all threads reach together where nothing but the innermost loop runs:
/// what no convolution can exceed.
pub fn peak_gflops(path: Path) -> f64 {
    match path.precision() {
        Precision::F32 | Precision::Halved => peak_of(path.block(usize::MAX)),
        Precision::Bf16 => peak_of(path.block_of_pairs(usize::MAX)),
    }
}

fn peak_of<C: Cell>(block: Block<C>) -> f64 {
    const DEPTH: usize = 256;
    const ROUNDS: usize = 5000;
    /// The fastest counts: threads seldom begin together.
    const TRIALS: usize = 8;
    let n_threads = rayon::current_num_threads();
    let round = |_| {
        // From the start of a cache line, as in every product.
        let [mut left, mut right] = [block.rows, block.columns].map(|side| Buffer::of(DEPTH * side));
        let mut sums = Buffer::of(block.rows * block.columns);
        [&mut left, &mut right].into_iter().for_each(|side| side.fill(C::join([0.5; 2])));
        for _ in 0..ROUNDS {
            block.multiply(DEPTH, &left, &right, &mut sums, block.columns, false);
        }
        std::hint::black_box(&sums[..]);
    };
    let trials = (0..TRIALS).map(|_| {
        let started = Instant::now();
        threads::each(0..n_threads, round);
        started.elapsed()
    });
    let flops = 2 * block.rows * block.columns * DEPTH * C::DEPTH * ROUNDS * n_threads;
    flops as f64 / trials.min().unwrap_or_default().as_secs_f64() / 1e9
}

mod registers;
mod runs;
mod transpose;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
