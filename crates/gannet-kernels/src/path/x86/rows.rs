//! Numbers of rows in other orders.

use std::arch::x86_64::{
    __m512d, _mm512_add_epi32, _mm512_alignr_epi32, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castps_si512,
    _mm512_castsi512_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_permutex2var_pd,
    _mm512_permutex2var_ps, _mm512_set1_epi32, _mm512_setr_epi32, _mm512_setr_epi64, _mm512_setzero_pd,
    _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps,
    _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

/// Of 66 numbers every fourth, from each of the first six on, `[6, 16]`. Those that are not `inside`, a bit for each, are zero.
///
/// # Safety
/// The pointers are good for as many numbers, the window's for those inside.
#[target_feature(enable = "avx512f")]
#[inline]
pub(in crate::path) unsafe fn spread_by_4(window: *const f32, inside: u128, to: *mut f32) {
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
pub(in crate::path) unsafe fn spread_by_2(window: *const f32, inside: u128, to: *mut f32) {
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
pub(in crate::path) unsafe fn gather_by_4(from: *const f32, to: *mut f32, inside: u128) {
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
pub(in crate::path) unsafe fn gather_by_2(from: *const f32, to: *mut f32, inside: u128) {
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
pub(in crate::path) unsafe fn transpose(
    [rows, columns]: [usize; 2],
    from: *const f32,
    to: *mut f32,
    strides: [usize; 2],
) {
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
