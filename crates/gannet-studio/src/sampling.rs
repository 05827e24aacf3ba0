//! Samples of a run's generator on request: seeds, ways between them, and steps along the directions in which the
//! generator changes most.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path as UrlPath, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gannet::generator::{Generator, Place};
use gannet::image::{self, Picture, Shape};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Semaphore, oneshot};

use crate::api::{find, reading};
use crate::problem::Problem;
use crate::{Shared, Studio};

/// Most samples of one request.
pub const MAX_SEEDS: usize = 64;
/// Directions that a generator is explored by.
const N_DIRECTIONS: usize = 8;
/// Most pixels of the samples of one request.
const MAX_PIXELS: usize = 16 << 20;
/// Requests that wait for a generator; more are turned away.
const MAX_WAITING: usize = 256;
/// Generators kept in memory.
const MAX_LOADED: usize = 2;
/// The farthest step along a direction, in standard deviations of the noise.
const MAX_STEP: f32 = 10.0;

/// Generators in memory, the latest last, and who may use them.
pub(crate) struct Samplers {
    loaded: Mutex<Vec<Loaded>>,
    /// One at a time: each uses all cores, and a training wants some of them.
    turn: Semaphore,
    waiting: Semaphore,
}

impl Default for Samplers {
    fn default() -> Self {
        Self { loaded: Mutex::default(), turn: Semaphore::new(1), waiting: Semaphore::new(MAX_WAITING) }
    }
}

#[derive(Clone)]
struct Loaded {
    path: PathBuf,
    written: SystemTime,
    sampler: Arc<Sampler>,
}

pub(crate) struct Sampler {
    generator: Mutex<Generator>,
    directions: Vec<Vec<f32>>,
    queue: Mutex<Vec<Job>>,
}

/// What waits to be drawn.
struct Job {
    places: Vec<Place>,
    class: Option<usize>,
    answer: oneshot::Sender<gannet::Result<Vec<Vec<f32>>>>,
}

impl Sampler {
    pub(crate) fn card(&self) -> gannet::Card {
        self.generator().card().clone()
    }

    fn generator(&self) -> MutexGuard<'_, Generator> {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn values(&self, places: &[Place], class: Option<usize>) -> gannet::Result<Vec<Vec<f32>>> {
        self.generator().values_at(places, class)
    }

    /// Draws what waits: all of one class goes through the network together, which costs little more than one sample
    /// does. What is left waits for the next turn.
    fn draw_waiting(&self) {
        let mut jobs = self.queue();
        let Some(class) = jobs.first().map(|job| job.class) else { return };
        let (mut taken, mut n) = (vec![], 0);
        for job in std::mem::take(&mut *jobs) {
            if job.class == class && (n == 0 || n + job.places.len() <= MAX_SEEDS) {
                n += job.places.len();
                taken.push(job);
            } else {
                jobs.push(job);
            }
        }
        drop(jobs);
        let places: Vec<Place> = taken.iter().flat_map(|job| job.places.iter().cloned()).collect();
        let mut drawn = self.generator().values_at(&places, class).map(Vec::into_iter);
        for job in taken {
            let own = match &mut drawn {
                Ok(drawn) => Ok(drawn.take(job.places.len()).collect()),
                Err(error) => Err(gannet::Error::setting(error.to_string())),
            };
            // Who has gone away is not waited for.
            let _gone = job.answer.send(own);
        }
    }
}

impl Samplers {
    /// The generator of the run at `path` as it is now.
    pub(crate) fn open(&self, path: &Path) -> Result<Arc<Sampler>, Problem> {
        let missing = |_| Problem::not_found("this run has no generator yet; it is written at the first snapshot");
        let written =
            std::fs::metadata(path.join("generator.safetensors")).and_then(|file| file.modified()).map_err(missing)?;
        let lock = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().iter().find(|known| known.path == path && known.written == written) {
            return Ok(known.sampler.clone());
        }
        let generator = Generator::load(path)?;
        let directions = if generator.card().shape.is_point() { vec![] } else { generator.directions(N_DIRECTIONS)? };
        let sampler = Arc::new(Sampler { generator: Mutex::new(generator), directions, queue: Mutex::default() });
        let mut loaded = lock();
        loaded.retain(|known| known.path != path);
        if loaded.len() == MAX_LOADED {
            loaded.remove(0);
        }
        loaded.push(Loaded { path: path.to_path_buf(), written, sampler: sampler.clone() });
        Ok(sampler)
    }
}

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
            "n_directions": sampler.directions.len(),
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
    let path = find(&studio, &wish.run).await?;
    let is_sheet = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|a| a.contains("image/png"));
    let (values, shape) = draw(&studio, path, &wish).await?;
    reading(move || if is_sheet { sheet(&values, shape, &wish) } else { single(&values, shape, &wish) }).await?
}

/// The samples of a wish, together with those that others wait for.
async fn draw(studio: &Shared, path: PathBuf, wish: &Wish) -> Result<(Vec<Vec<f32>>, Shape), Problem> {
    let _waiting = studio.samplers.waiting.try_acquire().map_err(|_| busy())?;
    let held = studio.clone();
    let sampler = {
        let _turn = studio.samplers.turn.acquire().await.map_err(|_| busy())?;
        reading(move || held.samplers.open(&path)).await??
    };
    let (places, class, shape) = places(&sampler, wish)?;
    let (answer, mut drawn) = oneshot::channel();
    sampler.queue().push(Job { places, class, answer });
    let _turn = studio.samplers.turn.acquire().await.map_err(|_| busy())?;
    // Others before it in the line may be of another class: these are drawn first.
    loop {
        match drawn.try_recv() {
            Ok(values) => return Ok((values?, shape)),
            Err(TryRecvError::Empty) => {
                let held = sampler.clone();
                reading(move || held.draw_waiting()).await?;
            }
            Err(TryRecvError::Closed) => {
                return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work broke off"));
            }
        }
    }
}

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait for a generator; try again")
}

/// Takes a place in the line, waits for the turn, and works with a network on a thread where that holds nobody up.
pub(crate) async fn in_turn<T: Send + 'static>(
    studio: &Shared,
    work: impl FnOnce(&Studio) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let _waiting = studio.samplers.waiting.try_acquire().map_err(|_| busy())?;
    let _turn = studio.samplers.turn.acquire().await.map_err(|_| busy())?;
    let held = studio.clone();
    reading(move || work(&held)).await?
}

/// Where the samples of a wish lie, and of which class they are.
pub(crate) fn places(sampler: &Sampler, wish: &Wish) -> Result<(Vec<Place>, Option<usize>, Shape), Problem> {
    let generator = sampler.generator();
    let shape = generator.card().shape;
    if shape.n_values() * wish.seeds.len() > MAX_PIXELS {
        return Err(Problem::bad(format!("{} samples of {shape} are too many at once", wish.seeds.len())));
    }
    let class = wish.class.as_deref().map(|name| generator.class(name)).transpose()?;
    let mut shift = vec![0.0; generator.card().net.latent()];
    for (step, direction) in wish.steps.iter().zip(&sampler.directions) {
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
            let png = png(&image::from_unit(values, shape), &seed.to_string())?;
            Ok(json!({ "seed": seed, "png": BASE64_STANDARD.encode(png) }))
        })
        .collect();
    Ok(Json(json!({ "samples": samples? })).into_response())
}

fn sheet(values: &[Vec<f32>], shape: Shape, wish: &Wish) -> Result<Response, Problem> {
    let columns = (values.len() as f64).sqrt().ceil() as usize;
    let seeds: Vec<String> = wish.seeds.iter().map(u64::to_string).collect();
    let bytes = png(&image::sheet(values, shape, columns), &seeds.join(","))?;
    Ok(([(CONTENT_TYPE, "image/png")], bytes).into_response())
}

/// A PNG that says where it came from.
pub(crate) fn png(picture: &Picture, seeds: &str) -> Result<Vec<u8>, Problem> {
    let text =
        [("Software", "gannet"), ("Source", "made by a generative adversarial network"), ("gannet:seeds", seeds)];
    image::encode_png(picture, &text).map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error))
}
