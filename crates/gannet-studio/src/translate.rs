//! Pictures translated by a run's translator: a picture comes in as it is in a file, a PNG goes out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gannet::data::{self, Direction};
use gannet::{Translator, image};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::api::{find, reading};
use crate::problem::Problem;
use crate::sampling::{enter, png};

/// The longest picture in a request, in bytes of its file.
pub const MAX_PICTURE: usize = 8 << 20;
/// The most pixels of a picture, which its file tells before it is decoded.
pub const MAX_PICTURE_PIXELS: usize = 4 << 20;
/// Pictures of the run's own data that are offered to begin with.
const N_EXAMPLES: usize = 8;

/// The translator that was asked for last.
#[derive(Default)]
pub(crate) struct Translators(Mutex<Option<Loaded>>);

struct Loaded {
    path: PathBuf,
    written: SystemTime,
    direction: Option<Direction>,
    translator: Arc<Mutex<Translator>>,
}

impl Translators {
    /// The translator of the run at `path` as it is now; without a direction, the one of its training.
    fn open(&self, path: &Path, direction: Option<Direction>) -> Result<Arc<Mutex<Translator>>, Problem> {
        let missing = |_| Problem::not_found("this run has no translator yet; it is written at the first snapshot");
        let file = std::fs::metadata(path.join("generator.safetensors"));
        let written = file.and_then(|file| file.modified()).map_err(missing)?;
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |known: &&Loaded| (&*known.path, known.written, known.direction) == (path, written, direction);
        if let Some(known) = loaded.as_ref().filter(is_wanted) {
            return Ok(known.translator.clone());
        }
        let mut translator = Translator::load(path)?;
        if let Some(direction) = direction {
            translator = translator.towards(direction)?;
        }
        let translator = Arc::new(Mutex::new(translator));
        *loaded = Some(Loaded { path: path.to_path_buf(), written, direction, translator: translator.clone() });
        Ok(translator)
    }
}

/// What `POST /api/translate` takes in its address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    run: String,
    direction: Option<Direction>,
    #[serde(default)]
    seed: u64,
}

/// `GET /api/runs/{run}/translator`: its ways, its size, and a few sources of its data, where these are still there.
pub(crate) async fn describe(
    State(studio): State<Shared>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    let _place = enter(&studio).await?;
    let held = studio.clone();
    reading(move || {
        let translator = held.translators.open(&path, None)?;
        let card = translator.lock().unwrap_or_else(PoisonError::into_inner).card().clone();
        let opened = data::open(&card.config.data, card.config.train.seed).ok();
        let shown = opened.and_then(|opened| opened.dataset.sides()?.shown(N_EXAMPLES).ok()).unwrap_or_default();
        let encoded =
            |values: &[f32]| Some(BASE64_STANDARD.encode(png(&image::from_unit(values, card.shape), "").ok()?));
        let examples: Vec<Value> = shown
            .iter()
            .filter_map(|[source, target]| Some(json!({ "source": encoded(source)?, "target": encoded(target)? })))
            .collect();
        Ok(Json(json!({
            "shape": [card.shape.channels, card.shape.height, card.shape.width],
            "ways": card.ways,
            "kimg": card.images_seen as f64 / 1000.0,
            "data": card.data,
            "method": card.config.method_name(),
            "examples": examples,
            "max_bytes": MAX_PICTURE,
            "max_pixels": MAX_PICTURE_PIXELS,
        })))
    })
    .await?
}

/// `POST /api/translate?run=RUN`: the picture in the body, translated, as a PNG.
pub(crate) async fn translate(
    State(studio): State<Shared>,
    wish: Result<Query<Wish>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let accepted = "accepted: run, direction (AtoB or BtoA) and seed";
    let Query(wish) = wish.map_err(|error| Problem::bad(format!("{}; {accepted}", error.body_text())))?;
    let body = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    let path = find(&studio, &wish.run).await?;
    let refuse = |reason: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the picture: {reason}"));
    let header = image::probe(&body).map_err(refuse)?;
    if header.width.saturating_mul(header.height) > MAX_PICTURE_PIXELS {
        let message = format!(
            "the picture has {} x {} pixels, accepted: up to {MAX_PICTURE_PIXELS} in all",
            header.width, header.height
        );
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let _place = enter(&studio).await?;
    let held = studio.clone();
    reading(move || {
        let picture = image::decode(&body).map_err(refuse)?;
        let translator = held.translators.open(&path, wish.direction)?;
        let translated = translator.lock().unwrap_or_else(PoisonError::into_inner).translate(&picture, wish.seed)?;
        let bytes = png(&translated, &wish.seed.to_string())?;
        Ok(([(CONTENT_TYPE, "image/png")], bytes).into_response())
    })
    .await?
}
