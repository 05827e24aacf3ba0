//! `gannet evaluate`: figures of a trained generator or of pictures, each with its protocol.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use gannet::data::SETS;
use gannet::evaluate::{METRICS, Options, Subject, evaluate};
use gannet::image::Filter;
use gannet::run;

#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Args {
    /// A run (folder, number or `latest`), a generator.safetensors, or pictures: a folder, a ZIP or a named data set
    #[arg(required_unless_present = "input1", conflicts_with = "input1")]
    source: Option<String>,
    /// The real pictures: a named data set, folder, ZIP or IDX file [default: what the generator learnt from]
    #[arg(long, value_name = "NAME|PATH")]
    data: Option<String>,
    /// The pictures to judge, in the place of a generator
    #[arg(long, value_name = "PATH", requires = "input2")]
    input1: Option<String>,
    /// The real pictures to judge them against
    #[arg(long, value_name = "PATH", requires = "input1", conflicts_with = "data")]
    input2: Option<String>,
    /// Which metrics, separated by commas [default: all that fit]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    metrics: Vec<String>,
    /// The network that metrics of features see through: a name of `gannet list extractors`, or its file
    #[arg(long, value_name = "NAME|FILE", default_value_t = Options::default().extractor)]
    extractor: String,
    /// How pictures are brought to the extractor's size: box, bilinear, bicubic or lanczos3
    #[arg(long, value_name = "FILTER", default_value_t = Filter::Bicubic)]
    resize: Filter,
    /// Samples drawn [default: 26000 on stacked-mnist, as its protocol says; else 10000]
    #[arg(short = 'n', long, value_name = "N")]
    samples: Option<usize>,
    /// Seed of the first sample; the others count on from it
    #[arg(long, value_name = "FROM", default_value_t = 0)]
    seeds: u64,
    /// One JSON object a line, as in the run's metric-*.jsonl
    #[arg(long)]
    json: bool,
    /// Where figures and pictures are kept [default: the run's folder; nowhere where there is no run]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
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
  gannet evaluate latest --metrics fd,kid,pr -n 10000
  gannet evaluate runs/00002-ring-vanilla --metrics modes -n 2500
  gannet evaluate generator.safetensors --data photos --extractor efficientnet-lite0 --json
  gannet evaluate --input1 fakes --input2 photos.zip --metrics fd,nearest --out judged

The figures of a run are added to metric-PROTOCOL.jsonl in its folder; only equal protocols can be compared."
    )
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (path, subject) = args.subject()?;
    let names: Vec<&str> = args.metrics.iter().map(String::as_str).collect();
    let options = Options {
        n_samples: args.samples,
        first_seed: args.seeds,
        data: args.data.clone().or_else(|| args.input2.clone()),
        extractor: args.extractor.clone(),
        filter: args.resize,
        ..Options::default()
    };
    let is_run = path.join("generator.safetensors").is_file();
    let out = args.out.clone().or_else(|| is_run.then_some(path));
    if let Some(out) = &out {
        std::fs::create_dir_all(out).map_err(gannet::Error::io("create", out))?;
    }
    for measurement in evaluate(&subject, &names, &options)? {
        if let Some(out) = &out {
            measurement.append(out)?;
        }
        let line = if args.json { serde_json::to_string(&measurement)? } else { measurement.to_string() };
        writeln!(stdout(), "{line}")?;
        for warning in &measurement.warnings {
            tracing::warn!("{}: {warning}", measurement.metric);
        }
    }
    Ok(())
}

impl Args {
    /// What is judged, and where it is.
    fn subject(&self) -> anyhow::Result<(PathBuf, Subject)> {
        let name = self.input1.as_ref().or(self.source.as_ref()).context("nothing to evaluate was named")?;
        let is_here = Path::new(name).exists() || SETS.iter().any(|set| set.name == name);
        let path = if is_here { PathBuf::from(name) } else { run::resolve(name, &self.outdir)? };
        let subject = Subject::open(&path)?;
        Ok((path, subject))
    }
}
