//! How regularly the critic's loss swings: players that chase each other in circles come back to the same losses.

use std::collections::VecDeque;
use std::f64::consts::TAU;

/// Steps whose losses are looked at.
pub(super) const N_STEPS: usize = 256;
/// The longest period that counts, in steps: what swings more slowly is a trend.
const LONGEST: usize = 64;

/// The losses of the last steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rhythm(VecDeque<f64>);

impl Rhythm {
    pub(super) fn add(&mut self, loss: f64) {
        self.0.push_back(loss);
        if self.0.len() > N_STEPS {
            self.0.pop_front();
        }
    }

    /// The share of the loss's power that lies at one period of 2 to 64 steps, in [0, 1]; near 0.1 for noise. None
    /// before 256 steps.
    ///
    /// Of a straight line's remainder under Hann's window, the greatest sum of three neighbouring lines of the
    /// periodogram over the sum of all: the window spreads a pure tone over as many.
    pub(super) fn share(&self) -> Option<f64> {
        if self.0.len() < N_STEPS || self.0.iter().any(|loss| !loss.is_finite()) {
            return None;
        }
        let power = periodogram(&windowed(&self.0));
        let first = N_STEPS / LONGEST - 1; // From 0, of lines that are counted from 1.
        let greatest = power[first..].windows(3).map(|lines| lines.iter().sum::<f64>()).fold(0.0, f64::max);
        let total: f64 = power.iter().sum();
        (total > 0.0).then(|| greatest / total)
    }
}

impl FromIterator<f64> for Rhythm {
    fn from_iter<I: IntoIterator<Item = f64>>(losses: I) -> Self {
        Self(losses.into_iter().collect())
    }
}

impl Rhythm {
    pub(super) fn losses(&self) -> Vec<f64> {
        self.0.iter().copied().collect()
    }
}

/// What is left of `losses` without the straight line through them, fading at both ends.
fn windowed(losses: &VecDeque<f64>) -> Vec<f64> {
    let n = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / n;
    let place = |i: usize| i as f64 - (n - 1.0) / 2.0;
    let product: f64 = losses.iter().enumerate().map(|(i, loss)| place(i) * (loss - mean)).sum();
    let slope = product / (0..losses.len()).map(|i| place(i).powi(2)).sum::<f64>();
    let fade = |i: usize| 0.5 - 0.5 * (TAU * (i as f64 + 0.5) / n).cos();
    losses.iter().enumerate().map(|(i, loss)| fade(i) * (loss - mean - slope * place(i))).collect()
}

/// Power at 1, 2 ... n/2 periods in `values`.
fn periodogram(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let line = |k: usize| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, value) in values.iter().enumerate() {
            let (sin, cos) = (TAU * (i * k % n) as f64 / n as f64).sin_cos();
            (re, im) = (re + value * cos, im - value * sin);
        }
        re * re + im * im
    };
    (1..=n / 2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{self, Purpose, normal};

    fn rhythm(loss: impl Fn(usize) -> f64) -> Rhythm {
        (0..N_STEPS).map(loss).collect()
    }

    #[test]
    fn a_tone_has_all_power_in_one_place_whatever_its_level_and_trend() {
        for period in [2.5, 7.3, 20.0, 60.0] {
            let share = rhythm(|i| 5.0 - 0.3 * i as f64 + 0.01 * (TAU * i as f64 / period).sin()).share().unwrap();
            assert!(share > 0.9, "{share} at a period of {period}");
        }
    }

    #[test]
    fn noise_and_trends_have_none() {
        let noise = normal(&mut random::stream(3, Purpose::Look, 0), 100 * N_STEPS);
        let shares: Vec<f64> = (0..100).filter_map(|k| rhythm(|i| f64::from(noise[k * N_STEPS + i])).share()).collect();
        assert!(shares.iter().all(|share| *share < 0.25), "{shares:?}");
        assert!(rhythm(|i| (i as f64 / 256.0).exp()).share().unwrap() < 0.05);
        assert_eq!(rhythm(|_| 1.0).share(), None);
    }

    #[test]
    fn the_last_steps_alone_count() {
        let mut rhythm = Rhythm::default();
        (0..N_STEPS - 1).for_each(|i| rhythm.add(i as f64));
        assert_eq!(rhythm.share(), None);
        (0..N_STEPS).for_each(|i| rhythm.add((i % 2) as f64));
        assert!(rhythm.share().unwrap() > 0.6 && rhythm.losses().len() == N_STEPS);
    }
}
