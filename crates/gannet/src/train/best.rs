//! Measures the averaged generator at snapshots, so that the best one is delivered and not the last.
//!
//! That happens beside the training, in a thread of its own. What waits to be measured lies in the run's folder meanwhile:
//! a run that is killed takes it up again when it goes on, and comes to the same figures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::record::DELIVERED;
use crate::data::Dataset;
use crate::evaluate::{self, METRICS, Options, Pictures, Subject, evaluate_against};
use crate::generator::Score;
use crate::run::{TrainConfig, write_atomically};
use crate::{Error, Generator, Result};

/// What is wrong with the metrics that `config` asks for on `dataset`.
pub(super) fn problems(config: &TrainConfig, dataset: &dyn Dataset) -> Vec<String> {
    let mut problems = vec![];
    let accepted: Vec<&str> = METRICS.iter().filter(|entry| entry.is_loss).map(|entry| entry.name).collect();
    for name in config.metrics.iter().filter(|name| !accepted.contains(&name.as_str())) {
        problems.push(match evaluate::find(name) {
            Err(unknown) => unknown.to_string(),
            Ok(_) => {
                format!("train.metrics holds `{name}`, by which no best is known; accepted: {}", accepted.join(", "))
            }
        });
    }
    if !config.metrics.is_empty() && dataset.shape().is_point() {
        problems.push(format!("train.metrics needs pictures, {} holds points", dataset.name()));
    }
    if config.metric_samples < 4 {
        problems.push(format!("train.metric_samples is {}, accepted: 4 or more", config.metric_samples));
    }
    problems
}

/// The generator that is being measured.
const UNMEASURED: &str = "unmeasured.safetensors";

/// Whoever measures, one generator at a time.
pub(super) struct Judge {
    run: PathBuf,
    dataset: Arc<dyn Dataset>,
    at_work: Option<JoinHandle<Result<()>>>,
}

impl Judge {
    /// A judge of the generators that the run at `run` makes, against `dataset`.
    pub(super) fn new(run: &Path, dataset: Arc<dyn Dataset>) -> Self {
        Self { run: run.to_owned(), dataset, at_work: None }
    }

    /// Takes up what was left unmeasured by a run that goes on after `images_seen`; what came later will come again.
    pub(super) fn resume(&mut self, images_seen: u64) -> Result<()> {
        drop_after(&self.run, images_seen)?;
        let path = self.run.join(UNMEASURED);
        if !path.is_file() {
            return Ok(());
        }
        let generator = Generator::load(&path)?;
        let images = generator.card().images_seen;
        if images > images_seen {
            return std::fs::remove_file(&path).map_err(Error::io("remove", &path));
        }
        drop_after(&self.run, images.saturating_sub(1))?;
        self.measure(generator)
    }

    /// Begins to measure `generator`, once the one before is done.
    pub(super) fn measure(&mut self, generator: Generator) -> Result<()> {
        self.finish()?;
        let [unmeasured, best] = [UNMEASURED, DELIVERED].map(|name| self.run.join(name));
        generator.save(&unmeasured)?;
        if !best.exists() {
            generator.save(&best)?; // Until there is a better one, which is any with a score.
        }
        let (run, dataset) = (self.run.clone(), Arc::clone(&self.dataset));
        let work = move || {
            deliver(&run, &best, generator, &dataset)?;
            std::fs::remove_file(&unmeasured).map_err(Error::io("remove", &unmeasured))
        };
        let thread = thread::Builder::new().name("judge".to_owned()).spawn(work);
        self.at_work = Some(thread.map_err(Error::io("start a thread for", &self.run))?);
        Ok(())
    }

    /// Waits for the figures.
    pub(super) fn finish(&mut self) -> Result<()> {
        let Some(thread) = self.at_work.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Judge {
    /// Nothing is written into a folder of a run that has ended.
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!("{error}");
        }
    }
}

/// Measures `generator`, adds the figures to the files in `run`, and writes it to `path` if by the first metric it is better
/// than the one there. That one says its figure itself, so that neither a kill nor a rollback makes it forgotten.
fn deliver(run: &Path, path: &Path, generator: Generator, dataset: &Arc<dyn Dataset>) -> Result<()> {
    let config = &generator.card().config.train;
    let options = Options {
        n_samples: Some(config.metric_samples),
        n_resamples: 0,
        extractor: config.extractor.clone(),
        ..Options::default()
    };
    let names = config.metrics.clone();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let reference = Pictures::Set(Arc::clone(dataset));
    let subject = Subject::from(generator);
    let measurements = evaluate_against(&subject, Some(reference), &names, &options)?;
    measurements.iter().try_for_each(|measurement| measurement.append(run).map(drop))?;
    let (Subject::Generator(generator), Some(first)) = (subject, measurements.first()) else { return Ok(()) };
    let Some(loss) = first.figures.loss() else { return Ok(()) };
    let earlier = if path.exists() { Generator::load(path)?.card().score.clone() } else { None };
    if earlier.is_some_and(|earlier| earlier.protocol == first.protocol && earlier.loss <= loss) {
        return Ok(());
    }
    generator.with_score(Score { protocol: first.protocol.clone(), loss }).save(path)
}

/// Removes what the files of metrics in `run` say of generators after `images_seen`: it will come again.
fn drop_after(run: &Path, images_seen: u64) -> Result<()> {
    let entries = std::fs::read_dir(run).map_err(Error::io("read", run))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !(name.starts_with("metric-") && name.ends_with(".jsonl")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let images = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?.get("images_seen")?.as_u64();
        let is_kept = |line: &&str| images(line).is_none_or(|images| images <= images_seen);
        let kept: String = text.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect();
        if kept != text {
            write_atomically(&path, kept.as_bytes())?;
        }
    }
    Ok(())
}
