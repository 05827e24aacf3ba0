//! Generators in memory, and what waits to be drawn by each.
//!
//! Whoever asks joins a generator's line and is answered from there. A batch costs a network as much as one sample does,
//! so what comes at about the same time is drawn together, and between two drawings there is a rest, in which a training
//! has the cores.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::response::Response;
use gannet::Card;
use gannet::generator::{BATCH, Generator, Place};
use tokio::sync::{Notify, oneshot};

use crate::Shared;
use crate::problem::Problem;
use crate::sampling::{MAX_SEEDS, N_DIRECTIONS};
use crate::turns::{Permit, once_in_turn};

/// Generators kept in memory.
const MAX_LOADED: usize = 2;
/// A rest is this many times as long as the drawing before it, and no longer than that. A full batch does not wait for
/// its end.
const REST: u32 = 9;
const LONGEST_REST: Duration = Duration::from_millis(50);

/// Generators in memory, the latest last.
#[derive(Default)]
pub(crate) struct Samplers(Mutex<Vec<Loaded>>);

struct Loaded {
    path: PathBuf,
    written: SystemTime,
    sampler: Arc<Sampler>,
}

impl Samplers {
    fn lock(&self) -> MutexGuard<'_, Vec<Loaded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generator of the run at `path` as it is now, where it is in memory.
    pub(crate) fn known(&self, path: &Path) -> Option<Arc<Sampler>> {
        let written = written(path).ok()?;
        let loaded = self.lock();
        let known = loaded.iter().find(|known| known.path == path && known.written == written)?;
        Some(known.sampler.clone())
    }

    /// The generator of the run at `path` as it is now, read if need be.
    pub(crate) fn open(&self, path: &Path) -> Result<Arc<Sampler>, Problem> {
        let missing = |_| Problem::not_found("this run has no generator yet; it is written at the first snapshot");
        let written = written(path).map_err(missing)?;
        if let Some(known) = self.known(path) {
            return Ok(known);
        }
        let sampler = Arc::new(Sampler::new(Generator::load(path)?));
        let mut loaded = self.lock();
        loaded.retain(|known| known.path != path);
        if loaded.len() == MAX_LOADED {
            loaded.remove(0);
        }
        loaded.push(Loaded { path: path.to_path_buf(), written, sampler: sampler.clone() });
        Ok(sampler)
    }
}

fn written(path: &Path) -> std::io::Result<SystemTime> {
    std::fs::metadata(path.join("generator.safetensors"))?.modified()
}

/// A generator. What it says of itself can be read by anybody at any moment; it draws on threads for work that takes time.
pub(crate) struct Sampler {
    card: Card,
    /// Once somebody asked for them: to find them takes a thousand samples and more.
    directions: OnceLock<Vec<Vec<f32>>>,
    generator: Mutex<Generator>,
    line: Mutex<Line>,
    /// Tells that a whole batch waits.
    is_full: Notify,
}

/// What waits to be drawn.
struct Line {
    jobs: Vec<Job>,
    /// Whether somebody draws what waits.
    is_served: bool,
    rest_until: Instant,
}

impl Line {
    fn is_full(&self) -> bool {
        self.jobs.iter().map(|job| job.places.len()).sum::<usize>() >= BATCH
    }
}

/// Samples that are wanted.
pub(crate) struct Job {
    pub(crate) places: Vec<Place>,
    pub(crate) class: Option<usize>,
    /// Makes the answer of the values.
    pub(crate) finish: Finish,
    pub(crate) answer: oneshot::Sender<Result<Response, Problem>>,
    /// Kept until the answer is made.
    pub(crate) place: Permit,
}

type Finish = Box<dyn FnOnce(&[Vec<f32>]) -> Result<Response, Problem> + Send>;

impl Sampler {
    fn new(generator: Generator) -> Self {
        let card = generator.card().clone();
        let line = Line { jobs: vec![], is_served: false, rest_until: Instant::now() };
        let (generator, line) = (Mutex::new(generator), Mutex::new(line));
        Self { card, directions: OnceLock::new(), generator, line, is_full: Notify::new() }
    }

    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    /// How many directions there are.
    pub(crate) fn n_directions(&self) -> usize {
        if self.card.shape.is_point() { 0 } else { N_DIRECTIONS.min(self.card.net.latent()) }
    }

    /// The directions in which the generator changes most, where they are known.
    pub(crate) fn directions(&self) -> Option<&[Vec<f32>]> {
        self.directions.get().map(Vec::as_slice)
    }

    /// Finds the directions: for work that has the turn.
    pub(crate) fn find_directions(&self) -> gannet::Result<()> {
        if self.directions.get().is_none() {
            let found = match self.n_directions() {
                0 => vec![],
                n => self.generator().directions(n)?,
            };
            let _known = self.directions.set(found);
        }
        Ok(())
    }

    fn generator(&self) -> MutexGuard<'_, Generator> {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The samples at `places`, at once: for work that has the turn.
    pub(crate) fn values(&self, places: &[Place], class: Option<usize>) -> gannet::Result<Vec<Vec<f32>>> {
        self.generator().values_at(places, class)
    }

    /// Held for a moment only, never while something is drawn.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `job` into the line, and has it drawn.
    pub(crate) fn join(self: &Arc<Self>, studio: &Shared, job: Job) {
        let mut line = self.line();
        line.jobs.push(job);
        if line.is_full() {
            self.is_full.notify_waiters();
        }
        if !std::mem::replace(&mut line.is_served, true) {
            tokio::spawn(serve(studio.clone(), self.clone()));
        }
    }

    /// Waits until the rest is over, or a batch is full.
    async fn rest(&self) {
        let full = self.is_full.notified();
        let until = {
            let line = self.line();
            if line.is_full() {
                return;
            }
            line.rest_until
        };
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = full => {}
        }
    }

    /// Draws what waits, all of one class through the network together. What is left waits for the next turn.
    fn draw_waiting(&self) {
        let began = Instant::now();
        let taken = self.take_waiting();
        let Some(class) = taken.first().map(|job| job.class) else { return };
        let places: Vec<Place> = taken.iter().flat_map(|job| job.places.iter().cloned()).collect();
        let drawn = self.values(&places, class).map_err(Problem::from);
        let mut left = drawn.as_deref().unwrap_or_default();
        for Job { places, finish, answer, place: _until_answered, .. } in taken {
            let own = left.split_off(..places.len().min(left.len())).unwrap_or_default();
            let made = drawn.as_ref().map_err(Problem::clone).and_then(|_| finish(own));
            // Who has gone away is not waited for.
            let _gone = answer.send(made);
        }
        self.line().rest_until = Instant::now() + (REST * began.elapsed()).min(LONGEST_REST);
    }

    /// The jobs to be drawn next: those of the first one's class, as many as go together. Nobody waits for the others that
    /// go: those who asked have gone away.
    fn take_waiting(&self) -> Vec<Job> {
        let mut line = self.line();
        line.jobs.retain(|job| !job.answer.is_closed());
        let Some(class) = line.jobs.first().map(|job| job.class) else { return vec![] };
        let mut n = 0;
        let is_taken = |job: &mut Job| {
            let is_taken = job.class == class && (n == 0 || n + job.places.len() <= MAX_SEEDS);
            n += if is_taken { job.places.len() } else { 0 };
            is_taken
        };
        line.jobs.extract_if(.., is_taken).collect()
    }

    /// Whether nothing waits any more; who joins after that has the line served again.
    fn is_done(&self) -> bool {
        let mut line = self.line();
        line.is_served = !line.jobs.is_empty();
        !line.is_served
    }
}

/// Draws what waits for `sampler` until nothing does.
async fn serve(studio: Shared, sampler: Arc<Sampler>) {
    loop {
        sampler.rest().await;
        let held = sampler.clone();
        // Where it breaks off, those whose samples were drawn hear that nobody will answer them.
        let _broken = once_in_turn(&studio, move |_| held.draw_waiting()).await;
        if sampler.is_done() {
            return;
        }
    }
}
