//! Pictures translated or enlarged by a run's network: a picture comes in as it is in a file, a PNG goes out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Path as UrlPath, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use gannet::convert::Model;
use gannet::data::{self, Direction};
use gannet::image::{Picture, Shape};
use gannet::upscale::Upscaler;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::api::{find, reading};
use crate::networks::{lock, unfit};
use crate::pictures::{self, MAX_PICTURE, MAX_PICTURE_PIXELS, N_EXAMPLES};
use crate::problem::Problem;
use crate::turns::in_turn;

/// The most pixels of an enlarged picture: these networks are slow.
const MAX_ENLARGED_PIXELS: usize = 1 << 20;
/// What is wanted of a network.
const DEED: &str = "translates or enlarges pictures";

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
        let network = studio.networks.open(&path, None)?;
        let model = lock(&network);
        let mut answer = json!({ "max_bytes": MAX_PICTURE, "max_pixels": MAX_PICTURE_PIXELS });
        match &*model {
            Model::Upscaler(upscaler) => {
                answer["scale"] = upscaler.scale().into();
                answer["max_pixels"] = (MAX_ENLARGED_PIXELS / upscaler.scale().pow(2)).into();
            }
            Model::Translator(translator) => {
                let card = translator.card();
                let opened = data::open(&card.config.data, card.config.train.seed).ok();
                let shown =
                    opened.and_then(|opened| opened.dataset.sides()?.shown(N_EXAMPLES).ok()).unwrap_or_default();
                answer["shape"] = json!([card.shape.channels, card.shape.height, card.shape.width]);
                answer["ways"] = json!(card.ways);
                answer["kimg"] = json!(card.images_seen as f64 / 1000.0);
                answer["examples"] = pictures::encoded(shown.into_iter().map(|[source, _]| source), card.shape).into();
            }
            other => return Err(unfit(other, DEED)),
        }
        Ok(Json(answer))
    })
    .await
}

/// `POST /api/translate?run=RUN`: the picture in the body, translated, as a PNG.
pub(crate) async fn translate(
    State(studio): State<Shared>,
    wish: Result<Query<Wish>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let accepted = "accepted: run, direction (AtoB or BtoA) and seed";
    let Query(wish) = wish.map_err(|error| Problem::bad(format!("{}; {accepted}", error.body_text())))?;
    let path = find(&studio, &wish.run).await?;
    let room = studio.turns.upload().await?;
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    let checked = move || pictures::check(&body, "picture", MAX_PICTURE_PIXELS).map(|_| body);
    let body = reading(checked).await??;
    in_turn(&studio, move |studio| {
        let _until_done = room;
        let network = studio.networks.open(&path, wish.direction)?;
        let model = lock(&network);
        let (picture, _) = pictures::decode(&body, "picture")?;
        let made = match &*model {
            Model::Translator(translator) => translator.translate(&picture, wish.seed)?,
            Model::Upscaler(upscaler) => enlarged(upscaler, picture.into_eight_bits())?,
            other => return Err(unfit(other, DEED)),
        };
        Ok(pictures::answer(pictures::png(&made, None, &wish.seed.to_string())?))
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
