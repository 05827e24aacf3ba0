//! Where the fakes are, checked every few steps on the same noise.

use super::settings::Settings;
use crate::data::Modes;
use crate::metric::modes::of_points;
use crate::random::{self, Purpose};

/// Fakes of a check, and reals they are compared with.
const N_FAKES: usize = 512;
const N_REALS: usize = 2048;
/// Checks remembered.
const N_CHECKS: usize = 40;
/// Side of the histogram that the divergence is taken over, in cells, and the largest coordinate it covers.
const CELLS: usize = 12;
const LIMIT: f32 = 1.2;
/// Counts that every cell of the histogram begins with.
const PRIOR: f64 = 0.5;

/// What was seen at one check.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Check {
    /// Modes of the data, 0 where it has none to count.
    pub n_modes: usize,
    /// Those with a fake within three standard deviations (`metric::modes`).
    pub n_covered: usize,
    /// Kullback-Leibler divergence of fakes from reals in nats, over a histogram of 12 x 12 cells.
    pub kl: f64,
    /// Root mean squared distance of the fakes from their mean.
    pub spread: f64,
    /// The same of the reals.
    pub spread_real: f64,
    /// Mean of the fakes.
    pub centre: [f64; 2],
    /// Mean length of the pull on a fake.
    pub pull: f64,
    /// The critic's accuracy at the last step, in [0, 1].
    pub accuracy: f64,
}

/// The noise, the reals and the checks so far.
pub(super) struct Probe {
    latents: Vec<f32>,
    reals: Vec<[f32; 2]>,
    modes: Option<Modes>,
    checks: Vec<Check>,
}

impl Probe {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut rng = random::stream(settings.seed, Purpose::SampleLatents, 0);
        let latents = settings.noise.draw(&mut rng, N_FAKES * settings.noise_dim);
        let mut rng = random::stream(settings.seed, Purpose::Resample, 0);
        let reals = settings.points(&mut rng, N_REALS);
        Self { latents, reals, modes: settings.data.modes(settings.spread), checks: vec![] }
    }

    pub(super) fn latents(&self) -> &[f32] {
        &self.latents
    }

    pub(super) fn reals(&self) -> &[[f32; 2]] {
        &self.reals
    }

    /// Oldest first.
    pub(super) fn checks(&self) -> &[Check] {
        &self.checks
    }

    pub(super) fn check(&mut self, fakes: &[[f32; 2]], pull: f64, accuracy: f64) {
        let (centre, spread) = centre_and_spread(fakes);
        let (_, spread_real) = centre_and_spread(&self.reals);
        let coverage = self.modes.as_ref().map(|modes| of_points(fakes, modes));
        let [n_modes, n_covered] = coverage.map_or([0; 2], |coverage| [coverage.n_modes, coverage.n_covered]);
        let kl = divergence(fakes, &self.reals);
        if self.checks.len() == N_CHECKS {
            self.checks.remove(0);
        }
        self.checks.push(Check { n_modes, n_covered, kl, spread, spread_real, centre, pull, accuracy });
    }
}

fn centre_and_spread(points: &[[f32; 2]]) -> ([f64; 2], f64) {
    let n = points.len().max(1) as f64;
    let mean = |axis: usize| points.iter().map(|point| f64::from(point[axis])).sum::<f64>() / n;
    let centre = [mean(0), mean(1)];
    let square = |point: &[f32; 2]| (0..2).map(|axis| (f64::from(point[axis]) - centre[axis]).powi(2)).sum::<f64>();
    (centre, (points.iter().map(square).sum::<f64>() / n).sqrt())
}

/// KL(fakes, reals) in nats over a histogram, to which points outside count at its rim.
fn divergence(fakes: &[[f32; 2]], reals: &[[f32; 2]]) -> f64 {
    let [p, q] = [fakes, reals].map(shares);
    p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum()
}

fn shares(points: &[[f32; 2]]) -> Vec<f64> {
    let mut counts = vec![PRIOR; CELLS * CELLS];
    let cell = |value: f32| (((value + LIMIT) / (2.0 * LIMIT) * CELLS as f32).max(0.0) as usize).min(CELLS - 1);
    points.iter().for_each(|&[x, y]| counts[cell(y) * CELLS + cell(x)] += 1.0);
    let total: f64 = counts.iter().sum();
    counts.into_iter().map(|count| count / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divergence_is_zero_between_equals_and_large_where_modes_are_missing() {
        let settings = Settings::default();
        let probe = Probe::new(&settings);
        let reals = probe.reals();
        assert!(divergence(reals, reals).abs() < 1e-12);
        assert!(divergence(&reals[..512], reals) < 0.2);
        assert!(divergence(&[[0.8, 0.0]; 512], reals) > 1.0);
    }
}
