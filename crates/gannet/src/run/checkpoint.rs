//! Named tensors and a description in one safetensors file: no code, no pickles.
//!
//! The description is one JSON value under the metadata key `gannet`. Reading checks the kind and the format number
//! before anything else, so that a file of another kind or of a newer gannet is refused by name.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::write_atomically;
use crate::nn::state::Tensors;
use crate::{Error, Result};

/// The newest format this version reads and the one it writes.
pub const FORMAT: u32 = 1;

/// The longest description of a file, in bytes.
const MAX_HEADER: u64 = 16 << 20;

const METADATA_KEY: &str = "gannet";

#[derive(Serialize, Deserialize)]
struct Header<T> {
    format: u32,
    kind: String,
    #[serde(flatten)]
    body: T,
}

/// Writes `tensors` with `description` to `path`, atomically. Equal content gives equal bytes.
pub fn write<T: Serialize>(path: &Path, kind: &str, description: &T, tensors: &Tensors) -> Result<()> {
    let header = Header { format: FORMAT, kind: kind.to_owned(), body: description };
    let header = serde_json::to_string(&header).map_err(|error| Error::file(path, error.to_string()))?;
    let views = tensors.iter().map(|(name, data)| Ok((name.as_str(), view(data)?))).collect::<Result<Vec<_>, String>>();
    let bytes = views.and_then(|views| {
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    });
    write_atomically(path, &bytes.map_err(|reason| Error::file(path, reason))?)
}

/// Reads what [`write()`] wrote under the same `kind`.
pub fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<(T, Tensors)> {
    let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::file(path, format!("not a file; accepted: a {kind} in safetensors")));
    }
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    parse(&bytes, kind).map_err(|reason| Error::file(path, reason))
}

/// What kind of file [`write()`] wrote to `path`; none where something else wrote it.
pub fn kind(path: &Path) -> Result<Option<String>> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut start = vec![];
    let read =
        |file: &mut File, n: u64, to: &mut Vec<u8>| file.take(n).read_to_end(to).map_err(Error::io("read", path));
    read(&mut file, 8, &mut start)?;
    // A file begins with the length of its header; another's would be any number.
    let length = start.as_slice().try_into().map_or(0, u64::from_le_bytes);
    if length <= MAX_HEADER {
        read(&mut file, length, &mut start)?;
    }
    let kind = || {
        let header: serde_json::Value = serde_json::from_slice(start.get(8..)?).ok()?;
        let described = header.get("__metadata__")?.get(METADATA_KEY)?.as_str()?;
        Some(serde_json::from_str::<Header<serde_json::Value>>(described).ok()?.kind)
    };
    Ok(kind())
}

/// Reads the bytes of such a file.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], kind: &str) -> Result<(T, Tensors), String> {
    let damaged = |error: safetensors::SafeTensorError| format!("not a whole safetensors file ({error})");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let header = metadata.metadata().as_ref().and_then(|entries| entries.get(METADATA_KEY));
    let header = header.ok_or("a safetensors file, but not one that gannet wrote")?;
    let invalid = |error: serde_json::Error| format!("its description cannot be read ({error})");
    let Header { format, kind: found, body } =
        serde_json::from_str::<Header<serde_json::Value>>(header).map_err(invalid)?;
    if format > FORMAT {
        return Err(format!("written in format {format} by a newer gannet; this one reads up to format {FORMAT}"));
    }
    if found != kind {
        let article = |word: &str| if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        return Err(format!("holds {} {found}, expected {} {kind}", article(&found), article(kind)));
    }
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let tensors = file.iter().map(|(name, view)| Ok((name.to_owned(), data(name, &view)?)));
    Ok((serde_json::from_value(body).map_err(invalid)?, tensors.collect::<Result<_, String>>()?))
}

fn view(data: &TensorData) -> Result<TensorView<'_>, String> {
    let dtype = match data.dtype() {
        DType::F32 => Dtype::F32,
        DType::I64 => Dtype::I64,
        DType::I8 => Dtype::I8,
        other => return Err(format!("tensors of {other:?} cannot be written, accepted: F32, I64, I8")),
    };
    TensorView::new(dtype, data.shape().to_vec(), data.as_bytes()).map_err(|error| error.to_string())
}

fn data(name: &str, view: &TensorView) -> Result<TensorData, String> {
    let shape = view.shape().to_vec();
    let words = view.data();
    match view.dtype() {
        Dtype::F32 => {
            let values =
                words.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect::<Vec<_>>();
            Ok(TensorData::new(values, shape))
        }
        Dtype::I64 => {
            let value = |b: &[u8]| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
            Ok(TensorData::new(words.chunks_exact(8).map(value).collect::<Vec<_>>(), shape))
        }
        Dtype::I8 => Ok(TensorData::new(words.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>(), shape)),
        other => Err(format!("tensor `{name}` holds {other:?}, accepted: F32, I64, I8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tensors {
        let weights = TensorData::new(vec![1.5f32, -2.0, 3.25, 0.0, 1e-30, f32::MAX], [2, 3]);
        Tensors::from([("w".into(), weights), ("steps".into(), TensorData::new(vec![7i64], [1]))])
    }

    fn written() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        write(&path, "checkpoint", &serde_json::json!({"note": "hello"}), &sample()).unwrap();
        (folder, path)
    }

    fn reason(path: &Path, kind: &str) -> String {
        read::<serde_json::Value>(path, kind).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let (_folder, path) = written();
        let (description, tensors) = read::<serde_json::Value>(&path, "checkpoint").unwrap();
        assert_eq!(description["note"], "hello");
        assert_eq!(tensors, sample());
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let (_folder, path) = written();
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 4, 20, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(reason(&path, "checkpoint").contains("not a whole safetensors file"), "{length}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let (_folder, path) = written();
        assert!(reason(&path, "generator").ends_with("holds a checkpoint, expected a generator"));
    }

    #[test]
    fn a_newer_format_is_refused() {
        let (_folder, path) = written();
        let bytes = std::fs::read(&path).unwrap();
        let needle = br#"\"format\":1"#;
        let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap() + needle.len() - 1;
        let mut newer = bytes.clone();
        newer[at] = b'9';
        std::fs::write(&path, newer).unwrap();
        assert!(reason(&path, "checkpoint").contains("written in format 9 by a newer gannet"));
    }
}
