//! Networks that take pictures: the one that was asked for last is kept in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use gannet::convert::{self, Model};
use gannet::data::Direction;

use crate::problem::Problem;

/// The network that was asked for last.
#[derive(Default)]
pub(crate) struct Networks(Mutex<Option<Loaded>>);

struct Loaded {
    path: PathBuf,
    written: SystemTime,
    direction: Option<Direction>,
    network: Network,
}

/// A network, for threads that have the turn.
pub(crate) type Network = Arc<Mutex<Model>>;

impl Networks {
    /// The network of the run at `path` as it is now; without a direction, a translator goes the way of its training.
    pub(crate) fn open(&self, path: &Path, direction: Option<Direction>) -> Result<Network, Problem> {
        let missing = |_| Problem::not_found("this run has no network yet; it is written at the first snapshot");
        let file = std::fs::metadata(path.join("generator.safetensors"));
        let written = file.and_then(|file| file.modified()).map_err(missing)?;
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |known: &&Loaded| (&*known.path, known.written, known.direction) == (path, written, direction);
        if let Some(known) = loaded.as_ref().filter(is_wanted) {
            return Ok(known.network.clone());
        }
        let model = match (convert::open(path, None)?, direction) {
            (Model::Translator(translator), Some(direction)) => Model::Translator(translator.towards(direction)?),
            (model, _) => model,
        };
        let network = Arc::new(Mutex::new(model));
        *loaded = Some(Loaded { path: path.to_path_buf(), written, direction, network: network.clone() });
        Ok(network)
    }
}

pub(crate) fn lock(network: &Network) -> MutexGuard<'_, Model> {
    network.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why `model` is refused where one that does `deed` is wanted.
pub(crate) fn unfit(model: &Model, deed: &str) -> Problem {
    Problem::bad(format!("this run's network is {}, accepted: one that {deed}", model.describe()))
}
