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
use super::ssim::{Plane, WINDOW, compare, planes};
use crate::error::{Error, Result};
use crate::image::Shape;
use crate::random::{self, Purpose};

/// Exponents of the scales, finest first; where fewer scales fit, the first of them, made to add up to one.
const EXPONENTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

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
    let of_channel = |(mut a, mut b): (Plane, Plane)| {
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
    Ok(planes(a, shape).zip(planes(b, shape)).map(of_channel).sum::<f64>() / shape.channels as f64)
}

/// How many scales fit: the window must fit into the coarsest.
fn n_scales(shape: Shape) -> Result<usize> {
    let shorter = shape.height.min(shape.width);
    match (0..EXPONENTS.len()).take_while(|scale| shorter >> scale >= WINDOW).count() {
        0 => Err(Error::features(format!("images of {shape}, at least {WINDOW} pixels to a side are needed"))),
        n_scales => Ok(n_scales),
    }
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
