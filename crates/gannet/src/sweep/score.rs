//! What a finished run of a sweep is judged by.
//!
//! Points drawn from known modes are judged by the modes covered and the share of samples of high quality among 2500
//! (`metric::modes`), everything else by the figures of its last tick.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data;
use crate::metric::modes::of_points;
use crate::{Error, Generator, Result, train};

/// Samples that modes are counted with.
const N_SAMPLES: u64 = 2500;

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
        let coverage = of_points(&points, &modes);
        found.insert("modes_covered".into(), coverage.n_covered as f64);
        found.insert("high_quality".into(), coverage.high_quality.unwrap_or_default());
    }
    let wanted = scores(source);
    found.retain(|name, _| wanted.iter().any(|score| score.name == name));
    if found.is_empty() {
        return Err(Error::file(run, "its last figures hold none of the scores of a sweep"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_with_known_modes_have_them_counted() {
        assert_eq!(scores("ring")[0], Score { name: "modes_covered", scale: Scale::Count(8) });
        assert!(scores("fashion-mnist").iter().all(|score| score.name != "modes_covered"));
    }
}
