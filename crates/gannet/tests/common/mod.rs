//! Golden values that the scripts in `reference/` wrote, and how ours are compared with them.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod formula;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use gannet::nn::state::Tensors;

/// The golden file called `name`.
pub(crate) fn golden(name: &str) -> Tensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let values = |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    file.iter()
        .map(|(name, view)| (name.to_owned(), TensorData::new::<f32, _>(values(view.data()), view.shape().to_vec())))
        .collect()
}

/// What stands under `prefix`, without it.
pub(crate) fn strip(from: &Tensors, prefix: &str) -> Tensors {
    let prefix = format!("{prefix}.");
    from.iter().filter_map(|(name, data)| Some((name.strip_prefix(&prefix)?.to_owned(), data.clone()))).collect()
}

/// The tensor called `name`, on `device`.
pub(crate) fn tensor<const D: usize>(from: &Tensors, name: &str, device: &Device) -> Tensor<D> {
    let data = from.get(name).unwrap_or_else(|| panic!("no golden tensor {name}"));
    Tensor::from_data(data.clone(), device)
}

/// Fails where the largest error exceeds `tolerance` times the largest of `theirs`.
pub(crate) fn assert_close(what: &str, ours: &TensorData, theirs: &TensorData, tolerance: f32) {
    let [ours, theirs] = [ours, theirs].map(|data| data.iter::<f32>().collect::<Vec<_>>());
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(f32::MIN_POSITIVE, |scale, value| scale.max(value.abs()));
    let error = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale;
    assert!(error <= tolerance, "{what}: relative error {error:e}");
}
