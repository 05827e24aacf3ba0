//! What runs left, for whoever asks.

use std::path::PathBuf;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::history;
use crate::problem::Problem;
use crate::rates::learning_rates;
use crate::runs::{self, TRAINING, drawings, metrics};

/// Most lines of figures in one answer; further ones are thinned out.
const MAX_LINES: usize = 2000;
/// Most histograms of scores.
const MAX_SCORES: usize = 200;
/// Most lines of a log.
const MAX_LOG: usize = 2000;

/// Reads on a thread where waiting for a disk holds nobody up.
pub(crate) async fn reading<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The folder of the run called `id`.
pub(crate) async fn find(studio: &Shared, id: &str) -> Result<PathBuf, Problem> {
    let (studio, id) = (studio.clone(), id.to_owned());
    let found = reading(move || studio.index.find(&id)).await?;
    found.ok_or_else(not_there)
}

pub(crate) fn not_there() -> Problem {
    Problem::not_found("no run of this name; GET /api/runs lists them")
}

/// `GET /api/runs`.
pub(crate) async fn list(State(studio): State<Shared>) -> Result<Json<Value>, Problem> {
    let ours = studio.trainings.running();
    let mut runs = reading(move || studio.index.list()).await?;
    runs.iter_mut().filter(|run| ours.contains(&run.id)).for_each(|run| run.state = TRAINING);
    Ok(Json(json!({ "runs": runs })))
}

/// `GET /api/runs/{run}`.
pub(crate) async fn detail(State(studio): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    let trainings = &studio.trainings;
    let is_ours = trainings.is_running(&path);
    let trouble = trainings.trouble(&path);
    let control = json!({ "can_start": trainings.can_start(), "is_ours": is_ours, "trouble": trouble });
    reading(move || {
        let mut summary = studio.index.summary(id, &path).ok_or_else(|| Problem::not_found("the run is gone"))?;
        if is_ours {
            summary.state = TRAINING;
        }
        let config = std::fs::read_to_string(path.join("config.toml")).unwrap_or_default();
        let (findings, _) = history::read(&path.join("events.jsonl"), 0);
        let (scores, _) = history::read(&path.join("scores.jsonl"), 0);
        let table: Value = toml::from_str(&config).unwrap_or_default();
        let place = path.display().to_string();
        Ok(Json(json!({
            "learning_rates": learning_rates(&table, summary.kimg, summary.kimg_total),
            "run": summary,
            "config": table,
            "config_text": config,
            "pictures": drawings(&path),
            "metrics": metrics(&path),
            "findings": findings,
            "scores": history::thinned(scores, MAX_SCORES),
            "control": control,
            "commands": {
                "resume": format!("gannet train --resume {}", quoted(&place)),
                "sample": format!("gannet sample {} --seeds 0-63 --out samples.png", quoted(&place)),
                "evaluate": format!("gannet evaluate {}", quoted(&place)),
            },
        })))
    })
    .await?
}

/// For a shell.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// `GET /api/runs/{run}/stats`.
pub(crate) async fn stats(State(studio): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    let lines = reading(move || history::thinned(history::read(&path.join("stats.jsonl"), 0).0, MAX_LINES)).await?;
    Ok(Json(json!({ "lines": lines })))
}

#[derive(Deserialize)]
pub(crate) struct LogQuery {
    lines: Option<usize>,
}

/// `GET /api/runs/{run}/log?lines=N`.
pub(crate) async fn log(
    State(studio): State<Shared>,
    Path(id): Path<String>,
    query: Result<Query<LogQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::bad("lines is no whole number"))?;
    let n = query.lines.unwrap_or(200).min(MAX_LOG);
    let path = find(&studio, &id).await?;
    let text = reading(move || history::tail(&path.join("log.txt"), n)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// `GET /api/runs/{run}/pictures/{picture}`.
pub(crate) async fn picture(
    State(studio): State<Shared>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let path = find(&studio, &id).await?;
    let bytes = reading(move || {
        let known = runs::drawings(&path).into_iter().find(|drawing| drawing.name == name)?;
        std::fs::read(path.join(known.name)).ok()
    });
    let bytes = bytes.await?.ok_or_else(|| Problem::not_found("this run has no picture of this name"))?;
    Ok(([(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "private, max-age=5")], bytes).into_response())
}
