//! Structural similarity: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity",
//! eq. 13, under a Gaussian window of 11 pixels and deviation 1.5 with K1 = 0.01 and K2 = 0.03 (section III-C).

use crate::error::{Error, Result};
use crate::image::Shape;

/// Pixels along the side of the window, whose standard deviation is 1.5 pixels.
pub(super) const WINDOW: usize = 11;

/// Steadies quotients of small means: (0.01 L)² with L, the range of values, 2.
const C1: f64 = 0.0004;

/// Steadies quotients of small variances: (0.03 L)².
const C2: f64 = 0.0036;

/// The similarity of pictures `a` and `b` [C, H, W] of `shape` in [-1, 1]: the mean over channels and over all places where
/// the window lies fully inside. At most 1, which only equal pictures reach.
pub fn ssim(a: &[f32], b: &[f32], shape: Shape) -> Result<f64> {
    if shape.height.min(shape.width) < WINDOW {
        return Err(Error::features(format!("images of {shape}, at least {WINDOW} pixels to a side are needed")));
    }
    let of_channels = planes(a, shape).zip(planes(b, shape)).map(|(a, b)| compare(&a, &b).0);
    Ok(of_channels.sum::<f64>() / shape.channels as f64)
}

/// The channels of `values` [C, H, W] in [-1, 1]. Means enter as luminance, which is not negative.
pub(super) fn planes(values: &[f32], shape: Shape) -> impl Iterator<Item = Plane> {
    let plane = move |plane: &[f32]| Plane {
        values: plane.iter().map(|value| f64::from(*value) + 1.0).collect(),
        width: shape.width,
    };
    values.chunks_exact(shape.height * shape.width).map(plane)
}

/// One channel.
pub(super) struct Plane {
    values: Vec<f64>,
    width: usize,
}

impl Plane {
    /// Means of 2x2; an odd last row or column is left out.
    pub(super) fn halved(&self) -> Self {
        let width = self.width / 2;
        let mut values = vec![];
        for rows in self.values.chunks_exact(2 * self.width) {
            let (upper, lower) = rows.split_at(self.width);
            let sums = upper.chunks_exact(2).zip(lower.chunks_exact(2)).map(|(u, l)| u[0] + u[1] + l[0] + l[1]);
            values.extend(sums.map(|sum| sum / 4.0));
        }
        Self { values, width }
    }

    /// Weighted means under the window wherever it lies fully inside.
    fn windowed(&self, window: &[f64; WINDOW]) -> Vec<f64> {
        let along = |line: &[f64]| line.iter().zip(window).map(|(value, weight)| value * weight).sum::<f64>();
        let width = self.width - WINDOW + 1;
        let rows: Vec<f64> =
            self.values.chunks_exact(self.width).flat_map(|row| row.windows(WINDOW).map(along)).collect();
        let n_rows = rows.len() / width;
        let mut means = vec![0.0; (n_rows - WINDOW + 1) * width];
        for (top, mean) in means.chunks_exact_mut(width).enumerate() {
            for (row, weight) in rows[top * width..].chunks_exact(width).zip(window) {
                mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        means
    }
}

/// The means over the picture of luminance x contrast x structure, and of contrast x structure.
pub(super) fn compare(a: &Plane, b: &Plane) -> (f64, f64) {
    let window = window();
    let products = |x: &Plane, y: &Plane| {
        let values = x.values.iter().zip(&y.values).map(|(x, y)| x * y).collect();
        Plane { values, width: x.width }.windowed(&window)
    };
    let (mean_a, mean_b) = (a.windowed(&window), b.windowed(&window));
    let (aa, bb, ab) = (products(a, a), products(b, b), products(a, b));
    let (mut full, mut structure) = (0.0, 0.0);
    for i in 0..mean_a.len() {
        let (m, n) = (mean_a[i], mean_b[i]);
        let (variance_a, variance_b, covariance) = (aa[i] - m * m, bb[i] - n * n, ab[i] - m * n);
        let similar = (2.0 * covariance + C2) / (variance_a + variance_b + C2);
        structure += similar;
        full += similar * (2.0 * m * n + C1) / (m * m + n * n + C1);
    }
    (full / mean_a.len() as f64, structure / mean_a.len() as f64)
}

/// A Gaussian that adds up to one.
fn window() -> [f64; WINDOW] {
    let mut window = [0.0; WINDOW];
    for (i, weight) in window.iter_mut().enumerate() {
        *weight = (-(i as f64 - 5.0).powi(2) / (2.0 * 1.5 * 1.5)).exp();
    }
    let total: f64 = window.iter().sum();
    window.map(|weight| weight / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_pictures_differ_by_luminance_alone() {
        let shape = Shape { channels: 1, height: 12, width: 15 };
        let flat = |value: f32| vec![value; shape.n_values()];
        // 0.25 and 0.75 of the range: structure is 1, luminance (2 ab + C1) / (a² + b² + C1).
        let expected = (2.0 * 0.5 * 1.5 + C1) / (0.25 + 2.25 + C1);
        assert!((ssim(&flat(-0.5), &flat(0.5), shape).unwrap() - expected).abs() < 1e-12);
        assert!((ssim(&flat(0.3), &flat(0.3), shape).unwrap() - 1.0).abs() < 1e-12);
        let error = ssim(&[], &[], Shape { height: 10, ..shape }).unwrap_err().to_string();
        assert_eq!(error, "images of 1x10x15, at least 11 pixels to a side are needed");
    }
}
