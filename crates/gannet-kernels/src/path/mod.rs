//! The innermost loop, once for each instruction set.
//!
//! A block of `rows` x `columns` sums stays in registers while `depth` products are added to each: with AVX-512, 13 rows of
//! two registers use 26 of 32 for sums, two for the right side's row, and the left side is broadcast from memory. With AMX a
//! register holds 16 x 16 sums.

use crate::cell::{Cell, Pair};
use crate::precision::Precision;

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
    run_from_planes: Option<RunFromPlanes>,
}

/// Depth, left side, right side, sums, distance of their rows, and whether they are added to what is there.
type Run<C> = unsafe fn(usize, *const C, *const C, *mut f32, usize, bool);

/// Taps, left side, planes, where the columns' runs of [`RUN`] values begin, sums, distance of their rows, and whether they
/// are added to what is there.
type RunFromPlanes = unsafe fn(&[usize], *const f32, *const f32, &[usize; 2], *mut f32, usize, bool);

/// Values of a run that is read from planes as it is.
pub(crate) const RUN: usize = 16;

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

    /// The path itself, or where it is one for bf16 the fastest for 32 bits.
    pub(crate) fn of_32_bits(self) -> Self {
        match self.precision() {
            Precision::F32 => self,
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
                run: x86::avx512::<4>,
                run_from_planes: Some(x86::avx512_from_planes::<4>),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Block {
                rows: 13,
                columns: 32,
                run: x86::avx512::<13>,
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
            _ => Block { rows: 4, columns: 16, run: portable, run_from_planes: None },
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
            Self::Avx512Bf16 if n_rows <= 4 => {
                Block { rows: 4, columns: 32, run: x86::avx512_bf16::<4>, run_from_planes: None }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Block { rows: 13, columns: 32, run: x86::avx512_bf16::<13>, run_from_planes: None },
            _ => panic!("{self:?} does not multiply bf16"),
        }
    }

    fn assert_available(self) {
        assert!(Self::available().contains(&self), "{self:?} is not available on this machine");
    }
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
}

impl Block<f32> {
    /// What [`multiply`](Self::multiply) does with the values of `planes` from `taps[k] + starts[run]` as the right side.
    /// False, and nothing done, where there is no such loop.
    #[inline]
    pub(crate) fn multiply_planes(
        &self,
        taps: Taps<'_>,
        left: &[f32],
        planes: &[f32],
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

/// Does `work` with the machine's widest vectors, as far as the compiler inlines it. Nothing is rounded differently.
#[inline(always)]
pub(crate) fn vectorized<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::has_avx512() {
            // SAFETY: the processor has the instructions.
            return unsafe { x86::with_avx512(work) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { x86::with_avx2(work) };
        }
    }
    work()
}

/// Products and sums a second, in units of 10⁹, that all threads reach together where nothing but the innermost loop runs:
/// what no convolution can exceed.
pub fn peak_gflops(path: Path) -> f64 {
    match path.precision() {
        Precision::F32 => peak_of(path.block(usize::MAX)),
        Precision::Bf16 => peak_of(path.block_of_pairs(usize::MAX)),
    }
}

fn peak_of<C: Cell>(block: Block<C>) -> f64 {
    const DEPTH: usize = 256;
    const ROUNDS: usize = 10_000;
    let n_threads = rayon::current_num_threads();
    let started = std::time::Instant::now();
    rayon::broadcast(|_| {
        let cell = C::join([C::value(0.5); 2]);
        let (left, right) = (vec![cell; DEPTH * block.rows], vec![cell; DEPTH * block.columns]);
        let mut sums = vec![0.0; block.rows * block.columns];
        for _ in 0..ROUNDS {
            block.multiply(DEPTH, &left, &right, &mut sums, block.columns, false);
        }
        std::hint::black_box(sums);
    });
    let flops = 2 * block.rows * block.columns * DEPTH * C::DEPTH * ROUNDS * n_threads;
    flops as f64 / started.elapsed().as_secs_f64() / 1e9
}

/// Registers of cells and of sums.
trait Lanes {
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
/// The pointers are good for what [`Block::multiply`] says, with `VECTORS * L::N` columns.
#[inline(always)]
unsafe fn block<L: Lanes, const ROWS: usize, const VECTORS: usize>(
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
/// The pointers are good for what [`Block::multiply_planes`] says, with `VECTORS * L::N` columns.
#[inline(always)]
unsafe fn block_from_planes<L: Lanes<Cell = f32>, const ROWS: usize, const VECTORS: usize>(
    taps: &[usize],
    left: *const f32,
    planes: *const f32,
    starts: &[usize; 2],
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: every access is within what the caller vouches for.
    unsafe {
        let runs: [*const f32; VECTORS] = std::array::from_fn(|v| planes.add(starts[v * L::N / RUN] + v * L::N % RUN));
        let row = |k: usize, v: usize| runs[v].add(*taps.get_unchecked(k));
        block_of::<L, ROWS, VECTORS>(taps.len(), left, row, sums, stride, is_more);
    }
}

/// # Safety
/// `left` and `sums` are good for what [`Block::multiply`] says, and `row` for every row and register of the right side.
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
unsafe fn portable(depth: usize, left: *const f32, right: *const f32, sums: *mut f32, stride: usize, is_more: bool) {
    // SAFETY: as the caller vouches.
    unsafe { block::<Eight, 4, 2>(depth, left, right, sums, stride, is_more) }
}

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
