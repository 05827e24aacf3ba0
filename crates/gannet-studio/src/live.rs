//! Runs as they happen: server-sent events, from what the trainer appends to the run's files.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{self, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::Shared;
use crate::api::{find, reading};
use crate::history;
use crate::problem::Problem;
use crate::runs::{Drawing, drawings};

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);
/// Most lines of figures in the first event: no chart is wider in pixels.
const FIRST_LINES: usize = 1000;
/// News that a follower may be behind by; after that it is told everything again.
const MAX_BEHIND: usize = 16;
/// After so long without news a comment shows that the connection lives.
const SILENCE: Duration = Duration::from_secs(15);

/// Who follows which run. However many follow one, its files are read once, and all are sent the same bytes.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<HashMap<PathBuf, Arc<Feed>>>);

struct Feed {
    path: PathBuf,
    told: Mutex<Told>,
    news: broadcast::Sender<Bytes>,
}

/// What all followers of a run have been told.
#[derive(Default)]
struct Told {
    /// Bytes of the figures, as far as whole lines go, and what there was in all.
    at: u64,
    size: u64,
    folder: Option<SystemTime>,
    pictures: Vec<Drawing>,
    /// The same as one event, for who comes next.
    whole: Option<Bytes>,
}

impl Feeds {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<Feed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that has been told so far, and what will be.
    fn join(&self) -> (Bytes, broadcast::Receiver<Bytes>) {
        let mut told = self.lock();
        let whole = match &told.whole {
            Some(whole) => whole.clone(),
            None => {
                if told.folder.is_none() {
                    look(&self.path, &mut told);
                }
                let (lines, _) = history::read_up_to(&self.path.join("stats.jsonl"), 0, told.at);
                let lines = history::thinned(lines, FIRST_LINES);
                let whole = event(&json!({ "lines": lines, "replace": true, "pictures": told.pictures }));
                told.whole = Some(whole.clone());
                whole
            }
        };
        (whole, self.news.subscribe())
    }

    /// Looks at the files and tells what is new.
    fn look_again(&self) {
        let mut told = self.lock();
        if let Some(news) = look(&self.path, &mut told) {
            told.whole = None;
            // Who has gone away needs no news.
            let _gone = self.news.send(news);
        }
    }
}

/// The feed of the run at `path`, which looks at its files until nobody follows it any more.
fn feed(studio: &Shared, path: &path::Path) -> Arc<Feed> {
    let mut feeds = studio.feeds.lock();
    if let Some(feed) = feeds.get(path) {
        return feed.clone();
    }
    let feed = Arc::new(Feed { path: path.into(), told: Mutex::default(), news: broadcast::channel(MAX_BEHIND).0 });
    feeds.insert(path.to_path_buf(), feed.clone());
    tokio::spawn(watch(studio.clone(), feed.clone()));
    feed
}

async fn watch(studio: Shared, feed: Arc<Feed>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let held = feed.clone();
        let looked = reading(move || held.look_again()).await;
        let mut feeds = studio.feeds.lock();
        // This task and the list hold it; whoever is about to follow does too.
        if looked.is_err() || (feed.news.receiver_count() == 0 && Arc::strong_count(&feed) <= 2) {
            feeds.remove(&feed.path);
            return;
        }
    }
}

/// `GET /api/runs/{run}/events`: first all that is there, then what comes. Each event is an object with `lines` of
/// figures, whether they are to `replace` the earlier ones, and all `pictures` if there are new ones.
pub(crate) async fn events(State(studio): State<Shared>, Path(id): Path<String>) -> Result<Response, Problem> {
    let path = find(&studio, &id).await?;
    let feed = feed(&studio, &path);
    let events = stream::unfold((feed, None), |(feed, news)| async move {
        let Some(mut news) = news else { return joined(feed).await };
        let bytes = match tokio::time::timeout(SILENCE, broadcast::Receiver::recv(&mut news)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(RecvError::Lagged(_))) => return joined(feed).await,
            Ok(Err(RecvError::Closed)) => return None,
            Err(_) => Bytes::from_static(b":\n\n"),
        };
        Some((Ok(bytes), (feed, Some(news))))
    });
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((head, Body::from_stream(events)).into_response())
}

type Following = (Arc<Feed>, Option<broadcast::Receiver<Bytes>>);

async fn joined(feed: Arc<Feed>) -> Option<(Result<Bytes, Infallible>, Following)> {
    let held = feed.clone();
    let (whole, news) = reading(move || held.join()).await.ok()?;
    Some((Ok(whole), (feed, Some(news))))
}

/// What changes when a run goes on: the size of its figures, and the names in its folder.
fn mark(path: &path::Path) -> (u64, Option<SystemTime>) {
    let size = std::fs::metadata(path.join("stats.jsonl")).map_or(0, |file| file.len());
    (size, std::fs::metadata(path).and_then(|folder| folder.modified()).ok())
}

/// What is new, if anything.
fn look(path: &path::Path, told: &mut Told) -> Option<Bytes> {
    let (size, folder) = mark(path);
    // A resumed run drops figures that will come again.
    let replace = size < told.size;
    let lines = if size == told.size {
        vec![]
    } else {
        let (lines, at) = history::read(&path.join("stats.jsonl"), if replace { 0 } else { told.at });
        told.at = at;
        history::thinned(lines, FIRST_LINES)
    };
    told.size = size;
    let pictures = if folder == told.folder { None } else { Some(drawings(path)) };
    let pictures = pictures.filter(|pictures| *pictures != told.pictures);
    told.folder = folder;
    if lines.is_empty() && pictures.is_none() && !replace {
        return None;
    }
    let news = event(&json!({ "lines": lines, "replace": replace, "pictures": pictures }));
    if let Some(pictures) = pictures {
        told.pictures = pictures;
    }
    Some(news)
}

/// A server-sent event: JSON has no line breaks.
fn event(value: &serde_json::Value) -> Bytes {
    format!("data: {value}\n\n").into()
}
