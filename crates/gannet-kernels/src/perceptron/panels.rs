//! Panels: `[features, columns]`, a column for each sample, and in the order in which products read them.
//!
//! None of it is inlined: a loop for the widest vectors is one only where it is called from one place.

use crate::path::{GROUP, transpose, vectorized};

/// `[features, columns]` from samples `[.., features]`, with zeros where there are no more samples.
#[inline(never)]
pub(super) fn columns_of(samples: &[f32], n_features: usize, columns: usize, to: &mut [f32]) {
    let n = (samples.len() / n_features).min(columns);
    if n < columns {
        to[..n_features * columns].fill(0.0);
    }
    transpose([n, n_features], samples, to, [n_features, columns]);
}

/// Samples `[.., features]` from `[features, columns]`, as many as there are.
#[inline(never)]
pub(super) fn rows_of(from: &[f32], columns: usize, n_features: usize, samples: &mut [f32]) {
    transpose([n_features, (samples.len() / n_features).min(columns)], from, samples, [columns, n_features]);
}

/// Panels `[columns, columns]` of features from samples `[.., features]`, with zeros where there are no more of either.
#[inline(never)]
pub(super) fn panels_of_rows(samples: &[f32], n_features: usize, columns: usize, to: &mut [f32]) {
    vectorized!({
        let n = samples.len() / n_features;
        for (j, panel) in to.chunks_exact_mut(columns * columns).enumerate() {
            let first = j * columns;
            let width = columns.min(n_features - first);
            for (row, to) in panel.chunks_exact_mut(columns).enumerate() {
                to.fill(0.0);
                if row < n {
                    to[..width].copy_from_slice(&samples[row * n_features + first..][..width]);
                }
            }
        }
    });
}

/// The same from `[features, columns]`.
#[inline(never)]
pub(super) fn panels_of_columns(from: &[f32], n_features: usize, columns: usize, to: &mut [f32]) {
    for (j, panel) in to.chunks_exact_mut(columns * columns).enumerate() {
        let first = j * columns;
        let width = columns.min(n_features - first);
        if width < columns {
            panel.fill(0.0);
        }
        transpose([width, columns], &from[first * columns..], panel, [columns; 2]);
    }
}

/// `[blocks, groups, rows, GROUP]` from `[features, columns]`, with zeros behind the last feature.
#[inline(never)]
pub(super) fn group_rows(from: &[f32], columns: usize, rows: usize, to: &mut [f32]) {
    vectorized!({
        for (b, block) in to.chunks_exact_mut(rows * columns).enumerate() {
            for (g, group) in block.as_chunks_mut::<GROUP>().0.chunks_exact_mut(rows).enumerate() {
                for (row, to) in group.iter_mut().enumerate() {
                    let at = (b * rows + row) * columns + g * GROUP;
                    *to = match from.get(at..).and_then(|from| from.first_chunk::<GROUP>()) {
                        Some(from) => *from,
                        None => [0.0; GROUP],
                    };
                }
            }
        }
    });
}

/// The sums of rows, each value as often as `rates` says.
#[inline(never)]
pub(super) fn sums_of_rows(from: &[f32], rates: &[f32], sums: &mut [f32]) {
    vectorized!(sums.iter_mut().zip(from.chunks_exact(rates.len())).for_each(|(sum, row)| *sum = product(row, rates)));
}

/// The sum of products, in as many lanes as a group has.
#[inline(always)]
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; GROUP];
    for (a, b) in a.chunks_exact(GROUP).zip(b.chunks_exact(GROUP)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    lanes.iter().sum()
}

/// Adds each row's bias, as often as `rates` says.
#[inline(never)]
pub(super) fn add_biases(biases: &[f32], rates: &[f32], to: &mut [f32]) {
    vectorized!({
        for (row, bias) in to.chunks_exact_mut(rates.len()).zip(biases) {
            row.iter_mut().zip(rates).for_each(|(value, rate)| *value += bias * rate);
        }
    });
}

/// Leaky ReLU with a slope up to 1.
#[inline(never)]
pub(super) fn rectify(slope: f32, values: &mut [f32]) {
    // The larger of the two, and no choice that a compiler could make a branch of.
    vectorized!(values.iter_mut().for_each(|value| *value = value.max(slope * *value)));
}

/// Multiplies by the slope where `signs` are not positive.
#[inline(never)]
pub(super) fn scale_by(slope: f32, signs: &[f32], values: &mut [f32]) {
    vectorized!({
        values.iter_mut().zip(signs).for_each(|(value, sign)| *value *= if *sign > 0.0 { 1.0 } else { slope });
    });
}
