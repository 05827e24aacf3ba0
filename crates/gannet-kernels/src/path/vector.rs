//! Sixteen numbers at a time, in whatever registers the machine has: for sums that the compiler would take apart.

use std::ops::{Add, Range, Sub};

use super::Width;
use crate::cell::{Cell, Pair};

/// Numbers of a [`Vector`].
pub(crate) const LANES: usize = 16;

pub(crate) type Lanes = [f32; LANES];

/// A width of registers.
pub(crate) trait Wide: Copy {
    type Vector: Vector;

    fn load(self, from: &Lanes) -> Self::Vector;
}

/// As many numbers.
pub(crate) trait Vector: Copy + Add<Output = Self> + Sub<Output = Self> {
    fn store(self, to: &mut Lanes);

    /// Makes lanes outside of `lanes`, which end at [`LANES`] at most, zero.
    fn keep(self, lanes: Range<usize>) -> Self;

    /// Joins each number with its partner of `second`, both rounded to bf16.
    fn join(self, second: Self, to: &mut [Pair; LANES]);
}

/// What is done with vectors of some width.
///
/// A trait, because its method can be told to be inlined where the instructions are enabled. A long closure would stay a function
/// without them, which calls another one for each.
pub(crate) trait Work {
    /// Has to be `#[inline(always)]`.
    fn run<W: Wide>(self, width: W);
}

/// Does work with the machine's widest vectors.
pub(crate) fn do_widely(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if let Some(width) = super::x86::Of512Bf16::new() {
        return width.work(work);
    }
    match Width::of_machine() {
        #[cfg(target_arch = "x86_64")]
        Width::Of512(width) => width.work(work),
        #[cfg(target_arch = "x86_64")]
        Width::Of256(width) => width.work(work),
        Width::OfTarget => work.run(OfTarget),
    }
}

/// What the target has at least.
#[derive(Clone, Copy)]
pub(crate) struct OfTarget;

#[derive(Clone, Copy)]
pub(crate) struct Numbers(Lanes);

impl Wide for OfTarget {
    type Vector = Numbers;

    #[inline(always)]
    fn load(self, from: &Lanes) -> Numbers {
        Numbers(*from)
    }
}

impl Vector for Numbers {
    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        *to = self.0;
    }

    #[inline(always)]
    fn keep(self, lanes: Range<usize>) -> Self {
        Self(kept(self.0, lanes))
    }

    #[inline(always)]
    fn join(self, second: Self, to: &mut [Pair; LANES]) {
        join(&self.0, &second.0, to);
    }
}

impl Add for Numbers {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
        self
    }
}

impl Sub for Numbers {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a -= b);
        self
    }
}

#[inline(always)]
fn kept(mut numbers: Lanes, lanes: Range<usize>) -> Lanes {
    for (i, number) in numbers.iter_mut().enumerate() {
        let bits = if lanes.contains(&i) { !0 } else { 0 };
        *number = f32::from_bits(number.to_bits() & bits);
    }
    numbers
}

#[inline(always)]
fn join(first: &Lanes, second: &Lanes, to: &mut [Pair; LANES]) {
    for (to, (first, second)) in to.iter_mut().zip(first.iter().zip(second)) {
        *to = Pair::join([*first, *second]);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, __m512i, _mm256_add_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps,
        _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_mov_ps, _mm512_permutexvar_epi16,
        _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_ps,
    };
    use std::ops::{Add, Range, Sub};

    use super::super::x86::{Of256, Of512, Of512Bf16};
    use super::{LANES, Lanes, Vector, Wide, join, kept};
    use crate::cell::Pair;

    /// Made by [`Of512`] and [`Of512Bf16`] alone, which are proof of the instructions; whether it is by the second of them.
    #[derive(Clone, Copy)]
    pub(crate) struct Vector512<const ROUNDS: bool>(__m512);

    /// Made by [`Of256`] alone.
    #[derive(Clone, Copy)]
    pub(crate) struct Vector256([__m256; 2]);

    impl Wide for Of512 {
        type Vector = Vector512<false>;

        #[inline(always)]
        fn load(self, from: &Lanes) -> Self::Vector {
            // SAFETY: here and below, the processor has the instructions, and there are as many lanes.
            Vector512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
        }
    }

    impl Wide for Of512Bf16 {
        type Vector = Vector512<true>;

        #[inline(always)]
        fn load(self, from: &Lanes) -> Self::Vector {
            // SAFETY: see above.
            Vector512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
        }
    }

    impl<const ROUNDS: bool> Vector for Vector512<ROUNDS> {
        #[inline(always)]
        fn store(self, to: &mut Lanes) {
            // SAFETY: see above.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn keep(self, lanes: Range<usize>) -> Self {
            let mask = ((1_u32 << lanes.end) - (1 << lanes.start.min(lanes.end))) as u16;
            // SAFETY: see above.
            Self(unsafe { _mm512_maskz_mov_ps(mask, self.0) })
        }

        #[inline(always)]
        fn join(self, second: Self, to: &mut [Pair; LANES]) {
            if ROUNDS {
                // SAFETY: see above.
                return unsafe { join_512(self.0, second.0, to) };
            }
            let mut lanes = [[0.0; LANES]; 2];
            self.store(&mut lanes[0]);
            second.store(&mut lanes[1]);
            join(&lanes[0], &lanes[1], to);
        }
    }

    /// What the portable [`join`] does, but for numbers below the smallest normal one, which are zero as they are in products.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn join_512(first: __m512, second: __m512, to: &mut [Pair; LANES]) {
        static IN_TURNS: [u16; 2 * LANES] = {
            let mut places = [0; 2 * LANES];
            let mut i = 0;
            while i < 2 * LANES {
                places[i] = (i / 2 + i % 2 * LANES) as u16;
                i += 1;
            }
            places
        };
        // SAFETY: there are as many places and pairs, and 512 bits are 512 bits.
        unsafe {
            let rounded: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(second, first));
            let pairs = _mm512_permutexvar_epi16(_mm512_loadu_si512(IN_TURNS.as_ptr().cast()), rounded);
            _mm512_storeu_si512(to.as_mut_ptr().cast(), pairs);
        }
    }

    impl<const ROUNDS: bool> Add for Vector512<ROUNDS> {
        type Output = Self;

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
    }

    impl<const ROUNDS: bool> Sub for Vector512<ROUNDS> {
        type Output = Self;

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }
    }

    impl Wide for Of256 {
        type Vector = Vector256;

        #[inline(always)]
        fn load(self, from: &Lanes) -> Vector256 {
            Vector256::of(from)
        }
    }

    impl Vector256 {
        #[inline(always)]
        fn of(lanes: &Lanes) -> Self {
            // SAFETY: see above.
            Self(unsafe { [_mm256_loadu_ps(lanes.as_ptr()), _mm256_loadu_ps(lanes.as_ptr().add(LANES / 2))] })
        }
    }

    impl Vector for Vector256 {
        #[inline(always)]
        fn store(self, to: &mut Lanes) {
            // SAFETY: see above.
            unsafe {
                _mm256_storeu_ps(to.as_mut_ptr(), self.0[0]);
                _mm256_storeu_ps(to.as_mut_ptr().add(LANES / 2), self.0[1]);
            }
        }

        #[inline(always)]
        fn keep(self, lanes: Range<usize>) -> Self {
            let mut numbers = [0.0; LANES];
            self.store(&mut numbers);
            Self::of(&kept(numbers, lanes))
        }

        #[inline(always)]
        fn join(self, second: Self, to: &mut [Pair; LANES]) {
            let mut lanes = [[0.0; LANES]; 2];
            self.store(&mut lanes[0]);
            second.store(&mut lanes[1]);
            join(&lanes[0], &lanes[1], to);
        }
    }

    impl Add for Vector256 {
        type Output = Self;

        #[inline(always)]
        fn add(self, Self([c, d]): Self) -> Self {
            let Self([a, b]) = self;
            // SAFETY: see above.
            Self(unsafe { [_mm256_add_ps(a, c), _mm256_add_ps(b, d)] })
        }
    }

    impl Sub for Vector256 {
        type Output = Self;

        #[inline(always)]
        fn sub(self, Self([c, d]): Self) -> Self {
            let Self([a, b]) = self;
            // SAFETY: see above.
            Self(unsafe { [_mm256_sub_ps(a, c), _mm256_sub_ps(b, d)] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made<W: Wide>(width: W) -> Vec<Vec<u32>> {
        let a: Lanes = std::array::from_fn(|i| (i as f32 - 5.0) * 1.37);
        let mut b: Lanes = std::array::from_fn(|i| 1.0 / (i as f32 + 3.0));
        b[3] = f32::NAN;
        b[7] = f32::INFINITY;
        let (first, second) = (width.load(&a), width.load(&b));
        let mut all = vec![];
        let kept = [0..LANES, 0..0, 1..5, 1..1, 15..16].map(|lanes| second.keep(lanes));
        for vector in [first, first + second, first - second].into_iter().chain(kept) {
            let mut lanes = [0.0; LANES];
            vector.store(&mut lanes);
            // Not a number is one like another.
            all.push(lanes.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect());
        }
        let mut pairs = [Pair::default(); LANES];
        first.join(second.keep(4..LANES), &mut pairs);
        all.push(pairs.iter().map(|pair| pair.word().to_bits()).collect());
        all
    }

    struct Made<'a>(&'a mut Vec<Vec<u32>>);

    impl Work for Made<'_> {
        #[inline(always)]
        fn run<W: Wide>(self, width: W) {
            *self.0 = made(width);
        }
    }

    #[test]
    fn all_widths_make_the_same() {
        let expected = made(OfTarget);
        assert_eq!(f32::from_bits(expected[1][0]), -5.0 * 1.37 + 1.0 / 3.0);
        let mut widest = vec![];
        do_widely(Made(&mut widest));
        assert_eq!(widest, expected);
        #[cfg(target_arch = "x86_64")]
        {
            let mut of = vec![];
            if let Some(width) = super::super::x86::Of512::new() {
                width.work(Made(&mut of));
                assert_eq!(of, expected);
            }
            if let Some(width) = super::super::x86::Of256::new() {
                width.work(Made(&mut of));
                assert_eq!(of, expected);
            }
        }
    }
}
