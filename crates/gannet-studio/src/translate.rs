//! Pictures translated or enlarged by a run's network: a picture comes in as it is in a file, a PNG goes out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use gannet::convert::{self, Model};
use gannet::data::{self, Direction};
use gannet::image::{self, Picture, Shape};
use gannet::upscale::Upscaler;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::api::find;
use crate::problem::Problem;
use crate::sampling::png;
use crate::turns::in_turn;

/// The longest picture in a request, in bytes of its file.
pub const MAX_PICTURE: usize = 8 << 20;
/// The most pixels of a picture, which its file tells before it is decoded.
pub const MAX_PICTURE_PIXELS: usize = 4 << 20;
/// The most pixels of an enlarged picture: these networks are slow.
const MAX_ENLARGED_PIXELS: usize = 1 << 20;
/// Pictures of the run's own data that are offered to begin with.
const N_EXAMPLES: usize = 8;

/// The network that was asked for last.
#[derive(Default)]
pub(crate) struct Translators(Mutex<Option<Loaded>>);

struct Loaded {
    path: PathBuf,
    written: SystemTime,
    direction: Option<Direction>,
    network: Network,
}

/// A network of the kinds that turn pictures into pictures.
type Network = Arc<Mutex<Model>>;

impl Translators {
    /// The network of the run at `path` as it is now; without a direction, it goes the way of its training.
    fn open(&self, path: &Path, direction: Option<Direction>) -> Result<Network, Problem> {
        let missing = |_| Problem::not_found("this run has no network yet; it is written at the first snapshot");
        let file = std::fs::metadata(path.join("generator.safetensors"));
        let written = file.and_then(|file| file.modified()).map_err(missing)?;
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |known: &&Loaded| (&*known.path, known.written, known.direction) == (path, written, direction);
        if let Some(known) = loaded.as_ref().filter(is_wanted) {
            return Ok(known.network.clone());
        }
        let model = match (convert::open(path, None)?, direction) {
            (Model::Translator(translator), Some(direction)) => Model::Translator(translator.towards(direction)?),
            (model @ (Model::Translator(_) | Model::Upscaler(_)), _) => model,
            (other, _) => {
                let accepted = "accepted: one that translates or enlarges pictures";
                return Err(Problem::bad(format!("this run's network is {}, {accepted}", other.describe())));
            }
        };
        let network = Arc::new(Mutex::new(model));
        *loaded = Some(Loaded { path: path.to_path_buf(), written, direction, network: network.clone() });
        Ok(network)
    }
}

fn lock(network: &Network) -> MutexGuard<'_, Model> {
    network.lock().unwrap_or_else(PoisonError::into_inner)
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

/// `GET /api/runs/{run}/translator`: what it takes: its ways, its size and a few sources
/// of its data where these are still there, or by how much it enlarges.
pub(crate) async fn describe(
    State(studio): State<Shared>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    in_turn(&studio, move |studio| {
        let network = studio.translators.open(&path, None)?;
        let model = lock(&network);
        let mut answer = json!({ "max_bytes": MAX_PICTURE, "max_pixels": MAX_PICTURE_PIXELS });
        let Model::Translator(translator) = &*model else {
            if let Model::Upscaler(upscaler) = &*model {
                answer["scale"] = upscaler.scale().into();
                answer["max_pixels"] = (MAX_ENLARGED_PIXELS / upscaler.scale().pow(2)).into();
            }
            return Ok(Json(answer));
        };
        let card = translator.card();
        let opened = data::open(&card.config.data, card.config.train.seed).ok();
        let shown = opened.and_then(|opened| opened.dataset.sides()?.shown(N_EXAMPLES).ok()).unwrap_or_default();
        let encoded =
            |values: &[f32]| Some(BASE64_STANDARD.encode(png(&image::from_unit(values, card.shape), "").ok()?));
        answer["shape"] = json!([card.shape.channels, card.shape.height, card.shape.width]);
        answer["ways"] = json!(card.ways);
        answer["kimg"] = json!(card.images_seen as f64 / 1000.0);
        answer["examples"] = shown.iter().filter_map(|[source, _]| encoded(source)).collect::<Vec<_>>().into();
        Ok(Json(answer))
    })
    .await
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
    in_turn(&studio, move |studio| {
        let picture = image::decode(&body).map_err(refuse)?;
        let network = studio.translators.open(&path, wish.direction)?;
        let made = match &*lock(&network) {
            Model::Translator(translator) => translator.translate(&picture, wish.seed)?,
            Model::Upscaler(upscaler) => enlarged(upscaler, picture.into_eight_bits())?,
            Model::Generator(_) | Model::Inpainter(_) => {
                return Err(Problem::bad("this run's network takes no pictures"));
            }
        };
        let bytes = png(&made, &wish.seed.to_string())?;
        Ok(([(CONTENT_TYPE, "image/png")], bytes).into_response())
    })
    .await
}

fn enlarged(upscaler: &Upscaler, picture: Picture) -> Result<Picture, Problem> {
    let scale = upscaler.scale();
    let [height, width] = [picture.height, picture.width].map(|side| side * scale);
    if height * width > MAX_ENLARGED_PIXELS {
        let most = MAX_ENLARGED_PIXELS / (scale * scale);
        let message = format!("the picture has too many pixels to enlarge here, accepted: up to {most} in all");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let plan = upscaler.plan(&picture, None)?;
    let mut samples = vec![];
    let mut emit = |rows: &[u8]| {
        samples.extend_from_slice(rows);
        Ok(())
    };
    upscaler.enlarge(&picture, &plan, &mut emit, &mut |_| true)?;
    Ok(Picture::from_u8(Shape { channels: picture.channels, height, width }, samples))
}
