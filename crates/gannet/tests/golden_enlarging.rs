//! What networks that enlarge are trained by, against PyTorch: the critic and the maps of VGG16, values and gradients, from
//! `reference/enlarging.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, golden, strip, tensor};
use gannet::extractor::Perceptual;
use gannet::image::Shape;
use gannet::net::VggCriticConfig;
use gannet::nn::Init;
use gannet::nn::state;
use gannet::random::Purpose;
use gannet::train::player::gradients;

const TOLERANCE: f32 = 1e-4;

#[test]
fn the_critic_and_its_gradients_equal_pytorch() {
    let device = Device::default().autodiff();
    let from = strip(&golden("enlarging"), "critic");
    let shape = Shape { channels: 3, height: 32, width: 24 };
    let config = VggCriticConfig { width: 2, dense: 5 };
    let critic = config.init(shape, &mut Init::new(0, Purpose::CriticWeights, &device));
    let critic = state::load(critic, "", &strip(&from, "state")).unwrap();
    let weigh = |scores: Tensor<1>| (scores * Tensor::from_floats([1.0, 2.0, 3.0], &device)).sum();

    let input = tensor::<4>(&from, "input", &device).require_grad();
    let scores = critic.clone().forward(input.clone()).value;
    assert_close("output", &scores.to_data(), &from["output"], TOLERANCE);
    let of_input = input.grad(&weigh(scores).backward()).unwrap().to_data();
    assert_close("grad.input", &of_input, &from["grad.input"], TOLERANCE);
    let ours = gradients(&critic, weigh(critic.forward(tensor::<4>(&from, "input", &device)).value));
    let theirs = strip(&from, "grad");
    assert_eq!(ours.len(), theirs.len() - 1);
    for (name, gradient) in &ours {
        assert_close(name, &gradient.to_data(), &theirs[name], TOLERANCE);
    }

    let n_weights: usize = theirs.iter().filter(|(name, _)| *name != "input").map(|(_, w)| w.num_elements()).sum();
    assert_eq!(config.plan(shape).n_parameters(), n_weights as u64);
}

#[test]
fn the_maps_of_vgg16_and_the_gradients_of_pictures_equal_pytorch() {
    let device = Device::default().autodiff();
    let from = strip(&golden("enlarging"), "vgg");
    for layer in ["conv1_1", "conv2_2", "conv5_3"] {
        let network = Perceptual::new(&strip(&from, "state"), layer, &device).unwrap();
        let input = tensor::<4>(&from, "input", &device).require_grad();
        let maps = network.maps(input.clone());
        assert_close(layer, &maps.to_data(), &from[&format!("maps.{layer}")], TOLERANCE);
        let loss = (maps.clone() * maps.clone() * maps).sum();
        let gradient = input.grad(&loss.backward()).unwrap().to_data();
        assert_close(layer, &gradient, &from[&format!("grad.{layer}")], TOLERANCE);
    }
}

#[test]
fn another_network_or_layer_is_refused_by_name() {
    let device = Device::default();
    let from = strip(&golden("enlarging"), "vgg");
    let problem = |layer: &str, without: &str, with: Option<TensorData>| {
        let mut tensors = strip(&from, "state");
        tensors.remove(without);
        tensors.extend(with.map(|data| (without.to_owned(), data)));
        Perceptual::new(&tensors, layer, &device).err().unwrap()
    };
    assert!(problem("conv6_1", "", None).starts_with("`conv6_1` is no layer, accepted: conv1_1, conv1_2, conv2_1"));
    assert!(problem("conv5_3", "features.28.weight", None).contains("no tensor `features.28.weight`"));
    let flat = TensorData::new(vec![0.0f32; 4], [2, 2]);
    let odd = problem("conv5_3", "features.5.weight", Some(flat));
    assert_eq!(odd, "`features.5.weight` has shape [2, 2], this network needs [3, 2, 3, 3]");
}
