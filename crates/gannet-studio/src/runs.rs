//! What a folder of runs holds. A run is known to clients by its folder's name, which is only ever compared with what the
//! folder lists: no path of a client reaches the file system.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use gannet::image::Shape;
use gannet::method::{self, Networks};
use serde::Serialize;
use serde_json::Value;
use toml::Table;

use crate::history::{self, Line};
use crate::problem::Problem;

/// Points of the small curve beside a run.
const SPARKLINE: usize = 48;

/// A run is taken to be in training while its figures are younger than this many of its ticks, and this long.
const QUIET_TICKS: f64 = 6.0;
const QUIET: Duration = Duration::from_secs(30);

/// The state of a run that goes on.
pub(crate) const TRAINING: &str = "training";

/// A run in a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) data: String,
    pub(crate) kimg: f64,
    pub(crate) kimg_total: f64,
    /// `training`, `stopped` or `done`.
    pub(crate) state: &'static str,
    /// Seconds since 1970 of its last sign of life.
    pub(crate) modified: u64,
    pub(crate) best: Option<Best>,
    /// The critic's accuracy over time, in [0, 1].
    pub(crate) accuracy: Vec<f64>,
    /// Kinds of findings that stand, where the run was watched.
    pub(crate) findings: Option<Vec<String>>,
    pub(crate) has_generator: bool,
    /// What its network does: `samples`, `translates`, `enlarges`, `fills` or, of a method that is not known, nothing.
    pub(crate) deed: &'static str,
    /// The newest picture's name.
    pub(crate) picture: Option<String>,
    /// How long it may be silent and still count as in training.
    #[serde(skip)]
    patience: Duration,
}

/// The best value of a run's first metric.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Best {
    pub(crate) protocol: String,
    /// Which of its figures.
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

/// One metric's course.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Metric {
    pub(crate) protocol: String,
    pub(crate) lines: Vec<Line>,
}

/// A picture that a run drew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Drawing {
    pub(crate) name: String,
    /// Of which moment; the reals have none.
    pub(crate) kimg: Option<u64>,
}

/// The runs of a folder, with what was read of them.
pub(crate) struct Index {
    folder: PathBuf,
    known: Mutex<HashMap<PathBuf, (Stamp, Arc<Summary>)>>,
}

/// What changes when a run goes on: size and time of its figures, and the number of its files.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    n_bytes: u64,
    modified: SystemTime,
    folder: SystemTime,
}

impl Index {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// The folder as it was named.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a new run is made.
    pub(crate) fn outdir(&self) -> Result<PathBuf, Problem> {
        if is_run(&self.folder) {
            return Err(Problem::new(StatusCode::CONFLICT, "this studio shows one run; open it on a folder of runs"));
        }
        Ok(self.folder.clone())
    }

    /// All runs, the newest first.
    pub(crate) fn list(&self) -> Vec<Summary> {
        let mut found: Vec<Summary> =
            self.folders(|_| true).into_iter().filter_map(|(id, path)| self.summary(id, &path)).collect();
        found.sort_by(|a, b| b.id.cmp(&a.id));
        found
    }

    /// The folder of the run called `id`.
    pub(crate) fn find(&self, id: &str) -> Option<PathBuf> {
        self.folders(|known| known == id).pop().map(|(_, path)| path)
    }

    /// Names and folders of the runs whose name `is_wanted`.
    fn folders(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(String, PathBuf)> {
        if is_run(&self.folder) {
            let full = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
            let name = full.file_name().and_then(|name| name.to_str()).unwrap_or("run");
            return if is_wanted(name) { vec![(name.to_owned(), self.folder.clone())] } else { vec![] };
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return vec![] };
        let named = |entry: fs::DirEntry| Some((entry.file_name().to_str()?.to_owned(), entry.path()));
        let is_shown = |(id, path): &(String, PathBuf)| !id.starts_with('.') && is_wanted(id) && is_run(path);
        entries.flatten().filter_map(named).filter(is_shown).collect()
    }

    pub(crate) fn summary(&self, id: String, path: &Path) -> Option<Summary> {
        let stamp = stamp(path)?;
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(path).filter(|(seen, _)| *seen == stamp).map(|(_, summary)| summary.clone());
        let summary = match known {
            Some(summary) => summary,
            None => {
                let summary = Arc::new(summarize(id, path, stamp)?);
                lock().insert(path.to_path_buf(), (stamp, summary.clone()));
                summary
            }
        };
        let mut summary = (*summary).clone();
        // A run falls silent without any file that was looked at changing.
        let is_silent = || stamp.modified.elapsed().is_ok_and(|age| age > summary.patience);
        if summary.state == TRAINING && (is_silent() || says_goodbye(path)) {
            summary.state = "stopped";
        }
        Some(summary)
    }
}

fn is_run(path: &Path) -> bool {
    path.join("config.toml").is_file()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let folder = fs::metadata(path).ok()?.modified().ok()?;
    let figures = fs::metadata(path.join("stats.jsonl")).ok();
    let n_bytes = figures.as_ref().map_or(0, fs::Metadata::len);
    let modified = figures.and_then(|figures| figures.modified().ok()).unwrap_or(folder);
    Some(Stamp { n_bytes, modified, folder })
}

/// Whether the log ends with what an interrupted training says at last.
fn says_goodbye(path: &Path) -> bool {
    history::tail(&path.join("log.txt"), 1).starts_with("stopped and saved")
}

fn patience(lines: &[Line]) -> Duration {
    let seconds: Vec<f64> = lines.iter().rev().take(2).filter_map(|line| number(line, "seconds")).collect();
    let tick = if let [last, before] = seconds[..] { last - before } else { 0.0 };
    Duration::try_from_secs_f64(QUIET_TICKS * tick).map_or(QUIET, |patience| patience.max(QUIET))
}

fn summarize(id: String, path: &Path, stamp: Stamp) -> Option<Summary> {
    // Read as a table and not as a `Config`, so that runs of other versions open.
    let config: Table = fs::read_to_string(path.join("config.toml")).ok()?.parse().unwrap_or_default();
    let entry = |section: &str, name: &str| config.get(section)?.get(name);
    let text = |section, name| entry(section, name).and_then(|value| value.as_str().map(str::to_owned));
    let (lines, _) = history::read(&path.join("stats.jsonl"), 0);
    let kimg = lines.last().and_then(|line| number(line, "kimg")).unwrap_or(0.0);
    let total = entry("train", "kimg").and_then(|kimg| kimg.as_float().or(kimg.as_integer().map(|kimg| kimg as f64)));
    let kimg_total = total.unwrap_or(kimg);
    let state = if kimg + 1e-9 < kimg_total { TRAINING } else { "done" };
    let accuracy = |line: &Line| Some(0.5 * (number(line, "accuracy_real")? + number(line, "accuracy_fake")?));
    let best = metrics(path).into_iter().find_map(best);
    let modified = stamp.modified.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let method = text("method", "name").unwrap_or_else(|| "unknown".into());
    Some(Summary {
        id,
        deed: deed(&method),
        method,
        data: source(&text("data", "source").unwrap_or_default()),
        kimg,
        kimg_total,
        state,
        patience: patience(&lines),
        modified,
        best,
        accuracy: history::thinned(lines.iter().filter_map(accuracy).collect(), SPARKLINE),
        findings: standing(path),
        has_generator: path.join("generator.safetensors").is_file(),
        picture: drawings(path).into_iter().rev().find(|drawing| drawing.kimg.is_some()).map(|drawing| drawing.name),
    })
}

/// What the network does that the method called `name` trains.
fn deed(name: &str) -> &'static str {
    const ANY: Shape = Shape { channels: 3, height: 64, width: 64 };
    let Ok(entry) = method::find(name) else { return "" };
    match (entry.preset)(ANY).net() {
        Networks::Sampler(_) => "samples",
        Networks::Translator(_) => "translates",
        Networks::Upscaler { .. } => "enlarges",
        Networks::Inpainter { .. } => "fills",
    }
}

/// The data's name, of a path only the last part.
fn source(source: &str) -> String {
    Path::new(source).file_name().map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Kinds of findings that were raised and not cleared.
fn standing(path: &Path) -> Option<Vec<String>> {
    let events = path.join("events.jsonl");
    events.is_file().then(|| {
        let mut standing: Vec<String> = vec![];
        for line in history::read(&events, 0).0 {
            let Some(kind) = line.get("kind").and_then(Value::as_str) else { continue };
            standing.retain(|known| known != kind);
            if line.get("state").is_some_and(|state| state == "raised") {
                standing.push(kind.to_owned());
            }
        }
        standing
    })
}

/// Every metric that was taken of the run at `path`.
pub(crate) fn metrics(path: &Path) -> Vec<Metric> {
    let protocol = |name: &str| name.strip_prefix("metric-")?.strip_suffix(".jsonl").map(str::to_owned);
    let mut found: Vec<Metric> = files(path)
        .iter()
        .filter_map(|name| Some(Metric { protocol: protocol(name)?, lines: history::read(&path.join(name), 0).0 }))
        .collect();
    found.sort_by(|a, b| a.protocol.cmp(&b.protocol));
    found
}

/// The pictures of the run at `path`: the reals, then fakes by time.
pub(crate) fn drawings(path: &Path) -> Vec<Drawing> {
    let mut found: Vec<Drawing> = files(path).into_iter().filter_map(drawing).collect();
    found.sort_by_key(|drawing| (drawing.kimg, drawing.name != "fakes_init.png"));
    found
}

fn drawing(name: String) -> Option<Drawing> {
    let kimg = match name.as_str() {
        "reals.png" => None,
        "fakes_init.png" => Some(0),
        // What the run's doctor kept as evidence.
        _ if name.starts_with("finding") && name.ends_with(".png") => None,
        _ => Some(name.strip_prefix("fakes")?.strip_suffix(".png")?.parse().ok()?),
    };
    Some(Drawing { name, kimg })
}

fn files(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return vec![] };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Figures by which a metric's line is known, and whether less of them is better.
const HEADLINES: [(&str, bool); 4] = [("distance", true), ("mean", true), ("overall", false), ("n_covered", false)];

fn best(Metric { protocol, lines }: Metric) -> Option<Best> {
    let (name, is_loss) =
        HEADLINES.into_iter().find(|(name, _)| lines.iter().any(|line| number(line, name).is_some()))?;
    let values = lines.iter().filter_map(|line| number(line, name));
    let value = if is_loss { values.min_by(f64::total_cmp) } else { values.max_by(f64::total_cmp) }?;
    Some(Best { protocol, name, value })
}

pub(crate) fn number(line: &Line, name: &str) -> Option<f64> {
    line.get(name).and_then(Value::as_f64).filter(|value| value.is_finite())
}
