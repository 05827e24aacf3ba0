//! Matrices turned over.

#[cfg(target_arch = "x86_64")]
use super::x86;

/// Rows and columns that are turned over together.
const SIDE: usize = 16;

/// `to[column][row] = from[row][column]`, for as many rows and columns. From a row to the next are `strides`, on either side.
///
/// # Panics
/// If a side has no such places.
pub(crate) fn transpose([rows, columns]: [usize; 2], from: &[f32], to: &mut [f32], strides: [usize; 2]) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * strides[0] + columns <= from.len() && (columns - 1) * strides[1] + rows <= to.len());
    #[cfg(target_arch = "x86_64")]
    if x86::Of512::new().is_some() {
        for row in (0..rows).step_by(SIDE) {
            for column in (0..columns).step_by(SIDE) {
                let sides = [SIDE.min(rows - row), SIDE.min(columns - column)];
                let (from, to) = (&from[row * strides[0] + column..], &mut to[column * strides[1] + row..]);
                // SAFETY: the processor has AVX-512, and the sides were checked to have these places.
                unsafe { x86::transpose(sides, from.as_ptr(), to.as_mut_ptr(), strides) };
            }
        }
        return;
    }
    for row in 0..rows {
        for (column, value) in from[row * strides[0]..][..columns].iter().enumerate() {
            to[column * strides[1] + row] = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_goes_to_its_place_and_nothing_else_is_touched() {
        for (rows, columns) in [(1, 1), (16, 16), (13, 16), (16, 11), (33, 40), (2, 150)] {
            let strides = [columns + 3, rows + 2];
            let from: Vec<f32> = (0..rows * strides[0]).map(|i| i as f32).collect();
            let mut to = vec![-1.0; columns * strides[1]];
            transpose([rows, columns], &from[..(rows - 1) * strides[0] + columns], &mut to, strides);
            for (i, value) in to.iter().enumerate() {
                let (column, row) = (i / strides[1], i % strides[1]);
                let expected = if row < rows { (row * strides[0] + column) as f32 } else { -1.0 };
                assert!((value - expected).abs() < 0.5, "{rows}x{columns} at {i}");
            }
        }
    }
}
