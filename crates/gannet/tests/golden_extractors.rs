//! Extractors against PyTorch, layer by layer, from `reference/inception.py` and `reference/efficientnet.py`: both sides
//! compute the same weights from the formula of `reference/formula.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::formula::{summary, tensor};
use common::{assert_close, golden, strip};
use gannet::extractor::{ARCHITECTURES, Extractor, Origin};
use gannet::import::Weights;
use gannet::nn::state::Tensors;

const TOLERANCE: f32 = 1e-4;

/// The weights of every convolution and norm that the golden file names, and of the last layer.
fn weights(golden: &Tensors, last: &str) -> Weights {
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: &[usize]| tensors.insert(name.clone(), tensor(&name, shape));
    for (name, shape) in golden.iter().filter(|(name, _)| name.starts_with("shape:")) {
        let [_, conv, norm] = name.split(':').collect::<Vec<_>>().try_into().unwrap();
        let shape: Vec<usize> = shape.iter::<f32>().map(|side| side as usize).collect();
        add(format!("{conv}.weight"), &shape);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{norm}.{part}"), &shape[..1]);
        }
    }
    let [n_features, n_classes] = ["features", "scores"].map(|name| golden[name].num_elements());
    add(format!("{last}.weight"), &[n_classes, n_features]);
    add(format!("{last}.bias"), &[n_classes]);
    Weights { tensors, under: vec![], sha256: "00".repeat(32) }
}

fn assert_network(file: &str, last: &str, side: usize) {
    let golden = golden(file);
    let device = Device::default();
    let extractor = Extractor::new("formula", "none", &weights(&golden, last), &device).unwrap();
    let image = Tensor::<4>::from_data(tensor("input", &[1, 3, side, side]), &device);
    let stages = extractor.stages(image.clone()).unwrap();
    let expected = strip(&golden, "stage");
    assert_eq!(stages.len(), expected.len());
    for (name, maps) in stages {
        assert_close(&format!("{file} {name}"), &summary(&maps), &expected[&name], TOLERANCE);
    }
    let extract = extractor.extract(image).unwrap();
    let data = |rows: &[Vec<f32>]| TensorData::new(rows[0].clone(), [rows[0].len()]);
    assert_close(&format!("{file} features"), &data(&extract.features), &golden["features"], TOLERANCE);
    let scores: Vec<f64> = golden["scores"].iter::<f32>().map(f64::from).collect();
    let sum: f64 = scores.iter().map(|score| score.exp()).sum();
    let probabilities: Vec<f32> = scores.iter().map(|score| (score.exp() / sum) as f32).collect();
    let probabilities = TensorData::new(probabilities, [scores.len()]);
    assert_close(&format!("{file} probabilities"), &data(&extract.probabilities), &probabilities, TOLERANCE);
}

#[test]
fn inception_equals_pytorch_s_at_every_stage() {
    assert_network("inception", "fc", 299);
}

#[test]
fn efficientnet_equals_pytorch_s_at_every_block() {
    assert_network("efficientnet", "_fc", 224);
}

#[test]
fn grey_images_count_as_three_equal_channels_and_other_shapes_are_refused() {
    let device = Device::default();
    let extractor = Extractor::new("mine", "a.pth", &weights(&golden("efficientnet"), "_fc"), &device).unwrap();
    let grey = Tensor::<4>::from_data(tensor("input", &[2, 1, 224, 224]), &device);
    let features = extractor.features(grey.clone()).unwrap();
    assert_eq!(features, extractor.features(grey.clone().repeat_dim(1, 3)).unwrap());
    assert_eq!((features.len(), features[0].len()), (2, 1280));
    let refuse = |images: Tensor<4>| extractor.features(images).unwrap_err().to_string();
    let reason = refuse(grey.clone().narrow(2, 0, 64));
    assert!(reason.contains("1x64x224") && reason.contains("`mine`: 3x224x224 or grey"), "{reason}");
    assert!(refuse(grey.repeat_dim(1, 4)).contains("4x224x224"));
}

#[test]
fn a_card_says_what_the_weights_are() {
    let device = Device::default();
    let mut weights = weights(&golden("efficientnet"), "_fc");
    let card = |weights: &Weights| Extractor::new("mine", "a.pth", weights, &device).map(|it| it.card().clone());
    let first = card(&weights).unwrap();
    assert_eq!((first.architecture.as_str(), first.distance_name().as_str()), ("efficientnet-lite0", "FD-mine"));
    assert_eq!(first.origin, Origin::File { name: "a.pth".into(), sha256: "00".repeat(32) });
    assert!(ARCHITECTURES.iter().any(|known| known.name == first.architecture && known.shape == first.shape));

    // What the network does not use changes nothing; what it uses, everything.
    weights.tensors.insert("epoch".into(), TensorData::new(vec![3i64], [1]));
    assert_eq!(card(&weights).unwrap(), first);
    weights.tensors.insert("_fc.bias".into(), tensor("another", &[1000]));
    assert_ne!(card(&weights).unwrap().short_hash(), first.short_hash());

    weights.tensors.insert("_fc.bias".into(), tensor("_fc.bias", &[10]));
    let reason = card(&weights).unwrap_err().to_string();
    assert!(reason.contains("no efficientnet-lite0: `_fc.bias` has shape [10], this network needs [1000]"), "{reason}");
    weights.tensors.remove("_conv_stem.weight");
    assert!(card(&weights).unwrap_err().to_string().contains("accepted: inception-v3-fid (with `Conv2d_1a_3x3.conv"));
}
