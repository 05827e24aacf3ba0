//! A sweep: the same recipe over a grid of settings, several seeds each, in one folder that can be gone on with.
//!
//! How a GAN ends depends on its settings and on its seed (Lucic et al. 2018, "Are GANs Created Equal?"): a single run
//! shows neither. A sweep plays every combination with every seed and ends in a table and a plot of the scores.
//!
//! [`Sweep::open`] settles everything before the first run: cells, names, and the length that a budget allows. Then
//! [`Sweep::play`] plays one cell, from where it stopped, and [`Sweep::report`] sums up the cells that have a result.

mod grid;
mod plan;
mod score;
mod table;
mod plot;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use toml::Table as Settings;

use crate::run::{RunDir, lock, write_atomically};
use crate::train::event::Observer;
use crate::train::session::Session;
use crate::{Error, Result, image};

pub use grid::Axis;
pub use plan::Plan;
pub use score::{Scale, Score, scores};
pub use table::{Row, Table};

const FILE: &str = "sweep.toml";
const RESULT: &str = "result.json";

/// A sweep on disk, held by one process at a time.
pub struct Sweep {
    saved: Saved,
    folder: PathBuf,
    cells: Vec<Cell>,
    _lock: File,
}

/// What `sweep.toml` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// Thousands of images of each run, chosen from the budget; none where the settings say it.
    kimg: Option<f64>,
    plan: Plan,
}

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its folder in the sweep's, as `gamma=0.1-seed=0`.
    pub name: String,
    /// One value for each axis of the grid.
    pub values: Vec<String>,
    /// Its seed.
    pub seed: u64,
    settings: Settings,
}

/// How a run of a sweep ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellResult {
    /// At its end, with these scores by name.
    Scores(BTreeMap<String, f64>),
    /// A figure was no longer a number; where and which.
    Diverged(String),
}

impl Sweep {
    /// Makes the sweep `plan` in `folder`, or goes on with it where it is there already. Every setting of a new sweep is
    /// checked and its budget divided before anything is written.
    pub fn open(plan: Plan, folder: &Path) -> Result<Self> {
        let saved = match read(folder)? {
            Some(saved) if saved.plan == plan => saved,
            Some(saved) => {
                let changed = saved.plan.differences(&plan).join(", ");
                let advice = "repeat its own command to go on with it, or choose another name";
                return Err(Error::file(folder, format!("holds a sweep with another {changed}; {advice}")));
            }
            None => Saved { kimg: plan.check()?, plan },
        };
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let lock = lock(folder, "another process is working on this sweep")?;
        let text = toml::to_string(&saved).map_err(|error| Error::file(folder, error.to_string()))?;
        write_atomically(folder.join(FILE), text.as_bytes())?;
        let cells = saved.plan.cells(saved.kimg)?;
        Ok(Self { saved, folder: folder.to_path_buf(), cells, _lock: lock })
    }

    /// Every run of it: the grid's last axis changes faster than the others, the seed faster still.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Thousands of images that the budget allows each run; none where the settings say it.
    pub fn kimg(&self) -> Option<f64> {
        self.saved.kimg
    }

    /// What its runs are scored by.
    pub fn scores(&self) -> Result<Vec<Score>> {
        self.saved.plan.scores()
    }

    /// Where the run of `cell` is, or will be.
    pub fn path(&self, cell: &Cell) -> PathBuf {
        self.folder.join(&cell.name)
    }

    /// How `cell` ended; none where it has not.
    pub fn result(&self, cell: &Cell) -> Result<Option<CellResult>> {
        let path = self.path(cell).join(RESULT);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        serde_json::from_str(&text).map(Some).map_err(|error| Error::file(&path, error.to_string()))
    }

    /// Plays `cell` to its end, from its newest checkpoint where it has one, and notes the result. None where `stop` was
    /// raised before; its state is saved then. A diverged training is a result like any other.
    pub fn play(
        &self,
        cell: &Cell,
        observers: &mut [&mut dyn Observer],
        stop: &AtomicBool,
    ) -> Result<Option<CellResult>> {
        let path = self.path(cell);
        let (session, run) = if path.exists() {
            (Session::resume(&path, &cell.settings)?, RunDir::open(&path)?)
        } else {
            let session = Session::prepare(&cell.settings)?;
            let run = session.create_named(&self.folder, &cell.name)?;
            (session, run)
        };
        let result = match session.train(&run, observers, stop) {
            Ok(outcome) if !outcome.is_complete => return Ok(None),
            Ok(_) => CellResult::Scores(score::of_run(&path, &session.config().data.source)?),
            Err(error @ Error::Diverged { .. }) => CellResult::Diverged(error.to_string()),
            Err(error) => return Err(error),
        };
        let text = serde_json::to_string(&result).map_err(|error| Error::file(&path, error.to_string()))?;
        write_atomically(path.join(RESULT), text.as_bytes())?;
        Ok(Some(result))
    }

    /// The results so far, seeds summed up.
    pub fn table(&self) -> Result<Table> {
        let plan = &self.saved.plan;
        let mut rows: Vec<Row> = vec![];
        for cell in &self.cells {
            let Some(result) = self.result(cell)? else { continue };
            match rows.last_mut().filter(|row| row.values == cell.values) {
                Some(row) => row.results.push(result),
                None => rows.push(Row { values: cell.values.clone(), results: vec![result] }),
            }
        }
        Ok(Table { axes: plan.grid.clone(), scores: self.scores()?, rows })
    }

    /// Writes `table.csv`, `table.md` and `sweep.png`, which shows the scores named by `metrics`, or the first two.
    pub fn report(&self, metrics: &[String]) -> Result<Table> {
        let table = self.table()?;
        let chosen = select(&table.scores, metrics)?;
        let write = |name: &str, bytes: &[u8]| write_atomically(self.folder.join(name), bytes);
        write("table.csv", table.to_csv().as_bytes())?;
        write("table.md", table.to_markdown().as_bytes())?;
        let plan = &self.saved.plan;
        let plural = if plan.seeds == 1 { "" } else { "s" };
        let title = format!("{}, {} seed{plural}", plan.recipe, plan.seeds);
        let picture = plot::draw(&title, &table, &chosen)
            .and_then(|picture| image::encode_png(&picture, &[("Software", "gannet")]))
            .map_err(|reason| Error::file(self.folder.join("sweep.png"), reason))?;
        write("sweep.png", &picture)?;
        Ok(table)
    }
}

/// Those of `scores` that `metrics` name, or the first few.
pub fn select(scores: &[Score], metrics: &[String]) -> Result<Vec<Score>> {
    if metrics.is_empty() {
        return Ok(scores[..score::N_PLOTTED.min(scores.len())].to_vec());
    }
    let find = |name: &String| scores.iter().find(|score| score.name == name).cloned();
    let unknown = |name| Error::unknown("metric", name, scores.iter().map(|score| score.name));
    metrics.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

/// The sweep that `folder` holds, if any.
fn read(folder: &Path) -> Result<Option<Saved>> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    toml::from_str(&text).map(Some).map_err(|error| Error::file(&path, error.to_string()))
}
