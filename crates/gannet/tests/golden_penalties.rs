//! Exact gradient penalties against PyTorch's double backward: values and gradients of every weight.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, golden, strip, tensor};
use gannet::image::Shape;
use gannet::net::{Condition, Critic, CriticNorm, DcganConfig, MlpConfig, NetConfig, R3ganConfig, ResnetConfig};
use gannet::nn::Init;
use gannet::nn::state::{self, Tensors};
use gannet::penalty::{self, Pull};
use gannet::random::Purpose;
use gannet::train::player::gradients;

const TOLERANCE: f32 = 1e-4;

/// The critics of `reference/penalties.py`.
fn nets() -> Vec<(&'static str, NetConfig)> {
    let mlp = |critic_norm| NetConfig::Mlp(MlpConfig { width: 16, depth: 3, critic_norm, ..MlpConfig::default() });
    let dcgan = |critic_norm| NetConfig::Dcgan(DcganConfig { width: 4, critic_norm, ..DcganConfig::default() });
    let resnet = ResnetConfig { width: 4, attention: 8, ..ResnetConfig::default() };
    let r3gan = R3ganConfig { width: 4, max_multiple: 2, blocks: 1, groups: 2, ..R3ganConfig::default() };
    vec![
        ("mlp", mlp(CriticNorm::None)),
        ("layer", mlp(CriticNorm::Layer)),
        ("dcgan", dcgan(CriticNorm::None)),
        ("dcgan_layer", dcgan(CriticNorm::Layer)),
        ("instance", dcgan(CriticNorm::Instance)),
        ("resnet", NetConfig::Resnet(resnet)),
        ("r3gan", NetConfig::R3gan(r3gan)),
    ]
}

/// The critic's basis is a depthwise convolution there and a parameter of its own here.
fn renamed(state: Tensors) -> Tensors {
    let rename = |(name, data): (String, TensorData)| match name.strip_suffix("basis.weight") {
        Some(prefix) => {
            let [c, _, h, w] = data.shape().as_slice().try_into().unwrap();
            let values: Vec<f32> = data.iter::<f32>().collect();
            (format!("{prefix}basis"), TensorData::new(values, [c, h, w]))
        }
        None => (name, data),
    };
    state.into_iter().map(rename).collect()
}

/// The penalty of `kind` on the critic in training; its gradient from the frozen one.
fn penalty(kind: &str, critic: &Critic, from: &Tensors, device: &Device) -> Tensor<1> {
    let [real, fake, perturbed] = ["real", "fake", "perturbed"].map(|name| tensor::<4>(from, name, device));
    let points = match kind {
        "r1" => real,
        "r2" => fake,
        "wgan_gp" => penalty::between(real, fake, tensor(from, "share", device)),
        _ => perturbed,
    };
    let frozen = burn::module::Module::no_grad(critic.clone());
    let gradient = penalty::gradient(|x| frozen.forward(x, None).value, points.clone());
    let pull: Pull = match kind {
        "r1" | "r2" => penalty::zero_centred(gradient),
        _ => penalty::one_centred(gradient),
    };
    pull.penalty(critic.forward(pull.on(points), None)).unwrap()
}

#[test]
fn penalties_and_their_gradients_equal_double_backward() {
    let device = Device::default().autodiff();
    let golden = golden("penalties");
    for (name, net) in nets() {
        let from = strip(&golden, name);
        let [_, channels, height, width] = from["real"].shape().as_slice().try_into().unwrap();
        let shape = Shape { channels, height, width };
        let init = &mut Init::new(0, Purpose::CriticWeights, &device);
        let state = renamed(strip(&from, "state"));
        let critic = state::load(net.critic(shape, Condition::None, init), "", &state).unwrap();
        let n_loaded = state.len();
        let mut saved = Tensors::new();
        state::save(&critic, "", &mut saved);
        assert_eq!(saved.len(), n_loaded, "{name}: {:?}", saved.keys());

        for kind in ["r1", "r2", "wgan_gp", "dragan"] {
            // A copy, because spectral normalization moves on with each use in training.
            let critic = critic.clone();
            let penalty = penalty(kind, &critic, &from, &device);
            let what = format!("{name}.{kind}");
            assert_close(&format!("{what}.value"), &penalty.to_data(), &from[&format!("{kind}.value")], TOLERANCE);
            let ours = gradients(&critic, penalty);
            let theirs = renamed(strip(&from, &format!("{kind}.grad")));
            let largest = theirs.values().flat_map(|data| data.iter::<f32>()).fold(0.0, |a: f32, b| a.max(b.abs()));
            for (weight, theirs) in theirs {
                let scale = theirs.iter::<f32>().fold(0.0, |a: f32, b| a.max(b.abs()));
                match ours.get(&weight) {
                    Some(ours) if scale > 0.0 => {
                        assert_close(&format!("{what}.{weight}"), &ours.to_data(), &theirs, TOLERANCE);
                    }
                    Some(ours) => {
                        let ours: f32 = ours.clone().abs().max().into_scalar();
                        assert!(ours <= 1e-6 * largest, "{what}.{weight}: {ours} where PyTorch has 0");
                    }
                    None => assert!(scale == 0.0, "{what}.{weight} has no gradient"),
                }
            }
        }
        let score = critic.forward(tensor::<4>(&from, "real", &device), None).value;
        assert_close(&format!("{name}.score_real"), &score.to_data(), &from["score_real"], TOLERANCE);
    }
}

#[test]
fn a_critic_with_batch_norm_is_refused_by_name() {
    let device = Device::default().autodiff();
    let net = NetConfig::Mlp(MlpConfig { critic_norm: CriticNorm::Batch, ..MlpConfig::default() });
    let shape = Shape { channels: 2, height: 1, width: 1 };
    let critic = net.critic(shape, Condition::None, &mut Init::new(0, Purpose::CriticWeights, &device));
    let points = Tensor::<4>::ones([4, 2, 1, 1], &device);
    let gradient = penalty::gradient(|x| critic.forward(x, None).value, points.clone());
    let pull = penalty::zero_centred(gradient);
    let error = pull.penalty(critic.forward(pull.on(points), None)).unwrap_err().to_string();
    assert!(error.contains("`batch norm`"), "{error}");
    assert_eq!(net.layer_without_tangent(), Some("batch norm"));
}
