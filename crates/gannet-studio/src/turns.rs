//! Who may work with a network, and when: a line of bounded length, in which one works at a time.
//!
//! Work goes to threads where it holds nobody up, and takes its place and its turn with it. Whoever asked may be gone by
//! then, or have been told that it took too long; the work goes on, and until its end nobody else has the turn.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::reading;
use crate::problem::Problem;
use crate::workers::Workers;
use crate::{Shared, Studio};

/// Requests that wait for a network; more are turned away.
const MAX_WAITING: usize = 256;

/// Requests whose pictures are in memory; more are not read yet.
const MAX_UPLOADS: usize = 16;

/// The line.
pub(crate) struct Turns {
    /// One at a time: each uses all cores, and a training wants some of them.
    turn: Arc<Semaphore>,
    workers: Workers,
    waiting: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

/// A place in the line, room for a picture, or a turn, for as long as it is kept.
pub(crate) type Permit = OwnedSemaphorePermit;

impl Default for Turns {
    fn default() -> Self {
        let [turn, waiting, uploads] = [1, MAX_WAITING, MAX_UPLOADS].map(|n| Arc::new(Semaphore::new(n)));
        Self { turn, workers: Workers::default(), waiting, uploads }
    }
}

impl Turns {
    /// A place in the line, if there is one.
    pub(crate) fn place(&self) -> Result<Permit, Problem> {
        self.waiting.clone().try_acquire_owned().map_err(|_| busy())
    }

    /// Leave to read a picture, once there is room for it in memory.
    pub(crate) async fn upload(&self) -> Result<Permit, Problem> {
        self.uploads.clone().acquire_owned().await.map_err(|_| busy())
    }
}

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait for a network; try again")
}

/// Takes a place in the line, waits for the turn, and works with a network.
pub(crate) async fn in_turn<T: Send + 'static>(
    studio: &Shared,
    work: impl FnOnce(&Studio) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let place = studio.turns.place()?;
    let work = move |studio: &Studio, _until_done| work(studio);
    in_turn_at(studio, place, work).await
}

/// The same from a place that was taken before.
pub(crate) async fn in_turn_at<T: Send + 'static>(
    studio: &Shared,
    place: Permit,
    work: impl FnOnce(&Studio, Permit) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    once_in_turn(studio, move |studio| work(studio, place)).await?
}

/// The same for whoever needs no place, as those who wait have theirs.
pub(crate) async fn once_in_turn<T: Send + 'static>(
    studio: &Shared,
    work: impl FnOnce(&Studio) -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = studio.turns.turn.clone().acquire_owned().await.map_err(|_| busy())?;
    let held = studio.clone();
    reading(move || {
        let studio = &*held;
        studio.turns.workers.work(move || {
            let _until_done = turn;
            work(studio)
        })
    })
    .await
}
