//! Our arithmetic against PyTorch's: values that the scripts in `reference/` wrote.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, golden, strip, tensor};
use gannet::image::Shape;
use gannet::loss::Loss;
use gannet::net::{Condition, Critic, CriticNorm, DcganConfig, Generator, NetConfig};
use gannet::nn::state::{self, Tensors};
use gannet::nn::{BatchNorm, Init};
use gannet::random::Purpose;
use gannet::train::optimizer::{Gradients, Optimizer, Rule, Settings};
use gannet::train::player::gradients;

const TOLERANCE: f32 = 1e-4;

fn assert_gradients(prefix: &str, ours: &Gradients, from: &Tensors) {
    let prefix = format!("{prefix}.");
    let theirs: Vec<_> = from.iter().filter_map(|(name, data)| Some((name.strip_prefix(&prefix)?, data))).collect();
    assert_eq!(ours.len(), theirs.len(), "{prefix}");
    for (name, data) in theirs {
        assert_close(&format!("{prefix}{name}"), &ours[name].to_data(), data, TOLERANCE);
    }
}

fn assert_running_statistics<M: Module>(module: &M, prefix: &str, from: &Tensors) {
    let mut state = Tensors::new();
    state::save(module, "", &mut state);
    let prefix = format!("{prefix}.");
    for (name, data) in from.iter().filter_map(|(name, data)| Some((name.strip_prefix(&prefix)?, data))) {
        let ours = state.get(name).unwrap_or_else(|| panic!("{name} not in {:?}", state.keys()));
        assert_close(&format!("{prefix}{name}"), ours, data, TOLERANCE);
    }
}

#[test]
fn dcgan_forward_gradients_and_running_statistics_equal_pytorch() {
    let device = Device::default().autodiff();
    let golden = golden("dcgan");
    for (case, channels, height, width) in [("even", 1, 16, 16), ("odd", 3, 13, 18), ("mixed", 3, 19, 26)] {
        let from = strip(&golden, case);
        let shape = Shape { channels, height, width };
        let critic_norm = CriticNorm::Batch;
        let net = NetConfig::Dcgan(DcganConfig { latent: 6, width: 4, critic_norm, ..DcganConfig::default() });
        let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
        let generator: Generator = state::load(net.generator(shape, &mut init), "generator", &from).unwrap();
        let critic: Critic = state::load(net.critic(shape, Condition::None, &mut init), "critic", &from).unwrap();

        // In the script's order: G once, then D on reals, on fakes, and on fakes with a way back to G.
        let fake = generator.forward(tensor(&from, "latents", &device), None);
        assert_close("fake", &fake.to_data(), &from["fake"], TOLERANCE);
        let score_real = critic.forward(tensor::<4>(&from, "real", &device), None).value;
        let score_fake = critic.forward(fake.clone().detach(), None).value;
        assert_close("score_real", &score_real.to_data(), &from["score_real"], TOLERANCE);
        assert_close("score_fake", &score_fake.to_data(), &from["score_fake"], TOLERANCE);

        let d_loss = Loss::NonSaturating.critic(score_real, score_fake);
        assert_close("d_loss", &d_loss.to_data(), &from["d_loss"], TOLERANCE);
        assert_gradients("grad.critic", &gradients(&critic, d_loss), &from);

        let g_loss =
            Loss::NonSaturating.generator(tensor(&from, "score_real", &device), critic.forward(fake, None).value);
        assert_close("g_loss", &g_loss.to_data(), &from["g_loss"], TOLERANCE);
        assert_gradients("grad.generator", &gradients(&generator, g_loss), &from);

        assert_running_statistics(&generator, "after.generator", &from);
        assert_running_statistics(&critic, "after.critic", &from);
        let latents = tensor::<2>(&from, "latents", &device).without_autodiff();
        let fake = generator.valid().forward(latents, None);
        assert_close("fake_eval", &fake.to_data(), &from["fake_eval"], TOLERANCE);
    }
}

#[test]
fn batch_norm_and_its_running_statistics_equal_pytorch() {
    let device = Device::default().autodiff();
    let from = golden("batch_norm");
    let norm = BatchNorm::new(3, 0.0, &mut Init::new(0, Purpose::GeneratorWeights, &device));
    let norm = state::load(norm, "", &from).unwrap();
    for batch in 0..3 {
        let input = tensor::<4>(&from, &format!("input.{batch}"), &device).require_grad();
        let loss = |output: Tensor<4>| (output * tensor(&from, "loss_weights", &device)).sum();
        if batch == 2 {
            // A graph is walked once, so the input's gradient takes a copy of the layer.
            let grads = loss(norm.clone().forward(input.clone()).value).backward();
            assert_close("grad.input", &input.grad(&grads).unwrap().to_data(), &from["grad.input"], TOLERANCE);
        }
        let output = norm.forward(input).value;
        assert_close("output", &output.to_data(), &from[&format!("output.{batch}")], TOLERANCE);
        for (ours, name) in [(&norm.running_mean, "running_mean"), (&norm.running_var, "running_var")] {
            assert_close(name, &ours.value().to_data(), &from[&format!("{name}.{batch}")], TOLERANCE);
        }
        if batch == 2 {
            for (name, ours) in gradients(&norm, loss(output)) {
                assert_close(&name, &ours.to_data(), &from[&format!("grad.{name}")], TOLERANCE);
            }
        }
    }
    let input = tensor::<4>(&from, "input.0", &device).without_autodiff();
    assert_close("output.eval", &norm.valid().forward(input).value.to_data(), &from["output.eval"], TOLERANCE);
}

#[test]
fn losses_and_their_gradients_equal_pytorch() {
    let device = Device::default().autodiff();
    let from = golden("losses");
    let score = |name: &str| tensor::<1>(&from, name, &device).require_grad();
    let losses = [
        (Loss::Minimax, "minimax"),
        (Loss::NonSaturating, "non_saturating"),
        (Loss::LeastSquares, "least_squares"),
        (Loss::Hinge, "hinge"),
        (Loss::Wasserstein, "wasserstein"),
        (Loss::Relativistic, "relativistic"),
        (Loss::RelativisticAverage, "relativistic_average"),
    ];
    for (loss, name) in losses {
        let check = |what: &str, ours: TensorData| {
            assert_close(&format!("{name}.{what}"), &ours, &from[&format!("{name}.{what}")], 1e-5);
        };
        let (real, fake) = (score("score_real"), score("score_fake"));
        let d = loss.critic(real.clone(), fake.clone());
        check("d", d.to_data());
        let grads = d.backward();
        check("grad_real", real.grad(&grads).unwrap().to_data());
        check("grad_fake", fake.grad(&grads).unwrap().to_data());

        let (real, fake) = (score("score_real"), score("score_fake"));
        let g = loss.generator(real.clone(), fake.clone());
        check("g", g.to_data());
        let grads = g.backward();
        check("grad_g", fake.grad(&grads).unwrap().to_data());
        match real.grad(&grads) {
            Some(grad) => check("grad_g_real", grad.to_data()),
            None => assert!(!loss.is_relative(), "{name}: the generator's loss depends on reals"),
        }
    }
}

#[derive(Module, Debug)]
struct Pair {
    a: Param<Tensor<1>>,
    b: Param<Tensor<2>>,
}

#[test]
fn six_steps_of_adam_and_rmsprop_equal_pytorch() {
    let device = Device::default().autodiff();
    let from = golden("adam");
    for (rule, name, learning_rate, beta_2) in
        [(Rule::Adam, "adam", 2e-4, 0.999), (Rule::RmsProp, "rmsprop", 5e-5, 0.99)]
    {
        let mut optimizer = Optimizer::new(Settings { rule, beta_1: 0.5, beta_2, epsilon: 1e-8 });
        let mut pair = Pair {
            a: Param::from_tensor(tensor(&from, "init.a", &device)),
            b: Param::from_tensor(tensor(&from, "init.b", &device)),
        };
        for step in 0..6 {
            let gradient = |weight: &str| {
                let flat: Vec<f32> = from[&format!("grad.{step}.{weight}")].iter::<f32>().collect();
                let n_values = flat.len();
                let flat = TensorData::new(flat, [n_values]);
                (weight.to_owned(), Tensor::from_data(flat, &device.clone().without_autodiff()))
            };
            pair = optimizer.step(pair, Gradients::from([gradient("a"), gradient("b")]), learning_rate);
            // The change so far is what the optimizer made; the weight itself would hide its errors.
            let change = |ours: TensorData, weight: &str| {
                let start: Vec<f32> = from[&format!("init.{weight}")].iter::<f32>().collect();
                let moved = |data: &TensorData| {
                    let values: Vec<f32> = data.iter::<f32>().zip(&start).map(|(now, then)| now - then).collect();
                    let n_values = values.len();
                    TensorData::new(values, [n_values])
                };
                let theirs = &from[&format!("{name}.{step}.{weight}")];
                // Weights of size 1 are rounded to 6e-8, a change of 2e-4 thus to 3e-4 of itself.
                assert_close(&format!("{name}.{step}.{weight} change"), &moved(&ours), &moved(theirs), 1e-3);
                assert_close(&format!("{name}.{step}.{weight}"), &ours, theirs, 3e-7);
            };
            change(pair.a.to_data(), "a");
            change(pair.b.to_data(), "b");
        }
    }
}
