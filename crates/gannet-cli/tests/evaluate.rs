//! `gannet evaluate` on pictures: what it prints, keeps and refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[allow(dead_code, reason = "this file runs the command with caches of its own")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use burn::tensor::TensorData;
use common::gannet as command;
use gannet::data::{self, DataConfig};
use gannet::nn::state::Tensors;
use gannet::run::checkpoint;
use gannet::{image as picture, import};

/// Runs `words` with caches of its own.
fn run(folder: &Path, words: &str) -> Output {
    let mut command = command(folder);
    command.env("XDG_CACHE_HOME", folder.join("cache")).env("XDG_DATA_HOME", folder.join("kept"));
    command.args(words.split_whitespace()).output().unwrap()
}

fn succeed(folder: &Path, words: &str) -> [String; 2] {
    let output = run(folder, words);
    let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "gannet {words}: {errors}");
    [out, errors]
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

/// Pictures `numbers` of the built-in garments, one file each.
fn garments(folder: &Path, numbers: std::ops::Range<usize>) {
    fs::create_dir_all(folder).unwrap();
    let set = data::open(&DataConfig::default(), 0).unwrap().dataset;
    for number in numbers {
        let garment = picture::from_unit(&set.read(number).unwrap().values, set.shape());
        fs::write(folder.join(format!("{number:05}.png")), picture::encode_png(&garment, &[]).unwrap()).unwrap();
    }
}

#[test]
fn folders_are_judged_against_each_other_with_their_protocol_and_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    garments(&folder.join("a"), 0..60);
    garments(&folder.join("b"), 60..110);
    let words = "evaluate --input1 a --input2 b --out judged";
    let [printed, errors] = succeed(folder, words);
    let names: Vec<&str> = printed.lines().map(|line| line.split('-').next().unwrap()).collect();
    assert_eq!(names, ["fd", "kd", "score", "pr", "dc", "swd", "ms", "nearest"], "{printed}");
    assert!(printed.starts_with("fd-fashion28.") && printed.contains("-bicubic-60v50-b: "), "{printed}");
    assert!(printed.contains("-60v50-100x25-b: ") && printed.contains("-60v50-k3-b: "), "{printed}");
    assert!(errors.contains("fd: 60 fake samples: below 2048"), "{errors}");
    let json = &succeed(folder, &format!("{words} --metrics fd --json"))[0];
    let figures: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(figures["warnings"].as_array().unwrap().len(), 4, "{json}");
    assert_eq!((figures["n_samples"].as_u64(), figures["n_real"].as_u64()), (Some(60), Some(50)), "{json}");
    assert!(figures["distance"].as_f64().unwrap() > 0.0 && figures["interval"]["high"].is_f64(), "{json}");
    let kept = folder.join(format!("judged/metric-{}.jsonl", figures["protocol"].as_str().unwrap()));
    let kept = fs::read_to_string(kept).unwrap();
    assert_eq!(kept.lines().last().unwrap(), json.trim_end(), "the kept features give the same figures");
    assert_eq!(kept.lines().next().unwrap(), json.trim_end());
    let drawn = fs::read_dir(folder.join("judged")).unwrap().map(|file| file.unwrap().path());
    let drawn: Vec<_> = drawn.filter(|path| path.extension().is_some_and(|ending| ending == "png")).collect();
    assert_eq!(image::image_dimensions(&drawn[0]).unwrap(), (6 * 30 - 2, 8 * 30 - 2), "8 rows of a sample and 5 reals");

    let itself = &succeed(folder, "evaluate --input1 a --input2 a --metrics fd --json")[0];
    let itself: serde_json::Value = serde_json::from_str(itself).unwrap();
    assert!(itself["distance"].as_f64().unwrap() < 1e-6, "{itself}");
}

#[test]
fn a_run_is_judged_against_what_it_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "train --data fashion-mnist --batch 8 --kimg 0.016 --set method.net.width=4");
    let [printed, _] = succeed(folder, "evaluate latest --metrics fd,ppl,nearest -n 20 --seeds 3");
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].contains("-bicubic-20v20-fashion-mnist-seed3: "), "{printed}");
    assert!(lines[1].starts_with("ppl-fashion28.") && lines[1].contains("-20-eps1e-4-seed3: "), "{printed}");
    let run = folder.join("runs/00000-fashion-mnist-dcgan");
    let kept = fs::read_dir(run).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.filter(|name| name.starts_with("metric-") || name.starts_with("nearest-")).count(), 4);
}

#[test]
fn damaged_kept_features_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    garments(&folder.join("a"), 0..20);
    let words = "evaluate --input1 a --input2 a --metrics pr";
    let [first, _] = succeed(folder, words);
    let kept = fs::read_dir(folder.join("cache/gannet/features")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&kept).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&kept, &bytes).unwrap();
    let [again, errors] = succeed(folder, words);
    assert!(again == first && errors.contains("features are extracted anew"), "{errors}");
    assert!(fs::read(&kept).unwrap() == whole);
    let [by_figures, _] = succeed(folder, "evaluate --input1 a --input2 a --metrics precision,recall");
    assert_eq!(by_figures, first, "figures that come in pairs name their metric");
}

/// Weights of an EfficientNet-Lite0 that make nothing but NaN.
fn broken_weights() -> Tensors {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gannet/tests/golden/efficientnet.safetensors");
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: Vec<usize>| {
        tensors.insert(name, TensorData::new(vec![f32::NAN; shape.iter().product()], shape));
    };
    for (name, shape) in import::read(golden).unwrap().tensors {
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

#[test]
fn what_cannot_be_judged_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    garments(&folder.join("a"), 0..3);
    garments(&folder.join("one"), 0..1);
    fs::create_dir(folder.join("colour")).unwrap();
    for i in 0..3u8 {
        let colour = image::RgbImage::from_fn(28, 28, |x, y| image::Rgb([x as u8 * i, y as u8, 9]));
        colour.save(folder.join(format!("colour/{i}.png"))).unwrap();
    }
    checkpoint::write(&folder.join("nan.safetensors"), "weights", &serde_json::json!({}), &broken_weights()).unwrap();
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gannet/tests/golden/import/zipped.pth");
    fs::copy(other, folder.join("other.pth")).unwrap();

    let evaluate = |words: &str, named: &[&str]| refuse(folder, &format!("evaluate {words}"), named);
    evaluate("--input1 a --input2 a --metrics fdd", &["unknown metric `fdd`"]);
    evaluate("--input1 a --input2 a --extractor fashion82", &["`fashion82`", "did you mean `fashion28`?"]);
    evaluate("--input1 a --input2 a --extractor other.pth", &["other.pth: holds 16 tensors", "no known network"]);
    evaluate("--input1 a --input2 one --metrics fd", &["1 sample", "at least 2"]);
    evaluate("--input1 one --input2 a --metrics kid", &["1 fake samples, at least 2"]);
    let seen = &succeed(folder, "evaluate --input1 colour --input2 colour --metrics kid")[0];
    assert!(
        seen.starts_with("kd-emoji64.") && !seen.contains("sees no colour"),
        "colour has an extractor of its own: {seen}"
    );
    evaluate("--input1 a --input2 colour", &["colour holds pictures of 3 channels", "has 1"]);
    evaluate("--input1 a --input2 no-such", &["no-such"]);
    evaluate("a --metrics fd", &["`fd` needs real pictures"]);
    evaluate("a --data colour --metrics fd", &["3 channels"]);
    let broken = ["extractor `efficientnet-lite0`: features: row 0, column 0 is NaN", "finite"];
    evaluate("--input1 colour --input2 colour --extractor nan.safetensors --metrics fd", &broken);
}

/// The one file in `run` whose name begins and ends so.
#[cfg(unix)]
fn the_file(run: &Path, begin: &str, end: &str) -> Vec<u8> {
    let names = fs::read_dir(run).unwrap().map(|file| file.unwrap().path());
    let is_it = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(begin) && name.ends_with(end)
    };
    let found: Vec<_> = names.filter(is_it).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    fs::read(&found[0]).unwrap()
}

#[cfg(unix)]
#[test]
fn a_run_that_keeps_its_best_snapshot_resumes_to_the_same_bytes() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let words = "train --data fashion-mnist --batch 8 --kimg 0.4 --snap 2 --set train.tick_kimg=0.04 --metrics fd \
                 --set train.metric_samples=48 --set method.net.width=4 --set train.keep=20 --outdir";
    let resume = "train --resume stopped/00000-fashion-mnist-dcgan";
    // Measuring goes on beside the training, so that kills meet it too.
    for (begin, signal) in [(format!("{words} stopped"), "-KILL"), (resume.into(), "-KILL"), (resume.into(), "-INT")] {
        let mut command = command(folder);
        command.env("XDG_CACHE_HOME", folder.join("cache")).args(begin.split_whitespace());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        lines.by_ref().filter(|line| line.starts_with("tick")).nth(2).unwrap();
        assert!(std::process::Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
        lines.for_each(drop);
        child.wait().unwrap();
    }
    succeed(folder, resume);
    succeed(folder, &format!("{words} through"));

    let [stopped, through] = ["stopped", "through"].map(|outdir| folder.join(outdir).join("00000-fashion-mnist-dcgan"));
    let figures = |run: &Path| String::from_utf8(the_file(run, "metric-fd-", "-48v48-fashion-mnist.jsonl")).unwrap();
    assert_eq!(figures(&stopped), figures(&through));
    assert_eq!(figures(&through).lines().count(), 5, "one for every second tick");
    assert!([&stopped, &through].iter().all(|run| !run.join("unmeasured.safetensors").exists()));
    let generator = |run: &Path| fs::read(run.join("generator.safetensors")).unwrap();
    assert!(generator(&stopped) == generator(&through) && !generator(&through).is_empty());
    assert!(common::newest_checkpoint(&stopped) == common::newest_checkpoint(&through));

    let best = figures(&through).lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).fold(
        (f64::INFINITY, 0),
        |best, line| match (line["distance"].as_f64().unwrap(), line["images_seen"].as_u64().unwrap()) {
            (distance, images) if distance < best.0 => (distance, images),
            _ => best,
        },
    );
    let delivered = gannet::Generator::load(&through).unwrap().card().images_seen;
    assert_eq!(delivered, best.1, "the best snapshot is delivered");
    refuse(folder, "train --data fashion-mnist --metrics pr", &["`pr`", "accepted: fd, kid, swd"]);
    refuse(folder, "train --data ring --metrics fd", &["train.metrics needs pictures"]);
}

#[test]
fn pairs_of_equal_names_are_compared_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    garments(&folder.join("real"), 0..20);
    for (name, number) in [("fake/00003.png", 3usize), ("fake/00007.tif", 7)] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut picture = image::open(folder.join(format!("real/{number:05}.png"))).unwrap().into_luma8();
        // 51 is a fifth of the range: 10 log10(25) = 13.9794 dB.
        picture.pixels_mut().for_each(|pixel| pixel[0] = if pixel[0] < 128 { pixel[0] + 51 } else { pixel[0] - 51 });
        picture.save(path).unwrap();
    }
    let words = "evaluate --input1 fake --input2 some --metrics psnr,ssim,paired-ms-ssim,perceptual";
    refuse(folder, &words.replace("some", "real"), &["fake holds none called `00000`", "`psnr` needs two folders"]);
    for number in [3, 7] {
        fs::create_dir_all(folder.join("some")).unwrap();
        fs::copy(folder.join(format!("real/{number:05}.png")), folder.join(format!("some/{number:05}.png"))).unwrap();
    }
    let [printed, _] = succeed(folder, words);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("psnr-2pairs-some: 13.9794 ± 0.0000 (2 pairs with some, dB)"), "{printed}");
    assert!(lines[1].starts_with("ssim-2pairs-some: 0.") && lines[2].starts_with("paired-ms-ssim-2pairs"), "{printed}");
    assert!(lines[3].starts_with("perceptual-fashion28.") && lines[3].contains("-bicubic-2pairs-some: "), "{printed}");
    let itself = "evaluate --input1 some --input2 some --metrics psnr,ssim,paired-ms-ssim,perceptual --json";
    let [printed, _] = succeed(folder, itself);
    let means: Vec<_> = printed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    assert!(means[0]["mean"].is_null() && means[0]["n_equal"] == 2, "{printed}");
    let near = |figures: &serde_json::Value, value: f64| (figures["mean"].as_f64().unwrap() - value).abs() < 1e-9;
    assert!(near(&means[1], 1.0) && near(&means[2], 1.0) && near(&means[3], 0.0), "{printed}");
    // What is transparent is compared as white, whatever hides behind it.
    for (side, hidden) in [("clear", 0), ("white", 255)] {
        fs::create_dir_all(folder.join(side)).unwrap();
        let picture = image::RgbaImage::from_pixel(16, 16, image::Rgba([hidden, hidden, hidden, 0]));
        picture.save(folder.join(side).join("a.png")).unwrap();
    }
    let [printed, _] = succeed(folder, "evaluate --input1 clear --input2 white --metrics psnr --json");
    assert!(printed.contains("\"n_equal\":1"), "{printed}");
    image::GrayImage::new(30, 28).save(folder.join("some/00003.png")).unwrap();
    refuse(folder, words, &["psnr: `00003` is 1x28x28 and its partner 1x28x30; accepted: one size"]);
}
