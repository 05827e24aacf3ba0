//! What packed matrices are made of: one number of 32 bits, or two of 16 whose products are added together.

use crate::path::{Block, LANES, Lanes, Path, Taps, Vector};

/// Values of some type that any bits are.
///
/// # Safety
/// Every pattern of bits is a value, and the alignment is at most that of `f32`.
pub(crate) unsafe trait Plain: Copy + Default + Send + Sync + 'static {}

// SAFETY: numbers.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: a number in a transparent structure.
unsafe impl Plain for Pair {}

/// An element of a packed matrix.
pub(crate) trait Cell: Plain {
    /// What planes are made of.
    type Value: Plain;
    /// Values of a cell.
    const DEPTH: usize;

    fn value(number: f32) -> Self::Value;

    /// A cell of the first [`DEPTH`](Self::DEPTH) of two values.
    fn join(values: [Self::Value; 2]) -> Self;

    /// The same for runs of values.
    fn join_runs<const N: usize>(first: &[Self::Value; N], second: &[Self::Value; N]) -> [Self; N];

    /// The same for vectors of numbers.
    fn join_vectors<V: Vector>(first: V, second: V, to: &mut [Self; LANES]);

    /// The register block for a left side of `n_rows`.
    fn block(path: Path, n_rows: usize) -> Block<Self>;

    /// The same where the right side has `n_columns`, perhaps few.
    fn narrow_block(path: Path, n_rows: usize, n_columns: usize) -> Block<Self>;

    /// [`Block::multiply_planes`], where cells are values.
    fn multiply_planes(
        _: &Block<Self>,
        _: Taps<'_>,
        _left: &[Self],
        _planes: &[Self::Value],
        _starts: &[usize; 2],
        _sums: &mut [f32],
        _stride_is_more: (usize, bool),
    ) -> bool {
        false
    }
}

impl Cell for f32 {
    type Value = f32;
    const DEPTH: usize = 1;

    #[inline(always)]
    fn value(number: f32) -> f32 {
        number
    }

    #[inline(always)]
    fn join([value, _]: [f32; 2]) -> Self {
        value
    }

    #[inline(always)]
    fn join_runs<const N: usize>(first: &[f32; N], _: &[f32; N]) -> [Self; N] {
        *first
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

    fn multiply_planes(
        block: &Block<Self>,
        taps: Taps<'_>,
        left: &[Self],
        planes: &[f32],
        starts: &[usize; 2],
        sums: &mut [f32],
        stride_is_more: (usize, bool),
    ) -> bool {
        block.multiply_planes(taps, left, planes, starts, sums, stride_is_more)
    }
}

/// Two numbers of bf16: the upper halves of 32-bit numbers.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Pair(u32);

impl Pair {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// A number as the sum of two of bf16, but for some 2^-17 of it.
    #[inline(always)]
    pub(crate) fn halves(number: f32) -> [u16; 2] {
        let upper = Self::value(number);
        [upper, Self::value(number - f32::from_bits(u32::from(upper) << 16))]
    }

    /// The number that has these bits.
    #[inline(always)]
    pub(crate) fn word(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl Cell for Pair {
    type Value = u16;
    const DEPTH: usize = 2;

    /// The nearest, of two the even one. What is not a number stays so.
    #[inline(always)]
    fn value(number: f32) -> u16 {
        let bits = number.to_bits();
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
        (if bits & 0x7FFF_FFFF > 0x7F80_0000 { 0x7FC0 } else { rounded }) as u16
    }

    #[inline(always)]
    fn join([first, second]: [u16; 2]) -> Self {
        Self(u32::from(first) | u32::from(second) << 16)
    }

    #[inline(always)]
    fn join_runs<const N: usize>(first: &[u16; N], second: &[u16; N]) -> [Self; N] {
        std::array::from_fn(|i| Self::join([first[i], second[i]]))
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
        let bf16 = |number: f32| f32::from_bits(u32::from(Pair::value(number)) << 16);
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
