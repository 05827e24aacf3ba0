//! The layers our networks are made of, how they start and how their state is named.
//!
//! A layer maps a [`Dual`], a value that may carry its derivative along a direction, to another one: its rule for values
//! and its tangent rule are one. Weights have the PyTorch layouts, so that a tensor's name and shape mean the same on
//! both sides. Initial values come from [`Init`], never from the backend's global generator.

use gannet_kernels::{Precision, keeping_weights};

mod dual;
mod pieces;
pub mod activation;
mod linear;
mod prelu;
mod conv;
mod norm;
mod attention;
mod minibatch;
mod dropout;
mod pad;
pub mod resample;
mod scale;
mod buffer;
mod init;
pub mod state;

pub use attention::SelfAttention;
pub use buffer::Buffer;
pub use conv::{Conv2d, ConvConfig, ConvTranspose2d};
pub use dropout::dropout;
pub use dual::Dual;
pub use init::{Init, Weights};
pub use linear::{Linear, LinearConfig, through_layers};
pub use minibatch::{MinibatchDiscrimination, minibatch_std};
pub(crate) use norm::EPSILON;
pub use norm::{BatchNorm, ConditionalBatchNorm, GroupNorm, instance_norm, pixel_norm};
pub use pad::reflect;
pub use pieces::Pieces;
pub use prelu::Prelu;
pub use scale::Scaling;

/// Does `work` with a trained network that makes pictures of pictures: weights are kept as convolutions want them, and
/// numbers [halved](Precision::Halved) where that is faster, which leaves values of 8 bits as they are.
pub(crate) fn in_use<T>(work: impl FnOnce() -> T) -> T {
    Precision::Halved.scope(|| keeping_weights(work))
}
