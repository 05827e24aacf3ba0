//! Measures a trained generator: draws samples by seed, has them judged and says under which protocol.
//!
//! What can be measured stands in [`METRICS`], the one list that help, errors and `gannet list metrics` show. The
//! arithmetic is in [`metric`](crate::metric), which knows no generator.

mod classes;
mod judge;
mod modes;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::metric::modes::Coverage;
use crate::metric::obedience::Obedience;
use crate::run::write_atomically;
use crate::{Error, Generator, Result};

/// Samples a metric takes where neither the user nor its protocol names a number.
const DEFAULT_SAMPLES: usize = 10_000;

/// More samples than this are taken for a typing error.
const MAX_SAMPLES: usize = 1_000_000;

/// Samples that are held in memory at once.
const CHUNK: usize = 512;

/// One line of the registry.
pub struct MetricEntry {
    /// What `--metrics` takes.
    pub name: &'static str,
    /// What it says of a generator, in one line.
    pub summary: &'static str,
    /// How to take it of a generator, or what a generator needs that this one lacks.
    prepare: for<'a> fn(&'a Generator) -> Result<Take<'a>, String>,
}

/// Takes a metric of the generator it was prepared for.
type Take<'a> = Box<dyn Fn(&Options) -> Result<Measurement> + 'a>;

/// All metrics.
pub const METRICS: &[MetricEntry] = &[
    MetricEntry {
        name: "modes",
        summary: "modes covered, share of good samples and reverse KL, on points and stacked-mnist",
        prepare: modes::prepare,
    },
    MetricEntry {
        name: "classes",
        summary: "share of a conditional generator's samples that are taken for the class asked for",
        prepare: classes::prepare,
    },
];

/// How to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Samples drawn; where none is given, the number that the metric's protocol names.
    pub n_samples: Option<usize>,
    /// Seed of the first sample; the others count on from it.
    pub first_seed: u64,
    /// The folder in which trained classifiers are kept.
    pub classifiers: PathBuf,
}

impl Default for Options {
    /// The protocols' own numbers of samples, from seed 0; classifiers in the user's cache folder.
    fn default() -> Self {
        let cache = dirs::cache_dir().unwrap_or_else(std::env::temp_dir);
        Self { n_samples: None, first_seed: 0, classifiers: cache.join("gannet/classifiers") }
    }
}

impl Options {
    fn check(&self) -> Result<()> {
        let last_seed = u64::MAX - MAX_SAMPLES as u64;
        let mut problems = vec![];
        if let Some(n) = self.n_samples.filter(|n| !(1..=MAX_SAMPLES).contains(n)) {
            problems.push(format!("{n} samples, accepted: 1 to {MAX_SAMPLES}"));
        }
        if self.first_seed > last_seed {
            problems.push(format!("seeds from {}, accepted: up to {last_seed}", self.first_seed));
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Settings(problems)) }
    }

    /// The seeds of the samples, `default` of them where no number is given.
    fn seeds(&self, default: usize) -> Vec<u64> {
        (self.first_seed..).take(self.n_samples.unwrap_or(default)).collect()
    }
}

/// One metric of one generator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Its name in [`METRICS`].
    pub metric: &'static str,
    /// What must be equal for two figures to be compared: metric, number of samples, judge.
    pub protocol: String,
    /// Real images shown to the critic before the generator was saved.
    pub images_seen: u64,
    /// Samples drawn.
    pub n_samples: usize,
    /// Seed of the first of them.
    pub first_seed: u64,
    /// What the samples were judged by, in words, with how far it can be trusted.
    pub judge: String,
    /// The result.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What a metric found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of `modes`.
    Coverage(Coverage),
    /// Of `classes`.
    Obedience(Obedience),
}

/// Takes the metrics called `names`, or all that fit `generator` where no name is given.
pub fn evaluate(generator: &Generator, names: &[&str], options: &Options) -> Result<Vec<Measurement>> {
    options.check()?;
    let entries: Vec<&MetricEntry> = match names {
        [] => METRICS.iter().collect(),
        _ => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    let (mut fitting, mut misfits) = (vec![], vec![]);
    for entry in entries {
        match (entry.prepare)(generator) {
            Ok(take) => fitting.push(take),
            Err(needs) => misfits.push(format!("`{}` needs {needs}", entry.name)),
        }
    }
    if fitting.is_empty() || !(names.is_empty() || misfits.is_empty()) {
        let fits = METRICS.iter().filter(|entry| (entry.prepare)(generator).is_ok()).map(|entry| entry.name);
        let fits = fits.collect::<Vec<_>>().join(", ");
        let fits =
            if fits.is_empty() { "no metric fits it".to_owned() } else { format!("metrics that fit it: {fits}") };
        let source = &generator.card().config.data.source;
        return Err(Error::setting(format!("this generator learnt {source}: {}; {fits}", misfits.join("; "))));
    }
    fitting.into_iter().map(|take| take(options)).collect()
}

fn find(name: &str) -> Result<&'static MetricEntry> {
    let entry = METRICS.iter().find(|entry| entry.name == name);
    entry.ok_or_else(|| Error::unknown("metric", name, METRICS.iter().map(|entry| entry.name)))
}

impl Measurement {
    /// Of samples of `generator` with `seeds`; `judge` is a short name for the protocol and the words that explain it.
    fn new(metric: &'static str, generator: &Generator, seeds: &[u64], judge: [String; 2], figures: Figures) -> Self {
        let [short, words] = judge;
        Self {
            metric,
            protocol: format!("{metric}-{}-{short}", seeds.len()),
            images_seen: generator.card().images_seen,
            n_samples: seeds.len(),
            first_seed: seeds.first().copied().unwrap_or_default(),
            judge: words,
            figures,
        }
    }

    /// Adds it as a line to `metric-PROTOCOL.jsonl` in `folder` and returns that file.
    pub fn append(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("metric-{}.jsonl", self.protocol));
        let mut text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        text += &serde_json::to_string(self).map_err(|error| Error::file(&path, error.to_string()))?;
        text.push('\n');
        write_atomically(&path, text.as_bytes())?;
        Ok(path)
    }
}

/// `modes-10000-3sigma: 8 of 8 modes, ... (nearest of 8 centres, ...)`.
impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.protocol)?;
        match &self.figures {
            Figures::Coverage(coverage) => write!(f, "{coverage}")?,
            Figures::Obedience(obedience) => write!(f, "{obedience}")?,
        }
        write!(f, " ({})", self.judge)
    }
}
