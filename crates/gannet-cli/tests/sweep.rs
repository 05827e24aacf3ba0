//! Sweeps: every cell once, whatever happens in between.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use common::{gannet, newest_checkpoint, run, succeed};

const RECIPE: &str = "[data]\nsource = \"two-clusters\"\n[method]\nname = \"vanilla\"\nnet.width = 8\n\
                      [train]\nkimg = 2\nbatch = 20\ntick_kimg = 0.2\nsnap = 1\n";
const SWEEP: &str = "sweep tiny.toml --seeds 2 --grid method.generator.learning_rate=1e-4,1e-2";
const CELLS: [&str; 4] = [
    "learning_rate=1e-4-seed=0",
    "learning_rate=1e-4-seed=1",
    "learning_rate=1e-2-seed=0",
    "learning_rate=1e-2-seed=1",
];

fn with_recipe() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tiny.toml"), RECIPE).unwrap();
    folder
}

/// The only sweep in `folder/sweeps`.
fn only_sweep(folder: &Path) -> PathBuf {
    let mut found = fs::read_dir(folder.join("sweeps")).unwrap().map(|entry| entry.unwrap().path());
    let first = found.next().unwrap();
    assert_eq!(found.next(), None);
    first
}

fn start(folder: &Path, words: &str) -> (Child, impl Iterator<Item = String>) {
    let mut child = gannet(folder).args(words.split_whitespace()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

#[test]
fn a_sweep_plays_every_cell_once_and_ends_in_a_table_and_a_plot() {
    let folder = with_recipe();
    let folder = folder.path();
    let printed = succeed(folder, SWEEP);
    let sweep = only_sweep(folder);
    assert!(sweep.file_name().unwrap().to_str().unwrap().starts_with("tiny-"));
    for (index, cell) in CELLS.iter().enumerate() {
        assert!(printed.contains(&format!("{}/4  {cell}  modes_covered ", index + 1)), "{printed}");
        assert!(fs::read_to_string(sweep.join(cell).join("log.txt")).unwrap().contains("tick 10"));
    }
    assert!(!printed.contains("tick"), "{printed}");
    let table = fs::read_to_string(sweep.join("table.csv")).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].starts_with("method.generator.learning_rate,runs,diverged,modes_covered_median,"), "{table}");
    assert!(rows.len() == 3 && rows[1].starts_with("1e-4,2,0,") && rows[2].starts_with("1e-2,2,0,"), "{table}");
    assert!(printed.contains(&fs::read_to_string(sweep.join("table.md")).unwrap()), "{printed}");
    let two_panels = image::open(sweep.join("sweep.png")).unwrap();

    let checkpoints = CELLS.map(|cell| fs::metadata(newest_checkpoint_path(&sweep.join(cell))).unwrap().modified());
    let again = succeed(folder, &format!("{SWEEP} --metric loss_critic"));
    assert!(!again.contains("run "), "{again}");
    assert_eq!(fs::read_to_string(sweep.join("table.csv")).unwrap(), table);
    let unchanged = CELLS.map(|cell| fs::metadata(newest_checkpoint_path(&sweep.join(cell))).unwrap().modified());
    assert_eq!(checkpoints.map(Result::unwrap), unchanged.map(Result::unwrap));
    assert!(image::open(sweep.join("sweep.png")).unwrap().width() < two_panels.width(), "one score, one panel");
}

fn newest_checkpoint_path(run: &Path) -> PathBuf {
    fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_goes_on_to_the_same_table() {
    use std::process::Command;

    let folder = with_recipe();
    let folder = folder.path();
    let sweep = format!("{SWEEP} --kimg 8 --set train.snap=10 --name a");
    succeed(folder, &format!("{sweep} --outdir through"));
    let words = format!("{sweep} --outdir stopped");
    let (mut child, mut lines) = start(folder, &words);
    lines.find(|line| line.starts_with("run ")).unwrap();
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.last().unwrap().contains("of 4 runs; the same command goes on"), "{rest:?}");

    // And a run that was killed between its last snapshot and its result, as far as the disk can tell.
    fs::remove_file(folder.join("stopped/a").join(CELLS[0]).join("result.json")).unwrap();
    succeed(folder, &words);
    let [through, stopped] = ["through/a", "stopped/a"].map(|sweep| folder.join(sweep));
    for file in ["table.csv", "table.md", "sweep.png"] {
        assert!(fs::read(through.join(file)).unwrap() == fs::read(stopped.join(file)).unwrap(), "{file}");
    }
    for cell in CELLS {
        assert!(newest_checkpoint(&through.join(cell)) == newest_checkpoint(&stopped.join(cell)), "{cell}");
    }
}

#[test]
fn a_diverged_run_is_a_result() {
    let folder = with_recipe();
    let printed = succeed(folder.path(), &format!("{SWEEP},1e30"));
    assert!(printed.contains("learning_rate=1e30-seed=1  diverged"), "{printed}");
    let table = fs::read_to_string(only_sweep(folder.path()).join("table.csv")).unwrap();
    assert!(table.lines().last().unwrap().starts_with("1e30,2,2,,"), "{table}");
}

#[test]
fn a_budget_is_divided_once_and_kept() {
    let folder = with_recipe();
    let first_line = || {
        let words = "sweep tiny.toml --grid method.net.width=4 --seeds 2 --budget 1h";
        let (mut child, mut lines) = start(folder.path(), words);
        let first = lines.next().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        first
    };
    let first = first_line();
    assert!(first.contains(": 2 runs, ") && first.ends_with(" kimg each"), "{first}");
    assert_eq!(first_line(), first);
}

#[test]
fn grids_that_cannot_be_played_are_refused_before_anything_is_written() {
    let folder = with_recipe();
    let folder = folder.path();
    for (words, named) in [
        ("tiny.toml --grid method.net.widht=8,16", &["`method.net.widht`", "`method.net.width`"][..]),
        ("tiny.toml --grid method.net.width=8,wide", &["method.net.width is \"wide\"", "a whole number"]),
        ("tiny.toml --grid method.net.width=8,0", &["method.net.width is 0"]),
        ("tiny.toml --grid method.net.width", &["method.net.width", "key=value,value"]),
        ("tiny.toml --grid method.net.width=8,8", &["holds a value twice"]),
        ("tiny.toml --grid train.seed=1,2", &["`train.seed`"]),
        ("tiny.toml --grid method.net.width=8 --seeds 0", &["seeds is 0"]),
        ("tiny.toml --grid method.net.width=8 --kimg -1", &["train.kimg is -1"]),
        ("tiny.toml --grid method.net.width=8 --metric modes", &["unknown metric `modes`"]),
        ("tiny.toml --grid method.net.width=8 --budget 1ms", &["a budget of 0.001 s"]),
        ("missing.toml --grid method.net.width=8", &["missing.toml"]),
        ("tiny.toml", &["--grid"]),
    ] {
        let output = run(folder, &format!("sweep {words}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "gannet sweep {words}: {errors}");
        assert!(named.iter().all(|part| errors.contains(part)), "gannet sweep {words}: {errors}");
        assert!(!folder.join("sweeps").exists(), "gannet sweep {words} left something behind");
    }
}

#[test]
fn another_grid_in_the_same_folder_is_refused() {
    let folder = with_recipe();
    let folder = folder.path();
    let named = "sweep tiny.toml --kimg 0.1 --seeds 1 --name mine --grid";
    succeed(folder, &format!("{named} method.net.width=8"));
    let output = run(folder, &format!("{named} method.net.width=16"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains("mine") && errors.contains("a sweep with another grid; repeat"), "{errors}");
}
