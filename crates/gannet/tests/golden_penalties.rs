//! Exact gradient penalties against PyTorch's double backward: values and gradients of every weight.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, golden, strip, tensor};
use gannet::image::Shape;
use gannet::net::{
    Condition, Critic, CriticNorm, DcganConfig, MlpConfig, NetConfig, R3ganConfig, ResnetConfig, Subject,
};
use gannet::nn::activation;
use gannet::nn::state::{self, Tensors};
use gannet::nn::{Dual, Init, Pieces};
use gannet::penalty::{self, Judge, Penalty, Pull};
use gannet::random::{self, Purpose};
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
    let judge = Judge { critic: &|x| critic.forward(x, None), frozen: &|x| frozen.forward(x, None) };
    let pull: fn(Tensor<4>) -> Pull = match kind {
        "r1" | "r2" => penalty::zero_centred,
        _ => penalty::one_centred,
    };
    let side = judge.pulled(points, pull).unwrap();
    // No game, so that the penalty is left.
    judge.loss(vec![side], 1.0, |scores| scores[0].clone().sum() * 0.0).unwrap().0
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

/// What the game asks of scores in the next test: that both sides' differ, and by each other's measure.
fn game(scores: &[Tensor<1>]) -> Tensor<1> {
    (activation::softplus(scores[1].clone() - scores[0].clone(), 1.0) + scores[0].clone().square() * 0.3).mean()
}

#[test]
fn loss_and_penalty_together_have_the_sum_of_their_gradients() {
    let device = Device::default().autodiff();
    let golden = golden("penalties");
    // Spectral normalization moves on with each use, so that two ways of more uses than one differ.
    for (name, net) in nets().into_iter().filter(|(name, _)| *name != "resnet") {
        let from = strip(&golden, name);
        let [_, channels, height, width] = from["real"].shape().as_slice().try_into().unwrap();
        let shape = Shape { channels, height, width };
        for (condition, n_classes) in [(Condition::None, 0), (Condition::Concatenation, 3), (Condition::Projection, 3)]
        {
            let subject = Subject { n_classes, ..shape.into() };
            let critic = net.critic(subject, condition, &mut Init::new(5, Purpose::CriticWeights, &device));
            let mut weights = Tensors::new();
            state::save(&critic, "", &mut weights);
            // Constants start from zero and would show nothing.
            for (_, data) in weights.iter_mut().filter(|(name, _)| name.ends_with("bias")) {
                let values: Vec<f32> = (0..data.num_elements()).map(|i| 0.3 * (i as f32 + 0.5).sin()).collect();
                *data = TensorData::new(values, data.shape().clone());
            }
            let critic = state::load(critic, "", &weights).unwrap();
            let [real, fake] = ["real", "fake"].map(|name| tensor::<4>(&from, name, &device));
            let [n, ..] = real.dims();
            let one_hot: Vec<f32> = (0..n * n_classes.max(1)).map(|i| f32::from(i % 4 == 0)).collect();
            let classes = Tensor::<2>::from_data(TensorData::new(one_hot, [n, n_classes.max(1)]), &device);
            let classes = (n_classes > 0).then_some(&classes);
            let pieces = Pieces::default();
            critic.forward(Dual::noting(real.clone(), &pieces), classes);
            assert_eq!(pieces.are_linear(), ["mlp", "dcgan", "r3gan"].contains(&name), "{name}");
            for kind in [Penalty::R1, Penalty::R2, Penalty::R1R2, Penalty::OneCentred, Penalty::Dragan] {
                let what = format!("{name}, {condition:?}, {kind:?}");
                let points = || kind.elsewhere(&real, &fake, &mut random::stream(3, Purpose::View, 0));

                // Each for itself, as the penalties above are.
                let one = critic.clone();
                let still = burn::module::Module::no_grad(one.clone());
                let gradient = |x: Tensor<4>| penalty::gradient(|x| still.forward(x, classes).value, x);
                let judged = |x: &Tensor<4>| one.forward(x.clone(), classes).value;
                let mut apart = game(&[judged(&real), judged(&fake)]);
                let pulls = [
                    kind.is_at_reals().then(|| (penalty::zero_centred(gradient(real.clone())), real.clone())),
                    kind.is_at_fakes().then(|| (penalty::zero_centred(gradient(fake.clone())), fake.clone())),
                    points().map(|points| (penalty::one_centred(gradient(points.clone())), points)),
                ];
                let one = critic.clone();
                for (pull, points) in pulls.into_iter().flatten() {
                    apart = apart + pull.penalty(one.forward(pull.on(points), classes)).unwrap() * 0.7;
                }
                let value = apart.clone().into_scalar::<f32>();
                let apart = gradients(&one, apart);

                let two = critic.clone();
                let still = burn::module::Module::no_grad(two.clone());
                let judge = Judge { critic: &|x| two.forward(x, classes), frozen: &|x| still.forward(x, classes) };
                let sides = judge.sides(kind, [&real, &fake], points()).unwrap();
                let (together, _) = judge.loss(sides, 0.7, game).unwrap();
                let error = (together.clone().into_scalar::<f32>() - value).abs();
                assert!(error <= 1e-5 * value.abs(), "{what}: {error} of {value}");
                let together = gradients(&two, together);
                assert_eq!(together.len(), apart.len(), "{what}");
                for (weight, apart) in apart {
                    assert_close(&format!("{what}.{weight}"), &together[&weight].to_data(), &apart.to_data(), 1e-4);
                }
            }
        }
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
