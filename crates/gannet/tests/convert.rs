//! Networks from elsewhere: recognised by names, shapes and layers, and computing what they computed there.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, formula, golden, strip, tensor};
use gannet::convert::{self, Model};
use gannet::nn::Init;
use gannet::nn::state::{self, Tensors};
use gannet::random::{Purpose, stream};
use gannet::run::checkpoint;
use gannet::{Card, translator};

fn write(folder: &Path, name: &str, tensors: &Tensors) -> PathBuf {
    let path = folder.join(name);
    checkpoint::write(&path, "weights", &serde_json::json!({}), tensors).unwrap();
    path
}

fn upscaler(path: &Path) -> gannet::upscale::Upscaler {
    match convert::open(path, None).unwrap() {
        Model::Upscaler(upscaler) => upscaler,
        other => panic!("{}", other.describe()),
    }
}

fn reason(path: &Path, arch: Option<&str>) -> String {
    convert::open(path, arch).err().unwrap().to_string()
}

#[test]
fn networks_that_enlarge_are_known_by_their_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let golden = golden("upscalers");
    let device = Device::default();
    for name in ["rrdb4", "rrdb2", "srvgg"] {
        let from = strip(&golden, name);
        let path = write(folder.path(), &format!("{name}.safetensors"), &strip(&from, "state"));
        let upscaler = upscaler(&path);
        let made = upscaler.network().forward(tensor(&from, "input", &device));
        assert_close(name, &made.into_data(), &from["output"], 1e-4);
        assert_eq!(upscaler.card().source, format!("{name}.safetensors"));
        // What gannet writes of it is read again, card and all.
        let kept = folder.path().join("kept.safetensors");
        upscaler.save(&kept).unwrap();
        assert_eq!(gannet::upscale::Upscaler::load(&kept, &device).unwrap().card(), upscaler.card());
        assert!(reason(&path, Some("dcgan")).contains("accepted: dcgan (with `main.0.weight`)"));
    }
    let state = strip(&strip(&golden, "rrdb4"), "state");
    // Names of ESRGAN's first files.
    let renames = [("conv_body", "trunk_conv"), ("body.", "RRDB_trunk."), (".rdb", ".RDB"), ("conv_up", "upconv")];
    let old =
        |name: &str| renames.iter().fold(name.replace("conv_hr", "HRconv"), |name, (from, to)| name.replace(from, to));
    let first = state.iter().map(|(name, data)| (old(name), data.clone())).collect();
    let path = write(folder.path(), "first.safetensors", &first);
    assert_eq!(upscaler(&path).card().net.scale(), 4);
    // One tensor of another shape, or one too few.
    let mut wrong = state.clone();
    wrong.insert("body.1.rdb2.conv3.weight".into(), TensorData::new(vec![0f32; 9], [1, 1, 3, 3]));
    let said = reason(&write(folder.path(), "wrong.safetensors", &wrong), None);
    assert!(said.contains("looks like rrdbnet") && said.contains("`body.1.rdb2.conv3.weight` has shape [1, 1, 3, 3]"));
    wrong.remove("body.1.rdb2.conv3.weight");
    let said = reason(&write(folder.path(), "wrong.safetensors", &wrong), None);
    assert!(said.contains("it holds no tensor `body.1.rdb2.conv3.weight`"), "{said}");
    let said = reason(&write(folder.path(), "else.safetensors", &strip(&golden, "rrdb4.grad.body.0")), None);
    assert!(said.contains("of no known network; accepted: rrdbnet (with `conv_first.weight`), esrgan"), "{said}");
    assert!(reason(&path, Some("rdbnet")).contains("did you mean `rrdbnet`?"));
}

#[test]
fn the_tutorial_s_dcgan_becomes_a_generator() {
    let folder = tempfile::tempdir().unwrap();
    let from = strip(&golden("layouts"), "dcgan");
    let path = write(folder.path(), "netG.safetensors", &strip(&from, "state"));
    let Model::Generator(generator) = convert::open(&path, None).unwrap() else { panic!("not a generator") };
    let kept = folder.path().join("generator.safetensors");
    generator.save(&kept).unwrap();
    let (card, tensors) = checkpoint::read::<Card>(&kept, "generator").unwrap();
    let init = &mut Init::new(0, Purpose::GeneratorWeights, &Device::default());
    let network = state::load(card.net.generator(card.subject(), init), "generator", &tensors).unwrap().valid();
    let latents: Tensor<4> = tensor(&from, "latents", &Device::default());
    let made = network.forward(latents.reshape([4, 5]), None);
    assert_close("output", &made.into_data(), &from["output"], 1e-4);
    assert_eq!(gannet::Generator::load(&kept).unwrap().sample(&[0]).unwrap()[0].width, 32);
}

/// The weights of a translator of `layouts`, by the names that they have there.
fn translator_s(from: &Tensors) -> Tensors {
    let shape = |data: &TensorData| data.iter::<f32>().map(|side| side as usize).collect::<Vec<_>>();
    let named = from.iter().filter_map(|(name, data)| Some((name.strip_prefix("shape:")?, shape(data))));
    let mut weights: Tensors = named.map(|(name, shape)| (name.to_owned(), formula::tensor(name, &shape))).collect();
    let last = ["model.26.weight", "model.23.weight"].into_iter().find(|name| weights.contains_key(*name));
    if let Some(data) = last.and_then(|name| weights.get_mut(name)) {
        let values: Vec<f32> = data.iter::<f32>().map(|value| value / 64.0).collect();
        *data = TensorData::new(values, data.shape().clone());
    }
    weights
}

#[test]
fn translators_are_known_by_their_modules() {
    let folder = tempfile::tempdir().unwrap();
    let golden = golden("layouts");
    let device = Device::default();
    let translator = |path: &Path| match convert::open(path, None).unwrap() {
        Model::Translator(translator) => translator,
        other => panic!("{}", other.describe()),
    };
    let networks = ["unet_128", "unet_256", "resnet_6", "resnet_9"];
    let cases = networks.iter().flat_map(|network| ["instance", "batch"].map(|norm| format!("{network}.{norm}")));
    for case in cases.chain(["resnet_6.drops".to_owned()]) {
        let from = strip(&golden, &case);
        let mut weights = translator_s(&from);
        // What old files of instance norm remember, and how many batches were seen, is of no use.
        let norm = if case.starts_with("unet") { "model.model.1.model.2" } else { "model.2" };
        if case.ends_with("instance") {
            weights.insert(format!("{norm}.running_mean"), TensorData::new(vec![9f32; 4], [4]));
        }
        weights.insert(format!("{norm}.num_batches_tracked"), TensorData::new(vec![9i64], [1]));
        let path = write(folder.path(), "net_G.safetensors", &weights);
        let translator = translator(&path);
        translator.save(folder.path().join("kept.safetensors")).unwrap();
        let (card, tensors) =
            checkpoint::read::<translator::Card>(&folder.path().join("kept.safetensors"), "translator").unwrap();
        assert_eq!(&card, translator.card());
        let side = if case.starts_with("unet_256") || case.starts_with("resnet_9") { 256 } else { 128 };
        assert_eq!([card.shape.height, card.shape.width], [side; 2], "{case}");
        let init = &mut Init::new(0, Purpose::GeneratorWeights, &device);
        let network = state::load(card.net.init(card.shape, init), "AtoB", &tensors).unwrap().valid();
        let [height, width] = if case.starts_with("unet") { [side; 2] } else { [40, 36] };
        let input = Tensor::<4>::from_data(formula::tensor("input", &[1, 3, height, width]), &device);
        let made = network.forward(input, &mut stream(0, Purpose::Dropout, 0));
        assert_close(&case, &formula::summary(&made), &from["output"], 1e-4);
    }
    let weights = translator_s(&strip(&golden, "resnet_6.instance"));
    let changed = |change: &dyn Fn(&mut Tensors)| {
        let mut weights = weights.clone();
        change(&mut weights);
        reason(&write(folder.path(), "wrong.safetensors", &weights), None)
    };
    let said = changed(&|weights| drop(weights.remove("model.12.conv_block.5.bias")));
    assert!(said.contains("looks like resnet") && said.contains("no tensor `model.12.conv_block.5.bias`"), "{said}");
    let one = || TensorData::new(vec![0f32], [1]);
    let said = changed(&|weights| drop(weights.insert("model.12.conv_block.5.bias".into(), one())));
    assert!(said.contains("`model.12.conv_block.5.bias` has shape [1], this network needs [8]"), "{said}");
    let said = changed(&|weights| drop(weights.insert("model.99.bias".into(), one())));
    assert!(said.contains("it also holds `model.99.bias`, which that layout has not"), "{said}");
    let large = || TensorData::new(vec![0f32; 2000 * 3 * 49], [2000, 3, 7, 7]);
    let said = changed(&|weights| drop(weights.insert("model.1.weight".into(), large())));
    assert!(said.contains("such a network has") && said.contains("weights, and it holds"), "{said}");
}

/// The chain of `srvgg` as ncnn has it, its weights with 32 bits.
fn ncnn_chain(state: &Tensors) -> (String, Vec<u8>) {
    let mut lines = "Input in 0 1 b\nSplit s 1 2 b base 0\n".to_owned();
    let mut bin = vec![];
    let floats = |data: &TensorData| data.iter::<f32>().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    for i in 0..7 {
        let weight = &state[&format!("body.{i}.weight")];
        if let [n_out, n_in, 3, 3] = weight.shape().as_slice() {
            writeln!(lines, "Convolution c{i} 1 1 {i} {} 0={n_out} 1=3 4=1 5=1 6={}", i + 1, n_out * n_in * 9).unwrap();
            bin.extend([0; 4]);
            bin.extend(floats(weight));
            bin.extend(floats(&state[&format!("body.{i}.bias")]));
        } else {
            writeln!(lines, "PReLU p{i} 1 1 {i} {} 0={}", i + 1, weight.num_elements()).unwrap();
            bin.extend(floats(weight));
        }
    }
    lines += "PixelShuffle d 1 1 7 8 0=3\nInterp r 1 1 base 9 0=1 1=3.0 2=3.0\nBinaryOp a 2 1 8 9 output\n";
    (format!("7767517\n{} 13\n{lines}", lines.lines().count()), bin)
}

#[test]
fn a_network_of_ncnn_is_known_layer_by_layer() {
    let folder = tempfile::tempdir().unwrap();
    let from = strip(&golden("upscalers"), "srvgg");
    let (list, bin) = ncnn_chain(&strip(&from, "state"));
    let path = folder.path().join("chain.param");
    let put = |list: &str, bin: &[u8]| {
        std::fs::write(&path, list).unwrap();
        std::fs::write(path.with_extension("bin"), bin).unwrap();
    };
    put(&list, &bin);
    for path in [path.clone(), path.with_extension("bin")] {
        let made = upscaler(&path).network().forward(tensor(&from, "input", &Device::default()));
        assert_close("output", &made.into_data(), &from["output"], 1e-4);
    }
    let refuse = |list: &str, bin: &[u8], named: &[&str]| {
        put(list, bin);
        let said = reason(&path, None);
        assert!(said.lines().count() == 1 && named.iter().all(|part| said.contains(part)), "{said}");
    };
    refuse(&list, &bin[..bin.len() - 1], &["chain.bin: the file ends too early: layer `c6`"]);
    refuse(&list.replace("8 9 output", "8 8 output"), &bin, &["no srvgg: layer `a` is Sum", "accepted: rrdb, srvgg"]);
    refuse(
        &list.replace("2=3.0", "2=3.0 9=9").replace("Interp r 1 1 base", "Interp r 1 1 bass"),
        &bin,
        &["nothing makes its input `bass`"],
    );
    refuse(&list.replace("1=3.0 2=3.0", "1=0.5 2=0.5"), &bin, &["layer `r`, Interp"]);
    refuse(&list.replace("4=1", "4=0"), &bin, &["layer `c0`", "zeros that keep the size"]);
    std::fs::remove_file(path.with_extension("bin")).unwrap();
    assert!(reason(&path, None).contains("cannot read") && reason(&path, None).contains("chain.bin"));
}
