//! Networks as ONNX files, for programs that know nothing of gannet.
//!
//! Opset 17, f32 throughout. A generator takes `latents [batch, latent]`, and where it is conditional `condition
//! [batch, K]`, and makes `samples [batch, C, H, W]` in [-1, 1]. A translator takes `source [batch, C, height, width]` and
//! makes `target` of the same shape, both in [-1, 1]; the file's metadata say of what the sides are multiples. A network
//! that enlarges takes `image [batch, C, height, width]` and makes `enlarged [batch, C, scale height, scale width]`, both in
//! the range of its family, which the metadata say. One that fills holes takes `picture [batch, C, height, width]` in [-1, 1] and
//! `holes [batch, 1, height, width]`, 1 in a hole and 0 elsewhere, and makes `filling`, a whole picture of which the holes are
//! wanted. The batch is free in all, height and width in the last two.

mod proto;
mod builder;
mod layers;
mod generator;
mod translator;
mod upscaler;
mod inpainter;

use std::path::Path;

use crate::convert::Model;
use crate::run::write_atomically;
use crate::{Error, Result};

pub use builder::OPSET;

/// Writes `model` to `path` as ONNX, atomically.
pub fn write(model: &Model, path: &Path) -> Result<()> {
    let bytes = match model {
        Model::Generator(network) => generator::export(network),
        Model::Translator(network) => translator::export(network),
        Model::Upscaler(network) => upscaler::export(network),
        Model::Inpainter(network) => inpainter::export(network),
    };
    write_atomically(path, &bytes.map_err(|reason| Error::file(path, reason))?)
}
