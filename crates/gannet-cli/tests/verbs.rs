//! The verbs as a user types them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::{gannet, newest_checkpoint, run, succeed};

const TRAIN: &str = "train --data fashion-mnist --batch 8 --kimg 0.04 --set data.size=16 --set method.net.width=4";
const RUN: &str = "runs/00000-fashion-mnist-dcgan";

#[test]
fn a_run_leaves_its_files_and_says_what_to_try_next() {
    let folder = tempfile::tempdir().unwrap();
    let printed = succeed(folder.path(), TRAIN);
    assert!(printed.contains("Fashion-MNIST"), "{printed}");
    assert!(printed.contains(&format!("samples {RUN}/fakes000000.png")), "{printed}");
    assert!(printed.contains(&format!("gannet sample {RUN}")), "{printed}");
    let files = ["config.toml", "log.txt", "stats.jsonl", "reals.png", "fakes_init.png", "generator.safetensors"];
    for file in files.iter().chain(&["fakes000000.png", "checkpoints/000000.safetensors"]) {
        assert!(folder.path().join(RUN).join(file).is_file(), "{file}");
    }
    assert_eq!(fs::read_to_string(folder.path().join(RUN).join("log.txt")).unwrap(), printed);
    assert!(succeed(folder.path(), TRAIN).contains("runs/00001-fashion-mnist-dcgan"));
}

#[test]
fn a_resolved_config_trains_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), TRAIN);
    succeed(folder.path(), &format!("train --config {RUN}/config.toml --outdir again"));
    let again = folder.path().join("again/00000-fashion-mnist-dcgan");
    assert!(newest_checkpoint(&folder.path().join(RUN)) == newest_checkpoint(&again));
}

#[test]
fn samples_are_the_same_bytes_for_the_same_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, TRAIN);
    let files = ["a.png", "b.png"].map(|out| {
        succeed(folder, &format!("sample {RUN} --seeds 0-8 --grid 3x3 --out {out}"));
        fs::read(folder.join(out)).unwrap()
    });
    assert!(files[0] == files[1]);
    for text in [b"gannet:seeds\x000-8".as_slice(), b"gannet:precision\0f32"] {
        assert!(files[0].windows(text.len()).any(|window| window == text), "{}", text.escape_ascii());
    }
    let sheet = image::open(folder.join("a.png")).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (3 * 16 + 4, 3 * 16 + 4));

    succeed(folder, &format!("sample {RUN}/generator.safetensors --seeds 3,5 --out single"));
    let single = image::open(folder.join("single/seed000005.png")).unwrap();
    assert_eq!(single.crop_imm(0, 0, 16, 16), sheet.crop_imm(2 * 18, 18, 16, 16), "seed 5 is in column 3 of row 2");

    for format in ["gif", "webp", "png"] {
        succeed(folder, &format!("sample latest --interpolate 6 --grid 2x1 --out walk.{format}"));
        assert!(fs::metadata(folder.join(format!("walk.{format}"))).unwrap().len() > 0);
    }
}

#[test]
fn a_dry_run_writes_nothing_and_shows_settings_networks_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let printed = succeed(folder.path(), &format!("{TRAIN} --dry-run"));
    for part in ["[method.net]", "batch = 8", "generator:", "critic:", "parameters", "time    about"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_budget_sets_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let words = "train --method vanilla --data ring --budget 4s --set method.net.width=8 --set train.tick_kimg=1000";
    let printed = succeed(folder.path(), &format!("{words} --snap 100"));
    let config = fs::read_to_string(folder.path().join("runs/00000-ring-vanilla/config.toml")).unwrap();
    let config: toml::Table = toml::from_str(&config).unwrap();
    assert_ne!(config["train"]["kimg"].as_float(), Some(200.0), "{printed}");
    assert!(printed.contains("budget  4s"), "{printed}");
}

#[test]
fn mixed_pictures_train_with_one_line_that_says_what_was_converted() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    let save = |name: &str, picture: image::DynamicImage| picture.save(photos.join(name)).unwrap();
    save(
        "deep.png",
        image::DynamicImage::ImageRgb16(image::ImageBuffer::from_fn(60, 70, |x, y| {
            image::Rgb([x as u16 * 1000, y as u16 * 900, 30_000])
        })),
    );
    save(
        "clear.png",
        image::DynamicImage::ImageRgba8(image::ImageBuffer::from_fn(48, 64, |x, y| {
            image::Rgba([x as u8, y as u8, 9, (x * 5) as u8])
        })),
    );
    save(
        "grey.jpg",
        image::DynamicImage::ImageLuma8(image::ImageBuffer::from_fn(100, 80, |x, _| image::Luma([x as u8]))),
    );
    save("plain.bmp", image::DynamicImage::new_rgb8(48, 64));
    let words = "train --data photos --set data.size=48x64 --batch 4 --kimg 0.016 --set method.net.width=4";
    let printed = succeed(folder.path(), words);
    let line = printed.lines().find(|line| line.starts_with("data")).unwrap();
    for part in ["4 images", "3x64x48", "16-bit", "1 grey to RGB", "1 RGBA flattened", "2 resized"] {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
    assert!(succeed(folder.path(), "data inspect photos").contains("4 readable"));
}

#[test]
fn a_reader_that_closes_the_pipe_ends_no_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = common::gannet(folder.path())
        .args(TRAIN.split_whitespace())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert!(folder.path().join(RUN).join("generator.safetensors").is_file());
}

#[test]
fn a_folder_named_like_a_data_set_does_not_hide_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("fashion-mnist")).unwrap();
    assert!(succeed(folder.path(), TRAIN).contains("Fashion-MNIST"));
}

#[test]
fn the_named_grid_is_there_when_the_last_step_overshoots() {
    let folder = tempfile::tempdir().unwrap();
    let words = "train --method vanilla --data ring --batch 100 --kimg 1.99 --set method.net.width=4";
    let printed = succeed(folder.path(), words);
    let grid = printed.lines().find_map(|line| line.strip_prefix("samples ")).unwrap();
    assert!(folder.path().join(grid.trim()).is_file(), "{grid}");
    assert!(succeed(folder.path(), "train --resume latest").contains(grid), "a finished run has nothing left to do");
}

#[test]
fn evaluating_a_ring_prints_its_modes_and_keeps_them_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "train --method vanilla --data ring --batch 20 --kimg 0.2 --set method.net.width=8");
    let printed = succeed(folder, "evaluate latest -n 500 --seeds 7");
    assert!(printed.starts_with("modes-500-3sigma: ") && printed.contains(" of 8 modes, "), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");

    let json = succeed(folder, "evaluate runs/00000-ring-vanilla --metrics modes -n 500 --seeds 7 --json");
    let figures: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((figures["n_modes"].as_u64(), figures["n_samples"].as_u64()), (Some(8), Some(500)), "{json}");
    assert_eq!((figures["first_seed"].as_u64(), figures["images_seen"].as_u64()), (Some(7), Some(200)), "{json}");
    let kept = folder.join("runs/00000-ring-vanilla/metric-modes-500-3sigma.jsonl");
    assert_eq!(fs::read_to_string(&kept).unwrap(), json.repeat(2), "the same figures twice");

    let model = "runs/00000-ring-vanilla/generator.safetensors";
    assert_eq!(succeed(folder, &format!("evaluate {model} -n 500 --seeds 7 --json")), json);
    assert_eq!(fs::read_to_string(&kept).unwrap(), json.repeat(2), "a file is no run");
}

#[test]
fn lists_come_from_the_registries() {
    let folder = tempfile::tempdir().unwrap();
    let listed = |what: &str| succeed(folder.path(), &format!("list {what}"));
    let methods = listed("methods");
    assert!(gannet::method::METHODS.iter().all(|entry| methods.contains(entry.name) && methods.contains(entry.paper)));
    let data = listed("data");
    assert!(gannet::data::SETS.iter().all(|entry| data.contains(entry.name)));
    let metrics = listed("metrics");
    assert!(gannet::evaluate::METRICS.iter().all(|entry| metrics.contains(entry.name)));
    let extractors = listed("extractors");
    assert!(gannet::extractor::BUILT_IN.iter().all(|entry| extractors.contains(entry.name)));
    assert!(gannet::extractor::ARCHITECTURES.iter().all(|entry| extractors.contains(entry.name)));
    let devices = listed("devices");
    assert!(gannet::device::DEVICES.iter().all(|entry| devices.contains(entry.name)));
}

#[test]
fn help_on_every_verb_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    let verbs = ["", "train", "sweep", "sample", "evaluate", "bench", "list", "data inspect"];
    let verbs = verbs.into_iter().chain(["extractor add", "extractor list", "extractor train"]);
    for words in verbs.map(|verb| format!("{verb} --help")) {
        let words = words.trim();
        let output = run(folder.path(), words);
        assert!(String::from_utf8_lossy(&output.stdout).contains("Examples:\n  gannet "), "{words}");
    }
}

/// DCGAN at a small width: convolutions, batch norm, activations and Adam, all of them on every thread.
const TRAIN_SMALL_DCGAN: &str =
    "train --method dcgan --data fashion-mnist --kimg 0.1 --batch 20 --seed 3 --set method.net.width=8";

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for precision in ["f32", "bf16"] {
        let checkpoints = ["1", "2"].map(|n_threads| {
            let outdir = format!("{precision}-{n_threads}");
            let mut train = gannet(folder.path());
            train.args(TRAIN_SMALL_DCGAN.split_whitespace()).args(["--precision", precision, "--outdir", &outdir]);
            let output = train.env("RAYON_NUM_THREADS", n_threads).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if !output.status.success() {
                // Not every processor has products of bf16; the refusal says so.
                assert!(precision == "bf16" && said.contains("accepted here: f32"), "{said}");
                return None;
            }
            Some(newest_checkpoint(&folder.path().join(outdir).join("00000-fashion-mnist-dcgan")))
        });
        assert!(checkpoints[0] == checkpoints[1], "{precision}");
    }
}
