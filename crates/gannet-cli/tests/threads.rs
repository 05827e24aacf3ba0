//! Checkpoints do not depend on how many threads computed them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{gannet, newest_checkpoint};

/// DCGAN at a small width: convolutions, batch norm, activations and Adam, all of them on every thread.
const TRAIN: &str = "train --method dcgan --data fashion-mnist --kimg 0.1 --batch 20 --seed 3 --set method.net.width=8";

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for precision in ["f32", "bf16"] {
        let checkpoints = ["1", "2"].map(|n_threads| {
            let outdir = format!("{precision}-{n_threads}");
            let mut train = gannet(folder.path());
            train.args(TRAIN.split_whitespace()).args(["--precision", precision, "--outdir", &outdir]);
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
