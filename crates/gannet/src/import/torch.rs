//! The two containers of `torch.save`: a ZIP archive with the pickle in `NAME/data.pkl` and each storage in
//! `NAME/data/KEY` (PyTorch 1.6 and later), and a row of pickles with the storages behind them (before).

use std::collections::HashMap;
use std::io::{Cursor, Read};

use burn::tensor::{DType, TensorData};
use zip::{CompressionMethod, ZipArchive};

use super::element::View;
use super::pickle::{self, Pickle, Storage};
use super::state_dict::{self, StateDict};
use crate::nn::state::Tensors;

/// How a legacy file begins: the pickle of the number 0x1950a86a20f9469cfc6c.
pub(super) const LEGACY_MAGIC: &[u8] =
    &[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];

/// Views may share storages and repeat them, so that the tensors may take more memory than the file; by this factor and,
/// for small files, this many bytes at most.
const MAX_GROWTH: usize = 8;
const FREE_BYTES: usize = 64 << 20;

/// The state dict of a zipped file, and the keys that led to it.
pub(super) fn zipped(bytes: &[u8]) -> Result<(Tensors, Vec<String>), String> {
    let damaged = |error| format!("not a whole ZIP archive ({error})");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let names: Vec<String> = archive.file_names().filter_map(Result::ok).map(String::from).collect();
    let prefix = names.iter().find_map(|name| name.strip_suffix("data.pkl")).ok_or_else(|| {
        format!("a ZIP archive of {} files without `data.pkl`; accepted: what torch.save wrote", names.len())
    })?;
    if names.iter().any(|name| name.strip_prefix(prefix) == Some("constants.pkl")) {
        return Err("a TorchScript program; accepted: a state dict, torch.save(module.state_dict(), ...)".to_owned());
    }
    let mut entry = |name: &str, limit: usize| -> Result<Vec<u8>, String> {
        let name = format!("{prefix}{name}");
        let broken = |error: &dyn std::fmt::Display| format!("its entry `{name}` cannot be read ({error})");
        let entry = archive.by_name(&name).map_err(|error| broken(&error))?;
        if entry.compression() != CompressionMethod::Stored || entry.size() > bytes.len() as u64 {
            return Err(format!("its entry `{name}` is compressed; torch.save stores tensors as they are"));
        }
        let mut content = vec![];
        entry.take(limit as u64).read_to_end(&mut content).map_err(|error| broken(&error))?;
        Ok(content)
    };
    if names.iter().any(|name| name.strip_prefix(prefix) == Some("byteorder")) && entry("byteorder", 16)? != b"little" {
        return Err("written by a big-endian machine; accepted: little-endian".to_owned());
    }
    // One byte more than is accepted, so that the interpreter sees what is too long.
    let pickle = pickle::parse(&entry("data.pkl", pickle::MAX_BYTES + 1)?, 0)?;
    let mut blocks: HashMap<String, Vec<u8>> = HashMap::new();
    decode(&pickle, bytes.len(), |storage, view| {
        let key = storage.key.as_ref();
        if !blocks.contains_key(key) {
            blocks.insert(key.to_owned(), entry(&format!("data/{key}"), bytes.len())?);
        }
        part(storage, view, &blocks[key])
    })
}

/// The state dict of a legacy file, and the keys that led to it.
pub(super) fn legacy(bytes: &[u8]) -> Result<(Tensors, Vec<String>), String> {
    let protocol = pickle::parse(bytes, LEGACY_MAGIC.len())?;
    if protocol.root != pickle::Value::Int(1001) {
        return Err("a legacy file of an unknown protocol; accepted: 1001".to_owned());
    }
    // Byte order and sizes of C's types, which do not matter: storages are little-endian from any machine.
    let machine = pickle::parse(bytes, protocol.end)?;
    let objects = pickle::parse(bytes, machine.end)?;
    let keys = pickle::parse(bytes, objects.end)?;
    let pickle::Value::Sequence(list) = keys.root else {
        return Err(format!("no list of storages at byte {}", objects.end));
    };
    let elements: HashMap<&str, usize> =
        objects.storages.iter().map(|storage| (storage.key.as_ref(), storage.element.size())).collect();
    let mut blocks = HashMap::new();
    let mut at = keys.end;
    for key in &keys.sequences[list] {
        let pickle::Value::Text(key) = key else { return Err("a storage without a name".to_owned()) };
        let size = elements.get(key.as_ref()).ok_or_else(|| format!("nothing refers to its storage `{key}`"))?;
        let early = || format!("the file ends too early: its storage `{key}` begins at byte {at}");
        let (n, rest) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<8>()).ok_or_else(early)?;
        let n_bytes = usize::try_from(u64::from_le_bytes(*n)).ok().and_then(|n| n.checked_mul(*size));
        let block = n_bytes.and_then(|n_bytes| rest.get(..n_bytes)).ok_or_else(early)?;
        at += 8 + block.len();
        blocks.insert(key.to_string(), block);
    }
    decode(&objects, bytes.len(), |storage, view| {
        let key = storage.key.as_ref();
        part(storage, view, blocks.get(key).ok_or_else(|| format!("it holds no storage `{key}`"))?)
    })
}

/// What `view` shows of `storage`, which lies in `block`.
fn part(storage: &Storage, view: &View, block: &[u8]) -> Result<TensorData, String> {
    let size = storage.element.size();
    let end = storage.offset.checked_add(storage.n).and_then(|end| end.checked_mul(size));
    let bytes = end.and_then(|end| block.get(storage.offset * size..end));
    bytes.map(|bytes| storage.element.decode(bytes, view)).ok_or_else(|| {
        let Storage { key, n, offset, .. } = storage;
        format!("its storage `{key}` has {} bytes, {n} elements of {size} bytes from {offset} are read", block.len())
    })
}

/// Copies every tensor of the state dict out of its storage.
fn decode(
    pickle: &Pickle,
    file_bytes: usize,
    mut read: impl FnMut(&Storage, &View) -> Result<TensorData, String>,
) -> Result<(Tensors, Vec<String>), String> {
    let StateDict { tensors: found, under } = state_dict::find(pickle)?;
    let limit = file_bytes.saturating_mul(MAX_GROWTH).max(FREE_BYTES);
    let mut n_bytes = 0usize;
    let mut tensors = Tensors::new();
    for (name, tensor) in found {
        let storage = &pickle.storages[tensor.storage];
        let n = tensor.view.check(storage.n).map_err(|reason| format!("`{name}`: {reason}"))?;
        // As f32 or i64.
        n_bytes = n_bytes.saturating_add(n.saturating_mul(DType::I64.size()));
        if n_bytes > limit {
            return Err(format!("its tensors up to `{name}` would take {n_bytes} bytes, accepted: {limit}"));
        }
        let data = read(storage, &tensor.view).map_err(|reason| format!("`{name}`: {reason}"))?;
        tensors.insert(name, data);
    }
    Ok((tensors, under))
}
