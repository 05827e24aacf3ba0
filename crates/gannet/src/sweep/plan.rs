//! What a sweep is to do, and how its budget is divided, settled before the first run.

use std::collections::BTreeSet;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Table as Settings;

use super::grid::{cell_name, combinations, short_names};
use super::score::{Scale, Score, scores};
use super::{Axis, Cell};
use crate::data::DataConfig;
use crate::train::session::Session;
use crate::{Error, Result, run};

/// The share of a budget that goes into steps. The rest is for the start, the snapshots and the scores of each run.
const SHARE_FOR_STEPS: f64 = 0.9;

/// Everything that a sweep depends on: equal plans give equal tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// A name for people.
    pub recipe: String,
    /// Each combination is played with the seeds 0 to `seeds` - 1.
    pub seeds: u64,
    /// Wall clock for all runs together, in seconds; without one, `train.kimg` is each run's length.
    pub budget_seconds: Option<f64>,
    /// What changes from cell to cell.
    pub grid: Vec<Axis>,
    /// What does not: the tables `data`, `method` and `train`, all optional.
    pub settings: Settings,
}

impl Plan {
    /// `recipe-hash`: the same for the same plan, another for another.
    pub fn folder_name(&self) -> Result<String> {
        let text = toml::to_string(self).map_err(|error| Error::setting(error.to_string()))?;
        let hash: String = Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{}-{hash}", self.recipe))
    }

    /// Every run, with the length that `kimg` says or, without it, the settings.
    pub(super) fn cells(&self, kimg: Option<f64>) -> Result<Vec<Cell>> {
        let names = short_names(&self.grid);
        let mut cells = vec![];
        for values in combinations(&self.grid) {
            for seed in 0..self.seeds {
                let mut settings = self.settings.clone();
                for (axis, value) in self.grid.iter().zip(&values) {
                    run::assign(&mut settings, &format!("{}={value}", axis.key))?;
                }
                run::assign(&mut settings, &format!("train.seed={seed}"))?;
                if let Some(kimg) = kimg {
                    run::assign(&mut settings, &format!("train.kimg={kimg:?}"))?;
                }
                cells.push(Cell { name: cell_name(&names, &values, seed), values: values.clone(), seed, settings });
            }
        }
        Ok(cells)
    }

    /// Prepares every cell, which refuses what cannot be trained, and returns the kimg that the budget allows each run.
    /// Takes some seconds for each combination where there is a budget: a change of setting can change the pace.
    pub(super) fn check(&self) -> Result<Option<f64>> {
        let began = Instant::now();
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::Settings(problems));
        }
        let cells = self.cells(None)?;
        let mut names = BTreeSet::new();
        if let Some(twice) = cells.iter().find(|cell| !names.insert(&cell.name)) {
            return Err(Error::setting(format!("two runs of this grid would share the folder `{}`", twice.name)));
        }
        // Whether a setting can be trained does not depend on the seed.
        let mut sessions = cells.iter().filter(|cell| cell.seed == 0).map(|cell| Session::prepare(&cell.settings));
        let Some(budget) = self.budget_seconds else {
            return sessions.try_for_each(|session| session.map(drop)).map(|()| None);
        };
        let (mut paces, mut smallest) = (vec![], 0.0f64);
        for session in sessions {
            let session = session?;
            paces.push(session.measure_seconds_per_kimg()?);
            smallest = smallest.max(session.config().train.batch as f64 / 1000.0);
        }
        let kimg = kimg_within(budget - began.elapsed().as_secs_f64(), &paces, self.seeds);
        if kimg < smallest {
            let needed = (smallest / kimg_within(1.0, &paces, self.seeds) + began.elapsed().as_secs_f64()).ceil();
            return Err(Error::setting(format!(
                "a budget of {budget} s does not give each of {} runs one batch; accepted: {needed} s or more",
                cells.len()
            )));
        }
        Ok(Some(kimg))
    }

    /// What its runs are scored by: a score of any of them is a score of the sweep.
    pub fn scores(&self) -> Result<Vec<Score>> {
        let mut all: Vec<Score> = vec![];
        for cell in self.cells(None)?.iter().filter(|cell| cell.seed == 0) {
            let data: DataConfig = run::section(&cell.settings, "data")?;
            for score in scores(&data.source) {
                match all.iter_mut().find(|known| known.name == score.name) {
                    None => all.push(score),
                    Some(known) => known.scale = widest(known.scale, score.scale),
                }
            }
        }
        Ok(all)
    }

    /// The parts in which `other` differs.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let parts = [
            ("recipe name", self.recipe != other.recipe),
            ("grid", self.grid != other.grid),
            ("number of seeds", self.seeds != other.seeds),
            ("budget", self.budget_seconds != other.budget_seconds),
            ("recipe or --set", self.settings != other.settings),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(1..=1000).contains(&self.seeds) {
            problems.push(format!("the number of seeds is {}, accepted: 1 to 1000", self.seeds));
        }
        if self.grid.is_empty() {
            problems.push("the grid is empty, accepted: one setting with its values or more".into());
        }
        let mut keys = BTreeSet::new();
        for Axis { key, .. } in &self.grid {
            if !keys.insert(key) {
                problems.push(format!("`{key}` is in the grid twice"));
            }
            if key == "train.seed" {
                problems
                    .push("`train.seed` cannot be in the grid; the number of seeds says how many are played".into());
            }
            if key == "train.kimg" && self.budget_seconds.is_some() {
                problems.push("`train.kimg` cannot be in the grid of a sweep with a budget, which decides it".into());
            }
        }
        problems
    }
}

/// The kimg of each run, so that `n_seeds` runs at each of `paces` (seconds per kimg) end within `seconds`.
fn kimg_within(seconds: f64, paces: &[f64], n_seeds: u64) -> f64 {
    seconds.max(0.0) * SHARE_FOR_STEPS / (paces.iter().sum::<f64>() * n_seeds as f64)
}

fn widest(a: Scale, b: Scale) -> Scale {
    match (a, b) {
        (Scale::Count(a), Scale::Count(b)) => Scale::Count(a.max(b)),
        _ => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(grid: &[&str]) -> Plan {
        let mut settings = Settings::new();
        for assignment in ["data.source=ring", "method.net.width=8", "train.kimg=0.1", "train.batch=10"] {
            run::assign(&mut settings, assignment).unwrap();
        }
        let grid = grid.iter().map(|text| Axis::parse(text).unwrap()).collect();
        Plan { recipe: "ring".into(), seeds: 2, budget_seconds: None, grid, settings }
    }

    #[test]
    fn a_budget_is_divided_equally_whatever_each_setting_s_pace() {
        let paces = [1.0, 3.0];
        let kimg = kimg_within(100.0, &paces, 5);
        let spent: f64 = paces.iter().map(|pace| pace * kimg * 5.0).sum();
        assert!((spent - 90.0).abs() < 1e-9);
        assert_eq!(kimg_within(-1.0, &paces, 5), 0.0);
    }

    #[test]
    fn cells_differ_in_grid_and_seed_alone() {
        let cells = plan(&["method.net.width=8,16"]).cells(Some(2.5)).unwrap();
        let names: Vec<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["width=8-seed=0", "width=8-seed=1", "width=16-seed=0", "width=16-seed=1"]);
        assert_eq!(cells[3].settings["method"]["net"]["width"].as_integer(), Some(16));
        assert_eq!(cells[3].settings["train"]["seed"].as_integer(), Some(1));
        assert_eq!(cells[3].settings["train"]["kimg"].as_float(), Some(2.5));
        assert_eq!(cells[3].settings["train"]["batch"].as_integer(), Some(10));
    }

    #[test]
    fn the_folder_s_name_depends_on_every_part_of_the_plan() {
        let first = plan(&["method.net.width=8,16"]);
        let others = [
            plan(&["method.net.width=8,32"]),
            Plan { seeds: 3, ..first.clone() },
            Plan { budget_seconds: Some(60.0), ..first.clone() },
            Plan { settings: Settings::new(), ..first.clone() },
        ];
        assert_eq!(first.folder_name().unwrap(), first.clone().folder_name().unwrap());
        for other in others {
            assert_ne!(first.folder_name().unwrap(), other.folder_name().unwrap());
            assert_eq!(first.differences(&other).len(), 1);
        }
    }

    #[test]
    fn grids_that_cannot_be_played_are_refused() {
        for (grid, problem) in [
            (&["train.seed=1,2"][..], "`train.seed` cannot be in the grid"),
            (&["method.net.width=8", "method.net.width=9"], "in the grid twice"),
            (&["method.net.widht=8"], "did you mean `method.net.width`?"),
            (&["method.net.width=8,wide"], "method.net.width is \"wide\""),
            (&["method.loss=a/b,a:b"], "would share the folder"),
            (&[], "the grid is empty"),
        ] {
            let error = plan(grid).check().unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let short = Plan { budget_seconds: Some(0.1), ..plan(&["method.net.width=8"]) };
        assert!(short.check().unwrap_err().to_string().contains("does not give each of 2 runs one batch"));
    }
}
