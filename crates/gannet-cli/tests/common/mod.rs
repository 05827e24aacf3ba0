//! Running the `gannet` command from tests.

use std::path::Path;
use std::process::{Command, Output};

/// The command, in `folder`.
pub(crate) fn gannet(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gannet"));
    command.current_dir(folder).env_remove("GANNET_DATA").env_remove("GANNET_LOG");
    command
}

/// Runs it with words separated by spaces.
pub(crate) fn run(folder: &Path, words: &str) -> Output {
    gannet(folder).args(words.split_whitespace()).output().unwrap()
}

/// Runs it, expects success and returns what it printed.
pub(crate) fn succeed(folder: &Path, words: &str) -> String {
    let output = run(folder, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gannet {words}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The bytes of the newest checkpoint of the run at `run`.
#[allow(dead_code, reason = "not every test file compares checkpoints")]
pub(crate) fn newest_checkpoint(run: &Path) -> Vec<u8> {
    let mut files: Vec<_> =
        std::fs::read_dir(run.join("checkpoints")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    std::fs::read(files.last().expect("no checkpoint")).unwrap()
}
