//! Multi-scale structural similarity, and diversity as its mean over random pairs.
//!
//! Contrast and structure are compared under a Gaussian window at up to five scales, luminance at the coarsest, and
//! multiplied with the paper's exponents (Wang et al. 2003, "Multiscale structural similarity for image quality
//! assessment", eq. 7 and section 3). Among samples of one class, a mean near 1 is a collapsed generator (Odena et al.
//! 2017, "Conditional image synthesis with auxiliary classifier GANs", section 4.2).

use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

use super::Features;
use super::interval::mean_and_deviation;
use crate::error::{Error, Result};
use crate::image::Shape;
use crate::random::{self, Purpose};

/// Exponents of the scales, finest first; where fewer scales fit, the first of them, made to add up to one.
const EXPONENTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Pixels along the side of the window, whose standard deviation is 1.5 pixels.
const WINDOW: usize = 11;

/// Steadies quotients of small means: (0.01 L)² with L, the range of values, 2.
const C1: f64 = 0.0004;

/// Steadies quotients of small variances: (0.03 L)².
const C2: f64 = 0.0036;

/// How much samples look alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Similarity {
    /// Mean over pairs; 1 where all are the same picture.
    pub mean: f64,
    /// Standard deviation between pairs.
    pub deviation: f64,
    /// Scales compared: 5 from 176 pixels on, 2 for 28. Values of different numbers do not compare.
    pub n_scales: usize,
}

/// The similarity of `n_pairs` random pairs of different `images`, each row [C, H, W] of `shape` in [-1, 1].
pub fn diversity(images: &Features, shape: Shape, n_pairs: usize, seed: u64) -> Result<Similarity> {
    images.check_samples("image", 2)?;
    images.check_shape(shape)?;
    let n_scales = n_scales(shape)?;
    if n_pairs == 0 {
        return Err(Error::features("0 pairs, at least 1 is needed"));
    }
    let n = images.n_samples();
    let of_pair = |pair| {
        let mut rng = random::stream(seed, Purpose::Resample, pair);
        let first = rng.random_range(0..n);
        let second = (first + rng.random_range(1..n)) % n;
        ms_ssim(images.row(first), images.row(second), shape)
    };
    let similarities: Vec<f64> = (0..n_pairs as u64).into_par_iter().map(of_pair).collect::<Result<_>>()?;
    let (mean, deviation) = mean_and_deviation(&similarities);
    Ok(Similarity { mean, deviation, n_scales })
}

/// The similarity of pictures `a` and `b` [C, H, W] in [-1, 1], the mean over channels; at most 1, which only equal
/// pictures reach. A scale that is negative, as that of a picture and its negative, counts as 0.
pub fn ms_ssim(a: &[f32], b: &[f32], shape: Shape) -> Result<f64> {
    let exponents = &EXPONENTS[..n_scales(shape)?];
    let plane = shape.height * shape.width;
    let of_channel = |(a, b): (&[f32], &[f32])| {
        let [mut a, mut b] = [a, b].map(|plane| Plane {
            // Means enter as luminance, which is not negative.
            values: plane.iter().map(|value| f64::from(*value) + 1.0).collect(),
            width: shape.width,
        });
        let mut similarity = 1.0;
        for (scale, exponent) in exponents.iter().enumerate() {
            if scale > 0 {
                (a, b) = (a.halved(), b.halved());
            }
            let (luminance, structure) = compare(&a, &b);
            let term = if scale + 1 == exponents.len() { luminance } else { structure };
            similarity *= term.max(0.0).powf(exponent / exponents.iter().sum::<f64>());
        }
        similarity
    };
    Ok(a.chunks_exact(plane).zip(b.chunks_exact(plane)).map(of_channel).sum::<f64>() / shape.channels as f64)
}

/// How many scales fit: the window must fit into the coarsest.
fn n_scales(shape: Shape) -> Result<usize> {
    let shorter = shape.height.min(shape.width);
    match (0..EXPONENTS.len()).take_while(|scale| shorter >> scale >= WINDOW).count() {
        0 => Err(Error::features(format!("images of {shape}, at least {WINDOW} pixels to a side are needed"))),
        n_scales => Ok(n_scales),
    }
}

/// One channel.
struct Plane {
    values: Vec<f64>,
    width: usize,
}

impl Plane {
    /// Means of 2x2; an odd last row or column is left out.
    fn halved(&self) -> Self {
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
fn compare(a: &Plane, b: &Plane) -> (f64, f64) {
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

    const SHAPE: Shape = Shape { channels: 1, height: 28, width: 28 };

    fn wave(phase: f32) -> Vec<f32> {
        (0..28 * 28).map(|i| ((i % 28) as f32 * 0.5 + phase).sin() * ((i / 28) as f32 * 0.3).cos()).collect()
    }

    #[test]
    fn only_a_picture_itself_is_fully_similar() {
        assert!((ms_ssim(&wave(0.0), &wave(0.0), SHAPE).unwrap() - 1.0).abs() < 1e-12);
        let similarities = [1.5, 0.8, 0.3, 0.1, 0.0].map(|phase| ms_ssim(&wave(0.0), &wave(phase), SHAPE).unwrap());
        assert!(similarities.is_sorted() && similarities[0] < 0.5, "{similarities:?}");
        let negative: Vec<f32> = wave(0.0).iter().map(|value| -value).collect();
        assert_eq!(ms_ssim(&wave(0.0), &negative, SHAPE).unwrap(), 0.0);
    }

    #[test]
    fn collapse_is_similarity() {
        let set =
            |spread: f32| Features::new((0..40).flat_map(|i| wave(spread * i as f32)).collect(), 28 * 28).unwrap();
        let found = [0.5, 0.01, 0.0].map(|spread| diversity(&set(spread), SHAPE, 50, 1).unwrap());
        assert!(found.map(|found| found.mean).is_sorted(), "{found:?}");
        assert!((found[2].mean - 1.0).abs() < 1e-12 && found[2].n_scales == 2);
        assert_eq!(found[0], diversity(&set(0.5), SHAPE, 50, 1).unwrap());
    }

    #[test]
    fn scales_are_as_many_as_windows_fit() {
        let of = |height, width| n_scales(Shape { channels: 1, height, width });
        assert_eq!([of(11, 90), of(28, 28), of(64, 64), of(176, 400)].map(Result::unwrap), [1, 2, 3, 5]);
        let problem = of(10, 64).unwrap_err().to_string();
        assert_eq!(problem, "images of 1x10x64, at least 11 pixels to a side are needed");
    }
}
