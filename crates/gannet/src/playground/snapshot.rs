//! All there is to see of a game at one moment.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::Serialize;

use super::settings::Noise;
use super::verdict::Verdict;
use super::{Figures, Playground, points_data};
use crate::loss::Loss;

/// Points shown of each kind, and arrows among the fakes.
const N_SHOWN: usize = 256;
const N_ARROWS: usize = 96;
/// Side of the critic's field, in places, and the largest coordinate shown.
const FIELD: usize = 32;
const LIMIT: f32 = 1.3;
/// Lines each way of the net that shows how the noise is bent; of noise with one dimension, places on the line.
const NET: usize = 17;
const LINE: usize = 129;
/// Share of the noise, in each dimension, that the net covers.
const NET_SHARE: f64 = 0.96;

/// What a snapshot is to hold beside points and figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Show {
    /// Whether the critic's field is asked for.
    pub field: bool,
    /// Whether the net of the noise is asked for.
    pub manifold: bool,
    /// Whether the arrows are asked for.
    pub arrows: bool,
}

/// Points with three decimals, flat: x, y, x, y ...
type Flat = Vec<f32>;

/// What there is to see.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Steps taken.
    pub step: u64,
    /// The plane is shown from -limit to limit both ways.
    pub limit: f32,
    /// Real points.
    pub reals: Flat,
    /// Fakes, always of the same noise.
    pub fakes: Flat,
    /// How sure the critic is of reals, in [0, 1], row by row from the top left; empty where not asked for.
    pub field: Vec<f32>,
    /// Places of the field in a row.
    pub field_side: usize,
    /// Where the net over the noise is, line by line; empty where not asked for.
    pub manifold: Flat,
    /// Places on a line of the net.
    pub manifold_side: usize,
    /// For each of the first fakes, the way the generator's loss would move it; empty where not asked for.
    pub arrows: Flat,
    /// Means over the steps since the last snapshot.
    pub figures: Figures,
    /// Modes of the data, 0 where there are none to count.
    pub n_modes: usize,
    /// Modes covered.
    pub n_covered: usize,
    /// Kullback-Leibler divergence of fakes from reals, in nats.
    pub kl: f64,
    /// What is going on.
    pub verdict: Verdict,
}

/// How a score reads as a probability of being real.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opinion {
    boundary: f64,
    slope: f64,
    pub(super) accuracy: f64,
}

impl Default for Opinion {
    fn default() -> Self {
        Self { boundary: 0.0, slope: 1.0, accuracy: 0.5 }
    }
}

impl Opinion {
    /// From the critic's scores of one batch. Scores of the logistic game are logits; others are laid so that the
    /// targets of least squares and the margins of hinge, or the two means of scores that have neither, come to sigmoid
    /// of ±2.
    pub(super) fn of(loss: Loss, real: Tensor<1>, fake: Tensor<1>) -> Self {
        let [real, fake] = [real, fake].map(|scores| scores.into_data().iter::<f64>().collect::<Vec<_>>());
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        let [mean_real, mean_fake] = [mean(&real), mean(&fake)];
        let boundary = loss.boundary(mean_real, mean_fake);
        let slope = match loss {
            Loss::Minimax | Loss::NonSaturating | Loss::Relativistic | Loss::RelativisticAverage => 1.0,
            Loss::LeastSquares => 4.0,
            Loss::Hinge => 2.0,
            Loss::Wasserstein => 4.0 / (mean_real - mean_fake).abs().max(1e-3),
        };
        let n_right = real.iter().filter(|&&score| score > boundary).count()
            + fake.iter().filter(|&&score| score < boundary).count();
        Self { boundary, slope, accuracy: n_right as f64 / (real.len() + fake.len()).max(1) as f64 }
    }

    fn probability(self, score: f32) -> f32 {
        (1.0 / (1.0 + (-self.slope * (f64::from(score) - self.boundary)).exp())) as f32
    }
}

impl Playground {
    /// What there is to see now; `figures` are the means over the steps it covers.
    pub fn snapshot(&self, figures: Figures, show: Show) -> Snapshot {
        let dim = self.settings.noise_dim;
        let fakes = self.generate(&self.probe.latents()[..N_SHOWN * dim]);
        let arrows = if show.arrows { self.pulls(&fakes[..N_ARROWS.min(self.settings.batch)]) } else { vec![] };
        let (net, manifold_side) = net(self.settings.noise, dim);
        let check = self.check();
        Snapshot {
            step: self.n_steps,
            limit: LIMIT,
            reals: flat(&self.probe.reals()[..N_SHOWN]),
            fakes: flat(&fakes),
            field: if show.field { self.field() } else { vec![] },
            field_side: FIELD,
            manifold: if show.manifold { flat(&self.generate(&net)) } else { vec![] },
            manifold_side,
            arrows: flat(&arrows),
            figures,
            n_modes: check.n_modes,
            n_covered: check.n_covered,
            kl: check.kl,
            verdict: self.verdict(),
        }
    }

    fn field(&self) -> Vec<f32> {
        let place = |i: usize| ((i as f32 + 0.5) / FIELD as f32 * 2.0 - 1.0) * LIMIT;
        let places: Vec<[f32; 2]> = (0..FIELD * FIELD).map(|i| [place(i % FIELD), -place(i / FIELD)]).collect();
        let places = Tensor::from_data(points_data(&places), &self.device.clone().without_autodiff());
        let scores = self.critic.network().valid().forward(places).value;
        scores.into_data().iter::<f32>().map(|score| rounded(self.opinion.probability(score))).collect()
    }
}

/// Noise vectors on a net through the first two dimensions, line by line, all others 0, and the places on a line. The
/// lines are such that each mesh holds the same share of the noise.
fn net(noise: Noise, dim: usize) -> (Vec<f32>, usize) {
    let place = |i: usize, n: usize| {
        let share = 0.5 + NET_SHARE * (i as f64 / (n - 1) as f64 - 0.5);
        match noise {
            Noise::Uniform => (2.0 * share - 1.0) as f32,
            Noise::Normal => normal_quantile(share) as f32,
        }
    };
    if dim == 1 {
        return ((0..LINE).map(|i| place(i, LINE)).collect(), LINE);
    }
    let mut values = vec![0.0; NET * NET * dim];
    for (i, row) in values.chunks_exact_mut(dim).enumerate() {
        row[0] = place(i % NET, NET);
        row[1] = place(i / NET, NET);
    }
    (values, NET)
}

/// The inverse of the normal distribution by bisection of its logistic approximation (Bowling et al. 2009, eq. 9), good
/// to 0.02: enough to place lines.
fn normal_quantile(share: f64) -> f64 {
    let logit = (share / (1.0 - share)).ln();
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle: f64 = 0.5 * (low + high);
        if 0.07056 * middle.powi(3) + 1.5976 * middle < logit { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

fn flat(points: &[[f32; 2]]) -> Flat {
    points.as_flattened().iter().map(|&value| rounded(value)).collect()
}

/// Three decimals, so that text stays short. What is no number is far away.
fn rounded(value: f32) -> f32 {
    if value.is_finite() { (value.clamp(-99.0, 99.0) * 1000.0).round() / 1000.0 } else { 99.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_net_of_normal_noise_lies_at_its_quantiles() {
        assert!(normal_quantile(0.5).abs() < 1e-9);
        assert!((normal_quantile(0.975) - 1.96).abs() < 0.03);
        let (values, side) = net(Noise::Normal, 3);
        assert_eq!((values.len(), side), (NET * NET * 3, NET));
        assert!(values.iter().skip(2).step_by(3).all(|&v| v == 0.0));
    }
}
