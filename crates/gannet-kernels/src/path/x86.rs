//! AVX2 and AVX-512.

use std::arch::x86_64::{
    __m256, __m512, __m512bh, __m512d, __m512i, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_epi32, _mm512_add_ps, _mm512_alignr_epi32, _mm512_castpd_ps,
    _mm512_castps_pd, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_permutex2var_pd, _mm512_permutex2var_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32, _mm512_setr_epi64, _mm512_setzero_pd, _mm512_setzero_ps,
    _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
    _mm512_unpacklo_ps,
};

use super::registers::{Lanes, block, block_from_planes, block_of_runs};
use super::{Segment, Work};
use crate::cell::Pair;

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

/// Of 66 numbers every fourth, from each of the first six on, `[6, 16]`. Those that are not `inside`, a bit for each, are zero.
///
/// # Safety
/// The pointers are good for as many numbers, the window's for those inside.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) unsafe fn spread_by_4(window: *const f32, inside: u128, to: *mut f32) {
    // SAFETY: as the caller vouches.
    unsafe {
        let load = |i: usize| _mm512_maskz_loadu_ps((inside >> (16 * i)) as u16, window.wrapping_add(16 * i));
        let (a, b, c, d, next) = (load(0), load(1), load(2), load(3), load(4));
        // Of two vectors every fourth from the first on, then from the second on; and so from the third and the fourth on.
        let places = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        let (ab, cd) = (_mm512_permutex2var_ps(a, places, b), _mm512_permutex2var_ps(c, places, d));
        let places = _mm512_add_epi32(places, _mm512_set1_epi32(2));
        let (ab_2, cd_2) = (_mm512_permutex2var_ps(a, places, b), _mm512_permutex2var_ps(c, places, d));
        let first = _mm512_shuffle_f32x4::<0x44>(ab, cd);
        let second = _mm512_shuffle_f32x4::<0xEE>(ab, cd);
        _mm512_storeu_ps(to, first);
        _mm512_storeu_ps(to.add(16), second);
        _mm512_storeu_ps(to.add(32), _mm512_shuffle_f32x4::<0x44>(ab_2, cd_2));
        _mm512_storeu_ps(to.add(48), _mm512_shuffle_f32x4::<0xEE>(ab_2, cd_2));
        // From the fifth and the sixth on: one further than the first two.
        let next = _mm512_castps_si512(next);
        let fifth = _mm512_alignr_epi32::<1>(next, _mm512_castps_si512(first));
        _mm512_storeu_ps(to.add(64), _mm512_castsi512_ps(fifth));
        let next = _mm512_alignr_epi32::<1>(next, next);
        let sixth = _mm512_alignr_epi32::<1>(next, _mm512_castps_si512(second));
        _mm512_storeu_ps(to.add(80), _mm512_castsi512_ps(sixth));
    }
}

/// The same of 32 numbers, every second, from each of the first two on.
///
/// # Safety
/// As [`spread_by_4`].
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) unsafe fn spread_by_2(window: *const f32, inside: u128, to: *mut f32) {
    // SAFETY: as the caller vouches.
    unsafe {
        let load = |i: usize| _mm512_maskz_loadu_ps((inside >> (16 * i)) as u16, window.wrapping_add(16 * i));
        let (a, b) = (load(0), load(1));
        let places = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        _mm512_storeu_ps(to, _mm512_permutex2var_ps(a, places, b));
        let places = _mm512_add_epi32(places, _mm512_set1_epi32(1));
        _mm512_storeu_ps(to.add(16), _mm512_permutex2var_ps(a, places, b));
    }
}

/// Four times 16 numbers put together to 64, the first of all four, then the second ones. Only those `inside` are written.
///
/// # Safety
/// The pointers are good for as many numbers, that of `to` for those inside.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) unsafe fn gather_by_4(from: *const f32, to: *mut f32, inside: u128) {
    // SAFETY: as the caller vouches.
    unsafe {
        let (a, b) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
        let (c, d) = (_mm512_loadu_ps(from.add(32)), _mm512_loadu_ps(from.add(48)));
        let [low, high] = [_mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15)];
        let store = |i: usize, numbers: __m512d| {
            let mask = (inside >> (16 * i)) as u16;
            _mm512_mask_storeu_ps(to.wrapping_add(16 * i), mask, _mm512_castpd_ps(numbers));
        };
        // Twos of the first half of the lanes, put together to fours, then of the second half.
        let places = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let ab = _mm512_castps_pd(_mm512_permutex2var_ps(a, places, b));
        let cd = _mm512_castps_pd(_mm512_permutex2var_ps(c, places, d));
        store(0, _mm512_permutex2var_pd(ab, low, cd));
        store(1, _mm512_permutex2var_pd(ab, high, cd));
        let places = _mm512_add_epi32(places, _mm512_set1_epi32(8));
        let ab = _mm512_castps_pd(_mm512_permutex2var_ps(a, places, b));
        let cd = _mm512_castps_pd(_mm512_permutex2var_ps(c, places, d));
        store(2, _mm512_permutex2var_pd(ab, low, cd));
        store(3, _mm512_permutex2var_pd(ab, high, cd));
    }
}

/// Twice 16 numbers put together to 32.
///
/// # Safety
/// As [`gather_by_4`].
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) unsafe fn gather_by_2(from: *const f32, to: *mut f32, inside: u128) {
    // SAFETY: as the caller vouches.
    unsafe {
        let (a, b) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
        let places = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        _mm512_mask_storeu_ps(to, inside as u16, _mm512_permutex2var_ps(a, places, b));
        let places = _mm512_add_epi32(places, _mm512_set1_epi32(8));
        let second = _mm512_permutex2var_ps(a, places, b);
        _mm512_mask_storeu_ps(to.wrapping_add(16), (inside >> 16) as u16, second);
    }
}

/// Turns over up to 16 x 16 numbers, whose rows are `strides` apart on either side.
///
/// # Safety
/// The pointers are good for as many rows and columns; the processor has AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose([rows, columns]: [usize; 2], from: *const f32, to: *mut f32, strides: [usize; 2]) {
    // SAFETY: masks keep to the rows and columns that the caller vouches for.
    unsafe {
        let (of_rows, of_columns) = (((1_u32 << rows) - 1) as u16, ((1_u32 << columns) - 1) as u16);
        let mut a = [_mm512_setzero_ps(); 16];
        for (row, a) in a.iter_mut().enumerate().take(rows) {
            *a = _mm512_maskz_loadu_ps(of_columns, from.add(row * strides[0]));
        }
        // Blocks of 4 x 4: twos of two rows, then fours of four.
        let mut b = [_mm512_setzero_pd(); 16];
        for i in (0..16).step_by(2) {
            b[i] = _mm512_castps_pd(_mm512_unpacklo_ps(a[i], a[i + 1]));
            b[i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(a[i], a[i + 1]));
        }
        for i in (0..16).step_by(4) {
            a[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(b[i], b[i + 2]));
            a[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(b[i], b[i + 2]));
            a[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b[i + 1], b[i + 3]));
            a[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b[i + 1], b[i + 3]));
        }
        // Blocks as wholes: of each vector the parts that belong to one column.
        let mut turned = [_mm512_setzero_ps(); 16];
        for k in 0..4 {
            let even_low = _mm512_shuffle_f32x4::<0x88>(a[k], a[4 + k]);
            let even_high = _mm512_shuffle_f32x4::<0x88>(a[8 + k], a[12 + k]);
            let odd_low = _mm512_shuffle_f32x4::<0xDD>(a[k], a[4 + k]);
            let odd_high = _mm512_shuffle_f32x4::<0xDD>(a[8 + k], a[12 + k]);
            turned[k] = _mm512_shuffle_f32x4::<0x88>(even_low, even_high);
            turned[4 + k] = _mm512_shuffle_f32x4::<0x88>(odd_low, odd_high);
            turned[8 + k] = _mm512_shuffle_f32x4::<0xDD>(even_low, even_high);
            turned[12 + k] = _mm512_shuffle_f32x4::<0xDD>(odd_low, odd_high);
        }
        for (column, values) in turned.into_iter().enumerate().take(columns) {
            _mm512_mask_storeu_ps(to.add(column * strides[1]), of_rows, values);
        }
    }
}

/// That the processor has AVX-512, as all processors for laptops and servers have it that have it at all.
#[derive(Clone, Copy)]
pub(crate) struct Of512(());

impl Of512 {
    #[inline(always)]
    pub(super) fn new() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        has_all.then_some(Self(()))
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(work) }
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(super) fn work(self, work: impl Work) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with(width: Of512, work: impl Work) {
            work.run(width);
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(self, work) }
    }
}

/// That the processor also rounds to bf16.
#[derive(Clone, Copy)]
pub(crate) struct Of512Bf16(());

impl Of512Bf16 {
    #[inline(always)]
    pub(super) fn new() -> Option<Self> {
        (Of512::new().is_some() && is_x86_feature_detected!("avx512bf16")).then_some(Self(()))
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(super) fn work(self, work: impl Work) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        fn with(width: Of512Bf16, work: impl Work) {
            work.run(width);
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(self, work) }
    }
}

/// That the processor has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Of256(());

impl Of256 {
    #[inline(always)]
    pub(super) fn new() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx2")]
        fn with<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(work) }
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(super) fn work(self, work: impl Work) {
        #[target_feature(enable = "avx2")]
        fn with(width: Of256, work: impl Work) {
            work.run(width);
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(self, work) }
    }
}
