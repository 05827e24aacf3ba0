//! `gannet extractor`: what is added, trained, listed and refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use common::{run, succeed};
use gannet::nn::state::Tensors;
use gannet::run::checkpoint;
use gannet::{extractor, import};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gannet/tests/golden").join(name)
}

/// Weights of an EfficientNet-Lite0, each a constant, as the network's golden file lists their shapes.
fn weights(constant: f32) -> Tensors {
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: Vec<usize>| {
        tensors.insert(name, TensorData::new(vec![constant; shape.iter().product()], shape));
    };
    for (name, shape) in import::read(golden("efficientnet.safetensors")).unwrap().tensors {
        let ["shape", conv, norm] = name.split(':').collect::<Vec<_>>()[..] else { continue };
        let shape: Vec<usize> = shape.iter::<f32>().map(|side| side as usize).collect();
        for part in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{norm}.{part}"), vec![shape[0]]);
        }
        add(format!("{conv}.weight"), shape);
    }
    add("_fc.weight".into(), vec![1000, 1280]);
    add("_fc.bias".into(), vec![1000]);
    tensors
}

fn write(path: &Path, tensors: &Tensors) {
    checkpoint::write(path, "weights", &serde_json::json!({}), tensors).unwrap();
}

/// Exit code 2 and one line that holds every one of `named`.
fn refuse(folder: &Path, words: &str, named: &[&str]) {
    let output = run(folder, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "gannet {words}: {errors}");
    assert_eq!(errors.lines().count(), 1, "gannet {words}: {errors}");
    for part in named {
        assert!(errors.contains(part), "gannet {words}: no `{part}` in: {errors}");
    }
}

#[test]
fn a_file_of_weights_becomes_an_extractor() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let listed = succeed(folder, "extractor list --folder kept");
    assert!(listed.starts_with("none in kept; "), "{listed}");
    write(&folder.join("a.safetensors"), &weights(0.5));
    let added = succeed(folder, "extractor add a.safetensors --name half --folder kept");
    assert!(
        added.starts_with("half: efficientnet-lite0, 1280 features of 3x224x224, 1000 classes, weights "),
        "{added}"
    );
    assert!(added.ends_with("from a.safetensors; figures: FD-half\n"), "{added}");
    assert_eq!(succeed(folder, "extractor list --folder kept"), added);
    assert_eq!(succeed(folder, "extractor add a.safetensors --name half --folder kept"), added, "the same again");

    let kept = extractor::open("half", &folder.join("kept"), &Device::default()).unwrap();
    let features = kept.features(Tensor::<4>::zeros([1, 3, 224, 224], &Device::default())).unwrap();
    assert_eq!((kept.card().name.as_str(), features[0].len()), ("half", 1280));

    write(&folder.join("b.safetensors"), &weights(0.25));
    refuse(
        folder,
        "extractor add b.safetensors --name half --folder kept",
        &["holds other weights", "`half`", "--name"],
    );
    succeed(folder, "extractor add b.safetensors --folder kept");
    let listed = succeed(folder, "extractor list --folder kept");
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let reason = extractor::open("halv", &folder.join("kept"), &Device::default()).err().unwrap().to_string();
    assert!(reason.contains("did you mean `half`?"), "{reason}");
}

#[test]
fn files_of_other_networks_and_damaged_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let add = |name: &str, named: &[&str]| refuse(folder, &format!("extractor add {name} --folder kept"), named);
    add("no-such.pth", &["no-such.pth"]);
    let bytes = fs::read(golden("import/zipped.pth")).unwrap();
    fs::write(folder.join("other.pth"), &bytes).unwrap();
    add("other.pth", &["other.pth: holds 16 tensors", "no known network", "inception-v3-fid", "`_conv_stem.weight`"]);
    fs::write(folder.join("cut.pth"), &bytes[..bytes.len() / 2]).unwrap();
    add("cut.pth", &["cut.pth: not a whole ZIP archive"]);
    fs::copy(golden("import/system.pth"), folder.join("system.pth")).unwrap();
    add("system.pth", &["system.pth: it calls for `posix.system`"]);
    let mut wrong = weights(0.5);
    wrong.insert("_fc.weight".into(), TensorData::new(vec![0.0f32; 10 * 1280], [10, 1280]));
    write(&folder.join("wrong.safetensors"), &wrong);
    add("wrong.safetensors", &["no efficientnet-lite0: `_fc.weight` has shape [10, 1280]", "needs [1000, 1280]"]);
    add("wrong.safetensors --name a/b", &["`a/b` cannot name an extractor"]);
    assert!(!folder.join("kept").exists());
}

#[test]
fn a_classifier_of_labelled_pictures_becomes_an_extractor() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (class, shade) in [("dark", 20), ("light", 200)] {
        fs::create_dir_all(folder.join("shades").join(class)).unwrap();
        for i in 0..20u8 {
            let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([shade + i + (x * y % 5) as u8]));
            picture.save(folder.join("shades").join(class).join(format!("{i}.png"))).unwrap();
        }
    }
    let trained = succeed(folder, "extractor train --data shades --folder kept");
    let begin = "shades: classifier, 128 features of 1x8x8, 2 classes, weights ";
    assert!(trained.starts_with(begin), "{trained}");
    assert!(trained.ends_with("trained on shades, right on 100.0 % of 4 held-out samples; figures: FD-shades\n"));
    assert_eq!(succeed(folder, "extractor list --folder kept"), trained);
    let kept = extractor::open("shades", &folder.join("kept"), &Device::default()).unwrap();
    assert_eq!(kept.card().classes, ["dark", "light"]);
    let light = Tensor::<4>::ones([1, 1, 8, 8], &Device::default()) * 0.6;
    assert!(kept.extract(light).unwrap().probabilities[0][1] > 0.5);

    let path = folder.join("kept/shades.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let reason = extractor::open("shades", &folder.join("kept"), &Device::default()).err().unwrap().to_string();
    assert!(reason.contains("its weights are not those it was written with"), "{reason}");
    fs::write(&path, &bytes[..100]).unwrap();
    let listed = succeed(folder, "extractor list --folder kept");
    assert!(listed.starts_with("unreadable: ") && listed.contains("shades.safetensors: "), "{listed}");
    refuse(folder, "extractor train --data shades --folder kept", &["shades.safetensors: there is", "already"]);
    refuse(folder, "extractor train --data ring --name a:b --folder kept", &["`a:b`"]);
}
