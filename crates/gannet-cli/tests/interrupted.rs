//! Runs that end before their time: by Ctrl-C, and by SIGKILL at the worst moments.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{gannet, newest_checkpoint, run, succeed};

const TRAIN: &str = "train --method vanilla --data ring --batch 20 --seed 5 --snap 2 --kimg 40 \
                     --set train.tick_kimg=0.5 --set method.net.width=24";
const RUN: &str = "00000-ring-vanilla";
/// Two ticks of 0.5 kimg.
const SNAPSHOT_KIMG: f64 = 1.0;

fn start(folder: &Path, words: &str) -> Child {
    gannet(folder).args(words.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The next printed tick's kimg; none at the end.
fn next_tick(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Option<f64> {
    let tick = lines.map(Result::unwrap).find(|line| line.starts_with("tick"))?;
    tick.split_whitespace().nth(3)?.parse().ok()
}

#[test]
fn ctrl_c_saves_says_how_to_resume_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &format!("{TRAIN} --outdir through"));

    let mut child = start(folder, &format!("{TRAIN} --outdir stopped"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    next_tick(&mut lines).unwrap();
    let interrupt = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(interrupt.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.last().unwrap().contains(&format!("gannet train --resume stopped/{RUN}")), "{rest:?}");

    succeed(folder, &format!("train --resume stopped/{RUN}"));
    assert!(
        newest_checkpoint(&folder.join("through").join(RUN)) == newest_checkpoint(&folder.join("stopped").join(RUN))
    );
}

#[test]
fn twenty_kills_corrupt_nothing_and_lose_at_most_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &format!("{TRAIN} --outdir through"));
    let killed = folder.join("killed").join(RUN);
    let mut words = format!("{TRAIN} --outdir killed");
    let mut reached = 0.0;
    for kill in 0..20 {
        let mut child = start(folder, &words);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A tick is printed right before a snapshot is written: kill a little later each time.
        let first = next_tick(&mut lines).expect("the run ended before it was killed twenty times");
        assert!(first - 0.5 >= reached - SNAPSHOT_KIMG - 0.1, "resumed at {} after {reached}", first - 0.5);
        reached = first;
        for _ in 0..kill % 3 {
            reached = next_tick(&mut lines).unwrap();
        }
        for _ in 0..kill * 40 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();

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
    let output = run(folder, &words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let through = folder.join("through").join(RUN);
    assert!(newest_checkpoint(&through) == newest_checkpoint(&killed));
    let figures = |run: &Path| -> Vec<(u64, f64)> {
        let text = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let figure =
            |line: serde_json::Value| (line["images"].as_u64().unwrap(), line["loss_critic"].as_f64().unwrap());
        text.lines().map(line).map(figure).collect()
    };
    assert_eq!(figures(&through), figures(&killed), "every tick is there once, with the same figures");
    let left_over =
        std::fs::read_dir(&killed).unwrap().map(|file| file.unwrap().path()).find(|file| is_unfinished(file));
    assert_eq!(left_over, None);
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with(".unfinished")
}
