//! Trainings from a page: what the form offers, what would happen, and starting, stopping and going on.
//!
//! A training is a process of its own, `gannet train`, in a group of its own: it goes on when the studio ends, and the
//! studio forgets it. Settings come as `section.key=value`, as `--set` takes them. The data are those with a name: for a
//! folder of one's own the page shows the command instead, so that no path of a client reaches the file system.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use gannet::data::SETS;
use gannet::method::METHODS;
use gannet::run::assign;
use gannet::train::session::Session;
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Table;

use crate::Shared;
use crate::api::{find, quoted, reading};
use crate::problem::Problem;
use crate::recipes::RECIPES;

/// Most settings of one training, and the longest one.
const MAX_SETTINGS: usize = 200;
const MAX_LENGTH: usize = 400;

/// Settings with flags of their own.
const FLAGS: [(&str, &str); 6] = [
    ("method.name", "--method"),
    ("data.source", "--data"),
    ("train.kimg", "--kimg"),
    ("train.batch", "--batch"),
    ("train.seed", "--seed"),
    ("train.snap", "--snap"),
];

/// What is to be trained.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// `section.key=value`.
    set: Vec<String>,
}

impl Wish {
    fn settings(&self) -> Result<Table, Problem> {
        if self.set.len() > MAX_SETTINGS || self.set.iter().any(|setting| setting.len() > MAX_LENGTH) {
            let accepted = format!("up to {MAX_SETTINGS} of up to {MAX_LENGTH} letters");
            return Err(Problem::bad(format!("too many settings, or too long ones, accepted: {accepted}")));
        }
        let mut table = Table::new();
        self.set.iter().try_for_each(|setting| assign(&mut table, setting))?;
        let source = table.get("data").and_then(|data| data.get("source"));
        let is_named = |source: &toml::Value| SETS.iter().any(|set| source.as_str() == Some(set.name));
        if !source.is_some_and(is_named) {
            let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
            let accepted = names.join(", ");
            return Err(Problem::bad(format!(
                "data.source names no data set, accepted: {accepted}; data of your own are trained on by the command"
            )));
        }
        Ok(table)
    }

    /// What a user would type.
    fn command(&self, outdir: &Path) -> String {
        let mut words = vec!["gannet train".to_owned()];
        for setting in &self.set {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            match FLAGS.iter().find(|(known, _)| *known == name.trim()) {
                Some((_, flag)) => words.push(format!("{flag} {}", quoted(value.trim()))),
                None => words.push(format!("--set {}", quoted(setting))),
            }
        }
        if outdir != Path::new("runs") {
            words.push(format!("--outdir {}", quoted(&outdir.display().to_string())));
        }
        words.join(" ")
    }
}

/// `GET /api/launch`: methods, data sets and recipes.
pub(crate) async fn catalogue(State(studio): State<Shared>) -> Json<Value> {
    let methods: Vec<Value> = METHODS
        .iter()
        .map(|entry| json!({ "name": entry.name, "summary": entry.summary, "advice": entry.advice }))
        .collect();
    let data: Vec<Value> = SETS.iter().map(|set| json!({ "name": set.name, "summary": set.summary })).collect();
    let recipes: Vec<Value> = RECIPES
        .iter()
        .filter_map(|(name, text)| {
            let about: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
            let about = about.iter().filter(|line| !line.starts_with("gannet ")).copied().collect::<Vec<_>>().join(" ");
            let settings: Table = text.parse().ok()?;
            let source = settings.get("data")?.get("source")?.as_str()?;
            SETS.iter().find(|set| set.name == source)?;
            Some(json!({ "name": name, "about": about, "settings": settings }))
        })
        .collect();
    Json(json!({ "methods": methods, "data": data, "recipes": recipes, "can_start": studio.trainings.can_start() }))
}

/// `POST /api/launch/check`: the settings complete, the command line, sizes and memory; nothing is written.
pub(crate) async fn check(
    State(studio): State<Shared>,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let wish = read(wish)?;
    let settings = wish.settings()?;
    let turn = studio.trainings.enter()?;
    let command = wish.command(studio.index.folder());
    let work = move || {
        let _until_done = turn;
        Session::prepare(&settings)
    };
    let session = reading(work).await??;
    let [generator, critic] = session.plan().map(|plan| plan.n_parameters());
    Ok(Json(json!({
        "command": command,
        "config": session.config(),
        "n_parameters": { "generator": generator, "critic": critic },
        "memory_mb": session.memory_bytes() / 1_000_000,
        "data": session.dataset().description(),
    })))
}

/// `POST /api/launch`: makes the run and starts its training.
pub(crate) async fn start(
    State(studio): State<Shared>,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let wish = read(wish)?;
    let settings = wish.settings()?;
    studio.trainings.check_room()?;
    let turn = studio.trainings.enter()?;
    let work = move || {
        let _until_done = turn;
        let outdir = studio.index.outdir()?;
        let path: PathBuf = Session::prepare(&settings)?.create(&outdir)?.path().to_path_buf();
        studio.trainings.start(&path, &[])?;
        let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok((StatusCode::CREATED, Json(json!({ "run": id }))))
    };
    reading(work).await?
}

/// `POST /api/runs/{run}/resume`: goes on with a run, to a new end where one is given.
pub(crate) async fn resume(
    State(studio): State<Shared>,
    UrlPath(id): UrlPath<String>,
    wish: Result<Json<Resumption>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(wish) = wish.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    if wish.kimg.is_some_and(|kimg| !(kimg > 0.0 && kimg.is_finite())) {
        return Err(Problem::bad("kimg is no end, accepted: a number above 0"));
    }
    let path = find(&studio, &id).await?;
    let end = wish.kimg.map(|kimg| format!("--kimg={kimg}"));
    reading(move || studio.trainings.start(&path, end.as_slice())).await??;
    Ok(Json(json!({ "run": id })))
}

/// What `resume` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resumption {
    /// The new end.
    kimg: Option<f64>,
}

/// `POST /api/runs/{run}/stop`: asks the training for an end after its step; what it learnt is saved.
pub(crate) async fn stop(State(studio): State<Shared>, UrlPath(id): UrlPath<String>) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    studio.trainings.stop(&path)?;
    Ok(Json(json!({ "run": id })))
}

fn read(wish: Result<Json<Wish>, JsonRejection>) -> Result<Wish, Problem> {
    wish.map(|Json(wish)| wish).map_err(|error| Problem::new(error.status(), error.body_text()))
}
