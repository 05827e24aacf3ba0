//! What a finished run of a sweep is judged by.
//!
//! Points drawn from known modes are judged by the modes covered and the share of samples of high quality (Srivastava et
//! al. 2017, section 4; Lin et al. 2018, section 4.1): 2500 samples of the averaged generator, a sample is of high quality
//! within three standard deviations of a mode, and a mode with at least one such sample is covered. Everything else has
//! the figures of its last tick.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::{self, Modes};
use crate::{Error, Generator, Result, train};

/// Samples that modes are counted with, as Lin et al. 2018 do (section 4.1).
const N_SAMPLES: u64 = 2500;

/// A sample within so many standard deviations of a mode is of high quality.
const QUALITY_SIGMAS: f32 = 3.0;

/// One figure that runs are compared by.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// As tables and `--metric` know it.
    pub name: &'static str,
    /// How it is written and how far it can reach.
    pub scale: Scale,
}

/// How a score is written and how far it can reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// A whole number, up to this one.
    Count(usize),
    /// A share, in [0, 1].
    Share,
    /// Any number.
    Free,
}

impl Scale {
    /// `value` in words for people.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Count(_) => value.to_string(),
            Self::Share => format!("{:.1}%", 100.0 * value),
            Self::Free => format!("{value:.3}"),
        }
    }
}

/// What runs on the data set called `source` are scored by, the most telling first.
pub fn scores(source: &str) -> Vec<Score> {
    let modes = data::modes(source).map(|modes| {
        [
            Score { name: "modes_covered", scale: Scale::Count(modes.centres.len()) },
            Score { name: "high_quality", scale: Scale::Share },
        ]
    });
    let figures = [
        Score { name: "accuracy_real", scale: Scale::Share },
        Score { name: "accuracy_fake", scale: Scale::Share },
        Score { name: "loss_generator", scale: Scale::Free },
        Score { name: "loss_critic", scale: Scale::Free },
    ];
    modes.into_iter().flatten().chain(figures).collect()
}

/// How many of [`scores`] a plot shows unless told otherwise.
pub(super) const N_PLOTTED: usize = 2;

/// The scores of the finished run at `run`, on the data set called `source`, by name.
pub(super) fn of_run(run: &Path, source: &str) -> Result<BTreeMap<String, f64>> {
    let mut found = train::last_figures(run)?;
    if let Some(modes) = data::modes(source) {
        let points = Generator::load(run)?.points(&(0..N_SAMPLES).collect::<Vec<_>>())?;
        let [covered, quality] = coverage(&points, &modes);
        found.extend([("modes_covered".to_owned(), covered), ("high_quality".to_owned(), quality)]);
    }
    let wanted = scores(source);
    found.retain(|name, _| wanted.iter().any(|score| score.name == name));
    if found.is_empty() {
        return Err(Error::file(run, "its last figures hold none of the scores of a sweep"));
    }
    Ok(found)
}

/// Modes covered by `points`, and the share of points of high quality.
fn coverage(points: &[[f32; 2]], modes: &Modes) -> [f64; 2] {
    let reach = QUALITY_SIGMAS * modes.sigma;
    let is_near = |[x, y]: [f32; 2], [u, v]: [f32; 2]| (x - u).hypot(y - v) <= reach;
    let n_covered = modes.centres.iter().filter(|centre| points.iter().any(|point| is_near(*point, **centre))).count();
    let n_good = points.iter().filter(|point| modes.centres.iter().any(|centre| is_near(**point, *centre))).count();
    [n_covered as f64, n_good as f64 / points.len().max(1) as f64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_covered_within_three_sigma_and_not_beyond() {
        let modes = Modes { centres: vec![[0.0, 0.0], [1.0, 0.0]], sigma: 0.1 };
        assert_eq!(coverage(&[[0.29, 0.0], [0.5, 0.0]], &modes), [1.0, 0.5]);
        assert_eq!(coverage(&[[0.0, 0.29], [0.9, 0.1]], &modes), [2.0, 1.0]);
        assert_eq!(coverage(&[[0.0, 0.31]], &modes), [0.0, 0.0]);
    }

    #[test]
    fn only_data_with_known_modes_have_them_counted() {
        assert_eq!(scores("ring")[0], Score { name: "modes_covered", scale: Scale::Count(8) });
        assert!(scores("fashion-mnist").iter().all(|score| score.name != "modes_covered"));
    }
}
