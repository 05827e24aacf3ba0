//! Layers against PyTorch's: outputs, gradients of the input and of every weight, from `reference/layers.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{assert_close, golden, strip, tensor};
use gannet::nn::resample::{filtered_down, filtered_up};
use gannet::nn::state::{self, Tensors};
use gannet::nn::{ConditionalBatchNorm, Dual, Init, Scaling, SelfAttention, Weights, minibatch_std, pixel_norm};
use gannet::random::Purpose;
use gannet::train::player::gradients;

const TOLERANCE: f32 = 1e-4;

/// Output and input gradient of `layer`, then the gradients of `module`, which it uses.
fn assert_layer<M: Module>(name: &str, module: &M, layer: impl Fn(Dual<4>) -> Dual<4>, from: &Tensors) {
    let device = Device::default().autodiff();
    let weigh = |output: Tensor<4>| (output * tensor(from, "loss_weights", &device)).sum();
    let input = tensor::<4>(from, "input", &device).require_grad();
    let output = layer(input.clone().into()).value;
    assert_close(&format!("{name}.output"), &output.to_data(), &from["output"], TOLERANCE);
    let grads = weigh(output).backward();
    assert_close(&format!("{name}.grad.input"), &input.grad(&grads).unwrap().to_data(), &from["grad.input"], TOLERANCE);
    // A graph is walked once, so the weights' gradients take a pass of their own.
    let input = tensor::<4>(from, "input", &device).require_grad();
    let ours = gradients(module, weigh(layer(input.into()).value));
    for (weight, data) in strip(from, "state") {
        assert!(data.num_elements() > 0);
        assert_close(
            &format!("{name}.grad.{weight}"),
            &ours[&weight].to_data(),
            &from[&format!("grad.{weight}")],
            TOLERANCE,
        );
    }
}

#[test]
fn layers_and_their_gradients_equal_pytorch() {
    let device = Device::default().autodiff();
    let golden = golden("layers");
    let init = &mut Init::new(0, Purpose::CriticWeights, &device);
    let nothing: Vec<SelfAttention> = vec![];

    assert_layer("minibatch_deviation", &nothing, minibatch_std, &strip(&golden, "minibatch_deviation"));
    assert_layer("pixel_norm", &nothing, pixel_norm::<4>, &strip(&golden, "pixel_norm"));
    assert_layer("downsample", &nothing, filtered_down, &strip(&golden, "downsample"));
    assert_layer("upsample", &nothing, |x| filtered_up(x, [8, 10]), &strip(&golden, "upsample"));

    let from = strip(&golden, "self_attention");
    let attention = SelfAttention::new(16, Weights::Glorot(1.0), Scaling::Plain, init);
    let attention = state::load(attention, "", &strip(&from, "state")).unwrap();
    assert_layer("self_attention", &attention, |x| attention.forward(x), &from);

    let from = strip(&golden, "conditional_batch_norm");
    let norm = ConditionalBatchNorm::new(3, 5, Weights::Zero, Scaling::Plain, init);
    let mut weights = strip(&from, "state");
    for (name, value) in [("running_mean", 0.0f32), ("running_var", 1.0)] {
        weights.insert(name.into(), burn::tensor::TensorData::new(vec![value; 3], [3]));
    }
    let norm = state::load(norm, "", &weights).unwrap();
    let condition = tensor::<2>(&from, "condition", &device);
    assert_layer("conditional_batch_norm", &norm, |x| norm.forward(x, &condition), &from);
}
