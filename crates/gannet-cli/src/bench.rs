//! `gannet bench`: what training, sampling and starting cost on this machine, beside PyTorch where it is there.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use gannet::bench::{Conditions, Race, WORKLOADS, Workload, convolution_flops, peak_gflops};
use gannet::device;
use gannet::metric::median;

use crate::precision::Kind;

/// The peer's script, so that the binary needs no other file.
const PEER: &str = include_str!("../../../reference/train_step.py");
const LAYOUTS: [&str; 2] = ["nchw", "nhwc"];

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet bench                                every workload
  gannet bench plain64 r1-64 wgangp64         what a gradient penalty costs: compare with plain64
  gannet bench dcgan64 --peer python          beside PyTorch, in turn, in its better memory layout
  gannet bench dcgan64 --precision bf16       convolutions of bf16, where the processor is faster at them
  gannet bench dcgan64 --device libtorch:0 --peer python
                                              on a GPU, both

Machines are busy now and then: compare ratios of medians from one call, not times from two.")]
pub(crate) struct Args {
    /// What is measured; see `gannet list workloads`
    #[arg(value_name = "WORKLOAD", value_parser = clap::builder::PossibleValuesParser::new(WORKLOADS.iter().map(|w| w.name)))]
    workloads: Vec<String>,
    /// Samples per batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(2..=1024))]
    batch: u16,
    /// Laps that count, in each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    steps: u16,
    /// Rounds in which all take turns
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// A Python with PyTorch to compare with
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Where training and sampling happen; PyTorch uses CUDA beside any but flex and libtorch without a number
    #[arg(long, default_value = device::default_name())]
    device: String,
    /// What our convolutions multiply; PyTorch's stay at f32
    #[arg(long, value_enum, default_value = "f32")]
    precision: Kind,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What a workload took.
#[derive(Default)]
struct Laps {
    ours: Vec<f64>,
    theirs: BTreeMap<&'static str, Vec<f64>>,
    /// Multiplications and additions of a lap's convolutions.
    flops: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("the program's own file")?;
    let precision = args.precision.into();
    let is_chosen = |w: &&Workload| args.workloads.is_empty() || args.workloads.iter().any(|name| name == w.name);
    let workloads: Vec<&Workload> = WORKLOADS.iter().filter(is_chosen).collect();
    let conditions = Conditions::new(args.batch.into(), precision, &args.device)?;
    let race = |w: &&Workload| Race::new(w, &conditions, &program);
    let mut races = workloads.iter().map(race).collect::<gannet::Result<Vec<_>>>()?;
    let mut laps: Vec<Laps> = workloads.iter().map(|_| Laps::default()).collect();
    for _ in 0..args.rounds {
        for ((workload, race), laps) in workloads.iter().zip(&mut races).zip(&mut laps) {
            // The first lap of a round fills caches.
            race.lap()?;
            let before = convolution_flops();
            for _ in 0..args.steps {
                laps.ours.push(race.lap()?);
            }
            laps.flops = (convolution_flops() - before) / u64::from(args.steps);
            let Some(python) = &args.peer else { continue };
            for layout in LAYOUTS {
                let Some(seconds) = peer(python, workload, layout, args)? else { break };
                laps.theirs.entry(layout).or_default().extend(seconds);
            }
        }
    }
    let peak = peak_gflops(precision);
    for ((workload, race), laps) in workloads.iter().zip(&races).zip(laps) {
        let ours = median(laps.ours);
        let theirs: BTreeMap<_, _> = laps.theirs.into_iter().map(|(layout, laps)| (layout, median(laps))).collect();
        let best = theirs.values().copied().min_by(f64::total_cmp);
        let per_second = race.batch() as f64 / ours;
        let gflops = laps.flops as f64 / ours / 1e9;
        if args.json {
            let line = serde_json::json!({
                "workload": workload.name, "batch": race.batch(), "laps": args.steps, "rounds": args.rounds,
                "median_s": ours, "per_s": per_second, "convolution_gflops": gflops, "peak_gflops": peak,
                "peer_median_s": theirs, "ratio": best.map(|best| best / ours),
            });
            writeln!(stdout(), "{line}")?;
            continue;
        }
        write!(stdout(), "{:<9} {:>9.2} ms {per_second:>9.1} /s", workload.name, 1e3 * ours)?;
        if laps.flops > 0 {
            write!(stdout(), " {gflops:>6.0} GFLOP/s, {:>2.0} % of peak", 100.0 * gflops / peak)?;
        }
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

/// Seconds of the peer's laps; none where it does not have the workload.
fn peer(python: &Path, workload: &Workload, layout: &str, args: &Args) -> anyhow::Result<Option<Vec<f64>>> {
    if !PEER.contains(&format!("\"{}\"", workload.name)) {
        return Ok(None);
    }
    let mut child = Command::new(python)
        .args(["-", workload.name, "--layout", layout, "--device", peer_device(&args.device)])
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

/// Where PyTorch runs beside one of our devices.
fn peer_device(ours: &str) -> &'static str {
    match ours {
        "flex" | "libtorch" => "cpu",
        _ => "cuda",
    }
}
