//! Exported networks: every family is written whole. `reference/onnx.sh` has ONNX Runtime compute the files that this
//! test leaves in `$GANNET_ONNX`, and compares.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use common::{golden, strip, tensor};
use gannet::convert::{self, Model};
use gannet::image::Shape;
use gannet::net::{
    DcganConfig, GatedConfig, MlpConfig, NetConfig, PictureNorm, R3ganConfig, ResnetConfig, ResnetGeneratorConfig,
    TranslatorConfig, UnetConfig,
};
use gannet::nn::Init;
use gannet::nn::state::{self, Tensors};
use gannet::random::{self, Purpose};
use gannet::run::checkpoint;
use gannet::{Card, inpainter, onnx, translator};

fn values(n: usize, seed: u64) -> Vec<f32> {
    random::normal(&mut random::stream(seed, Purpose::Synthetic, 1), n)
}

/// The weights of a new network, moved a little so that none is idle.
fn shaken<M: Module>(network: &M, prefix: &str) -> Tensors {
    let mut tensors = Tensors::new();
    state::save(network, prefix, &mut tensors);
    for (i, (name, data)) in tensors.iter_mut().enumerate() {
        let noise = values(data.num_elements(), i as u64);
        // A singular vector stays one, a variance positive.
        let share = if name.ends_with(".scale") { 0.0 } else { 0.05 };
        let is_variance = name.ends_with("running_var");
        let moved = data
            .iter::<f32>()
            .zip(noise)
            .map(|(value, noise)| value + share * if is_variance { noise.abs() } else { noise });
        *data = TensorData::new(moved.collect::<Vec<f32>>(), data.shape().clone());
    }
    tensors
}

/// Writes `NAME.onnx`, and beside it what goes in and what must come out.
fn write(folder: &Path, name: &str, model: &Model, inputs: &[(&str, TensorData)], output: (&str, TensorData)) {
    let path = folder.join(name).with_extension("onnx");
    onnx::write(model, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for (part, _) in inputs.iter().chain([&output]) {
        assert!(bytes.windows(part.len()).any(|window| window == part.as_bytes()), "{name}: no {part}");
    }
    let all = inputs.iter().cloned().chain([output]).map(|(name, data)| (name.to_owned(), data)).collect();
    checkpoint::write(&path.with_extension("safetensors"), "weights", &serde_json::json!({}), &all).unwrap();
}

#[test]
fn every_family_of_translators_is_written() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("GANNET_ONNX").map_or(temporary.path().to_path_buf(), Into::into);
    let device = Device::default();
    let unet = |norm| TranslatorConfig::Unet(UnetConfig { width: 3, norm, dropout: 0.5 });
    let resnet = |norm| TranslatorConfig::Resnet(ResnetGeneratorConfig { width: 3, blocks: 2, norm });
    for (name, net, sides) in [
        ("unet", unet(PictureNorm::Instance), [32, 64]),
        ("unet-batch", unet(PictureNorm::Batch), [32, 64]),
        ("resnet-generator", resnet(PictureNorm::Instance), [20, 24]),
        ("resnet-generator-batch", resnet(PictureNorm::Batch), [20, 24]),
    ] {
        let shape = Shape { channels: 3, height: 32, width: 32 };
        let card: translator::Card = serde_json::from_value(serde_json::json!({
            "gannet": "0", "shape": shape, "net": net, "ways": ["BtoA"], "images_seen": 0,
            "data": "none", "config": {"data": {"source": "none"}, "method": {"name": "none"}, "train": {}},
        }))
        .unwrap();
        let network = net.init(shape, &mut Init::new(1, Purpose::GeneratorWeights, &device));
        let weights = shaken(&network, "BtoA");
        let path = folder.join("kept-translator.safetensors");
        checkpoint::write(&path, "translator", &card, &weights).unwrap();
        let model = convert::open(&path, None).unwrap();
        // What is exported drops nothing.
        let quiet = match net {
            TranslatorConfig::Unet(config) => TranslatorConfig::Unet(UnetConfig { dropout: 0.0, ..config }),
            other => other,
        };
        let network = quiet.init(shape, &mut Init::new(1, Purpose::GeneratorWeights, &device));
        let network = state::load(network, "BtoA", &weights).unwrap().valid();
        let [height, width] = sides;
        let source = TensorData::new(values(2 * 3 * height * width, 7), [2, 3, height, width]);
        let noise = &mut random::stream(0, Purpose::Dropout, 0);
        let made = network.forward(Tensor::from_data(source.clone(), &device), noise).into_data();
        write(&folder, name, &model, &[("source", source)], ("target", made));
    }
}

#[test]
fn a_network_that_fills_holes_is_written() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("GANNET_ONNX").map_or(temporary.path().to_path_buf(), Into::into);
    let device = Device::default();
    let net = GatedConfig { width: 3, blocks: 2 };
    let card: inpainter::Card = serde_json::from_value(serde_json::json!({
        "gannet": "0", "shape": Shape { channels: 3, height: 32, width: 32 }, "net": net, "holes": "both",
        "images_seen": 0, "data": "none", "config": {"data": {"source": "none"}, "method": {"name": "none"}, "train": {}},
    }))
    .unwrap();
    let network = net.init(3, &mut Init::new(1, Purpose::GeneratorWeights, &device));
    let weights = shaken(&network, "");
    let path = folder.join("kept-inpainter.safetensors");
    checkpoint::write(&path, "inpainter", &card, &weights).unwrap();
    let model = convert::open(&path, None).unwrap();
    let network = state::load(network, "", &weights).unwrap();
    let [height, width] = [21, 30];
    let picture = TensorData::new(values(2 * 3 * height * width, 7), [2, 3, height, width]);
    let holes: Vec<f32> = values(2 * height * width, 8).iter().map(|v| f32::from(*v > 0.5)).collect();
    let holes = TensorData::new(holes, [2, 1, height, width]);
    let [seen, missing] = [&picture, &holes].map(|data| Tensor::from_data(data.clone(), &device));
    let made = network.forward(seen, missing).into_data();
    write(&folder, "inpaint", &model, &[("picture", picture), ("holes", holes)], ("filling", made));
}

#[test]
fn every_family_of_generators_is_written() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("GANNET_ONNX").map_or(temporary.path().to_path_buf(), Into::into);
    let device = Device::default();

    for name in ["rrdb4", "rrdb2", "srvgg", "srresnet"] {
        let from = strip(&golden("upscalers"), name);
        let mut weights = strip(&from, "state");
        // Running statistics of a network that was never trained would hide what is done with them.
        for (place, (name, data)) in weights.iter_mut().enumerate().filter(|(_, (name, _))| name.contains("running")) {
            let moved =
                data.iter::<f32>().zip(values(data.num_elements(), place as u64)).map(|(v, z)| v + 0.1 * z.abs());
            assert!(name.contains("norm"));
            *data = TensorData::new(moved.collect::<Vec<f32>>(), data.shape().clone());
        }
        let path = folder.join("kept.safetensors");
        checkpoint::write(&path, "weights", &serde_json::json!({}), &weights).unwrap();
        let model = convert::open(&path, None).unwrap();
        let Model::Upscaler(upscaler) = &model else { panic!("{name}") };
        let made = upscaler.network().forward(tensor(&from, "input", &device)).into_data();
        write(&folder, name, &model, &[("image", from["input"].clone())], ("enlarged", made));
    }

    let skipping = ResnetConfig {
        latent: 12,
        width: 8,
        attention: 16,
        skip_latents: true,
        spectral_generator: true,
        ..ResnetConfig::default()
    };
    let plain = ResnetConfig {
        latent: 6,
        width: 8,
        attention: 0,
        skip_latents: false,
        spectral_generator: false,
        ..ResnetConfig::default()
    };
    let shape = |channels, height, width| Shape { channels, height, width };
    for (name, net, shape, n_classes) in [
        ("mlp", NetConfig::Mlp(MlpConfig { latent: 5, width: 7, ..MlpConfig::default() }), shape(1, 6, 5), 3),
        ("dcgan", NetConfig::Dcgan(DcganConfig { latent: 5, width: 3, ..DcganConfig::default() }), shape(3, 13, 18), 0),
        ("cgan", NetConfig::Dcgan(DcganConfig { latent: 5, width: 3, ..DcganConfig::default() }), shape(1, 16, 16), 4),
        ("r3gan", NetConfig::R3gan(R3ganConfig { latent: 6, width: 4, ..R3ganConfig::default() }), shape(3, 17, 22), 0),
        ("resnet", NetConfig::Resnet(plain.clone()), shape(3, 17, 22), 0),
        ("cresnet", NetConfig::Resnet(plain), shape(3, 16, 16), 3),
        ("biggan", NetConfig::Resnet(skipping.clone()), shape(3, 32, 32), 3),
        ("sagan", NetConfig::Resnet(skipping), shape(1, 32, 32), 0),
    ] {
        let card: Card = serde_json::from_value(serde_json::json!({
            "gannet": "0", "shape": shape, "classes": [], "n_classes": n_classes, "net": net, "images_seen": 0,
            "data": "none", "config": {"data": {"source": "none"}, "method": {"name": "none"}, "train": {}},
        }))
        .unwrap();
        let network = net.generator(card.subject(), &mut Init::new(1, Purpose::GeneratorWeights, &device));
        let weights = shaken(&network, "generator");
        let path = folder.join("kept.safetensors");
        checkpoint::write(&path, "generator", &card, &weights).unwrap();
        let model = convert::open(&path, None).unwrap();
        let network = state::load(network, "generator", &weights).unwrap().valid();
        let batch = 3;
        let latents = TensorData::new(values(batch * net.latent(), 7), [batch, net.latent()]);
        let one_hot = (0..batch * n_classes).map(|i| f32::from(u8::from(i % n_classes == (i / n_classes) % n_classes)));
        let condition = TensorData::new(one_hot.collect::<Vec<f32>>(), [batch, n_classes]);
        let as_tensor = |data: &TensorData| Tensor::<2>::from_data(data.clone(), &device);
        let told = (n_classes > 0).then(|| as_tensor(&condition));
        let made = network.forward(as_tensor(&latents), told.as_ref()).into_data();
        let inputs = [("latents", latents), ("condition", condition)];
        write(&folder, name, &model, &inputs[..1 + usize::from(n_classes > 0)], ("samples", made));
    }
}
