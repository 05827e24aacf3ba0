//! `gannet bench`: what training steps cost on this machine, beside PyTorch where it is there.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use gannet::bench::{Race, WORKLOADS, Workload, median};

/// The peer's script, so that the binary needs no other file.
const PEER: &str = include_str!("../../../reference/train_step.py");
const LAYOUTS: [&str; 2] = ["nchw", "nhwc"];

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet bench                                every workload
  gannet bench plain64 r1-64 wgangp64         what a gradient penalty costs: compare with plain64
  gannet bench dcgan64 --peer python          beside PyTorch, in turn, in its better memory layout

Machines are busy now and then: compare ratios of medians from one call, not times from two.")]
pub(crate) struct Args {
    /// What is measured; see `gannet list workloads`
    #[arg(value_name = "WORKLOAD", value_parser = clap::builder::PossibleValuesParser::new(WORKLOADS.iter().map(|w| w.name)))]
    workloads: Vec<String>,
    /// Samples per batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(2..=1024))]
    batch: u16,
    /// Steps that count, in each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    steps: u16,
    /// Rounds in which all take turns
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// A Python with PyTorch to compare with
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let is_chosen = |w: &&Workload| args.workloads.is_empty() || args.workloads.iter().any(|name| name == w.name);
    let workloads: Vec<&Workload> = WORKLOADS.iter().filter(is_chosen).collect();
    let mut races = workloads.iter().map(|w| Race::new(w, args.batch.into())).collect::<gannet::Result<Vec<_>>>()?;
    let mut ours = vec![vec![]; workloads.len()];
    let mut theirs = vec![BTreeMap::<_, Vec<f64>>::new(); workloads.len()];
    for _ in 0..args.rounds {
        for (i, (workload, race)) in workloads.iter().zip(&mut races).enumerate() {
            // The first step of a round fills caches.
            race.step()?;
            for _ in 0..args.steps {
                ours[i].push(race.step()?);
            }
            let Some(python) = &args.peer else { continue };
            for layout in LAYOUTS {
                let Some(seconds) = peer(python, workload, layout, args)? else { break };
                theirs[i].entry(layout).or_default().extend(seconds);
            }
        }
    }
    for ((workload, ours), theirs) in workloads.iter().zip(ours).zip(theirs) {
        let ours = median(ours);
        let theirs: BTreeMap<_, _> = theirs.into_iter().map(|(layout, seconds)| (layout, median(seconds))).collect();
        let best = theirs.values().copied().min_by(f64::total_cmp);
        let images = f64::from(args.batch) / ours;
        if args.json {
            let line = serde_json::json!({
                "workload": workload.name, "batch": args.batch, "steps": args.steps, "rounds": args.rounds,
                "median_s": ours, "images_per_s": images, "peer_median_s": theirs, "ratio": best.map(|best| best / ours),
            });
            writeln!(stdout(), "{line}")?;
            continue;
        }
        write!(stdout(), "{:<9} {:>9.2} ms {images:>9.1} images/s", workload.name, 1e3 * ours)?;
        for (layout, seconds) in &theirs {
            write!(stdout(), "   PyTorch {layout} {:.2} ms", 1e3 * seconds)?;
        }
        match best {
            Some(best) => writeln!(stdout(), "   {:.2} x as fast", best / ours)?,
            None => writeln!(stdout())?,
        }
    }
    Ok(())
}

/// Seconds of the peer's steps; none where it does not have the workload.
fn peer(python: &Path, workload: &Workload, layout: &str, args: &Args) -> anyhow::Result<Option<Vec<f64>>> {
    if !PEER.contains(&format!("\"{}\"", workload.name)) {
        return Ok(None);
    }
    let mut child = Command::new(python)
        .args(["-", workload.name, "--layout", layout])
        .args(["--batch", &args.batch.to_string(), "--steps", &args.steps.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{}: cannot be run; accepted: a Python with PyTorch", python.display()))?;
    if let Some(mut script) = child.stdin.take() {
        script.write_all(PEER.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}: the peer failed on {}; accepted: a Python with PyTorch", python.display(), workload.name);
    }
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).context("the peer's answer")?;
    Ok(Some(answer["seconds"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect()))
}
