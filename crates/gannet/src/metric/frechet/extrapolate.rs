//! The Fréchet distance that infinitely many fake samples would have.
//!
//! The distance of N samples is about FD∞ + slope / N; a line through distances of several N gives FD∞ (Chong and Forsyth
//! 2020, "Effectively unbiased FID and Inception Score", section 3). The paper draws N from 5,000 to 50,000 and takes
//! them from a Sobol sequence; here they are random subsets of the samples given.

use rayon::prelude::*;
use serde::Serialize;

use super::Reference;
use crate::error::{Error, Result};
use crate::metric::Features;
use crate::metric::moments::Moments;
use crate::random::{self, Purpose};

/// Distances the line is fitted through.
const N_POINTS: usize = 15;

/// An extrapolated distance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Infinite {
    /// FD∞; sampling can push it below 0.
    pub distance: f64,
    /// By how much the distance at N is larger, times N.
    pub slope: f64,
    /// Numbers of samples and their distances, smallest number first.
    pub points: Vec<(usize, f64)>,
}

/// Extrapolates the distance between `reference` and `fake`, from 15 subsets of `smallest` to all samples.
///
/// The line is straight only where subsets have several times more samples than features; a tenth of all is customary
/// for `smallest`, and at least 2 are needed.
pub fn infinite(reference: &Reference, fake: &Features, smallest: usize, seed: u64) -> Result<Infinite> {
    let n = fake.n_samples();
    if smallest < 2 || smallest >= n {
        return Err(Error::features(format!("subsets from {smallest} of {n} samples, accepted: from 2 to {}", n - 1)));
    }
    let sizes = (0..N_POINTS).map(|i| smallest + (n - smallest) * i / (N_POINTS - 1));
    let of_size = |(i, size): (usize, usize)| {
        let mut rng = random::stream(seed, Purpose::Resample, i as u64);
        let drawn = rand::seq::index::sample(&mut rng, n, size).into_vec();
        Ok((size, reference.distance(&Moments::of(&fake.select(&drawn))?)?))
    };
    let sizes: Vec<(usize, usize)> = sizes.enumerate().collect();
    let points: Vec<(usize, f64)> = sizes.into_par_iter().map(of_size).collect::<Result<_>>()?;
    let (distance, slope) = line(&points);
    Ok(Infinite { distance, slope, points })
}

/// Intercept and slope of the least squares of distances on 1 / N.
fn line(points: &[(usize, f64)]) -> (f64, f64) {
    let n_points = points.len() as f64;
    let mean_x = points.iter().map(|(n, _)| 1.0 / *n as f64).sum::<f64>() / n_points;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / n_points;
    let (mut xx, mut xy) = (0.0, 0.0);
    for (n, y) in points {
        let x = 1.0 / *n as f64 - mean_x;
        xx += x * x;
        xy += x * (y - mean_y);
    }
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    (mean_y - slope * mean_x, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_it_back() {
        let points: Vec<(usize, f64)> = [100, 150, 300, 1000].map(|n| (n, 2.5 + 40.0 / n as f64)).into();
        let (distance, slope) = line(&points);
        assert!((distance - 2.5).abs() < 1e-12 && (slope - 40.0).abs() < 1e-9, "{distance} {slope}");
    }

    #[test]
    fn the_bias_of_few_samples_is_taken_out() {
        // Fakes as good as reals: the distance of 2,000 is pure bias.
        let d = 16;
        let unit = (0..d * d).map(|i| if i % (d + 1) == 0 { 1.0 } else { 0.0 }).collect();
        let reference = Reference::new(&Moments::new(1_000_000, vec![0.0; d], unit).unwrap()).unwrap();
        let fake = random::normal(&mut random::stream(1, Purpose::Synthetic, 0), 2000 * d);
        let found = infinite(&reference, &Features::new(fake, d).unwrap(), 200, 3).unwrap();
        let (largest, at_all) = *found.points.last().unwrap();
        assert!(largest == 2000 && at_all > 0.01, "{found:?}");
        assert!(found.distance.abs() < 0.3 * at_all && found.slope > 0.0, "{found:?}");
    }

    #[test]
    fn subsets_must_leave_room_for_a_line() {
        let unit = Reference::new(&Moments::new(9, vec![0.0], vec![1.0]).unwrap()).unwrap();
        let fake = Features::new(vec![0.0, 1.0, 2.0, 3.0], 1).unwrap();
        let problem = infinite(&unit, &fake, 4, 0).unwrap_err().to_string();
        assert_eq!(problem, "subsets from 4 of 4 samples, accepted: from 2 to 3");
    }
}
