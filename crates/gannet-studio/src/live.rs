//! Runs as they happen: server-sent events, from what the trainer appends to the run's files.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{self, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::sync::watch;

use crate::Shared;
use crate::api::{find, reading};
use crate::history;
use crate::problem::Problem;
use crate::runs::{Drawing, drawings};

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);
/// Most lines of figures in the first event.
const FIRST_LINES: usize = 2000;

/// Who follows which run. However many follow one, its files are looked at once.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<HashMap<PathBuf, watch::Sender<()>>>);

impl Feeds {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells when something changes in the run at `path`.
fn follow(studio: &Shared, path: &path::Path) -> watch::Receiver<()> {
    let mut feeds = studio.feeds.lock();
    if let Some(feed) = feeds.get(path) {
        return feed.subscribe();
    }
    let (feed, follower) = watch::channel(());
    feeds.insert(path.to_path_buf(), feed);
    tokio::spawn(look_again(studio.clone(), path.to_path_buf()));
    follower
}

/// Looks at the files of the run at `path` until nobody follows it any more.
async fn look_again(studio: Shared, path: PathBuf) {
    let mut seen = None;
    loop {
        tokio::time::sleep(PAUSE).await;
        let place = path.clone();
        let now = reading(move || mark(&place)).await.ok();
        let mut feeds = studio.feeds.lock();
        let Some(feed) = feeds.get(&path) else { return };
        if feed.receiver_count() == 0 {
            feeds.remove(&path);
            return;
        }
        if now != seen {
            feed.send_replace(());
            seen = now;
        }
    }
}

/// What changes when a run goes on: the size of its figures, and the names in its folder.
fn mark(path: &path::Path) -> (u64, Option<SystemTime>) {
    let size = std::fs::metadata(path.join("stats.jsonl")).map_or(0, |file| file.len());
    (size, std::fs::metadata(path).and_then(|folder| folder.modified()).ok())
}

/// What one client has been told.
struct Told {
    path: PathBuf,
    follower: watch::Receiver<()>,
    at: u64,
    size: u64,
    folder: Option<SystemTime>,
    pictures: Vec<Drawing>,
    is_first: bool,
}

/// `GET /api/runs/{run}/events`: first all that is there, then what comes. Each event is an object with `lines` of
/// figures, whether they are to `replace` the earlier ones, and all `pictures` if there are new ones.
pub(crate) async fn events(
    State(studio): State<Shared>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let path = find(&studio, &id).await?;
    let follower = follow(&studio, &path);
    let told = Told { path, follower, at: 0, size: 0, folder: None, pictures: vec![], is_first: true };
    let events = stream::unfold(told, |mut told| async move {
        loop {
            if !told.is_first {
                told.follower.changed().await.ok()?;
            }
            let (news, next) = reading(move || look(told)).await.ok()?;
            told = next;
            if let Some(news) = news {
                return Some((Ok(Event::default().data(news)), told));
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// What is new, if anything.
fn look(mut told: Told) -> (Option<String>, Told) {
    let path = told.path.join("stats.jsonl");
    let (size, folder) = mark(&told.path);
    // A resumed run drops figures that will come again.
    let replace = told.is_first || size < told.size;
    let lines = if replace || size > told.size {
        let (lines, at) = history::read(&path, if replace { 0 } else { told.at });
        told.at = at;
        history::thinned(lines, FIRST_LINES)
    } else {
        vec![]
    };
    told.size = size;
    let pictures = if folder == told.folder { None } else { Some(drawings(&told.path)) };
    let pictures = pictures.filter(|pictures| *pictures != told.pictures);
    told.folder = folder;
    if lines.is_empty() && pictures.is_none() && !replace {
        return (None, told);
    }
    told.is_first = false;
    let news = json!({ "lines": lines, "replace": replace, "pictures": pictures });
    told.pictures = pictures.unwrap_or(told.pictures);
    (Some(news.to_string()), told)
}
