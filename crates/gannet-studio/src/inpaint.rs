//! Holes in pictures filled by a run's network: a picture and a mask come in as they are in files, a PNG goes out.

use axum::Json;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Multipart, Path as UrlPath, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use gannet::Inpainter;
use gannet::convert::Model;
use gannet::data::{self, Dataset};
use gannet::degrade::Holes;
use gannet::image::{Picture, Shape, encode_png};
use gannet::random::{self, Purpose};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::api::{find, reading};
use crate::networks::{lock, unfit};
use crate::pictures::{self, MAX_PICTURE, MAX_PICTURE_PIXELS, N_EXAMPLES};
use crate::problem::Problem;
use crate::turns::in_turn;

/// The longest body: two pictures, and what stands around them.
pub(crate) const MAX_FORM: usize = 2 * MAX_PICTURE + (64 << 10);
/// The most pixels of a picture with holes: each takes a network of the recipes 1.6 KB of memory.
const MAX_FILLED_PIXELS: usize = 1 << 20;
/// What is wanted of a network.
const DEED: &str = "fills holes";

/// `GET /api/runs/{run}/inpainter`: what it takes, and a few pictures of its data where these are still there.
pub(crate) async fn describe(
    State(studio): State<Shared>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    in_turn(&studio, move |studio| {
        let network = studio.networks.open(&path, None)?;
        let model = lock(&network);
        let Model::Inpainter(inpainter) = &*model else { return Err(unfit(&model, DEED)) };
        let card = inpainter.card();
        Ok(Json(json!({
            "max_bytes": MAX_PICTURE,
            "max_pixels": MAX_FILLED_PIXELS,
            "shape": [card.shape.channels, card.shape.height, card.shape.width],
            "holes": card.holes,
            "kimg": card.images_seen as f64 / 1000.0,
            "examples": examples(inpainter),
        })))
    })
    .await
}

fn examples(inpainter: &Inpainter) -> Vec<String> {
    let card = inpainter.card();
    let Ok(opened) = data::open(&card.config.data, card.config.train.seed) else { return vec![] };
    let dataset: &dyn Dataset = opened.dataset.as_ref();
    // Those that it was never shown say more.
    let shown = |i: usize| dataset.read_held_out(i).unwrap_or_else(|| dataset.read(i * dataset.len() / N_EXAMPLES));
    let samples = (0..N_EXAMPLES.min(dataset.len())).filter_map(|i| Some(shown(i).ok()?.values));
    pictures::encoded(samples.filter(|values| values.len() == card.shape.n_values()), card.shape)
}

/// What `GET /api/mask` takes in its address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaskWish {
    width: usize,
    height: usize,
    #[serde(default)]
    holes: Holes,
    #[serde(default)]
    seed: u64,
}

/// `GET /api/mask?width=W&height=H`: holes as a training draws them, white, as a PNG.
pub(crate) async fn mask(
    State(studio): State<Shared>,
    wish: Result<Query<MaskWish>, QueryRejection>,
) -> Result<Response, Problem> {
    let accepted = "accepted: width, height, holes (free-form, box or both) and seed";
    let Query(wish) = wish.map_err(|error| Problem::bad(format!("{}; {accepted}", error.body_text())))?;
    let MaskWish { width, height, holes, seed } = wish;
    let n_pixels = width.saturating_mul(height);
    if !(1..=MAX_PICTURE_PIXELS).contains(&n_pixels) {
        let message = format!("a mask of {width} x {height} pixels, accepted: 1 to {MAX_PICTURE_PIXELS} in all");
        return Err(Problem::bad(message));
    }
    in_turn(&studio, move |_| {
        let drawn = holes.draw([height, width], &mut random::stream(seed, Purpose::Mask, 0));
        let samples = drawn.iter().map(|hole| if *hole > 0.0 { 255 } else { 0 }).collect();
        let picture = Picture::from_u8(Shape { channels: 1, height, width }, samples);
        let failed = |error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error);
        Ok(pictures::answer(encode_png(&picture, &[]).map_err(failed)?))
    })
    .await
}

/// What `POST /api/inpaint` takes in its address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    run: String,
}

/// `POST /api/inpaint?run=RUN`: the `picture` of a form, filled where its `mask` is white or transparent, as a PNG.
pub(crate) async fn inpaint(
    State(studio): State<Shared>,
    wish: Result<Query<Wish>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(wish) = wish.map_err(|error| Problem::bad(format!("{}; accepted: run", error.body_text())))?;
    let path = find(&studio, &wish.run).await?;
    let room = studio.turns.upload().await?;
    let form = Multipart::from_request(request, &()).await;
    let form = form.map_err(|error| Problem::new(error.status(), format!("{}; {FIELDS}", error.body_text())))?;
    let [picture, mask] = read(form).await?;
    let checked = move || {
        pictures::check(&picture, "picture", MAX_FILLED_PIXELS)?;
        pictures::check(&mask, "mask", MAX_FILLED_PIXELS)?;
        Ok::<_, Problem>([picture, mask])
    };
    let [picture, mask] = reading(checked).await??;
    in_turn(&studio, move |studio| {
        let _until_done = room;
        let network = studio.networks.open(&path, None)?;
        let model = lock(&network);
        let Model::Inpainter(inpainter) = &*model else { return Err(unfit(&model, DEED)) };
        let (picture, profile) = pictures::decode(&picture, "picture")?;
        let (mask, _) = pictures::decode(&mask, "mask")?;
        let filled = inpainter.fill(&picture, &mask)?;
        Ok(pictures::answer(pictures::png(&filled, profile.as_deref(), "")?))
    })
    .await
}

const FIELDS: &str = "accepted: a form (multipart/form-data) of two files, picture and mask";

/// The files of the form: the picture and the mask.
async fn read(mut form: Multipart) -> Result<[Vec<u8>; 2], Problem> {
    let mut files = [None, None];
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let place = ["picture", "mask"].iter().position(|known| *known == name);
        match place.map(|place| &mut files[place]) {
            Some(file @ None) => *file = Some(read_file(field, &name).await?),
            Some(Some(_)) => return Err(Problem::bad(format!("the form holds two of {name}; {FIELDS}"))),
            None => return Err(Problem::bad(format!("the form holds something else; {FIELDS}"))),
        }
    }
    let [Some(picture), Some(mask)] = files else {
        return Err(Problem::bad(format!("the form lacks a file; {FIELDS}")));
    };
    Ok([picture, mask])
}

/// A file of the form, given up as soon as it is too long.
async fn read_file(mut field: Field<'_>, name: &str) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![];
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > MAX_PICTURE {
            let message = format!("the {name} is longer than {MAX_PICTURE} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn broken(error: MultipartError) -> Problem {
    Problem::new(error.status(), error.body_text())
}
