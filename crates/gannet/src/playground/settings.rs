//! All that one controls.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::points::PointSet;
use crate::loss::Loss;
use crate::net::{CriticNorm, MlpConfig};
use crate::penalty::Penalty;
use crate::random;
use crate::train::optimizer::Rule;
use crate::train::player::PlayerConfig;
use crate::{Error, Result};

/// Bounds that keep a step short: this is a game to watch.
const MAX_LAYERS: usize = 6;
const MAX_WIDTH: usize = 256;
const MAX_BATCH: usize = 1024;
const MAX_NOISE: usize = 64;
const MAX_MOVES: usize = 20;
const MAX_RATE: f64 = 1.0;
const MAX_GAMMA: f64 = 1000.0;
/// Own points beyond this number are refused.
const MAX_OWN: usize = 10_000;
/// Own points lie within this distance of the origin in both directions.
const MAX_COORDINATE: f32 = 10.0;

/// One network and how fast it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Side {
    /// Hidden layers, 1 to 6.
    pub layers: usize,
    /// Units of each, 1 to 256.
    pub width: usize,
    /// Step size.
    pub learning_rate: f64,
}

impl Default for Side {
    fn default() -> Self {
        Self { layers: 3, width: 32, learning_rate: 2e-3 }
    }
}

/// What the generator's input is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// N(0, 1) in every dimension.
    Normal,
    /// Uniform in [-1, 1] in every dimension.
    Uniform,
}

impl Noise {
    /// `n` values.
    pub(super) fn draw(self, rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
        match self {
            Self::Normal => random::normal(rng, n),
            Self::Uniform => (0..n).map(|_| rng.random_range(-1.0..=1.0)).collect(),
        }
    }
}

/// A game. The defaults are those of the healthy preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Of all that is random.
    pub seed: u64,
    /// What the real points are drawn from.
    pub data: PointSet,
    /// The points of `own`, each within 10 of the origin.
    pub own: Vec<[f32; 2]>,
    /// Standard deviation of the real points around their shape, 0.005 to 0.5.
    pub spread: f32,
    /// Kind of noise.
    pub noise: Noise,
    /// Length of a noise vector, 1 to 64.
    pub noise_dim: usize,
    /// The network that makes fakes.
    pub generator: Side,
    /// The network that tells them from reals.
    pub critic: Side,
    /// What the players want.
    pub loss: Loss,
    /// What tames the critic.
    pub penalty: Penalty,
    /// Weight of the penalty.
    pub gamma: f64,
    /// Whether the critic is spectrally normalized.
    pub spectral: bool,
    /// Moves of the critic for one of the generator, 1 to 20.
    pub n_critic: usize,
    /// `adam` or `rmsprop`.
    pub optimizer: Rule,
    /// Decay of Adam's mean gradient, in [0, 1).
    pub beta_1: f64,
    /// Real points, and fakes, of one move, 2 to 1024.
    pub batch: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            data: PointSet::Ring,
            own: vec![],
            spread: 0.04,
            noise: Noise::Normal,
            noise_dim: 2,
            generator: Side::default(),
            critic: Side::default(),
            loss: Loss::NonSaturating,
            penalty: Penalty::R1R2,
            gamma: 0.02,
            spectral: false,
            n_critic: 1,
            optimizer: Rule::Adam,
            beta_1: 0.0,
            batch: 150,
        }
    }
}

impl Settings {
    /// Reports everything that cannot be used, in one error.
    pub(super) fn check(&self) -> Result<()> {
        let mut problems = vec![];
        let mut whole = |name: &str, value: usize, least: usize, most: usize| {
            if !(least..=most).contains(&value) {
                problems.push(format!("{name} is {value}, accepted: {least} to {most}"));
            }
        };
        for (name, side) in [("generator", &self.generator), ("critic", &self.critic)] {
            whole(&format!("{name}.layers"), side.layers, 1, MAX_LAYERS);
            whole(&format!("{name}.width"), side.width, 1, MAX_WIDTH);
        }
        whole("noise_dim", self.noise_dim, 1, MAX_NOISE);
        whole("n_critic", self.n_critic, 1, MAX_MOVES);
        whole("batch", self.batch, 2, MAX_BATCH);
        let mut real = |name: &str, value: f64, least: f64, most: f64| {
            if !(least..=most).contains(&value) {
                problems.push(format!("{name} is {value}, accepted: {least} to {most}"));
            }
        };
        real("generator.learning_rate", self.generator.learning_rate, 0.0, MAX_RATE);
        real("critic.learning_rate", self.critic.learning_rate, 0.0, MAX_RATE);
        real("gamma", self.gamma, 0.0, MAX_GAMMA);
        real("beta_1", self.beta_1, 0.0, 0.9999);
        real("spread", f64::from(self.spread), 0.005, 0.5);
        if self.data == PointSet::Own && self.own.is_empty() {
            problems.push("own is empty, accepted: 1 or more points".into());
        }
        if self.own.len() > MAX_OWN {
            problems.push(format!("own holds {} points, accepted: up to {MAX_OWN}", self.own.len()));
        }
        if !self.own.iter().flatten().all(|value| value.abs() <= MAX_COORDINATE) {
            problems.push(format!("own holds a point out of reach, accepted: -{MAX_COORDINATE} to {MAX_COORDINATE}"));
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Settings(problems)) }
    }

    /// Whether networks made for `others` cannot play on under these.
    pub(super) fn needs_new_networks(&self, others: &Self) -> bool {
        let networks = |s: &Self| {
            let sizes = [&s.generator, &s.critic].map(|side| [side.layers, side.width]);
            (s.seed, sizes, s.noise, s.noise_dim, s.spectral, s.optimizer, s.beta_1.to_bits())
        };
        networks(self) != networks(others)
    }

    pub(super) fn generator_net(&self) -> MlpConfig {
        let Side { layers, width, .. } = self.generator;
        MlpConfig { latent: self.noise_dim, width, depth: layers, ..MlpConfig::default() }
    }

    pub(super) fn critic_net(&self) -> MlpConfig {
        let Side { layers, width, .. } = self.critic;
        let critic_norm = if self.spectral { CriticNorm::Spectral } else { CriticNorm::None };
        let critic_gain = std::f64::consts::SQRT_2;
        MlpConfig { latent: self.noise_dim, width, depth: layers, critic_norm, critic_gain }
    }

    pub(super) fn player(&self, side: &Side) -> PlayerConfig {
        PlayerConfig {
            optimizer: self.optimizer,
            learning_rate: side.learning_rate,
            beta_1: self.beta_1,
            beta_2: 0.99,
            ..PlayerConfig::default()
        }
    }

    /// `n` real points.
    pub(super) fn points(&self, rng: &mut ChaCha8Rng, n: usize) -> Vec<[f32; 2]> {
        (0..n).map(|_| self.data.draw(rng, self.spread, &self.own)).collect()
    }
}
