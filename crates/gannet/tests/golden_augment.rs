//! Augmented images and their gradients against PyTorch's, from `reference/augment.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor};
use common::{assert_close, golden};
use gannet::augment::{ada, diffaug};
use gannet::nn::state::Tensors;

const CASES: [&str; 4] = ["square", "wide", "alpha", "grey"];
const TOLERANCE: f32 = 1e-4;

/// The parameters of each image, as the script's docstring lists them.
fn parameters<const P: usize>(from: &Tensors, name: &str) -> Vec<[f64; P]> {
    let values: Vec<f64> = from[name].iter::<f32>().map(f64::from).collect();
    values.chunks_exact(P).map(|row| row.try_into().unwrap()).collect()
}

fn assert_augments(from: &Tensors, case: &str, name: &str, augment: impl FnOnce(Tensor<4>) -> Tensor<4>) {
    let device = Device::default().autodiff();
    let tensor = |name: &str| Tensor::<4>::from_data(from[&format!("{case}.{name}")].clone(), &device);
    let images = tensor("images").require_grad();
    let output = augment(images.clone());
    assert_close(
        &format!("{case}.{name}.output"),
        &output.to_data(),
        &from[&format!("{case}.{name}.output")],
        TOLERANCE,
    );
    let grads = (output * tensor("loss_weights")).sum().backward();
    let grad = images.grad(&grads).unwrap();
    assert_close(&format!("{case}.{name}.grad"), &grad.to_data(), &from[&format!("{case}.{name}.grad")], TOLERANCE);
}

#[test]
fn ada_equals_pytorch() {
    let from = golden("augment");
    for case in CASES {
        let rows = parameters(&from, &format!("{case}.ada.parameters"));
        let transforms: Vec<ada::Transform> = rows.into_iter().map(ada_transform).collect();
        assert_augments(&from, case, "ada", |images| ada::apply(images, &transforms));
    }
}

#[test]
fn diffaug_equals_pytorch() {
    let from = golden("augment");
    for case in CASES {
        let rows = parameters(&from, &format!("{case}.diffaug.parameters"));
        let transforms: Vec<diffaug::Transform> = rows.into_iter().map(diffaug_transform).collect();
        assert_augments(&from, case, "diffaug", |images| diffaug::apply(images, &transforms));
    }
}

fn ada_transform(row: [f64; 15]) -> ada::Transform {
    let [flip, turns, right, down, scale, first_rotation, stretch, second_rotation, x, y, colour @ ..] = row;
    let [brightness, contrast, luma_flip, hue, saturation] = colour;
    ada::Transform {
        blit: ada::Blit { flip: flip == 1.0, quarter_turns: turns as u8, shift: [right, down].map(|v| v as i64) },
        geometry: ada::Geometry { scale, first_rotation, stretch, second_rotation, shift: [x, y] },
        colour: ada::Colour { brightness, contrast, luma_flip: luma_flip == 1.0, hue, saturation },
    }
}

fn diffaug_transform(row: [f64; 7]) -> diffaug::Transform {
    let [brightness, saturation, contrast, places @ ..] = row;
    let [x, y, left, top] = places.map(|v| v as i64);
    diffaug::Transform { brightness, saturation, contrast, shift: [x, y], hole: Some([left, top]) }
}
