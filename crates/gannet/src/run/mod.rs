//! What a run leaves on disk: its resolved settings, its state and the folder that holds them.

mod atomic;
pub mod checkpoint;
pub(crate) mod config;
mod dir;

pub use atomic::{write_atomically, write_with};
pub use config::{Config, Precision, TrainConfig, assign, merge, section};
pub(crate) use dir::lock;
pub use dir::{RunDir, State, resolve};
