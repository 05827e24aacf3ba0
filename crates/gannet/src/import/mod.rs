//! Weights from elsewhere: the tensors of PyTorch's `.pth` and `.pt` files, zipped or legacy, and of safetensors.
//!
//! A file of PyTorch is a pickle, a program that rebuilds objects. Here no such program runs: an interpreter that knows
//! tensors, storages, numbers, text and plain containers reads it ([`pickle`](self)), and whatever else it calls is
//! refused by name. Every length and index is checked against the file, so that a damaged or hostile file costs an error
//! and no more memory than a few times its size.

mod element;
mod pickle;
mod state_dict;
mod torch;
mod safetensors;
pub mod ncnn;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::nn::state::Tensors;
use crate::{Error, Result};

/// What a file of weights holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// By name, each a copy of its own in C order: F32 for every floating type (f64 is rounded), I64 for integers and
    /// booleans.
    pub tensors: Tensors,
    /// The keys that led to the state dict within the file, as `["params_ema"]`; none where the file is one.
    pub under: Vec<String>,
    /// SHA-256 of the file's bytes, 64 hexadecimal digits.
    pub sha256: String,
}

/// Reads every tensor of the state dict in the file at `path`.
///
/// A state dict nested in another dict is found under the usual keys (`params_ema`, `state_dict`, `model` ...) or where
/// it is the only one. A prefix `module.` that all names share, as parallel training leaves it, is taken off.
pub fn read(path: impl AsRef<Path>) -> Result<Weights> {
    let path = path.as_ref();
    let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "not a file; accepted: PyTorch's .pth or .pt, or .safetensors"));
    }
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let (tensors, under) = parse(&bytes).map_err(|reason| Error::file(path, reason))?;
    Ok(Weights { tensors: without_module(tensors), under, sha256: hex(&Sha256::digest(&bytes)) })
}

/// The tensors of `bytes`, and the keys that led to them.
fn parse(bytes: &[u8]) -> Result<(Tensors, Vec<String>), String> {
    if bytes.starts_with(b"PK") {
        torch::zipped(bytes)
    } else if bytes.starts_with(torch::LEGACY_MAGIC) {
        torch::legacy(bytes)
    } else if safetensors::is_like(bytes) {
        Ok((safetensors::parse(bytes)?, vec![]))
    } else {
        Err("neither a file that torch.save wrote nor safetensors; accepted: .pth, .pt, .safetensors".to_owned())
    }
}

fn without_module(tensors: Tensors) -> Tensors {
    const PREFIX: &str = "module.";
    if !tensors.keys().all(|name| name.starts_with(PREFIX)) {
        return tensors;
    }
    tensors.into_iter().map(|(name, data)| (name[PREFIX.len()..].to_owned(), data)).collect()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
