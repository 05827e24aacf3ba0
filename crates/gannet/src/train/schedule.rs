//! How a learning rate changes over a run.

use serde::{Deserialize, Serialize};

/// The point of a run that a step starts at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Real images shown to the critic so far.
    pub images_seen: u64,
    /// Real images shown by the end of the run.
    pub images_total: u64,
}

/// The course of a learning rate from the first image to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same throughout.
    Constant,
    /// Constant for the first half, then straight down to zero (Zhu et al. 2017, section 4).
    Linear,
    /// Half a cosine down to zero (Loshchilov and Hutter 2017, eq. 5, without restarts).
    Cosine,
}

impl Schedule {
    /// What the learning rate is multiplied by at `moment`, in [0, 1], after a linear rise over `warmup_images`.
    pub fn factor(self, moment: Moment, warmup_images: u64) -> f64 {
        let seen = moment.images_seen as f64;
        let done = (seen / moment.images_total.max(1) as f64).min(1.0);
        let decay = match self {
            Self::Constant => 1.0,
            Self::Linear => (2.0 * (1.0 - done)).min(1.0),
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        let warmup = if warmup_images == 0 { 1.0 } else { ((seen + 1.0) / warmup_images as f64).min(1.0) };
        decay * warmup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(schedule: Schedule, images_seen: u64, warmup: u64) -> f64 {
        schedule.factor(Moment { images_seen, images_total: 1000 }, warmup)
    }

    #[test]
    fn linear_holds_for_half_the_run_and_ends_at_zero() {
        assert_eq!(factor(Schedule::Linear, 0, 0), 1.0);
        assert_eq!(factor(Schedule::Linear, 500, 0), 1.0);
        assert_eq!(factor(Schedule::Linear, 750, 0), 0.5);
        assert_eq!(factor(Schedule::Linear, 1000, 0), 0.0);
    }

    #[test]
    fn cosine_is_at_half_in_the_middle() {
        assert!((factor(Schedule::Cosine, 500, 0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn warmup_rises_to_one_and_stays() {
        assert!(factor(Schedule::Constant, 0, 100) <= 0.01);
        assert_eq!(factor(Schedule::Constant, 99, 100), 1.0);
        assert_eq!(factor(Schedule::Constant, 900, 100), 1.0);
    }
}
