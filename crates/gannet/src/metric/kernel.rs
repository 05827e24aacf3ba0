//! The kernel distance: squared maximum mean discrepancy with a cubic kernel, unbiased at any number of samples.
//!
//! k(x, y) = (x·y / D + 1)³, and MMD² = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), the first two over pairs of
//! different samples (Binkowski et al. 2018, "Demystifying MMD GANs", section 4; Gretton et al. 2012, eq. 3). Unbiased
//! means that equal distributions give values around 0, negative ones too. It is called KID only with the features of
//! the standard Inception network.

use rand::seq::index;
use rayon::prelude::*;
use serde::Serialize;

use super::features::check_pair;
use super::interval::{STANDARD_ERRORS, mean_and_deviation};
use super::products::map_products;
use super::{Features, Interval};
use crate::error::{Error, Result};
use crate::random::{self, Purpose};

/// How many subsets are compared, and of how many samples from either set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Subsets {
    /// 100 is customary.
    pub n_subsets: usize,
    /// 1,000 is customary.
    pub n_samples: usize,
}

impl Default for Subsets {
    fn default() -> Self {
        Self { n_subsets: 100, n_samples: 1000 }
    }
}

/// The kernel distance over subsets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelDistance {
    /// Mean over subsets.
    pub mean: f64,
    /// Standard deviation between subsets, which is what is customarily printed beside the mean.
    pub deviation: f64,
    /// Of the mean under other draws of both sets; nothing where a subset is a whole set or there is only one.
    pub interval: Option<Interval>,
}

/// MMD² of all pairs.
pub fn mmd(real: &Features, fake: &Features) -> Result<f64> {
    check_pair(real, fake, 2)?;
    let d = real.n_features();
    let (real, fake) = (real.to_f64(), fake.to_f64());
    Ok(mean_kernel_within(&real, d) + mean_kernel_within(&fake, d) - 2.0 * mean_kernel_between(&real, &fake, d))
}

/// MMD² of each of `subsets`, which hold the numbers of real and of fake samples.
pub fn mmd_of(real: &Features, fake: &Features, subsets: &[(Vec<usize>, Vec<usize>)]) -> Result<Vec<f64>> {
    subsets.par_iter().map(|(reals, fakes)| mmd(&real.select(reals), &fake.select(fakes))).collect()
}

/// The kernel distance over random subsets without repetition.
///
/// Subsets of the same N samples overlap, so that their deviation over the root of their number is too small an error.
/// With `s` the deviation, m of N samples in each of K subsets and a variance that falls as 1/m, what is seen is
/// s² = v (1 - m/N) for the variance v of one subset, and the variance of the mean is v m/N + s²/K. Where the sets hardly
/// differ the variance falls faster, and the interval is wider than need be, by up to the root of N/m.
pub fn kernel_distance(real: &Features, fake: &Features, subsets: Subsets, seed: u64) -> Result<KernelDistance> {
    check_pair(real, fake, 2)?;
    let Subsets { n_subsets, n_samples } = subsets;
    let (n_real, n_fake) = (real.n_samples(), fake.n_samples());
    let n_least = n_real.min(n_fake);
    if n_subsets == 0 || n_samples < 2 || n_samples > n_least {
        return Err(Error::features(format!(
            "{n_subsets} subsets of {n_samples} samples, accepted: at least 1 of 2 to {n_least}"
        )));
    }
    let draw = |subset| {
        let mut rng = random::stream(seed, Purpose::Resample, subset);
        let reals = index::sample(&mut rng, n_real, n_samples).into_vec();
        (reals, index::sample(&mut rng, n_fake, n_samples).into_vec())
    };
    let drawn: Vec<_> = (0..n_subsets as u64).map(draw).collect();
    let (mean, deviation) = mean_and_deviation(&mmd_of(real, fake, &drawn)?);
    let share = n_samples as f64 / n_least as f64;
    let interval = (share < 1.0 && n_subsets > 1).then(|| {
        let variance = deviation.powi(2) * (share / (1.0 - share) + 1.0 / n_subsets as f64);
        let reach = STANDARD_ERRORS * variance.sqrt();
        Interval { low: mean - reach, high: mean + reach }
    });
    Ok(KernelDistance { mean, deviation, interval })
}

fn kernel(product: f64, d: usize) -> f64 {
    (product / d as f64 + 1.0).powi(3)
}

/// Over all pairs of different rows of `x` [N, D].
fn mean_kernel_within(x: &[f64], d: usize) -> f64 {
    let n = x.len() / d;
    let of_row = |index: usize, row: &mut [f64]| {
        let others = row.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, product)| kernel(*product, d)).sum::<f64>()
    };
    map_products(x, x, d, of_row).into_iter().sum::<f64>() / (n * (n - 1)) as f64
}

/// Over all pairs of a row of `x` [N, D] and one of `y` [M, D].
fn mean_kernel_between(x: &[f64], y: &[f64], d: usize) -> f64 {
    let of_row = |_, row: &mut [f64]| row.iter().map(|product| kernel(*product, d)).sum::<f64>();
    let n_pairs = (x.len() / d) * (y.len() / d);
    map_products(x, y, d, of_row).into_iter().sum::<f64>() / n_pairs as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(seed: u64, n: usize, scale: f32) -> Features {
        let values = random::normal(&mut random::stream(seed, Purpose::Synthetic, 0), n * 5);
        Features::new(values.into_iter().map(|value| scale * value).collect(), 5).unwrap()
    }

    #[test]
    fn two_points_each_have_a_closed_form() {
        // One feature: reals 0 and 1, fakes 1 and 2. Within 1 and 27, between 1, 1, 8 and 27.
        let set = |a, b| Features::new(vec![a, b], 1).unwrap();
        let ours = mmd(&set(0.0, 1.0), &set(1.0, 2.0)).unwrap();
        assert!((ours - (1.0 + 27.0 - 2.0 * 37.0 / 4.0)).abs() < 1e-12, "{ours}");
    }

    #[test]
    fn equal_distributions_are_around_zero_and_noise_moves_away() {
        let real = gaussian(1, 600, 1.0);
        let distances = [1.0, 1.2, 1.5, 2.0].map(|scale| mmd(&real, &gaussian(2, 600, scale)).unwrap());
        assert!(distances.is_sorted() && distances[0].abs() < 0.05, "{distances:?}");
        let means: Vec<f64> =
            (0..100).map(|i| mmd(&gaussian(2 * i, 40, 1.0), &gaussian(2 * i + 1, 40, 1.0)).unwrap()).collect();
        let (mean, deviation) = mean_and_deviation(&means);
        assert!(mean.abs() < 3.0 * deviation / 10.0 && means.iter().any(|mmd| *mmd < 0.0), "{mean} {deviation}");
    }

    #[test]
    fn the_interval_covers_other_draws() {
        let subsets = Subsets { n_subsets: 30, n_samples: 50 };
        let of_draw = |seed| {
            kernel_distance(&gaussian(2 * seed, 200, 1.0), &gaussian(2 * seed + 1, 200, 1.6), subsets, seed).unwrap()
        };
        let found: Vec<KernelDistance> = (0..60).map(of_draw).collect();
        let (mean, deviation) = mean_and_deviation(&found.iter().map(|found| found.mean).collect::<Vec<_>>());
        let widths = found.iter().map(|found| found.interval.unwrap()).map(|interval| interval.high - interval.low);
        let ratio = widths.sum::<f64>() / 60.0 / (2.0 * 1.96 * deviation);
        assert!((0.75..1.6).contains(&ratio), "{ratio}");
        let covers =
            |found: &&KernelDistance| (found.interval.unwrap().low..found.interval.unwrap().high).contains(&mean);
        assert!(found.iter().filter(covers).count() >= 50);
    }

    #[test]
    fn the_seed_decides_and_the_number_of_threads_does_not() {
        let (real, fake) = (gaussian(1, 90, 1.0), gaussian(2, 80, 1.0));
        let subsets = Subsets { n_subsets: 5, n_samples: 40 };
        let with = |n_threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| kernel_distance(&real, &fake, subsets, seed).unwrap())
        };
        assert_eq!(with(1, 5), with(3, 5));
        assert_ne!(with(1, 5), with(1, 6));
    }

    #[test]
    fn subsets_larger_than_a_set_are_refused() {
        let subsets = Subsets { n_subsets: 3, n_samples: 81 };
        let problem = kernel_distance(&gaussian(1, 90, 1.0), &gaussian(2, 80, 1.0), subsets, 0).unwrap_err();
        assert_eq!(problem.to_string(), "3 subsets of 81 samples, accepted: at least 1 of 2 to 80");
        let whole = Subsets { n_samples: 80, ..subsets };
        assert_eq!(kernel_distance(&gaussian(1, 80, 1.0), &gaussian(2, 80, 1.0), whole, 0).unwrap().interval, None);
    }
}
