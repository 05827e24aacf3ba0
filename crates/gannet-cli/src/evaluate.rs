//! `gannet evaluate`: figures of a trained generator, each with its protocol.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use gannet::evaluate::{METRICS, Options, evaluate};
use gannet::{Generator, run};

#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Args {
    /// A run (folder, number or `latest`) or a generator.safetensors
    source: String,
    /// Which metrics, separated by commas [default: all that fit]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    metrics: Vec<String>,
    /// Samples drawn [default: 26000 on stacked-mnist, as its protocol says; else 10000]
    #[arg(short = 'n', long, value_name = "N")]
    samples: Option<usize>,
    /// Seed of the first sample; the others count on from it
    #[arg(long, value_name = "FROM", default_value_t = 0)]
    seeds: u64,
    /// One JSON object a line, as in the run's metric-*.jsonl
    #[arg(long)]
    json: bool,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

/// The registry and examples.
fn after_help() -> String {
    let metrics: String = METRICS.iter().map(|entry| format!("  {:<10} {}\n", entry.name, entry.summary)).collect();
    format!(
        "Metrics:\n{metrics}
Examples:
  gannet evaluate latest                             every metric that fits the newest run
  gannet evaluate runs/00002-ring-vanilla --metrics modes -n 2500
  gannet evaluate generator.safetensors --json

The figures of a run are added to metric-PROTOCOL.jsonl in its folder; only equal protocols can be compared."
    )
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let path = if Path::new(&args.source).exists() {
        PathBuf::from(&args.source)
    } else {
        run::resolve(&args.source, &args.outdir)?
    };
    let generator = Generator::load(&path)?;
    let names: Vec<&str> = args.metrics.iter().map(String::as_str).collect();
    let options = Options { n_samples: args.samples, first_seed: args.seeds, ..Options::default() };
    for measurement in evaluate(&generator, &names, &options)? {
        if path.is_dir() {
            measurement.append(&path)?;
        }
        let line = if args.json { serde_json::to_string(&measurement)? } else { measurement.to_string() };
        writeln!(stdout(), "{line}")?;
    }
    Ok(())
}
