//! AVX2 and AVX-512.

use std::arch::x86_64::{
    __m256, __m512, __m512bh, __m512i, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::Segment;
use super::registers::{Lanes, block, block_from_planes, block_of_runs};
use crate::cell::Pair;

pub(super) use rows::{gather_by_2, gather_by_4, spread_by_2, spread_by_4, transpose};
pub(crate) use widths::{Of256, Of512, Of512Bf16};

struct Avx512;
struct Avx512Bf16;
struct Avx2;

impl Lanes for Avx512 {
    type Cell = f32;
    type Operand = __m512;
    type Sums = __m512;
    const N: usize = 16;

    #[inline(always)]
    unsafe fn splat(cell: f32) -> __m512 {
        // SAFETY: here and below, inlined only where the instruction set is enabled; the caller vouches for the pointers.
        unsafe { _mm512_set1_ps(cell) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, sums: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, sums) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512, to: *mut f32, is_more: bool) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, if is_more { _mm512_add_ps(sums, _mm512_loadu_ps(to)) } else { sums }) }
    }
}

impl Lanes for Avx512Bf16 {
    type Cell = Pair;
    type Operand = __m512i;
    type Sums = __m512;
    const N: usize = 16;

    #[inline(always)]
    unsafe fn splat(cell: Pair) -> __m512i {
        // SAFETY: as for AVX-512.
        unsafe { _mm512_set1_epi32(cell.bits().cast_signed()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const Pair) -> __m512i {
        // SAFETY: as for AVX-512.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: as for AVX-512.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512i, b: __m512i, sums: __m512) -> __m512 {
        // SAFETY: as for AVX-512; the types are two names for 512 bits.
        unsafe {
            let [a, b] = [a, b].map(|pairs| std::mem::transmute::<__m512i, __m512bh>(pairs));
            _mm512_dpbf16_ps(sums, a, b)
        }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512, to: *mut f32, is_more: bool) {
        // SAFETY: as for AVX-512.
        unsafe { Avx512::store(sums, to, is_more) }
    }
}

impl Lanes for Avx2 {
    type Cell = f32;
    type Operand = __m256;
    type Sums = __m256;
    const N: usize = 8;

    #[inline(always)]
    unsafe fn splat(cell: f32) -> __m256 {
        // SAFETY: as for AVX-512.
        unsafe { _mm256_set1_ps(cell) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: as for AVX-512.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256 {
        // SAFETY: as for AVX-512.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m256, b: __m256, sums: __m256) -> __m256 {
        // SAFETY: as for AVX-512.
        unsafe { _mm256_fmadd_ps(a, b, sums) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m256, to: *mut f32, is_more: bool) {
        // SAFETY: as for AVX-512.
        unsafe { _mm256_storeu_ps(to, if is_more { _mm256_add_ps(sums, _mm256_loadu_ps(to)) } else { sums }) }
    }
}

/// # Safety
/// See [`block`]; the processor has AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn avx512<const ROWS: usize, const VECTORS: usize>(
    depth: usize,
    left: *const f32,
    right: *const f32,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: as the caller vouches.
    unsafe { block::<Avx512, ROWS, VECTORS>(depth, left, right, sums, stride, is_more) }
}

/// # Safety
/// See [`block_from_planes`]; the processor has AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn avx512_from_planes<const ROWS: usize>(
    taps: &[usize],
    left: *const f32,
    planes: *const f32,
    starts: &[usize; 2],
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: as the caller vouches.
    unsafe { block_from_planes::<Avx512, ROWS, 2>(taps, left, planes, starts, sums, stride, is_more) }
}

/// # Safety
/// See [`block`]; the processor has AVX-512 with its products of bf16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn avx512_bf16<const ROWS: usize, const VECTORS: usize>(
    depth: usize,
    left: *const Pair,
    right: *const Pair,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: as the caller vouches.
    unsafe { block::<Avx512Bf16, ROWS, VECTORS>(depth, left, right, sums, stride, is_more) }
}

/// # Safety
/// See [`block_from_planes`]; the processor has AVX-512 with its products of bf16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn avx512_bf16_from_planes<const ROWS: usize>(
    taps: &[usize],
    left: *const Pair,
    planes: *const Pair,
    starts: &[usize; 2],
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: as the caller vouches.
    unsafe { block_from_planes::<Avx512Bf16, ROWS, 2>(taps, left, planes, starts, sums, stride, is_more) }
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
    unsafe { block::<Avx2, ROWS, 2>(depth, left, right, sums, stride, is_more) }
}

/// # Safety
/// See [`block_from_planes`]; the processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2_from_planes<const ROWS: usize>(
    taps: &[usize],
    left: *const f32,
    planes: *const f32,
    starts: &[usize; 2],
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    // SAFETY: as the caller vouches.
    unsafe { block_from_planes::<Avx2, ROWS, 2>(taps, left, planes, starts, sums, stride, is_more) }
}

/// # Safety
/// See [`block_of_runs`]; the processor has AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn avx512_of_runs(segments: &[Segment<'_>], left: *const f32, sums: *mut f32, is_more: bool) {
    // SAFETY: as the caller vouches.
    unsafe { block_of_runs::<Avx512, 8, 3>(segments, left, sums, is_more) }
}

/// # Safety
/// See [`block_of_runs`]; the processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2_of_runs(segments: &[Segment<'_>], left: *const f32, sums: *mut f32, is_more: bool) {
    // SAFETY: as the caller vouches.
    unsafe { block_of_runs::<Avx2, 4, 3>(segments, left, sums, is_more) }
}

mod rows;
mod widths;
