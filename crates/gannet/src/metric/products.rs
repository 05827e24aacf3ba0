//! Inner products and distances of all pairs, a block of rows at a time.
//!
//! All of it is f64: products of f32 rows round away the distance between near duplicates, which is what memorisation
//! is about. Each block is one matrix product on one thread and the blocks do not depend on how many threads there are,
//! so neither does the result. Beside an f64 copy of both sets, a thread holds one block of at most 16 MB, or one row.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::Features;

/// Rows of one product, at most.
const MAX_ROWS: usize = 128;

/// Values of one product, at most, unless a single row has more.
const MAX_VALUES: usize = 1 << 21;

/// For each row of `a` [N, K], what `reduce` makes of its number and its inner products with all rows of `b` [M, K].
pub(super) fn map_products<T: Send>(
    a: &[f64],
    b: &[f64],
    k: usize,
    reduce: impl Fn(usize, &mut [f64]) -> T + Sync,
) -> Vec<T> {
    let n_b = b.len() / k;
    let n_rows = (MAX_VALUES / n_b).clamp(1, MAX_ROWS);
    let of_block = |(block, rows): (usize, &[f64])| {
        let mut products = product(rows, b, k);
        let reduced = products.chunks_exact_mut(n_b).zip(block * n_rows..).map(|(row, index)| reduce(index, row));
        reduced.collect::<Vec<T>>()
    };
    a.par_chunks(n_rows * k).enumerate().flat_map_iter(of_block).collect()
}

/// For each row of `a`, what `reduce` makes of its number and its squared distances to all rows of `b`.
///
/// A squared distance is |a|² + |b|² - 2 a·b. Where that is less than 1e-12 of |a|² + |b|² the rows count as equal, and
/// it is exactly 0.
pub(super) fn map_squared_distances<T: Send>(
    a: &Features,
    b: &Features,
    reduce: impl Fn(usize, &[f64]) -> T + Sync,
) -> Vec<T> {
    let k = a.n_features();
    let (a, b) = (a.to_f64(), b.to_f64());
    let squares = |rows: &[f64]| rows.chunks_exact(k).map(|row| row.iter().map(|v| v * v).sum()).collect();
    let (a_squares, b_squares): (Vec<f64>, Vec<f64>) = (squares(&a), squares(&b));
    map_products(&a, &b, k, |index, row| {
        for (value, b_square) in row.iter_mut().zip(&b_squares) {
            let squares = a_squares[index] + b_square;
            let distance = squares - 2.0 * *value;
            *value = if distance < 1e-12 * squares { 0.0 } else { distance };
        }
        reduce(index, row)
    })
}

/// `a` [N, K] times the transpose of `b` [M, K], row by row.
pub(super) fn product(a: &[f64], b: &[f64], k: usize) -> Vec<f64> {
    let (n, m) = (a.len() / k, b.len() / k);
    let mut values = vec![0.0; n * m];
    matmul(
        MatMut::from_row_major_slice_mut(&mut values, n, m),
        Accum::Replace,
        MatRef::from_row_major_slice(a, n, k),
        MatRef::from_row_major_slice(b, m, k).transpose(),
        1.0,
        Par::Seq,
    );
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{self, Purpose};

    fn features(seed: u64, n: usize, k: usize) -> Features {
        Features::new(random::normal(&mut random::stream(seed, Purpose::Synthetic, 0), n * k), k).unwrap()
    }

    #[test]
    fn distances_of_many_blocks_equal_differences() {
        let (a, b) = (features(1, 300, 7), features(2, 41, 7));
        let ours = map_squared_distances(&a, &b, |index, row| (index, row.to_vec()));
        assert_eq!(ours.len(), 300);
        for (place, (index, row)) in ours.into_iter().enumerate() {
            assert_eq!(place, index);
            for (ours, other) in row.into_iter().zip(b.rows()) {
                let differences = a.row(index).iter().zip(other).map(|(x, y)| f64::from(*x) - f64::from(*y));
                let expected: f64 = differences.map(|d| d * d).sum();
                assert!((ours - expected).abs() < 1e-12 * expected, "{ours} is not {expected}");
            }
        }
    }

    #[test]
    fn equal_rows_are_at_distance_zero() {
        let a = features(3, 200, 50);
        let own = map_squared_distances(&a, &a, |index, row| row[index]);
        assert!(own.into_iter().all(|distance| distance == 0.0));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (a, b) = (features(4, 500, 33), features(5, 400, 33));
        let with = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| map_squared_distances(&a, &b, |_, row| row.to_vec()))
        };
        assert!(with(1) == with(3));
    }
}
