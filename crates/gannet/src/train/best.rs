//! Measures the averaged generator at snapshots, so that the best one is delivered and not the last.

use std::path::Path;
use std::sync::Arc;

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

/// Measures `generator`, adds the figures to the files in `run`, and writes it to `path` if by the first metric it is better
/// than the one there. That one says its figure itself, so that neither a kill nor a rollback makes it forgotten.
pub(super) fn deliver(run: &Path, path: &Path, generator: Generator, dataset: &Arc<dyn Dataset>) -> Result<()> {
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
pub(super) fn drop_after(run: &Path, images_seen: u64) -> Result<()> {
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
