//! Samples of a run's generator on request: seeds, ways between them, and steps along the directions in which the
//! generator changes most.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path as UrlPath, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gannet::generator::Place;
use gannet::image::{self, Shape};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::api::{find, not_there, reading};
use crate::pictures::{answer, png};
use crate::problem::Problem;
use crate::samplers::{Job, Sampler};
use crate::turns::{Permit, in_turn, in_turn_at};
use crate::{Shared, Studio};

/// Most samples of one request.
pub const MAX_SEEDS: usize = 64;
/// Directions that a generator is explored by.
pub(crate) const N_DIRECTIONS: usize = 8;
/// Most pixels of the samples of one request.
const MAX_PIXELS: usize = 16 << 20;
/// The farthest step along a direction, in standard deviations of the noise.
const MAX_STEP: f32 = 10.0;

/// What `POST /api/sample` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// The run's name.
    run: String,
    /// One sample each.
    seeds: Vec<u64>,
    /// A class by name or number, where the model has them.
    class: Option<String>,
    /// Steps along the generator's directions, for all samples alike.
    #[serde(default)]
    steps: Vec<f32>,
    /// A seed to go to, and the share of the way.
    toward: Option<u64>,
    #[serde(default)]
    share: f64,
}

impl Wish {
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Leaves one sample.
    pub(crate) fn keep_first(&mut self) {
        self.seeds.truncate(1);
    }

    /// Whether any step is taken.
    pub(crate) fn is_moved(&self) -> bool {
        self.steps.iter().any(|step| *step != 0.0)
    }

    pub(crate) fn check(&self) -> Result<(), Problem> {
        let n = self.seeds.len();
        if !(1..=MAX_SEEDS).contains(&n) {
            return Err(Problem::bad(format!("{n} seeds, accepted: 1 to {MAX_SEEDS}")));
        }
        if self.steps.len() > N_DIRECTIONS || !self.steps.iter().all(|step| step.abs() <= MAX_STEP) {
            let accepted = format!("up to {N_DIRECTIONS} numbers from -{MAX_STEP} to {MAX_STEP}");
            return Err(Problem::bad(format!("steps cannot be taken, accepted: {accepted}")));
        }
        if !(0.0..=1.0).contains(&self.share) {
            return Err(Problem::bad(format!("share is {}, accepted: 0 to 1", self.share)));
        }
        Ok(())
    }
}

/// `GET /api/runs/{run}/generator`.
pub(crate) async fn describe(
    State(studio): State<Shared>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Value>, Problem> {
    let path = find(&studio, &id).await?;
    in_turn(&studio, move |studio| {
        let sampler = studio.samplers.open(&path)?;
        let card = sampler.card();
        Ok(Json(json!({
            "shape": [card.shape.channels, card.shape.height, card.shape.width],
            "is_point": card.shape.is_point(),
            "classes": card.class_names(),
            "kimg": card.images_seen as f64 / 1000.0,
            "data": card.data,
            "method": card.config.method_name(),
            "n_directions": sampler.n_directions(),
            "max_seeds": MAX_SEEDS,
        })))
    })
    .await
}

/// `POST /api/sample`: `{"samples": [{"seed", "png"}]}` with pictures in base64 or, to whoever accepts `image/png`, one
/// sheet of all of them.
pub(crate) async fn sample(
    State(studio): State<Shared>,
    headers: HeaderMap,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(wish) = wish.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    wish.check()?;
    let is_sheet = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|a| a.contains("image/png"));
    let (sampler, place) = open(&studio, &wish).await?;
    let (places, class, shape) = places(&sampler, &wish)?;
    let finish = if is_sheet { sheet } else { single };
    let finish = Box::new(move |values: &[Vec<f32>]| finish(values, shape, &wish));
    let (answer, answered) = oneshot::channel();
    sampler.join(&studio, Job { places, class, finish, answer, place });
    answered.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work broke off"))?
}

/// The generator of a wish, which knows its directions if these are wanted, and a place in the line.
async fn open(studio: &Shared, wish: &Wish) -> Result<(Arc<Sampler>, Permit), Problem> {
    let place = studio.turns.place()?;
    let (held, id, is_moved) = (studio.clone(), wish.run.clone(), wish.is_moved());
    let look = move || held.index.find(&id).map(|path| (held.samplers.known(&path), path));
    let (known, path) = reading(look).await?.ok_or_else(not_there)?;
    if let Some(known) = known.filter(|known| !is_moved || known.directions().is_some()) {
        return Ok((known, place));
    }
    let work = move |studio: &Studio, place| {
        let sampler = studio.samplers.open(&path)?;
        if is_moved {
            sampler.find_directions()?;
        }
        Ok((sampler, place))
    };
    in_turn_at(studio, place, work).await
}

/// Where the samples of a wish lie, and of which class they are.
pub(crate) fn places(sampler: &Sampler, wish: &Wish) -> Result<(Vec<Place>, Option<usize>, Shape), Problem> {
    let card = sampler.card();
    let shape = card.shape;
    if shape.n_values() * wish.seeds.len() > MAX_PIXELS {
        return Err(Problem::bad(format!("{} samples of {shape} are too many at once", wish.seeds.len())));
    }
    let class = wish.class.as_deref().map(|name| card.class(name)).transpose()?;
    let mut shift = vec![0.0; card.net.latent()];
    for (step, direction) in wish.steps.iter().zip(sampler.directions().unwrap_or_default()) {
        shift.iter_mut().zip(direction).for_each(|(sum, value)| *sum += step * value);
    }
    let place = |&seed: &u64| Place { seed, toward: wish.toward.map(|end| (end, wish.share)), shift: shift.clone() };
    Ok((wish.seeds.iter().map(place).collect(), class, shape))
}

fn single(values: &[Vec<f32>], shape: Shape, wish: &Wish) -> Result<Response, Problem> {
    let samples: Result<Vec<Value>, Problem> = values
        .iter()
        .zip(&wish.seeds)
        .map(|(values, seed)| {
            if shape.is_point() {
                return Ok(json!({ "seed": seed, "point": values }));
            }
            let png = png(&image::from_unit(values, shape), None, &seed.to_string())?;
            Ok(json!({ "seed": seed, "png": BASE64_STANDARD.encode(png) }))
        })
        .collect();
    Ok(Json(json!({ "samples": samples? })).into_response())
}

fn sheet(values: &[Vec<f32>], shape: Shape, wish: &Wish) -> Result<Response, Problem> {
    let columns = (values.len() as f64).sqrt().ceil() as usize;
    let seeds: Vec<String> = wish.seeds.iter().map(u64::to_string).collect();
    Ok(answer(png(&image::sheet(values, shape, columns), None, &seeds.join(","))?))
}
