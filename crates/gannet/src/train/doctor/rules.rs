//! The failures and their signatures: which figures, beyond which thresholds, for how long.
//!
//! Every failure is one function from the checks so far to its conditions. It is raised once all of them have held for
//! some checks in a row, and cleared once one of them has been on the safe side, with a margin, for as many.

use serde::{Deserialize, Serialize};

use super::Check;
use crate::metric::median;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A figure is no number any more, or has left every scale.
    Divergence,
    /// All samples are alike (Goodfellow 2016, "NIPS 2016 Tutorial: Generative Adversarial Networks", section 5.1.1).
    FullCollapse,
    /// Samples are good but miss parts of the data (the same, and Srivastava et al. 2017).
    PartialCollapse,
    /// The critic is nearly always right, and far from doubt.
    Overpowering,
    /// The generator learns next to nothing from a critic that is sure (Arjovsky and Bottou 2017, theorem 2.4).
    VanishingGradient,
    /// The players chase each other in circles (Mescheder et al. 2017, "The Numerics of GANs").
    Oscillation,
    /// Samples are copies of training data.
    Memorisation,
    /// Samples look as augmented data do (Karras et al. 2020, section 2.2).
    AugmentationLeak,
    /// Nothing moves, and samples are still far from the data.
    Stalled,
}

/// The side of a threshold that is a failure's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The figure exceeds the threshold.
    Above,
    /// The figure falls below the threshold.
    Below,
}

/// One figure of a signature and its threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The figure: one of [`super::FIGURES`], or made of them over several checks.
    pub figure: String,
    /// Its value.
    pub value: f64,
    /// Which side of the threshold is bad.
    pub is: Bound,
    /// Where a failure begins.
    pub threshold: f64,
    /// Where it ends: further on the safe side, so that a finding does not flicker.
    pub clears_at: f64,
}

impl Condition {
    fn new(figure: &str, value: f64, is: Bound, [threshold, clears_at]: [f64; 2]) -> Self {
        Self { figure: figure.to_owned(), value, is, threshold, clears_at }
    }

    pub(super) fn is_met(&self) -> bool {
        self.is_beyond(self.threshold)
    }

    pub(super) fn is_cleared(&self) -> bool {
        !self.is_beyond(self.clears_at)
    }

    fn is_beyond(&self, threshold: f64) -> bool {
        match self.is {
            Bound::Above => self.value > threshold,
            Bound::Below => self.value < threshold,
        }
    }
}

/// A failure's signature.
pub struct Rule {
    /// Which failure.
    pub kind: Kind,
    /// Checks in a row that raise it, and that clear it.
    pub persistence: usize,
    /// Its conditions now; none where the figures do not allow a judgement.
    pub conditions: fn(&[Check]) -> Option<Vec<Condition>>,
}

/// All signatures, the gravest first. The thresholds were chosen on provoked and on healthy runs of other seeds than those
/// that EXPERIMENTS.md counts; `examples/provoke.rs` plays both.
pub const RULES: [Rule; 9] = [
    Rule { kind: Kind::Divergence, persistence: 1, conditions: divergence },
    Rule { kind: Kind::FullCollapse, persistence: 2, conditions: full_collapse },
    Rule { kind: Kind::PartialCollapse, persistence: 3, conditions: partial_collapse },
    Rule { kind: Kind::Overpowering, persistence: 4, conditions: overpowering },
    Rule { kind: Kind::VanishingGradient, persistence: 3, conditions: vanishing_gradient },
    Rule { kind: Kind::Oscillation, persistence: 2, conditions: oscillation },
    Rule { kind: Kind::Memorisation, persistence: 3, conditions: memorisation },
    Rule { kind: Kind::AugmentationLeak, persistence: 4, conditions: augmentation_leak },
    Rule { kind: Kind::Stalled, persistence: 4, conditions: stalled },
];

use Bound::{Above, Below};

/// Losses or samples have left every scale that a game is played on; what is no number ends a run by itself.
fn divergence(checks: &[Check]) -> Option<Vec<Condition>> {
    let now = checks.last()?;
    let losses = now.get("loss_critic")?.abs().max(now.get("loss_generator")?.abs());
    let greatest = losses.max(now.get("spread").unwrap_or(0.0));
    Some(vec![Condition::new("greatest of losses and spread", greatest, Above, [1e4, 1e3])])
}

/// Checks over which a figure is judged that jumps from one to the next.
const WINDOW: usize = 6;

/// Where the critic scores held-out data nearly as it scores fakes; adaptive augmentation holds this figure near 0.6.
const LEARNT_BY_HEART: f64 = 0.8;

/// Checks over which progress is judged, and those before them that it is judged against.
const STRETCH: usize = 3;

/// Samples are alike, and have moved: those of a new generator are alike too.
fn full_collapse(checks: &[Check]) -> Option<Vec<Condition>> {
    let travelled: f64 = checks.iter().filter_map(|check| check.get("motion")).sum();
    Some(vec![
        Condition::new("median spread", median(last(checks, "spread", WINDOW)?), Below, [0.12, 0.18]),
        Condition::new("way travelled", travelled, Above, [1.0, 1.0]),
    ])
}

/// Samples lie where reals lie, but reals lie where no samples do, and that does not get better.
fn partial_collapse(checks: &[Check]) -> Option<Vec<Condition>> {
    let now = checks.last()?;
    Some(vec![
        Condition::new("reached", now.get("reached")?, Below, [0.75, 0.85]),
        Condition::new("stray", now.get("stray")?, Below, [0.4, 0.5]),
        Condition::new("spread", now.get("spread")?, Above, [0.1, 0.05]),
        Condition::new("distance", now.get("distance")?, Above, [0.35, 0.25]),
        Condition::new("distance gained", gained(checks, WINDOW)?, Below, [0.05, 0.15]),
    ])
}

/// Scores of reals and fakes hardly overlap, and the generator gets no nearer to the data. An accuracy has no natural
/// middle with critics that are not classifiers, so the gap between the scores in standard deviations has to agree.
fn overpowering(checks: &[Check]) -> Option<Vec<Condition>> {
    let now = checks.last()?;
    let accuracy = now.get("accuracy_real")?.min(now.get("accuracy_fake")?);
    let mut conditions = vec![Condition::new("lesser accuracy", accuracy, Above, [0.95, 0.9])];
    if let Some(gap) = now.get("score_gap") {
        conditions.push(Condition::new("score_gap", gap, Above, [2.0, 1.5]));
    }
    if now.get("distance").is_some() {
        conditions.push(Condition::new("distance", now.get("distance")?, Above, [0.3, 0.25]));
        conditions.push(Condition::new("distance gained", gained(checks, STRETCH)?, Below, [0.03, 0.06]));
    }
    Some(conditions)
}

/// The generator's gradient is a small part of what it was, before a critic that is sure.
fn vanishing_gradient(checks: &[Check]) -> Option<Vec<Condition>> {
    let norms: Vec<f64> = checks.iter().filter_map(|check| check.get("gradient_norm_generator")).collect();
    let peak = norms.iter().copied().fold(0.0, f64::max);
    let now = checks.last()?;
    let accuracy = now.get("accuracy_real")?.min(now.get("accuracy_fake")?);
    Some(vec![
        Condition::new("generator's gradient, of its peak", norms.last()? / peak.max(1e-30), Below, [0.05, 0.1]),
        Condition::new("lesser accuracy", accuracy, Above, [0.97, 0.9]),
    ])
}

/// Samples wander as a whole, by a large part of the distance between reals at every check, and get no nearer to them;
/// and, once there are steps enough to see it, the critic's loss swings more regularly than noise does.
fn oscillation(checks: &[Check]) -> Option<Vec<Condition>> {
    let rhythm =
        last(checks, "rhythm", WINDOW).map(|shares| Condition::new("mean rhythm", mean(&shares), Above, [0.12, 0.1]));
    let mut conditions = vec![
        Condition::new("mean motion", mean(&last(checks, "motion", WINDOW)?), Above, [0.3, 0.2]),
        Condition::new("mean distance", mean(&last(checks, "distance", WINDOW)?), Above, [0.3, 0.25]),
        Condition::new("distance gained", gained(checks, WINDOW)?, Below, [0.2, 0.3]),
    ];
    conditions.extend(rhythm);
    Some(conditions)
}

/// Samples are much nearer to training data than training data are to each other; or, where data are held out, the critic
/// takes these for fakes.
fn memorisation(checks: &[Check]) -> Option<Vec<Condition>> {
    let now = checks.last()?;
    if let (Some(overfit), Some(accuracy)) = (now.get("overfit"), now.get("accuracy_held_out"))
        && overfit > LEARNT_BY_HEART
    {
        return Some(vec![
            Condition::new("overfit", overfit, Above, [LEARNT_BY_HEART, LEARNT_BY_HEART]),
            Condition::new("accuracy_held_out", accuracy, Below, [0.2, 0.3]),
        ]);
    }
    Some(vec![
        Condition::new("copying", now.get("copying")?, Below, [0.75, 0.8]),
        Condition::new("spread", now.get("spread")?, Above, [0.3, 0.2]),
    ])
}

/// Samples are nearer to reals that were augmented, or turned or inverted in one way, than to reals, and stay so.
fn augmentation_leak(checks: &[Check]) -> Option<Vec<Condition>> {
    let now = checks.last()?;
    Some(vec![
        Condition::new("leak", now.get("leak")?, Above, [0.3, 0.2]),
        Condition::new("spread", now.get("spread")?, Above, [0.3, 0.2]),
        Condition::new("distance gained", gained(checks, WINDOW)?, Below, [0.05, 0.15]),
    ])
}

/// The generator hardly moves, far from the data.
fn stalled(checks: &[Check]) -> Option<Vec<Condition>> {
    let motions = last(checks, "motion", STRETCH)?;
    let least = last(checks, "distance", STRETCH)?.into_iter().fold(f64::INFINITY, f64::min);
    Some(vec![
        Condition::new("mean motion", mean(&motions), Below, [0.01, 0.02]),
        Condition::new("distance", least, Above, [0.4, 0.35]),
        Condition::new("distance gained", gained(checks, STRETCH)?, Below, [0.02, 0.04]),
    ])
}

/// The figure in the last `n` checks, if all have it.
fn last(checks: &[Check], figure: &str, n: usize) -> Option<Vec<f64>> {
    checks.get(checks.len().checked_sub(n)?..)?.iter().map(|check| check.get(figure)).collect()
}

/// By which part the mean distance of the last `n` checks is less than that of the `n` before.
fn gained(checks: &[Check], n: usize) -> Option<f64> {
    let distances = last(checks, "distance", 2 * n)?;
    let [before, now] = [&distances[..n], &distances[n..]].map(mean);
    Some(1.0 - now / before.max(1e-12))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
