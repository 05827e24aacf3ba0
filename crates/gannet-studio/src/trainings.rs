//! The processes of trainings that this studio started.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Trainings at once.
const MAX_TRAININGS: usize = 4;
/// Reasons why trainings broke off that are remembered.
const MAX_TROUBLES: usize = 100;
/// What a process that was asked to end answers.
const INTERRUPTED: i32 = 130;

/// What this studio trains.
pub(crate) struct Trainings {
    /// The program; none where the studio only shows.
    trainer: Option<PathBuf>,
    state: Arc<Mutex<State>>,
    /// Settings are checked one after the other: each check opens the data.
    turn: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    running: HashMap<PathBuf, Arc<Notify>>,
    troubles: HashMap<PathBuf, String>,
}

impl Trainings {
    pub(crate) fn new(trainer: Option<PathBuf>) -> Self {
        Self { trainer, state: Arc::default(), turn: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) fn can_start(&self) -> bool {
        self.trainer.is_some()
    }

    /// Whether the training of the run at `path` is this studio's.
    pub(crate) fn is_running(&self, path: &Path) -> bool {
        lock(&self.state).running.contains_key(path)
    }

    /// Names of the runs that this studio trains.
    pub(crate) fn running(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        lock(&self.state).running.keys().filter_map(name).collect()
    }

    /// Why the last training of the run at `path` that this studio started broke off.
    pub(crate) fn trouble(&self, path: &Path) -> Option<String> {
        lock(&self.state).troubles.get(path).cloned()
    }

    /// A turn to check settings, which goes with the work.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "other settings are being checked; try again");
        self.turn.clone().try_acquire_owned().map_err(busy)
    }

    /// Refuses where nothing more can be started.
    pub(crate) fn check_room(&self) -> Result<(), Problem> {
        if self.trainer.is_none() {
            return Err(Problem::new(StatusCode::FORBIDDEN, "this studio shows trainings and starts none"));
        }
        has_room(&lock(&self.state))
    }

    /// Trains the run at `path` from where it stands. For threads where starting a process holds nobody up.
    pub(crate) fn start(&self, path: &Path, more: &[String]) -> Result<(), Problem> {
        self.check_room()?;
        let Some(trainer) = &self.trainer else { return Ok(()) };
        let ask = self.enlist(path)?;
        match spawn(trainer, path, more) {
            Ok((child, errors)) => {
                tokio::spawn(watch(child, ask, errors, self.state.clone(), path.to_path_buf()));
                Ok(())
            }
            Err(error) => {
                lock(&self.state).running.remove(path);
                let message = format!("the training cannot be started: {error}");
                Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, message))
            }
        }
    }

    /// Notes the run at `path` as being trained, unless it or too many others are; returns by what it is asked to end.
    fn enlist(&self, path: &Path) -> Result<Arc<Notify>, Problem> {
        let mut state = lock(&self.state);
        has_room(&state)?;
        if state.running.contains_key(path) {
            return Err(Problem::new(StatusCode::CONFLICT, "this run is being trained already"));
        }
        let ask = Arc::new(Notify::new());
        state.troubles.remove(path);
        state.running.insert(path.to_path_buf(), ask.clone());
        Ok(ask)
    }

    /// Asks the training of the run at `path` to end.
    pub(crate) fn stop(&self, path: &Path) -> Result<(), Problem> {
        let ask = lock(&self.state).running.get(path).cloned();
        let foreign = || {
            let message = "this studio does not train this run; stop it with Ctrl-C where it was started";
            Problem::new(StatusCode::CONFLICT, message)
        };
        ask.ok_or_else(foreign)?.notify_one();
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_room(state: &State) -> Result<(), Problem> {
    if state.running.len() >= MAX_TRAININGS {
        let message = format!("{MAX_TRAININGS} trainings run already; stop one first");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    Ok(())
}

/// The process, and the file of what it complains of.
fn spawn(trainer: &Path, path: &Path, more: &[String]) -> std::io::Result<(Child, File)> {
    // Not a pipe: the training may outlive its reader.
    let errors = tempfile::tempfile()?;
    let mut command = Command::new(trainer);
    command.args(["train", "--resume"]).arg(path).args(more).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(errors.try_clone()?);
    #[cfg(unix)]
    command.process_group(0);
    Ok((command.spawn()?, errors))
}

async fn watch(mut child: Child, ask: Arc<Notify>, mut errors: File, state: Arc<Mutex<State>>, path: PathBuf) {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = ask.notified() => end(&mut child),
        }
    };
    let is_fine = status.is_ok_and(|status| status.success() || status.code() == Some(INTERRUPTED));
    let mut text = String::new();
    let _unread = errors.rewind().and_then(|()| errors.read_to_string(&mut text));
    let mut state = lock(&state);
    state.running.remove(&path);
    if !is_fine && state.troubles.len() < MAX_TROUBLES {
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        let reason = last.map_or("the training broke off", |line| line.trim_start_matches("error: "));
        state.troubles.insert(path, reason.to_owned());
    }
}

/// Asks for an end after the step at hand.
#[cfg(unix)]
fn end(child: &mut Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    // Where there is no process any more, the wait ends by itself.
    let _asked = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM));
}

/// Ends at once, and loses what came after the last snapshot: there is no gentler way here.
#[cfg(not(unix))]
fn end(child: &mut Child) {
    let _asked = child.start_kill();
}
