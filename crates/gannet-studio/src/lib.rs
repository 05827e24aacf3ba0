//! The studio: a local web page that shows runs as they happen, explores trained generators and lets the game be watched
//! in the plane.
//!
//! [`app`] is the whole of it as a service. It reads run directories, so that a studio that dies takes no run with it, and
//! old or copied runs open too; what it launches is trained by processes of their own. Reading order: `serve` takes
//! connections, `guard` says who may ask, `runs` and `history` read what runs left, `turns` says when a network may be worked
//! with, `workers` on which threads, `api`, `live`, `sampling`, `nearest`, `translate`, `inpaint`, `launch` and `playground`
//! answer, `assets` holds the pages.

mod guard;
mod problem;
mod runs;
mod history;
mod rates;
mod api;
mod live;
mod workers;
mod turns;
mod pictures;
mod samplers;
mod sampling;
mod nearest;
mod networks;
mod translate;
mod inpaint;
mod recipes;
mod trainings;
mod launch;
mod playground;
mod openapi;
mod assets;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use pictures::{MAX_PICTURE, MAX_PICTURE_PIXELS};
use problem::Problem;
pub use sampling::MAX_SEEDS;
pub use serve::serve;

/// The longest body of a request, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// [`Options::patience`] and [`Options::head_patience`] where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What a studio shows, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of runs, or one run.
    pub runs: PathBuf,
    /// What everybody who asks has to know; none where only this machine can ask.
    pub token: Option<String>,
    /// The program `gannet`, which trains what the page launches; none where the studio starts nothing.
    pub trainer: Option<PathBuf>,
    /// How long a request may take to come in and be answered, a minute by default; streams that have begun are not bound
    /// by it.
    pub patience: Duration,
    /// How long the first lines of a request may take, ten seconds by default, so that whoever sends a letter a minute
    /// holds no connection. Heard by [`serve`], which has the connections.
    pub head_patience: Duration,
}

impl Options {
    /// A studio of `runs` for this machine, which starts nothing.
    pub fn new(runs: impl Into<PathBuf>) -> Self {
        Self { runs: runs.into(), token: None, trainer: None, patience: PATIENCE, head_patience: HEAD_PATIENCE }
    }
}

/// What the answers share.
struct Studio {
    options: Options,
    index: runs::Index,
    turns: turns::Turns,
    samplers: samplers::Samplers,
    pools: nearest::Pools,
    networks: networks::Networks,
    trainings: trainings::Trainings,
    games: playground::Games,
    feeds: live::Feeds,
}

type Shared = Arc<Studio>;

/// The studio as a service.
pub fn app(options: Options) -> Router {
    let studio: Shared = Arc::new(Studio {
        index: runs::Index::new(options.runs.clone()),
        trainings: trainings::Trainings::new(options.trainer.clone()),
        options,
        turns: turns::Turns::default(),
        samplers: samplers::Samplers::default(),
        pools: nearest::Pools::default(),
        networks: networks::Networks::default(),
        games: playground::Games::default(),
        feeds: live::Feeds::default(),
    });
    Router::new()
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/runs", get(api::list))
        .route("/api/runs/{run}", get(api::detail))
        .route("/api/runs/{run}/stats", get(api::stats))
        .route("/api/runs/{run}/log", get(api::log))
        .route("/api/runs/{run}/pictures/{picture}", get(api::picture))
        .route("/api/runs/{run}/events", get(live::events))
        .route("/api/runs/{run}/generator", get(sampling::describe))
        .route("/api/runs/{run}/resume", post(launch::resume))
        .route("/api/runs/{run}/stop", post(launch::stop))
        .route("/api/sample", post(sampling::sample))
        .route("/api/runs/{run}/translator", get(translate::describe))
        .route("/api/translate", post(translate::translate).layer(DefaultBodyLimit::max(MAX_PICTURE)))
        .route("/api/runs/{run}/inpainter", get(inpaint::describe))
        .route("/api/mask", get(inpaint::mask))
        .route("/api/inpaint", post(inpaint::inpaint).layer(DefaultBodyLimit::max(inpaint::MAX_FORM)))
        .route("/api/nearest", post(nearest::find_nearest))
        .route("/api/launch", get(launch::catalogue).post(launch::start))
        .route("/api/launch/check", post(launch::check))
        .route("/api/playground", get(playground::play))
        .route("/api/playground/catalogue", get(playground::catalogue))
        .fallback(assets::serve)
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(studio.clone(), in_time))
        .layer(middleware::from_fn_with_state(studio.clone(), guard::check))
        .with_state(studio)
}

/// Answers within [`Options::patience`], and refuses in JSON whatever was refused.
async fn in_time(State(studio): State<Shared>, request: Request, next: Next) -> Response {
    let Ok(response) = tokio::time::timeout(studio.options.patience, next.run(request)).await else {
        return Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response();
    };
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_refused && !is_json {
        return Problem::new(status, status.canonical_reason().unwrap_or("refused")).into_response();
    }
    response
}
