//! Tiles and kernels as nine points, and back: products of the three points of a direction with those of the other. Point
//! 3 i + j is the i-th downwards and the j-th across.

use crate::cell::Cell;

/// Points of a tile.
pub(super) const POINTS: usize = 9;
/// Tiles that are transformed together, at most.
pub(super) const RUN: usize = 16;

/// The points of some tiles.
pub(super) type Run<const N: usize> = [[f32; N]; POINTS];

/// Where in a packed matrix the tiles of a row go: `run` side by side from `first` on, the next ones `step` further, each
/// point `point` from the one before.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) first: usize,
    pub(super) run: usize,
    pub(super) step: usize,
    pub(super) point: usize,
}

impl Place {
    /// Copies runs, joined to cells, to the tile `at` and those behind it. They do not cross an end of the place's runs.
    #[inline(always)]
    pub(super) fn put<C: Cell, const N: usize>(&self, [first, second]: [&Run<N>; 2], at: usize, to: &mut [C]) {
        let start = self.first + at / self.run * self.step + at % self.run;
        for point in 0..POINTS {
            let cells = C::join_numbers(&first[point], &second[point]);
            to[start + point * self.point..][..N].copy_from_slice(&cells);
        }
    }

    /// Tiles from `at` on, of `n`, that lie side by side.
    #[inline(always)]
    pub(super) fn together(&self, at: usize, n: usize) -> usize {
        n.min(self.run - at % self.run)
    }
}

/// Does `$work` for `$n` tiles, with the constant `$N` of them at a time, of which `$done` are done before.
macro_rules! in_runs {
    ($n:expr, |$N:ident, $done:ident| $work:expr) => {{
        let (n, mut $done) = ($n, 0);
        while $done < n {
            match n - $done {
                16.. => {
                    const $N: usize = 16;
                    $work;
                    $done += $N;
                }
                8.. => {
                    const $N: usize = 8;
                    $work;
                    $done += $N;
                }
                4.. => {
                    const $N: usize = 4;
                    $work;
                    $done += $N;
                }
                2.. => {
                    const $N: usize = 2;
                    $work;
                    $done += $N;
                }
                _ => {
                    const $N: usize = 1;
                    $work;
                    $done += $N;
                }
            }
        }
    }};
}
pub(super) use in_runs;

#[inline(always)]
fn run_at<const N: usize>(values: &[f32], at: usize) -> &[f32; N] {
    let (run, _) = values[at..at + N].as_chunks::<N>();
    &run[0]
}

#[inline(always)]
fn run_at_mut<const N: usize>(values: &mut [f32], at: usize) -> &mut [f32; N] {
    let (run, _) = values[at..at + N].as_chunks_mut::<N>();
    &mut run[0]
}

/// A point of a kernel `[g00, g01, g10, g11]`.
#[inline(always)]
pub(super) fn weight(point: usize, g: [f32; 4]) -> f32 {
    let pick = |place: usize, [first, second]: [f32; 2]| match place {
        0 => first,
        1 => first + second,
        _ => second,
    };
    pick(point / 3, [pick(point % 3, [g[0], g[1]]), pick(point % 3, [g[2], g[3]])])
}

/// The adjoint of [`weight`]: from the points at `point` of each other, of some kernels side by side, to their taps.
#[inline(always)]
pub(super) fn weight_gradients(points: &[f32], point: usize, taps: &mut [[f32; 4]]) {
    for (i, taps) in taps.iter_mut().enumerate() {
        let p = |place: usize| points[place * point + i];
        let [a0, a1] = [p(0) + p(1), p(1) + p(2)];
        let [b0, b1] = [p(3) + p(4), p(4) + p(5)];
        let [c0, c1] = [p(6) + p(7), p(7) + p(8)];
        *taps = [a0 + b0, a1 + b1, b0 + c0, b1 + c1];
    }
}

/// The points of tiles of the input, from three rows, `width` apart, of its even and of its odd columns.
#[inline(always)]
pub(super) fn of_input<const N: usize>(even: &[f32], odd: &[f32], width: usize) -> Run<N> {
    let mut across = [[0.0; N]; POINTS];
    for row in 0..3 {
        let (even, next) = (run_at::<N>(even, row * width), run_at::<N>(even, row * width + 1));
        let odd = run_at::<N>(odd, row * width);
        for i in 0..N {
            across[3 * row][i] = even[i] - odd[i];
            across[3 * row + 1][i] = odd[i];
            across[3 * row + 2][i] = next[i] - odd[i];
        }
    }
    let mut run = [[0.0; N]; POINTS];
    for column in 0..3 {
        for i in 0..N {
            let middle = across[3 + column][i];
            run[column][i] = across[column][i] - middle;
            run[3 + column][i] = middle;
            run[6 + column][i] = across[6 + column][i] - middle;
        }
    }
    run
}

/// The adjoint of [`of_input`]: adds tiles to three rows of the even and of the odd columns. The tiles' points lie `point`
/// apart.
#[inline(always)]
pub(super) fn add_to_input<const N: usize>(
    points: &[f32],
    point: usize,
    even: &mut [f32],
    odd: &mut [f32],
    width: usize,
) {
    let mut rows = [[0.0; N]; POINTS];
    for column in 0..3 {
        let first = run_at::<N>(points, column * point);
        let second = run_at::<N>(points, (3 + column) * point);
        let third = run_at::<N>(points, (6 + column) * point);
        for i in 0..N {
            rows[column][i] = first[i];
            rows[3 + column][i] = second[i] - first[i] - third[i];
            rows[6 + column][i] = third[i];
        }
    }
    for row in 0..3 {
        let (first, second, third) = (&rows[3 * row], &rows[3 * row + 1], &rows[3 * row + 2]);
        let to = run_at_mut::<N>(odd, row * width);
        for i in 0..N {
            to[i] += second[i] - first[i] - third[i];
        }
        let to = run_at_mut::<N>(even, row * width);
        for i in 0..N {
            to[i] += first[i];
        }
        let to = run_at_mut::<N>(even, row * width + 1);
        for i in 0..N {
            to[i] += third[i];
        }
    }
}

/// The points of tiles of the output, from two rows of it: what makes a product with the weights' points the adjoint of
/// [`to_output`].
#[inline(always)]
pub(super) fn of_output<const N: usize>(rows: &[[f32; 2 * RUN]; 2]) -> Run<N> {
    let [upper, lower] = rows;
    let mut run = [[0.0; N]; POINTS];
    for i in 0..N {
        let [a, b] = [upper[2 * i], upper[2 * i + 1]];
        let [c, d] = [lower[2 * i], lower[2 * i + 1]];
        run[0][i] = a;
        run[1][i] = a + b;
        run[2][i] = b;
        run[3][i] = a + c;
        run[4][i] = a + b + (c + d);
        run[5][i] = b + d;
        run[6][i] = c;
        run[7][i] = c + d;
        run[8][i] = d;
    }
    run
}

/// The two rows of the output that tiles are, from their points, `point` apart.
#[inline(always)]
pub(super) fn to_output<const N: usize>(points: &[f32], point: usize, rows: &mut [[f32; 2 * RUN]; 2]) {
    let mut run = [[0.0; N]; POINTS];
    for (place, run) in run.iter_mut().enumerate() {
        *run = *run_at::<N>(points, place * point);
    }
    let [upper, lower] = rows;
    for i in 0..N {
        let [a0, a1] = [run[0][i] + run[1][i], run[1][i] + run[2][i]];
        let [b0, b1] = [run[3][i] + run[4][i], run[4][i] + run[5][i]];
        let [c0, c1] = [run[6][i] + run[7][i], run[7][i] + run[8][i]];
        upper[2 * i] = a0 + b0;
        upper[2 * i + 1] = a1 + b1;
        lower[2 * i] = b0 + c0;
        lower[2 * i + 1] = b1 + c1;
    }
}
