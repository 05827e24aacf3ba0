//! `gannet doctor`: what a run, finished or not, tells of its failures.

use std::io::{Write, stdout};
use std::path::PathBuf;

use gannet::run;
use gannet::train::doctor::report::Report;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet doctor latest                   writes doctor.md and doctor.html into the newest run
  gannet doctor runs/00003-ring-vanilla --out reports/ring

Runs that were not watched are judged by their stats.jsonl, as far as its figures go. See docs/guide/training-problems.md.")]
pub(crate) struct Args {
    /// A run: its folder, its number or `latest`
    run: String,
    /// Where the report is written [default: the run's folder]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let path = run::resolve(&args.run, &args.outdir)?;
    let report = Report::of(&path)?;
    for episode in &report.episodes {
        writeln!(stdout(), "{}", episode.finding.line())?;
    }
    if report.episodes.is_empty() {
        writeln!(stdout(), "doctor  nothing was found")?;
    }
    for written in report.write(args.out.as_deref().unwrap_or(&path))? {
        writeln!(stdout(), "report  {}", written.display())?;
    }
    Ok(())
}
