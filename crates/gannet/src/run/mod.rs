//! What a run leaves on disk: its resolved settings, its state, its figures and its pictures.

mod atomic;
pub mod checkpoint;
pub(crate) mod config;
mod dir;
mod record;

pub use atomic::write_atomically;
pub use config::{Config, TrainConfig, assign, merge, section};
pub use dir::{RunDir, resolve};
pub use record::{Recorder, fakes_name};
