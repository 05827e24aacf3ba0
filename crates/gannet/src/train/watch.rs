//! Measures the averaged generator at snapshots, so that the best one is delivered and not the last.

use std::path::Path;
use std::sync::Arc;

use crate::data::Dataset;
use crate::evaluate::{self, METRICS, Options, Pictures, Subject, evaluate_against};
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

/// Takes the metrics of `generator`, adds them to the files in `run`, and says whether it is the best so far by the first.
pub(super) fn measure(
    run: &Path,
    config: &TrainConfig,
    generator: Generator,
    dataset: &Arc<dyn Dataset>,
) -> Result<bool> {
    let names: Vec<&str> = config.metrics.iter().map(String::as_str).collect();
    let options = Options {
        n_samples: Some(config.metric_samples),
        n_resamples: 0,
        extractor: config.extractor.clone(),
        ..Options::default()
    };
    let reference = Pictures::Set(Arc::clone(dataset));
    let mut is_best = true;
    for (place, measurement) in
        evaluate_against(&Subject::from(generator), Some(reference), &names, &options)?.iter().enumerate()
    {
        let path = run.join(format!("metric-{}.jsonl", measurement.protocol));
        if let (0, Some(loss)) = (place, measurement.figures.loss()) {
            is_best = losses(&path)?.into_iter().all(|earlier| loss < earlier);
        }
        measurement.append(run)?;
    }
    Ok(is_best)
}

/// The losses that the file at `path` holds, if there is one.
fn losses(path: &Path) -> Result<Vec<f64>> {
    if !path.exists() {
        return Ok(vec![]);
    }
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let loss = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line.get("distance").or_else(|| line.get("mean"))?.as_f64()
    };
    Ok(text.lines().filter_map(loss).collect())
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
