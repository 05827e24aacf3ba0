//! What fills holes against PyTorch: outputs, gradients of the pictures and of every weight, from `reference/inpaint.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, golden, strip, tensor};
use gannet::image::Shape;
use gannet::net::{GatedConfig, HoleCriticConfig, NetworkPlan};
use gannet::nn::Init;
use gannet::nn::state::{self, Tensors};
use gannet::random::Purpose;
use gannet::train::player::gradients;

const TOLERANCE: f32 = 1e-4;
const SHAPE: Shape = Shape { channels: 3, height: 13, width: 10 };

/// Holds `forward` of `module`, its plan and its gradients to `from`.
fn assert_network<M: Module>(
    module: &M,
    forward: impl Fn(&M, Tensor<4>, Tensor<4>) -> Tensor<1>,
    plan: &NetworkPlan,
    from: &Tensors,
) {
    let device = Device::default().autodiff();
    let module = state::load(module.clone(), "", &strip(from, "state")).unwrap();
    let holes = || tensor::<4>(from, "holes", &device);
    let weights = tensor::<4>(from, "loss_weights", &device);
    let weigh = |output: Tensor<1>| {
        let [n] = output.dims();
        (output * weights.clone().reshape([n])).sum()
    };
    // A weight that is being trained moves the power iteration, so each pass has a copy of its own.
    let pictures = tensor::<4>(from, "pictures", &device).require_grad();
    let output = forward(&module.clone(), pictures.clone(), holes());
    assert_close("output", &output.to_data(), &from["output"], TOLERANCE);
    let of_pictures = pictures.grad(&weigh(output).backward()).unwrap().to_data();
    assert_close("grad.pictures", &of_pictures, &from["grad.pictures"], TOLERANCE);
    let ours = gradients(&module, weigh(forward(&module, tensor(from, "pictures", &device), holes())));
    let theirs = strip(from, "grad");
    assert_eq!(ours.len(), theirs.len() - 1);
    ours.iter().for_each(|(name, gradient)| assert_close(name, &gradient.to_data(), &theirs[name], TOLERANCE));
    let trained = theirs.iter().filter(|(name, _)| *name != "pictures").map(|(_, data)| data);
    assert_eq!(plan.n_parameters(), trained.map(TensorData::num_elements).sum::<usize>() as u64);
    let last = &from["output"].shape().to_vec()[1..];
    assert_eq!(plan.layers.last().unwrap().output.as_slice(), last);
}

#[test]
fn gated_convolutions_and_their_gradients_equal_pytorch() {
    let init = &mut Init::new(0, Purpose::GeneratorWeights, &Device::default().autodiff());
    let config = GatedConfig { width: 3, blocks: 2 };
    let flat = |output: Tensor<4>| {
        let n: usize = output.dims().iter().product();
        output.reshape([n])
    };
    let from = strip(&golden("inpaint"), "generator");
    assert_network(&config.init(3, init), |m, x, holes| flat(m.forward(x, holes)), &config.plan(SHAPE), &from);
}

#[test]
fn the_critic_of_holes_and_its_gradients_equal_pytorch() {
    let init = &mut Init::new(0, Purpose::CriticWeights, &Device::default().autodiff());
    let config = HoleCriticConfig { width: 3, layers: 3 };
    let from = strip(&golden("inpaint"), "critic");
    assert_network(&config.init(3, init), |m, x, holes| m.forward(x, holes), &config.plan(SHAPE), &from);
}
