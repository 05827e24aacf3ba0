//! `gannet bench`: what a training step costs on this machine.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use gannet::data::{Batch, Sample};
use gannet::image::Shape;
use gannet::method::{self, Given, Method, Setting};
use gannet::train::schedule::Moment;
use gannet::{device, run};
use toml::Table;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet bench penalty                       a step with R1 or WGAN-GP beside the plain step, four networks
  gannet bench penalty --size 64 --batch 64  at the size that reference/penalty_cost.py compares at

All variants of a network take turns, so that a busy machine slows them alike; compare ratios, not times.")]
pub(crate) struct Args {
    /// What is measured
    workload: Workload,
    /// Height and width of the images
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(8..=256))]
    size: u16,
    /// Images per batch
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(2..=1024))]
    batch: u16,
    /// Steps of each variant that count
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    steps: u16,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Workload {
    /// Gradient penalties beside the plain step of the same network
    Penalty,
}

/// Networks as settings of the method that takes any.
const NETWORKS: [(&str, &[&str]); 4] = [
    ("mlp", &["net.family=mlp"]),
    ("dcgan", &["net.family=dcgan", "net.critic_norm=none"]),
    ("resnet", &["net.family=resnet", "net.width=16"]),
    ("r3gan", &["net.family=r3gan", "net.width=8", "net.blocks=1"]),
];
const PENALTIES: [&str; 3] = ["none", "r1", "one-centred"];

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Workload::Penalty = args.workload;
    let side = usize::from(args.size);
    let given =
        Given { shape: Shape { channels: 3, height: side, width: side }, n_classes: 0, batch: args.batch.into() };
    for (name, net) in NETWORKS {
        let medians = race(net, given, args.steps.into())?;
        let plain = medians["none"];
        for penalty in PENALTIES {
            let (seconds, ratio) = (medians[penalty], medians[penalty] / plain);
            if args.json {
                let line = serde_json::json!({
                    "network": name, "penalty": penalty, "size": side, "batch": args.batch, "steps": args.steps,
                    "median_s": seconds, "ratio": ratio,
                });
                writeln!(stdout(), "{line}")?;
            } else {
                writeln!(stdout(), "{name:<8} {penalty:<12} {:>9.1} ms   {ratio:.2} x", 1000.0 * seconds)?;
            }
        }
    }
    Ok(())
}

/// Median seconds of a step with each penalty.
fn race(net: &[&str], given: Given, n_steps: usize) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let mut games = PENALTIES.iter().map(|penalty| game(net, penalty, given)).collect::<anyhow::Result<Vec<_>>>()?;
    let value = |i: usize| (i as f32 * 0.37).sin();
    let n_values = given.shape.n_values();
    let samples: Vec<Sample> = (0..given.batch)
        .map(|n| Sample { values: (0..n_values).map(|i| value(n * n_values + i)).collect(), label: None })
        .collect();
    let batches = [Batch::new(&samples, given.shape)];
    let mut seconds = BTreeMap::<_, Vec<f64>>::new();
    // The first step fills caches and starts threads.
    for round in 0..=n_steps {
        let moment = Moment { images_seen: (round * given.batch) as u64, images_total: u64::MAX };
        for (penalty, game) in PENALTIES.into_iter().zip(&mut games) {
            let started = Instant::now();
            game.step(&batches, moment)?;
            if round > 0 {
                seconds.entry(penalty).or_default().push(started.elapsed().as_secs_f64());
            }
        }
    }
    Ok(seconds.into_iter().map(|(penalty, times)| (penalty, median(times))).collect())
}

fn game(net: &[&str], penalty: &str, given: Given) -> anyhow::Result<Box<dyn Method>> {
    let mut settings = Table::new();
    for assignment in net.iter().copied().chain([format!("penalty={penalty}").as_str()]) {
        run::assign(&mut settings, assignment)?;
    }
    let config = (method::find("custom")?.parse)(settings).context("the benchmark's settings")?;
    let problems = config.problems(&given);
    anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
    let device = device::open(device::first_built())?.autodiff();
    Ok(config.build(&Setting { given, device, seed: 0 }))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
