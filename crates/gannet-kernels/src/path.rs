//! The innermost loop, once for each instruction set.
//!
//! A block of `rows` x `columns` sums stays in registers while `depth` products are added to each: with AVX-512, 13 rows of
//! two registers use 26 of 32 for sums, two for the right side's row, and the left side is broadcast from memory.

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
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
pub(crate) struct Block {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    run: unsafe fn(usize, *const f32, *const f32, *mut f32, usize, bool),
}

impl Path {
    /// The paths this machine can run, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut paths = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                paths.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self::Avx2);
            }
        }
        paths.push(Self::Portable);
        paths
    }

    /// The fastest path of this machine.
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<Path> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// The block for a left side of `n_rows`.
    ///
    /// # Panics
    /// If this machine cannot run the path.
    pub(crate) fn block(self, n_rows: usize) -> Block {
        assert!(Self::available().contains(&self), "{self:?} is not available on this machine");
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if n_rows <= 4 => Block { rows: 4, columns: 32, run: x86::avx512::<4> },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Block { rows: 13, columns: 32, run: x86::avx512::<13> },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if n_rows <= 4 => Block { rows: 4, columns: 16, run: x86::avx2::<4> },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Block { rows: 6, columns: 16, run: x86::avx2::<6> },
            Self::Portable => Block { rows: 4, columns: 16, run: portable },
        }
    }
}

impl Block {
    /// `sums[row][column] = sum over k of left[k][row] right[k][column]`, added to what is there if `is_more`. `left` is
    /// `[depth, rows]`, `right` `[depth, columns]`, and the rows of `sums` are `stride` apart.
    pub(crate) fn multiply(self, left: &[f32], right: &[f32], sums: &mut [f32], stride: usize, is_more: bool) {
        let depth = left.len() / self.rows;
        assert!(right.len() >= depth * self.columns && sums.len() >= (self.rows - 1) * stride + self.columns);
        // SAFETY: the lengths were just checked, and a block is made only where its instructions exist.
        unsafe { (self.run)(depth, left.as_ptr(), right.as_ptr(), sums.as_mut_ptr(), stride, is_more) }
    }
}

/// Products and sums a second, in units of 10⁹, that all threads reach together where nothing but the innermost loop runs:
/// what no convolution can exceed.
pub fn peak_gflops(path: Path) -> f64 {
    const DEPTH: usize = 256;
    const ROUNDS: usize = 20_000;
    let block = path.block(usize::MAX);
    let n_threads = rayon::current_num_threads();
    let started = std::time::Instant::now();
    rayon::broadcast(|_| {
        let (left, right) = (vec![0.5; DEPTH * block.rows], vec![0.5; DEPTH * block.columns]);
        let mut sums = vec![0.0; block.rows * block.columns];
        for _ in 0..ROUNDS {
            block.multiply(&left, &right, &mut sums, block.columns, false);
        }
        std::hint::black_box(sums);
    });
    let flops = 2 * block.rows * block.columns * DEPTH * ROUNDS * n_threads;
    flops as f64 / started.elapsed().as_secs_f64() / 1e9
}

/// A register of numbers.
trait Lanes: Copy {
    const N: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self * factor + sum`.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
}

/// The loop itself, to be inlined where the instruction set is enabled.
///
/// # Safety
/// The pointers are good for `depth * ROWS`, `depth * VECTORS * V::N` and `(ROWS - 1) * stride + VECTORS * V::N` values.
#[inline(always)]
unsafe fn block<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    depth: usize,
    mut left: *const f32,
    mut right: *const f32,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: every access is within what the caller vouches for.
    unsafe {
        let mut block = [[V::splat(0.0); VECTORS]; ROWS];
        for _ in 0..depth {
            let mut row = [V::splat(0.0); VECTORS];
            for (v, value) in row.iter_mut().enumerate() {
                *value = V::load(right.add(v * V::N));
            }
            for (r, sums) in block.iter_mut().enumerate() {
                let factor = V::splat(*left.add(r));
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum = factor.multiply_add(value, *sum);
                }
            }
            left = left.add(ROWS);
            right = right.add(VECTORS * V::N);
        }
        for (r, row) in block.into_iter().enumerate() {
            for (v, value) in row.into_iter().enumerate() {
                let to = sums.add(r * stride + v * V::N);
                let value = if is_more { V::splat(1.0).multiply_add(V::load(to), value) } else { value };
                value.store(to);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Eight([f32; 8]);

impl Lanes for Eight {
    const N: usize = 8;

    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the caller vouches; an array of numbers needs no alignment beyond theirs.
        unsafe { Self(*from.cast()) }
    }

    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the caller vouches.
        unsafe { *to.cast() = self.0 }
    }

    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        let mut result = sum.0;
        for (result, (a, b)) in result.iter_mut().zip(self.0.into_iter().zip(factor.0)) {
            *result += a * b;
        }
        Self(result)
    }
}

/// # Safety
/// See [`block`].
unsafe fn portable(depth: usize, left: *const f32, right: *const f32, sums: *mut f32, stride: usize, is_more: bool) {
    // SAFETY: as the caller vouches.
    unsafe { block::<Eight, 4, 2>(depth, left, right, sums, stride, is_more) }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::{Lanes, block};

    macro_rules! lanes {
        ($register:ty, $n:literal, $splat:ident, $load:ident, $store:ident, $multiply_add:ident) => {
            impl Lanes for $register {
                const N: usize = $n;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: inlined only where the instruction set is enabled.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: as above, and the caller vouches for the pointer.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: as above, and the caller vouches for the pointer.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
                    // SAFETY: inlined only where the instruction set is enabled.
                    unsafe { $multiply_add(self, factor, sum) }
                }
            }
        };
    }
    lanes!(__m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
    lanes!(__m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);

    /// # Safety
    /// See [`block`]; the processor has AVX-512.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512<const ROWS: usize>(
        depth: usize,
        left: *const f32,
        right: *const f32,
        sums: *mut f32,
        stride: usize,
        is_more: bool,
    ) {
        // SAFETY: as the caller vouches.
        unsafe { block::<__m512, ROWS, 2>(depth, left, right, sums, stride, is_more) }
    }

    /// # Safety
    /// See [`block`]; the processor has AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2<const ROWS: usize>(
        depth: usize,
        left: *const f32,
        right: *const f32,
        sums: *mut f32,
        stride: usize,
        is_more: bool,
    ) {
        // SAFETY: as the caller vouches.
        unsafe { block::<__m256, ROWS, 2>(depth, left, right, sums, stride, is_more) }
    }
}
