//! The run directory: numbered, locked by its writer, readable by anybody.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::atomic::{TEMPORARY_PREFIX, temporary};
use super::{Config, checkpoint, write_atomically};
use crate::method::Method;
use crate::nn::state::Tensors;
use crate::{Error, Result};

const CONFIG: &str = "config.toml";
const CHECKPOINT: &str = "checkpoint";

/// A run on disk, held by one process at a time.
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

/// What a checkpoint says of itself besides its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Progress {
    config: Config,
    images_seen: u64,
    n_samples: usize,
}

/// What a checkpoint holds besides the settings.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// Real images shown so far.
    pub images_seen: u64,
    /// Samples in the data set.
    pub n_samples: usize,
    /// The game, and whatever else has to be remembered.
    pub tensors: &'a Tensors,
    /// The images of the newest checkpoint that the doctor found nothing wrong with, which stays.
    pub healthy: Option<u64>,
}

impl RunDir {
    /// Makes `outdir/NNNNN-name` with the next free number and `config` in it. The folder appears complete or not at
    /// all.
    pub fn create(outdir: &Path, name: &str, config: &Config) -> Result<Self> {
        let new = unnamed(outdir, config)?;
        let first_free = runs(outdir)?.last().map_or(0, |(number, _)| number + 1);
        for number in first_free.. {
            let path = outdir.join(format!("{number:05}-{name}"));
            // Renaming onto a run that another process made in the meantime fails, because it is not empty.
            match fs::rename(new.path(), &path) {
                Ok(()) => {
                    let _moved = new.keep();
                    return Self::open(&path);
                }
                Err(_) if path.exists() => continue,
                Err(error) => return Err(Error::io("create", &path)(error)),
            }
        }
        Err(Error::file(outdir, "holds more runs than can be numbered"))
    }

    /// Makes `outdir/name` with `config` in it, for runs whose place is settled; complete or not at all.
    pub fn create_named(outdir: &Path, name: &str, config: &Config) -> Result<Self> {
        let new = unnamed(outdir, config)?;
        let path = outdir.join(name);
        fs::rename(new.path(), &path).map_err(Error::io("create", &path))?;
        let _moved = new.keep();
        Self::open(&path)
    }

    /// Takes hold of the run at `path` and clears what a killed process left half-written.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self { path: path.to_path_buf(), _lock: lock(path, "another process is training this run")? };
        for folder in [run.path.clone(), run.checkpoints()] {
            for entry in entries(&folder)? {
                if entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY_PREFIX)) {
                    fs::remove_file(&entry).map_err(Error::io("remove", &entry))?;
                }
            }
        }
        Ok(run)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its settings.
    pub fn config(path: &Path) -> Result<Config> {
        let file = path.join(CONFIG);
        let text = fs::read_to_string(&file).map_err(Error::io("read", &file))?;
        toml::from_str(&text).map_err(|error| Error::file(&file, error.to_string()))
    }

    /// Replaces its settings, as a resumed run with a new end does.
    pub fn set_config(&self, config: &Config) -> Result<()> {
        write_atomically(self.path.join(CONFIG), config.to_toml()?.as_bytes())
    }

    /// Saves a state, then removes all checkpoints but the newest ones and the newest healthy one.
    pub fn save(&self, config: &Config, state: &State) -> Result<()> {
        let State { images_seen, n_samples, tensors, healthy } = *state;
        let progress = Progress { config: config.clone(), images_seen, n_samples };
        checkpoint::write(&self.checkpoint(images_seen), CHECKPOINT, &progress, tensors)?;
        let mut old = checkpoints(&self.path)?;
        old.truncate(old.len().saturating_sub(config.train.keep));
        let healthy = healthy.map(|images| self.checkpoint(images));
        old.retain(|path| Some(path) != healthy.as_ref());
        old.into_iter().try_for_each(|old| fs::remove_file(&old).map_err(Error::io("remove", old)))
    }

    /// Removes the checkpoints that come after the one of `images_seen`; without it, all.
    pub fn roll_back(&self, images_seen: Option<u64>) -> Result<()> {
        let last = images_seen.map(|images| self.checkpoint(images));
        let mut newer = checkpoints(&self.path)?;
        newer.retain(|path| last.as_ref().is_none_or(|last| path > last));
        newer.into_iter().try_for_each(|path| fs::remove_file(&path).map_err(Error::io("remove", path)))
    }

    /// Gives `method` the newest saved state and returns the images it had seen, 0 where nothing was saved yet, and all
    /// that was saved.
    pub fn restore(&self, config: &Config, n_samples: usize, method: &mut dyn Method) -> Result<(u64, Tensors)> {
        let Some(path) = checkpoints(&self.path)?.pop() else { return Ok((0, Tensors::new())) };
        let (progress, tensors) = checkpoint::read::<Progress>(&path, CHECKPOINT)?;
        let (saved, wanted) = (progress.config.method_name(), config.method_name());
        if saved != wanted {
            return Err(Error::file(&path, format!("a checkpoint of method `{saved}`, this run plays `{wanted}`")));
        }
        if progress.n_samples != n_samples {
            let (then, source) = (progress.n_samples, &config.data.source);
            return Err(Error::file(&path, format!("{source} held {then} samples then and holds {n_samples} now")));
        }
        // A finished run may have overshot its end by a part of a step; only an earlier end is a mistake.
        if progress.images_seen > config.images_total() && config.train.kimg < progress.config.train.kimg {
            let [seen, wanted] = [progress.images_seen, config.images_total()].map(|images| images as f64 / 1000.0);
            return Err(Error::file(&path, format!("has seen {seen} kimg already, train.kimg is {wanted}")));
        }
        method.load(&tensors).map_err(|reason| Error::file(&path, reason))?;
        Ok((progress.images_seen, tensors))
    }

    fn checkpoint(&self, images_seen: u64) -> PathBuf {
        self.checkpoints().join(format!("{:06}.safetensors", images_seen / 1000))
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}

/// Holds `folder` for this process until dropped; `refusal` says what it means that another one does.
pub(crate) fn lock(folder: &Path, refusal: &str) -> Result<File> {
    let path = folder.join(".lock");
    let lock = File::create(&path).map_err(Error::io("create", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::file(folder, refusal)),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}

/// A complete run in `outdir` that has yet to be given its name.
fn unnamed(outdir: &Path, config: &Config) -> Result<TempDir> {
    fs::create_dir_all(outdir).map_err(Error::io("create", outdir))?;
    let new = temporary(0o777).tempdir_in(outdir).map_err(Error::io("create a folder in", outdir))?;
    fs::create_dir(new.path().join("checkpoints")).map_err(Error::io("create", new.path()))?;
    write_atomically(new.path().join(CONFIG), config.to_toml()?.as_bytes())?;
    Ok(new)
}

/// The run that `name` means: a folder, `latest`, or a run's number or name in `outdir`.
pub fn resolve(name: &str, outdir: &Path) -> Result<PathBuf> {
    let direct = Path::new(name);
    if direct.join(CONFIG).is_file() {
        return Ok(direct.to_path_buf());
    }
    let runs = if outdir.is_dir() { runs(outdir)? } else { vec![] };
    let found = if name == "latest" {
        runs.last()
    } else {
        runs.iter()
            .rev()
            .find(|(number, path)| path.file_name().is_some_and(|file| file == name) || name.parse() == Ok(*number))
    };
    found.map(|(_, path)| path.clone()).ok_or_else(|| {
        let accepted = "a run's folder, its number, or `latest`";
        Error::file(
            direct,
            format!("no run of this name, neither here nor in {}; accepted: {accepted}", outdir.display()),
        )
    })
}

/// Complete runs in `outdir` by number.
fn runs(outdir: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let number = |path: &Path| path.file_name()?.to_str()?.split_once('-')?.0.parse().ok();
    let is_run = |path: &PathBuf| path.join(CONFIG).is_file();
    let mut runs: Vec<_> =
        entries(outdir)?.into_iter().filter(is_run).filter_map(|path| Some((number(&path)?, path))).collect();
    runs.sort();
    Ok(runs)
}

/// Checkpoints of the run at `path`, oldest first.
fn checkpoints(path: &Path) -> Result<Vec<PathBuf>> {
    let is_checkpoint = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    let mut found: Vec<_> = entries(&path.join("checkpoints"))?.into_iter().filter(is_checkpoint).collect();
    found.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    found.sort();
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>();
    read().map_err(Error::io("read", folder))
}
