//! What packed matrices are made of: one number of 32 bits, or two of 16 whose products are added together.

use crate::path::{Block, LANES, Lanes, Path, Vector};

/// Values of some type that any bits are.
///
/// # Safety
/// Every pattern of bits is a value, and the alignment is at most that of `f32`.
pub(crate) unsafe trait Plain: Copy + Default + Send + Sync + 'static {}

// SAFETY: numbers.
unsafe impl Plain for f32 {}
// SAFETY: a number in a transparent structure.
unsafe impl Plain for Pair {}

/// An element of a packed matrix.
pub(crate) trait Cell: Plain {
    /// Numbers of a cell.
    const DEPTH: usize;

    /// A cell of the first [`DEPTH`](Self::DEPTH) of two numbers.
    fn join(numbers: [f32; 2]) -> Self;

    /// The same for vectors.
    fn join_vectors<V: Vector>(first: V, second: V, to: &mut [Self; LANES]);

    /// The register block for a left side of `n_rows`.
    fn block(path: Path, n_rows: usize) -> Block<Self>;

    /// The same where the right side has `n_columns`, perhaps few.
    fn narrow_block(path: Path, n_rows: usize, n_columns: usize) -> Block<Self>;
}

impl Cell for f32 {
    const DEPTH: usize = 1;

    #[inline(always)]
    fn join([number, _]: [f32; 2]) -> Self {
        number
    }

    #[inline(always)]
    fn join_vectors<V: Vector>(first: V, _: V, to: &mut Lanes) {
        first.store(to);
    }

    fn block(path: Path, n_rows: usize) -> Block<Self> {
        path.block(n_rows)
    }

    fn narrow_block(path: Path, n_rows: usize, n_columns: usize) -> Block<Self> {
        path.narrow_block(n_rows, n_columns)
    }
}

/// Two numbers of bf16: the upper halves of 32-bit numbers.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Pair(u32);

impl Pair {
    #[inline(always)]
    pub(crate) fn of([first, second]: [u16; 2]) -> Self {
        Self(u32::from(first) | u32::from(second) << 16)
    }

    /// The nearest number of bf16, of two the even one. What is not a number stays so.
    #[inline(always)]
    fn rounded(number: f32) -> u16 {
        let bits = number.to_bits();
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
        (if bits & 0x7FFF_FFFF > 0x7F80_0000 { 0x7FC0 } else { rounded }) as u16
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// A number as the sum of two of bf16, but for some 2^-17 of it.
    #[inline(always)]
    pub(crate) fn halves(number: f32) -> [u16; 2] {
        let upper = Self::rounded(number);
        [upper, Self::rounded(number - f32::from_bits(u32::from(upper) << 16))]
    }

    /// The number that has these bits.
    #[inline(always)]
    pub(crate) fn word(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl Cell for Pair {
    const DEPTH: usize = 2;

    #[inline(always)]
    fn join([first, second]: [f32; 2]) -> Self {
        Self::of([Self::rounded(first), Self::rounded(second)])
    }

    #[inline(always)]
    fn join_vectors<V: Vector>(first: V, second: V, to: &mut [Self; LANES]) {
        first.join(second, to);
    }

    fn block(path: Path, n_rows: usize) -> Block<Self> {
        path.block_of_pairs(n_rows)
    }

    fn narrow_block(path: Path, n_rows: usize, n_columns: usize) -> Block<Self> {
        path.narrow_block_of_pairs(n_rows, n_columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_to_the_nearest_bf16_and_ties_to_even() {
        let bf16 = |number: f32| f32::from_bits(u32::from(Pair::rounded(number)) << 16);
        for (number, expected) in [
            (1.0, 1.0),
            (-0.0, -0.0),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (1.0 + 1.1 / 256.0, 1.0 + 2.0 / 256.0),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
        ] {
            assert_eq!(bf16(number).to_bits(), f32::to_bits(expected), "{number}");
        }
        assert!(bf16(f32::from_bits(0xFFFF_FFFF)).is_nan());
    }
}
