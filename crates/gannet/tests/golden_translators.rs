//! Translators and the critic of patches against PyTorch: outputs, gradients of the input and of every weight, from
//! `reference/translators.py`, whose weights have the names of the widely used PyTorch layout; features of translators and
//! the loss that compares them from `reference/cut.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32. Biases that a norm
//! behind them makes idle have no gradient but rounding; theirs are compared on the scale of their weights' gradients.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{assert_close, golden, strip, tensor};
use gannet::image::Shape;
use gannet::loss::patch_nce;
use gannet::net::{PatchConfig, PatchHeads, PictureNorm, ResnetGeneratorConfig, TranslatorConfig, UnetConfig};
use gannet::nn::Init;
use gannet::nn::state::{self, Tensors};
use gannet::random::{Purpose, stream};
use gannet::train::optimizer::Gradients;
use gannet::train::player::gradients;

const TOLERANCE: f32 = 1e-4;

/// `module` with the weights of `from`, whose names `theirs` finds for ours.
fn load<M: Module>(module: M, from: &Tensors, theirs: impl Fn(&str) -> String) -> M {
    let mut ours = Tensors::new();
    state::save(&module, "", &mut ours);
    let is_running = |name: &str| name.contains("running_");
    let found = ours.into_iter().map(|(name, data)| {
        let data = if is_running(&name) { data } else { from[&format!("state.{}", theirs(&name))].clone() };
        (name, data)
    });
    state::load(module, "", &found.collect()).unwrap()
}

/// Holds `network`, which runs `module`, to `from`.
fn assert_network<M: Module>(
    case: &str,
    module: &M,
    network: impl Fn(Tensor<4>) -> Tensor<4>,
    from: &Tensors,
    theirs: impl Fn(&str) -> String,
) {
    let device = Device::default().autodiff();
    let weigh = |y: Tensor<4>| {
        let [n, c, h, w] = y.dims();
        let weights = tensor::<4>(from, "input", &device).flip([0, 1, 2, 3]);
        (y * weights.slice([0..n, 0..c, 0..h, 0..w])).sum()
    };
    let input = tensor::<4>(from, "input", &device).require_grad();
    let output = network(input.clone());
    assert_close(&format!("{case} output"), &output.to_data(), &from["output"], TOLERANCE);
    let grads = weigh(output).backward();
    let grad = input.grad(&grads).unwrap().to_data();
    assert_close(&format!("{case} grad.input"), &grad, &from["grad.input"], TOLERANCE);

    let ours = gradients(module, weigh(network(tensor(from, "input", &device))));
    assert_eq!(ours.len(), strip(from, "state").len(), "{case}");
    assert_gradients(case, &ours, from, theirs);
}

/// Holds the gradients of every weight to `from`.
fn assert_gradients(case: &str, ours: &Gradients, from: &Tensors, theirs: impl Fn(&str) -> String) {
    let largest = |data: &TensorData| data.iter::<f32>().fold(0.0, |most: f32, value| most.max(value.abs()));
    for (name, gradient) in ours {
        let expected = &from[&format!("grad.{}", theirs(name))];
        let weight = from.get(&format!("grad.{}", theirs(&name.replace("bias", "weight")))).unwrap_or(expected);
        let is_idle = largest(expected) < 1e-6 * largest(weight);
        if is_idle {
            assert!(largest(&gradient.to_data()) < TOLERANCE * largest(weight), "{case} {name}");
        } else {
            assert_close(&format!("{case} {name}"), &gradient.to_data(), expected, TOLERANCE);
        }
    }
}

/// Splits "down.3.conv.weight" into its parts, the number read.
fn parts(name: &str) -> (&str, usize, &str, &str) {
    let mut parts = name.split('.');
    let (list, number) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
    (list, number, parts.next().unwrap(), name.rsplit('.').next().unwrap())
}

/// The widely used name of a weight of a U-Net of `n_steps` steps (`net/unet.rs`).
fn of_unet(name: &str, n_steps: usize) -> String {
    let (list, i, layer, kind) = parts(name);
    let prefix = match i {
        0 => "model.model".to_owned(),
        _ => format!("model.model.1{}.model", ".model.3".repeat(i - 1)),
    };
    let number = match (list, layer) {
        ("down", "conv") => usize::from(i > 0),
        ("down", _) => 2,
        (_, "conv") if i == 0 || i + 1 == n_steps => 3,
        (_, "conv") => 5,
        _ if i + 1 == n_steps => 4,
        _ => 6,
    };
    format!("{prefix}.{number}.{kind}")
}

/// The widely used name of a weight of a residual generator of `n_blocks` blocks (`net/resnet_generator.rs`).
fn of_resnet(name: &str, n_blocks: usize) -> String {
    let kind = name.rsplit('.').next().unwrap();
    let after = usize::from(name.contains("norm"));
    if name.starts_with("first") {
        return format!("model.{}.{kind}", 1 + after);
    }
    if name.starts_with("last") {
        return format!("model.{}.{kind}", 17 + n_blocks);
    }
    match parts(name) {
        ("down", i, ..) => format!("model.{}.{kind}", 4 + 3 * i + after),
        ("up", i, ..) => format!("model.{}.{kind}", 10 + n_blocks + 3 * i + after),
        (_, i, layer, _) => {
            format!("model.{}.conv_block.{}.{kind}", 10 + i, if layer == "first" { 1 } else { 5 } + after)
        }
    }
}

/// The widely used name of a weight of a critic of patches (`net/patch.rs`).
fn of_patch(name: &str, field: usize) -> String {
    let (_, i, layer, kind) = parts(name);
    let number = if i == 0 { 0 } else { 3 * i - 1 + usize::from(layer == "norm") };
    format!("{}.{number}.{kind}", if field == 1 { "net" } else { "model" })
}

fn shape([_, channels, height, width]: [usize; 4]) -> Shape {
    Shape { channels, height, width }
}

#[test]
fn translators_and_their_gradients_equal_pytorch() {
    let device = Device::default().autodiff();
    let golden = golden("translators");
    let init = &mut Init::new(0, Purpose::GeneratorWeights, &device);
    for (kind, norm, width) in [("instance", PictureNorm::Instance, 2), ("batch", PictureNorm::Batch, 1)] {
        let unet = TranslatorConfig::Unet(UnetConfig { width: 1, norm, dropout: 0.0 });
        let resnet = TranslatorConfig::Resnet(ResnetGeneratorConfig { width: width + 1, norm, blocks: 2 });
        for (family, config) in [("unet", unet), ("resnet", resnet)] {
            let from = strip(&golden, &format!("{family}.{kind}"));
            let shape = shape(tensor::<4>(&from, "input", &device).dims());
            let theirs = |name: &str| if family == "unet" { of_unet(name, 5) } else { of_resnet(name, 2) };
            let network = load(config.init(shape, init), &from, theirs);
            let forward = |x| network.forward(x, &mut stream(0, Purpose::TrainingLatents, 0));
            assert_network(&format!("{family}.{kind}"), &network, forward, &from, theirs);
            let n_weights = strip(&from, "state").values().map(TensorData::num_elements).sum::<usize>();
            assert_eq!(config.plan(shape).n_parameters(), n_weights as u64, "{family}.{kind}");
        }
    }
}

#[test]
fn critics_of_patches_and_their_gradients_equal_pytorch() {
    let device = Device::default().autodiff();
    let golden = golden("translators");
    let init = &mut Init::new(0, Purpose::CriticWeights, &device);
    for (case, field, width, norm) in [
        ("patch.70.instance", 70, 3, PictureNorm::Instance),
        ("patch.70.batch", 70, 2, PictureNorm::Batch),
        ("patch.16.instance", 16, 3, PictureNorm::Instance),
        ("patch.1.instance", 1, 3, PictureNorm::Instance),
    ] {
        let from = strip(&golden, case);
        let config = PatchConfig { field, width, norm };
        let theirs = |name: &str| of_patch(name, field);
        let network = load(config.init(3, init), &from, theirs);
        let dims = from["output"].shape().to_vec();
        let forward = |x: Tensor<4>| network.forward(x).value.reshape([dims[0], dims[1], dims[2], dims[3]]);
        assert_network(case, &network, forward, &from, theirs);
        let plan = config.plan(shape(tensor::<4>(&from, "input", &device).dims()));
        assert_eq!(plan.layers.last().unwrap().output.as_slice(), &dims[1..], "{case}");
        let n_weights = strip(&from, "state").values().map(TensorData::num_elements).sum::<usize>();
        assert_eq!(plan.n_parameters(), n_weights as u64, "{case}");
    }
}

#[test]
fn features_of_patches_and_the_loss_that_compares_them_equal_pytorch() {
    let device = Device::default().autodiff();
    let from = golden("cut");
    let input = || tensor::<4>(&from, "input", &device);
    let shape = shape(input().dims());
    let config = ResnetGeneratorConfig { width: 2, blocks: 3, norm: PictureNorm::Instance };
    let init = &mut Init::new(0, Purpose::GeneratorWeights, &device);
    let of_network = |name: &str| of_resnet(name, 3);
    let network = load(config.init(shape, init), &from, of_network);
    let length = from["state.heads.0.0.bias"].num_elements();
    let of_head = |name: &str| {
        let (_, i, layer, kind) = parts(name);
        format!("heads.{i}.{}.{kind}", if layer == "first" { 0 } else { 2 })
    };
    let heads = load(PatchHeads::new(&config.features(shape), length, init), &from, of_head);

    let (output, features) = network.forward_with_features(input());
    assert_close("output", &output.to_data(), &from["output"], TOLERANCE);
    assert_eq!(features.len(), strip(&from, "features").len());
    for (i, (features, planned)) in features.iter().zip(config.features(shape)).enumerate() {
        assert_eq!(features.dims()[1..], planned);
        assert_close(&format!("features.{i}"), &features.to_data(), &from[&format!("features.{i}")], TOLERANCE);
    }
    let positions: Vec<Tensor<1, Int>> =
        (0..features.len()).map(|i| tensor::<1>(&from, &format!("positions.{i}"), &device).int()).collect();
    let loss = || {
        let (output, features) = network.forward_with_features(input());
        let keys = heads.forward(features, &positions);
        patch_nce(heads.forward(network.features(output), &positions), keys, 0.07)
    };
    assert_close("loss", &loss().to_data(), &from["loss"], TOLERANCE);
    let [of_weights, of_heads] = [gradients(&network, loss()), gradients(&heads, loss())];
    assert_eq!(of_weights.len() + of_heads.len(), strip(&from, "grad").len());
    assert_gradients("cut", &of_weights, &from, of_network);
    assert_gradients("cut heads", &of_heads, &from, of_head);
    let planned: usize = PatchHeads::plan(&config.features(shape), length, 12).iter().map(|l| l.n_parameters).sum();
    assert_eq!(planned, strip(&from, "state.heads").values().map(TensorData::num_elements).sum::<usize>());
}

#[test]
fn dropout_keeps_the_mean_and_obeys_its_stream() {
    let ones = || Tensor::<4>::ones([1, 4, 50, 50], &Device::default());
    let drop =
        |seed| gannet::nn::dropout(ones(), 0.5, &mut stream(seed, Purpose::TrainingLatents, 0)).value.into_data();
    assert_eq!(drop(1), drop(1));
    assert_ne!(drop(1), drop(2));
    let values: Vec<f32> = drop(1).iter::<f32>().collect();
    assert!(values.iter().all(|value| [0.0, 2.0].contains(value)));
    // 10,000 values of deviation 1: the mean is within four hundredths of 1.
    assert!((values.iter().sum::<f32>() / values.len() as f32 - 1.0).abs() < 0.04);
}
