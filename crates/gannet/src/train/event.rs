//! What the loop tells its observers, and what they make of it.

use std::collections::BTreeMap;

use super::doctor::{Finding, Rollback};
use super::schedule::Moment;
use crate::Result;
use crate::method::Method;

/// Figures by name, means over the steps they cover.
///
/// The two-player methods report `loss_generator`, `loss_critic`, `score_real`, `score_fake` (mean scores), `score_gap`
/// (their difference in pooled standard deviations, which compares critics of any loss),
/// `accuracy_real`, `accuracy_fake` (shares of a batch that the critic gets right, in [0, 1]),
/// `gradient_norm_generator` and `gradient_norm_critic` (Euclidean, over all weights). Where there are such things, also
/// `penalty` (as it is added to the critic's loss), `augment` (the augmentation's strength, in [0, 1]), `balance` and
/// `convergence`; of translators `reconstruction` (from the true target), `cycle` (there and back) and `identity` (of what
/// is a target already): mean absolute differences, unweighted. `nce` and
/// `nce_identity` are how hard patches of fakes and of translated targets are to find again, unweighted.
pub type Stats = BTreeMap<&'static str, f64>;

/// One thing that happened.
pub enum Event<'a> {
    /// Training begins, or goes on.
    Started {
        /// Before the first step.
        moment: Moment,
        /// The game.
        method: &'a dyn Method,
    },
    /// One step ended.
    Step {
        /// After the step.
        moment: Moment,
        /// The step's own figures.
        stats: &'a Stats,
        /// The game.
        method: &'a dyn Method,
    },
    /// A stretch of steps ended.
    Tick(&'a Tick),
    /// The game's state is worth keeping.
    Snapshot {
        /// After the last step.
        moment: Moment,
        /// The game.
        method: &'a dyn Method,
    },
    /// A figure of the step that ended is no number; training ends with this.
    Diverged {
        /// After the step.
        moment: Moment,
        /// Which figure, and its value.
        figure: &'a str,
    },
    /// The doctor names a failure, or says that it is over.
    Finding(&'a Finding),
    /// The run goes on from an earlier state.
    Rollback(&'a Rollback),
}

/// A stretch of steps, summed up.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Number of the tick, from 1.
    pub index: u64,
    /// At its end.
    pub moment: Moment,
    /// Seconds since training began or was resumed.
    pub seconds: f64,
    /// Seconds of this tick, snapshots excluded.
    pub tick_seconds: f64,
    /// Seconds spent on snapshots since the last tick.
    pub maintenance_seconds: f64,
    /// Images of this tick.
    pub n_images: u64,
    /// Means over the tick's steps.
    pub stats: Stats,
}

impl Tick {
    /// One object: progress, times, then the figures.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({
            "tick": self.index,
            "images": self.moment.images_seen,
            "kimg": self.moment.images_seen as f64 / 1000.0,
            "seconds": self.seconds,
            "sec_per_kimg": self.seconds_per_kimg(),
            "maintenance_seconds": self.maintenance_seconds,
        });
        for (name, value) in &self.stats {
            object[*name] = (*value).into();
        }
        object
    }

    /// Seconds of training per thousand images.
    pub fn seconds_per_kimg(&self) -> f64 {
        self.tick_seconds * 1000.0 / self.n_images.max(1) as f64
    }
}

/// Whoever wants to know: a progress bar, a log, the run directory.
pub trait Observer {
    /// Takes note of `event`. An error ends the training.
    fn observe(&mut self, event: &Event) -> Result<()>;
}

/// Means of figures over steps.
#[derive(Default)]
pub(super) struct Mean {
    sums: Stats,
    n_steps: u64,
}

impl Mean {
    pub(super) fn add(&mut self, stats: &Stats) {
        for (&name, value) in stats {
            *self.sums.entry(name).or_default() += value;
        }
        self.n_steps += 1;
    }

    pub(super) fn take(&mut self) -> Stats {
        let Self { sums, n_steps } = std::mem::take(self);
        sums.into_iter().map(|(name, sum)| (name, sum / n_steps.max(1) as f64)).collect()
    }
}
