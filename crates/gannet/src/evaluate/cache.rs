//! Features of real pictures, kept by a hash of everything they depend on.

use std::path::Path;

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::features::Seen;
use crate::extractor::Card;
use crate::image::{Filter, Picture, Samples};
use crate::import::hex;
use crate::metric::Features;
use crate::nn::state::Tensors;
use crate::run::checkpoint;
use crate::{Error, Result};

const KIND: &str = "features";

/// Changes with anything that would make other features of the same pictures.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Description {
    key: String,
    /// SHA-256 of the values.
    content: String,
}

/// SHA-256 of the pictures with `numbers`, pixel by pixel, of the extractor and of the resizing.
pub(super) fn key(
    card: &Card,
    filter: Filter,
    numbers: &[u64],
    picture: impl Fn(u64) -> Result<Picture>,
) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {} {} {filter} {}\n", card.architecture, card.weights, numbers.len()));
    for &number in numbers {
        let picture = picture(number)?;
        hash.update(format!("{} ", picture.shape()));
        match &picture.samples {
            Samples::U8(samples) => hash.update(samples),
            Samples::U16(samples) => samples.iter().for_each(|sample| hash.update(sample.to_le_bytes())),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// What `folder` holds under `key`, or else what `extract` finds, which is then kept there. A damaged file is replaced.
pub(super) fn kept(
    folder: &Path,
    name: &str,
    key: &str,
    n: usize,
    card: &Card,
    extract: impl FnOnce() -> Result<Seen>,
) -> Result<Seen> {
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let path = folder.join(format!("{name}-{}-{}.safetensors", card.short_hash(), &key[..16]));
    if path.is_file() {
        match read(&path, key, [n, card.n_features, card.n_classes.max(1)]) {
            Ok(seen) => return Ok(seen),
            Err(problem) => tracing::warn!("{problem}; features are extracted anew"),
        }
    }
    let seen = extract()?;
    let tensors = tensors(&seen);
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    checkpoint::write(&path, KIND, &Description { key: key.to_owned(), content: content(&tensors) }, &tensors)?;
    Ok(seen)
}

fn tensors(seen: &Seen) -> Tensors {
    let tensor = |features: &Features| {
        let values: Vec<f32> = features.rows().flatten().copied().collect();
        TensorData::new(values, [features.n_samples(), features.n_features()])
    };
    Tensors::from([("features".into(), tensor(&seen.features)), ("logits".into(), tensor(&seen.logits))])
}

fn content(tensors: &Tensors) -> String {
    let mut hash = Sha256::new();
    tensors.values().for_each(|data| hash.update(data.as_bytes()));
    hex(&hash.finalize())
}

fn read(path: &Path, key: &str, [n, n_features, n_classes]: [usize; 3]) -> Result<Seen> {
    let (description, tensors) = checkpoint::read::<Description>(path, KIND)?;
    if description.key != key || description.content != content(&tensors) {
        return Err(Error::file(path, "its features are not those it was written with"));
    }
    let features = |name: &str, width: usize| {
        let data = tensors.get(name).filter(|data| data.shape().to_vec() == [n, width]);
        let data = data.ok_or_else(|| Error::file(path, format!("lacks `{name}` of {n} x {width}")))?;
        Features::new(data.iter::<f32>().collect(), width)
    };
    Ok(Seen { features: features("features", n_features)?, logits: features("logits", n_classes)? })
}
