//! Tiles and kernels as nine points, and back: each direction by itself, as three points. Point 3 i + j is the i-th downwards
//! and the j-th across.

use std::ops::{Add, Sub};

/// Points of a tile.
pub(super) const POINTS: usize = 9;

/// A number, or as many as a vector holds.
pub(super) trait Number: Copy + Add<Output = Self> + Sub<Output = Self> {}

impl<T: Copy + Add<Output = T> + Sub<Output = T>> Number for T {}

/// The points of taps of a kernel.
#[inline(always)]
pub(super) fn of_weights<T: Number>(taps: [[T; 2]; 2]) -> [[T; 3]; 3] {
    twice(taps, taps[0][0], |[first, second]| [first, first + second, second])
}

/// The adjoint of [`of_weights`].
#[inline(always)]
pub(super) fn to_weights<T: Number>(points: [[T; 3]; 3]) -> [[T; 2]; 2] {
    twice(points, points[0][0], |[first, second, third]| [first + second, second + third])
}

/// The points of a tile, from what it reads of a phase of the input.
#[inline(always)]
pub(super) fn of_input<T: Number>(pixels: [[T; 3]; 3]) -> [[T; 3]; 3] {
    twice(pixels, pixels[0][0], |[first, second, third]| [first - second, second, third - second])
}

/// The adjoint of [`of_input`].
#[inline(always)]
pub(super) fn to_input<T: Number>(points: [[T; 3]; 3]) -> [[T; 3]; 3] {
    twice(points, points[0][0], |[first, second, third]| [first, second - first - third, third])
}

/// The points of a tile of the output: what makes a product with the weights' points the adjoint of [`to_output`].
#[inline(always)]
pub(super) fn of_output<T: Number>(pixels: [[T; 2]; 2]) -> [[T; 3]; 3] {
    of_weights(pixels)
}

/// The output that a tile is.
#[inline(always)]
pub(super) fn to_output<T: Number>(points: [[T; 3]; 3]) -> [[T; 2]; 2] {
    to_weights(points)
}

/// Does `once` to each row, and then to each column. What is `anything` is written over.
#[inline(always)]
fn twice<T: Copy, const A: usize, const B: usize>(
    from: [[T; A]; A],
    anything: T,
    once: impl Fn([T; A]) -> [T; B],
) -> [[T; B]; B] {
    let mut rows = [[anything; B]; A];
    for (to, row) in rows.iter_mut().zip(from) {
        *to = once(row);
    }
    let mut both = [[anything; B]; B];
    for j in 0..B {
        let mut column = [anything; A];
        for (to, row) in column.iter_mut().zip(&rows) {
            *to = row[j];
        }
        for (row, value) in both.iter_mut().zip(once(column)) {
            row[j] = value;
        }
    }
    both
}
