//! How far a Fréchet distance would move with another draw of fake samples.

use rand::RngExt;
use rayon::prelude::*;

use super::Reference;
use crate::error::{Error, Result};
use crate::metric::interval::{CONFIDENCE, mean_and_deviation, quantile};
use crate::metric::moments::Moments;
use crate::metric::{Features, Interval};
use crate::random::{self, Purpose};

/// The interval of the distance between `reference` and as many samples as `fake` has, by `n_resamples` draws of `fake`
/// with replacement (Efron 1979); 100 are customary, and each costs a distance.
///
/// The real side stays as it is, because protocols fix it. A resample repeats samples, so its distance is too large by
/// about as much again as that of `fake`; the spread of the resamples is therefore laid around the distance of `fake`
/// itself. The interval is of the distance at this number of samples, not of the one that infinitely many would have.
pub fn bootstrap(reference: &Reference, fake: &Features, n_resamples: usize, seed: u64) -> Result<Interval> {
    if n_resamples < 2 {
        return Err(Error::setting(format!("{n_resamples} resamples, at least 2 are needed")));
    }
    let distance = reference.distance(&Moments::of(fake)?)?;
    let n = fake.n_samples();
    let of_resample = |resample| {
        let mut rng = random::stream(seed, Purpose::Resample, resample);
        let drawn: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
        reference.distance(&Moments::of(&fake.select(&drawn))?)
    };
    let mut distances: Vec<f64> = (0..n_resamples as u64).into_par_iter().map(of_resample).collect::<Result<_>>()?;
    distances.sort_by(f64::total_cmp);
    let (mean, _) = mean_and_deviation(&distances);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let end = |share| (distance + quantile(&distances, share) - mean).max(0.0);
    Ok(Interval { low: end(tail), high: end(1.0 - tail) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64) -> Features {
        let values = random::normal(&mut random::stream(seed, Purpose::Synthetic, 0), 300 * 4);
        Features::new(values.into_iter().map(|value| 1.3 * value + 0.2).collect(), 4).unwrap()
    }

    fn reference() -> Reference {
        let unit = (0..16).map(|i| if i % 5 == 0 { 1.0 } else { 0.0 }).collect();
        Reference::new(&Moments::new(1_000_000, vec![0.0; 4], unit).unwrap()).unwrap()
    }

    #[test]
    fn the_interval_is_as_wide_as_draws_differ() {
        let reference = reference();
        let distance = |seed| reference.distance(&Moments::of(&draw(seed)).unwrap()).unwrap();
        let distances: Vec<f64> = (100..400).map(distance).collect();
        let (mean, deviation) = mean_and_deviation(&distances);
        let intervals: Vec<Interval> =
            (0..30).map(|seed| bootstrap(&reference, &draw(seed), 100, 1).unwrap()).collect();
        let width = intervals.iter().map(|interval| interval.high - interval.low).sum::<f64>() / 30.0;
        let ratio = width / (2.0 * 1.96 * deviation);
        assert!((0.8..1.25).contains(&ratio), "{ratio}");
        let n_covering = intervals.iter().filter(|interval| (interval.low..interval.high).contains(&mean)).count();
        assert!(n_covering >= 24, "{n_covering} of 30");
    }

    #[test]
    fn the_seed_decides_and_the_number_of_threads_does_not() {
        let (reference, fake) = (reference(), draw(7));
        let with = |n_threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| bootstrap(&reference, &fake, 20, seed).unwrap())
        };
        assert_eq!(with(1, 5), with(3, 5));
        assert_ne!(with(1, 5), with(1, 6));
        assert!(bootstrap(&reference, &fake, 1, 0).is_err());
    }
}
