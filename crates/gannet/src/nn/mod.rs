//! The layers our networks are made of, how they start and how their state is named.
//!
//! Weights have the PyTorch layouts, so that a tensor's name and shape mean the same on both sides. Initial values come
//! from [`Init`], never from the backend's global generator.

pub mod activation;
mod buffer;
mod conv;
mod init;
mod linear;
mod norm;
pub mod state;

pub use buffer::Buffer;
pub use conv::{Conv2d, ConvTranspose2d};
pub use init::Init;
pub use linear::Linear;
pub use norm::BatchNorm;
