//! Bad input: exit code 2, one clear error that names the file and the value, and nothing half-written.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use common::{gannet, run, succeed};

/// Runs `words` in `folder`, expects exit code 2 and every one of `named` in one error, and no run left behind.
fn refuse(folder: &Path, words: &str, named: &[&str]) {
    let output = run(folder, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "gannet {words}: {errors}");
    assert_eq!(errors.matches("error: ").count(), 1, "gannet {words}: {errors}");
    for part in named {
        assert!(errors.contains(part), "gannet {words}: no `{part}` in: {errors}");
    }
    assert!(!errors.contains("panicked"), "{errors}");
    assert!(!folder.join("runs").exists(), "gannet {words} left a run behind");
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 90]));
    let mut bytes = std::io::Cursor::new(vec![]);
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn data_that_is_not_there_or_holds_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refuse(folder, "train --data no-such-folder", &["no-such-folder"]);
    fs::create_dir(folder.join("empty")).unwrap();
    refuse(folder, "train --data empty", &["empty", "no readable image"]);
    fs::create_dir(folder.join("texts")).unwrap();
    fs::write(folder.join("texts/a.txt"), "hello").unwrap();
    fs::write(folder.join("texts/b.png"), "not a picture").unwrap();
    refuse(folder, "train --data texts", &["texts", "no readable image"]);
    fs::write(folder.join("data.bin"), [7; 100]).unwrap();
    refuse(folder, "train --data data.bin", &["data.bin"]);
}

#[test]
fn a_truncated_png_is_skipped_with_a_warning_and_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("photos")).unwrap();
    let whole = png(16, 16);
    for (name, length) in [("head.png", 20), ("body.png", whole.len() / 2)] {
        fs::write(folder.join("photos").join(name), &whole[..length]).unwrap();
    }
    refuse(folder, "train --data photos", &["photos", "no readable image"]);
    for i in 0..4 {
        fs::write(folder.join(format!("photos/{i}.png")), &whole).unwrap();
    }
    let words = "train --data photos --kimg 0.02 --batch 4 --set method.net.width=4";
    let output = run(folder, words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(warnings.contains("head.png") && warnings.contains("body.png"), "{warnings}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("4 images") && printed.contains("2 unreadable"), "{printed}");
}

#[test]
fn dangerous_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let archive = |name: &str, entry: &str, bytes: &[u8]| {
        let mut zip = zip::ZipWriter::new(fs::File::create(folder.join(name)).unwrap());
        zip.start_file(entry, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap();
    };
    archive("escape.zip", "../outside.png", &png(16, 16));
    refuse(folder, "train --data escape.zip", &["escape.zip", "../outside.png"]);
    archive("bomb.zip", "bomb.png", &vec![0; 40 << 20]);
    refuse(folder, "train --data bomb.zip", &["bomb.zip", "bomb.png"]);
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refuse(folder, "train --method dcgna", &["`dcgna`", "`dcgan`"]);
    refuse(folder, "train --set data.sise=64", &["`data.sise`", "`data.size`"]);
    refuse(folder, "train --set method.net.widht=64", &["`method.net.widht`", "`method.net.width`"]);
    refuse(folder, "train --set method.net.beta_1=0.5", &["`method.net.beta_1`"]);
    refuse(folder, "train --set trian.kimg=6", &["`trian`", "`train`"]);
    refuse(folder, "train --data fashion-mnits", &["`fashion-mnits`", "`fashion-mnist`"]);
    refuse(folder, "train --device flx", &["`flx`", "`flex`"]);
    refuse(folder, "bench ring --device flx", &["`flx`", "`flex`"]);
    refuse(folder, "sample no-such-run", &["no-such-run"]);
}

#[test]
fn values_out_of_range_are_refused_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refuse(folder, "train --batch 0", &["train.batch is 0", "1 or more"]);
    refuse(folder, "bench ring --device cuda --precision bf16", &["bf16", "flex", "f32"]);
    refuse(folder, "train --batch 0 --kimg -3", &["train.batch is 0", "train.kimg is -3"]);
    refuse(folder, "train --set data.size=0", &["`0`"]);
    refuse(folder, "train --set method.generator.beta_1=1.5", &["method.generator.beta_1 is 1.5"]);
    refuse(folder, "train --set method.net.width=-4", &["method.net.width is -4", "a whole number"]);
    refuse(folder, "train --set method.net.width=99999999", &["method.net.width is 99999999", "1 to"]);
    refuse(folder, "train --set method.ema_half_life_images=nan", &["method.ema_half_life_images is"]);
    refuse(folder, "train --method wgan --set method.n_critic=1000000", &["method.n_critic is 1000000"]);
    refuse(folder, "train --method vanilla --set method.net.depth=1000000000", &["method.net.depth is 1000000000"]);
    refuse(folder, "train --set data=photos", &["`data`", "\"photos\"", "data.KEY"]);
    refuse(folder, "train --set method.loss=wasserstien", &["wasserstien", "wasserstein"]);
    refuse(folder, "train --set data.size=4x4", &["8x8"]);
    refuse(folder, "train --method dcgan --data ring", &["2x1x1", "mlp"]);
    refuse(folder, "train --config missing.toml", &["missing.toml"]);
    fs::write(folder.join("broken.toml"), "method = [").unwrap();
    refuse(folder, "train --config broken.toml", &["broken.toml"]);
}

#[test]
fn an_image_size_that_memory_cannot_hold_is_refused_with_the_estimate() {
    let folder = tempfile::tempdir().unwrap();
    refuse(folder.path(), "train --set data.size=4096 --batch 512", &["memory", "MB", "data.size", "4096"]);
}

/// A finished run of two snapshots in `folder/kept`.
fn finished_run(folder: &Path) -> std::path::PathBuf {
    let words = "train --method vanilla --data ring --kimg 0.4 --batch 20 --outdir kept --snap 1";
    succeed(folder, &format!("{words} --set train.tick_kimg=0.2 --set method.net.width=8"));
    folder.join("kept/00000-ring-vanilla")
}

#[test]
fn checkpoints_that_cannot_be_used_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = finished_run(folder);
    let checkpoint = run.join("checkpoints/000000.safetensors");
    let whole = fs::read(&checkpoint).unwrap();
    let config = fs::read(run.join("config.toml")).unwrap();
    let resume = "train --resume kept/00000-ring-vanilla --kimg 0.8";

    fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    refuse(folder, resume, &["000000.safetensors", "not a whole safetensors file"]);
    let generator = fs::read(run.join("generator.safetensors")).unwrap();
    fs::write(run.join("generator.safetensors"), &generator[..100]).unwrap();
    refuse(folder, "sample kept/00000-ring-vanilla", &["generator.safetensors", "not a whole safetensors file"]);
    fs::write(&checkpoint, &generator).unwrap();
    refuse(folder, resume, &["000000.safetensors", "holds a generator, expected a checkpoint"]);

    let other_method = swap(&whole, r#"\"name\":\"vanilla\""#, r#"\"name\":\"vanillb\""#);
    fs::write(&checkpoint, other_method).unwrap();
    refuse(folder, resume, &["000000.safetensors", "method `vanillb`", "`vanilla`"]);
    fs::write(&checkpoint, swap(&whole, r#"\"format\":1"#, r#"\"format\":2"#)).unwrap();
    refuse(folder, resume, &["000000.safetensors", "format 2", "newer gannet"]);

    fs::write(&checkpoint, &whole).unwrap();
    refuse(folder, "train --resume latest --outdir kept --method wgan", &["`vanilla`", "cannot go on as `wgan`"]);
    refuse(folder, "train --resume latest --outdir kept --batch 30", &["cannot resume", "train.batch"]);
    refuse(folder, "train --resume 7 --outdir kept", &["7", "no run"]);
    refuse(folder, "train --resume latest --outdir kept --kimg 0.2", &["0.4 kimg already", "train.kimg is 0.2"]);
    assert_eq!(fs::read(run.join("config.toml")).unwrap(), config, "a refused resume changed the settings");
}

/// `bytes` with one text of equal length in the place of another.
fn swap(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).expect("text to swap");
    [&bytes[..at], new.as_bytes(), &bytes[at + old.len()..]].concat()
}

#[test]
fn samples_that_cannot_be_written_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    finished_run(folder);
    let sample = |words: &str| format!("sample kept/00000-ring-vanilla {words}");
    refuse(folder, &sample("--out a.jpg"), &["a.jpg", ".png"]);
    refuse(folder, &sample("--seeds 9-3"), &["9-3"]);
    refuse(folder, &sample("--grid 0x3"), &["0x3"]);
    refuse(folder, &sample("--out missing/a.png"), &["missing/a.png"]);
    refuse(folder, &sample("--interpolate 1 --out a.gif"), &["--interpolate is 1"]);
    assert!(fs::read_dir(folder).unwrap().count() == 1, "something was written");
}

#[test]
fn a_metric_that_cannot_be_taken_is_refused_with_what_could_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = finished_run(folder);
    let evaluate = |words: &str| format!("evaluate kept/00000-ring-vanilla {words}");
    refuse(folder, "evaluate no-such-run", &["no-such-run"]);
    refuse(folder, &evaluate("--metrics mode"), &["`mode`", "`modes`"]);
    refuse(folder, &evaluate("--metrics modes,classes"), &["ring", "`classes` needs", "fit it: modes"]);
    refuse(folder, &evaluate("-n 0"), &["0 samples", "1 to 1000000"]);
    refuse(folder, &evaluate("--seeds 18446744073709551615"), &["seeds from 18446744073709551615", "up to"]);
    let left = fs::read_dir(run)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("metric"));
    assert_eq!(left.count(), 0, "figures were written");

    let words = "train --data fashion-mnist --batch 8 --kimg 0.016 --set data.size=16 --set method.net.width=4";
    succeed(folder, &format!("{words} --outdir kept"));
    let needs = ["`modes` needs", "stacked-mnist", "metrics that fit it: fd, kid"];
    refuse(folder, "evaluate kept/00001-fashion-mnist-dcgan --metrics modes", &needs);
    refuse(folder, &evaluate("--metrics fd"), &["`fd` needs pictures", "fit it: modes"]);
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_with_an_error_and_leaves_a_run_that_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = finished_run(folder);
    let before = common::newest_checkpoint(&run);
    // No file may grow beyond 8 kB, as on a disk that is full; the signal that comes with it is ignored.
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" train --resume latest --outdir kept --kimg 0.8";
    let gannet_path = gannet(folder).get_program().to_owned();
    let output =
        std::process::Command::new("sh").arg("-c").arg(script).arg(gannet_path).current_dir(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("cannot write kept/00000-ring-vanilla/"), "{errors}");
    assert!(!errors.contains(".unfinished"), "{errors}");
    let is_whole = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with(".unfinished");
    assert!(fs::read_dir(run.join("checkpoints")).unwrap().all(|entry| is_whole(&entry.unwrap())));
    assert!(common::newest_checkpoint(&run) == before);
    succeed(folder, "train --resume latest --outdir kept --kimg 0.8");
}
