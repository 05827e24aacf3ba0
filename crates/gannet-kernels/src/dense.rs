//! Products of matrices: fully connected layers, forwards and backwards.

use crate::buffer::Buffer;
use crate::path::{Block, GROUP, Path, transpose, vectorized};
use crate::threads;

/// Products from which on threads share the work.
const SHARED: usize = 1 << 21;
/// Products that are added up before the sums are stored: what they take of both sides stays in the first-level cache.
const DEPTH: usize = 256;

/// Columns of a single row that are a task.
const ROW_COLUMNS: usize = 1024;

/// A matrix in memory.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    /// Rows and columns.
    sides: [usize; 2],
    /// From a row to the next, and from a column to the next.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Row by row.
    pub(crate) fn new(values: &'a [f32], [rows, columns]: [usize; 2]) -> Self {
        assert_eq!(values.len(), rows * columns, "a matrix has as many values as places");
        Self { values, sides: [rows, columns], strides: [columns, 1] }
    }

    pub(crate) fn transposed(self) -> Self {
        let Self { values, sides: [rows, columns], strides: [row, column] } = self;
        Self { values, sides: [columns, rows], strides: [column, row] }
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.strides[0] + column * self.strides[1]]
    }
}

/// `a b`, row by row, plus `bias` on every row, if there is any.
pub(crate) fn product(path: Path, a: Matrix<'_>, b: Matrix<'_>, bias: &[f32], y: &mut [f32]) {
    let ([m, depth], [depth_b, n]) = (a.sides, b.sides);
    assert!(depth == depth_b && y.len() == m * n && (bias.is_empty() || bias.len() == n), "sides fit each other");
    if y.is_empty() {
        return;
    }
    let block = path.of_32_bits().block(m);
    if m == 1 {
        return multiply_row(block, a, b, bias, y);
    }
    let padded = depth.next_multiple_of(GROUP);
    let mut right = Buffer::of(n.div_ceil(block.columns) * padded * block.columns);
    let of_panel = (padded * block.columns).max(1);
    let is_shared = m * n * depth >= SHARED;
    let pack = |(panel, to): (usize, &mut [f32])| vectorized!(pack_right(b, panel * block.columns, to, block.columns));
    threads::each_if(is_shared, right.chunks_mut(of_panel).enumerate(), pack);
    let rows = |(panel, y): (usize, &mut [f32])| multiply_rows(block, a, panel * block.rows, &right, bias, y);
    threads::each_if(is_shared, y.chunks_mut(block.rows * n).enumerate(), rows);
}

/// One row, times columns that are packed when their turn comes: to pack all of them would take longer than the product.
fn multiply_row(block: Block<f32>, a: Matrix<'_>, b: Matrix<'_>, bias: &[f32], y: &mut [f32]) {
    let Block { rows, columns, .. } = block;
    let depth = a.sides[1];
    let padded = depth.next_multiple_of(GROUP);
    let mut left = Buffer::of(padded * rows);
    vectorized!(pack_left(a, 0, &mut left, rows));
    threads::each(y.chunks_mut(ROW_COLUMNS).enumerate(), |(task, y)| {
        let mut right = Buffer::of(padded * columns);
        let mut sums = Buffer::<f32>::of(rows * columns);
        sums.fill(0.0);
        for (panel, y) in y.chunks_mut(columns).enumerate() {
            let first = task * ROW_COLUMNS + panel * columns;
            vectorized!(pack_right(b, first, &mut right, columns));
            multiply_panel(block, depth, [&left, &right], &mut sums, columns);
            y.copy_from_slice(&sums[..y.len()]);
            if !bias.is_empty() {
                y.iter_mut().zip(&bias[first..]).for_each(|(y, bias)| *y += bias);
            }
        }
    });
}

/// A panel of rows times one of columns. Sums stay as they are where there is no depth.
fn multiply_panel(block: Block<f32>, depth: usize, [left, right]: [&[f32]; 2], sums: &mut [f32], stride: usize) {
    for from in (0..depth).step_by(DEPTH) {
        let (left, right) = (&left[from * block.rows..], &right[from * block.columns..]);
        block.multiply(DEPTH.min(depth - from), left, right, sums, stride, from > 0);
    }
}

/// The rows of `a` from `first` on, no more than a block has, times all columns.
fn multiply_rows(block: Block<f32>, a: Matrix<'_>, first: usize, right: &[f32], bias: &[f32], y: &mut [f32]) {
    let Block { rows, columns, .. } = block;
    let depth = a.sides[1];
    let padded = depth.next_multiple_of(GROUP);
    let n = y.len() / rows.min(a.sides[0] - first);
    let stride = n.div_ceil(columns) * columns;
    let mut left = Buffer::of(padded * rows);
    vectorized!(pack_left(a, first, &mut left, rows));
    let mut sums = Buffer::<f32>::of(rows * stride);
    if depth == 0 {
        sums.fill(0.0);
    }
    for (panel, right) in right.chunks_exact((padded * columns).max(1)).enumerate() {
        multiply_panel(block, depth, [&left, right], &mut sums[panel * columns..], stride);
    }
    for (y, sums) in y.chunks_exact_mut(n).zip(sums.chunks_exact(stride)) {
        y.copy_from_slice(&sums[..n]);
        y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
    }
}

/// `[groups, rows, GROUP]`, with zeros behind the last row and the depth.
#[inline(always)]
pub(crate) fn pack_left(a: Matrix<'_>, first: usize, to: &mut [f32], rows: usize) {
    let [n_rows, depth] = a.sides;
    for (group, to) in to.chunks_exact_mut(rows * GROUP).enumerate() {
        if a.strides[0] == 1 {
            let from = group * GROUP;
            let sides = [GROUP.min(depth - from), rows.min(n_rows - first)];
            if sides != [GROUP, rows] {
                to.fill(0.0);
            }
            transpose(sides, &a.values[from * a.strides[1] + first..], to, [a.strides[1], GROUP]);
            continue;
        }
        for (row, to) in to.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let from = group * GROUP;
            let n = if first + row < n_rows { GROUP.min(depth - from) } else { 0 };
            let at = (first + row) * a.strides[0] + from;
            if let (1, GROUP, Some(run)) = (a.strides[1], n, a.values.get(at..).and_then(|run| run.first_chunk())) {
                *to = *run;
                continue;
            }
            for (k, to) in to.iter_mut().enumerate() {
                *to = if k < n { a.at(first + row, from + k) } else { 0.0 };
            }
        }
    }
}

/// `[depth, columns]`, with zeros behind the last column and the depth.
#[inline(always)]
fn pack_right(b: Matrix<'_>, first: usize, to: &mut [f32], columns: usize) {
    let [depth, n_columns] = b.sides;
    let n = columns.min(n_columns - first);
    let (whole, behind) = to.split_at_mut(depth * columns);
    behind.fill(0.0);
    if b.strides[1] == 1 {
        for (k, to) in whole.chunks_exact_mut(columns).enumerate() {
            to[..n].copy_from_slice(&b.values[k * b.strides[0] + first..][..n]);
            to[n..].fill(0.0);
        }
        return;
    }
    if n < columns {
        whole.fill(0.0);
    }
    transpose([n, depth], &b.values[first * b.strides[1]..], whole, [b.strides[1], columns]);
}

/// The sum of each column.
pub(crate) fn sums_of_columns(a: Matrix<'_>, sums: &mut [f32]) {
    sums.fill(0.0);
    for row in a.values.chunks_exact(a.sides[1].max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_sides_equal_their_sums_on_every_path() {
        let value = |i: usize| ((i * 7919) % 1009) as f32 / 504.5 - 1.0;
        for [m, depth, n] in [
            [1, 1, 1],
            [150, 64, 2],
            [3, 33, 65],
            [64, 2, 128],
            [128, 150, 70],
            [5, 700, 300],
            [2, 0, 3],
            [1, 0, 3],
            [1, 600, 2100],
        ] {
            let (a, b): (Vec<f32>, Vec<f32>) =
                ((0..m * depth).map(value).collect(), (0..depth * n).map(|i| value(i + 5)).collect());
            let bias: Vec<f32> = (0..n).map(|i| value(i + 11)).collect();
            let across: Vec<f32> = (0..n * depth).map(|i| b[i % depth * n + i / depth]).collect();
            let tall: Vec<f32> = (0..depth * m).map(|i| a[i % m * depth + i / m]).collect();
            for &path in Path::available() {
                for turned in [false, true] {
                    let left =
                        if turned { Matrix::new(&tall, [depth, m]).transposed() } else { Matrix::new(&a, [m, depth]) };
                    let right = if turned {
                        Matrix::new(&across, [n, depth]).transposed()
                    } else {
                        Matrix::new(&b, [depth, n])
                    };
                    let mut y = vec![f32::NAN; m * n];
                    product(path, left, right, &bias, &mut y);
                    for (i, y) in y.iter().enumerate() {
                        let product = |k: usize| f64::from(a[i / n * depth + k]) * f64::from(b[k * n + i % n]);
                        let expected = (0..depth).map(product).sum::<f64>() + f64::from(bias[i % n]);
                        let size = (0..depth).map(|k| product(k).abs()).sum::<f64>() + 1.0;
                        assert!(
                            (f64::from(*y) - expected).abs() <= 1e-6 * size,
                            "{path:?} {m}x{depth}x{n}: {y} {expected}"
                        );
                    }
                }
            }
        }
    }
}
