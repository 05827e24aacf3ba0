//! Runs that end before their time: by Ctrl-C, and by SIGKILL at the worst moments.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{gannet, newest_checkpoint, succeed};

const TRAIN: &str = "train --method vanilla --data ring --batch 20 --seed 5 --snap 2 \
                     --set train.tick_kimg=0.5 --set method.net.width=24";
/// No machine comes to this end before its run is broken off.
const ENDLESS: &str = "--kimg 100000";
const RUN: &str = "00000-ring-vanilla";
/// Two ticks of 0.5 kimg.
const SNAPSHOT_KIMG: f64 = 1.0;

fn start(folder: &Path, words: &str) -> Child {
    gannet(folder).args(words.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The kimg of a printed tick; none for other lines.
fn kimg(line: &str) -> Option<f64> {
    line.strip_prefix("tick")?.split_whitespace().nth(2)?.parse().ok()
}

/// The next printed tick's kimg.
fn next_tick(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> f64 {
    lines.map(Result::unwrap).find_map(|line| kimg(&line)).expect("no run ends by itself here")
}

/// Ends the run that was broken off at about `reached` kimg and another that goes there without a break, and has them be
/// the same.
fn finish_both(folder: &Path, broken: &str, reached: f64) {
    let end = reached.ceil() + 4.0;
    succeed(folder, &format!("train --resume {broken}/{RUN} --kimg {end}"));
    succeed(folder, &format!("{TRAIN} --outdir through --kimg {end}"));
    let [through, broken] = ["through", broken].map(|outdir| folder.join(outdir).join(RUN));
    assert!(newest_checkpoint(&through) == newest_checkpoint(&broken));
}

/// Images seen and the critic's loss at every tick.
fn figures(run: &Path) -> Vec<(u64, f64)> {
    let text = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let figure = |line: serde_json::Value| (line["images"].as_u64().unwrap(), line["loss_critic"].as_f64().unwrap());
    text.lines().map(line).map(figure).collect()
}

#[test]
fn ctrl_c_saves_says_how_to_resume_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut child = start(folder, &format!("{TRAIN} {ENDLESS} --outdir stopped"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = next_tick(&mut lines);
    let interrupt = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(interrupt.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.last().unwrap().contains(&format!("gannet train --resume stopped/{RUN}")), "{rest:?}");
    finish_both(folder, "stopped", rest.iter().rev().find_map(|line| kimg(line)).unwrap_or(first));
}

#[test]
fn ctrl_c_while_translating_leaves_whole_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let tiny = "--kimg 0.032 --batch 8 --set method.net.width=2 --set method.patch.width=2";
    succeed(folder, &format!("train --method pix2pix --data garment-edges {tiny}"));
    std::fs::create_dir(folder.join("in")).unwrap();
    let n_pictures = 2000;
    for i in 0..n_pictures {
        image::GrayImage::from_pixel(32, 32, image::Luma([i as u8])).save(folder.join(format!("in/{i}.png"))).unwrap();
    }
    let mut child = start(folder, "translate latest -i in -o out");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
    let n_said = 1 + lines.count();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let made: Vec<_> = std::fs::read_dir(folder.join("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(made.len() == n_said && n_said < n_pictures, "{n_said} said, {} made", made.len());
    assert!(made.iter().all(|path| image::open(path).is_ok()));
}

#[test]
fn twenty_kills_corrupt_nothing_and_lose_at_most_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let killed = folder.join("killed").join(RUN);
    let mut words = format!("{TRAIN} {ENDLESS} --outdir killed");
    let mut reached = 0.0;
    for kill in 0..20 {
        let mut child = start(folder, &words);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A tick is printed right before a snapshot is written: kill a little later each time.
        let first = next_tick(&mut lines);
        assert!(first - 0.5 >= reached - SNAPSHOT_KIMG - 0.1, "resumed at {} after {reached}", first - 0.5);
        reached = first;
        for _ in 0..kill % 3 {
            reached = next_tick(&mut lines);
        }
        std::thread::sleep(Duration::from_micros(50 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it did in the meantime counts as well.
        reached = lines.map_while(Result::ok).filter_map(|line| kimg(&line)).last().unwrap_or(reached);

        for file in std::fs::read_dir(killed.join("checkpoints")).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "safetensors") && !is_unfinished(&file) {
                let bytes = std::fs::read(&file).unwrap();
                let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
                serde_json::from_slice::<serde_json::Value>(&bytes[8..8 + header]).unwrap();
            }
        }
        if killed.join("generator.safetensors").exists() {
            succeed(folder, &format!("sample killed/{RUN} --out samples.png"));
        }
        words = format!("train --resume killed/{RUN}");
    }
    finish_both(folder, "killed", reached);
    let [through, again] = [folder.join("through").join(RUN), killed.clone()].map(|run| figures(&run));
    assert_eq!(through, again, "every tick is there once, with the same figures");
    let left_over =
        std::fs::read_dir(&killed).unwrap().map(|file| file.unwrap().path()).find(|file| is_unfinished(file));
    assert_eq!(left_over, None);
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with(".unfinished")
}
