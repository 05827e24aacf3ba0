//! `gannet sweep`: one recipe over a grid of settings, several seeds each.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gannet::run;
use gannet::sweep::{self, Axis, CellResult, Plan, Score, Sweep};

use crate::interrupt::{INTERRUPTED, stop_on_interrupt};
use crate::recipe;
use crate::terminal::{Terminal, duration};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet sweep recipes/two-clusters-vanilla.toml --grid method.generator.learning_rate=5e-5,2e-4,1e-3,5e-3
  gannet sweep RECIPE.toml --grid method.net.width=32,64 --grid method.loss=minimax,non-saturating --seeds 5
  gannet sweep recipes/fashion-mnist-dcgan.toml --grid train.batch=32,64,128 --budget 1h

The same command goes on with a sweep that was stopped. It ends in table.csv, table.md and sweep.png.")]
pub(crate) struct Args {
    /// Settings that all runs share: a TOML file
    #[arg(value_name = "RECIPE.toml")]
    recipe: PathBuf,
    /// A setting and its values; may be repeated, which gives every combination. The first one is the plot's axis
    #[arg(long, required = true, value_name = "KEY=VALUE,VALUE,...")]
    grid: Vec<String>,
    /// Each combination is played with the seeds 0 to N-1
    #[arg(long, default_value_t = 3, value_name = "N")]
    seeds: u64,
    /// Measure a few steps and plan all runs, equally long, to end in this time, such as 20m or 1h30m
    #[arg(long, conflicts_with = "kimg", value_parser = humantime::parse_duration)]
    budget: Option<Duration>,
    /// Real images shown in each run, in thousands [default: 200, or the recipe's]
    #[arg(long, allow_negative_numbers = true)]
    kimg: Option<f64>,
    /// Any other setting of all runs; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where the sweep's folder is made
    #[arg(long, default_value = "sweeps")]
    outdir: PathBuf,
    /// The folder's name [default: the recipe's name and a short hash of all settings]
    #[arg(long)]
    name: Option<String>,
    /// A score to plot; may be repeated. To plot another one, repeat the command: nothing is trained again
    #[arg(long)]
    metric: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let plan = args.plan()?;
    sweep::select(&plan.scores()?, &args.metric)?;
    let folder = args.outdir.join(args.name.clone().map_or_else(|| plan.folder_name(), Ok)?);
    let sweep = Sweep::open(plan, &folder)?;
    let scores = sweep::select(&sweep.scores()?, &args.metric)?;
    let n_cells = sweep.cells().len();
    let length = sweep.kimg().map(|kimg| format!(", {kimg:.1} kimg each")).unwrap_or_default();
    say(&format!("sweep   {}: {n_cells} runs{length}", folder.display()));

    let stop = stop_on_interrupt()?;
    for (index, cell) in sweep.cells().iter().enumerate() {
        if sweep.result(cell)?.is_some() {
            continue;
        }
        let began = Instant::now();
        let mut terminal = Terminal::of_one_run_of_many(sweep.path(cell).join("log.txt"));
        let result = match stop.load(Ordering::Relaxed) {
            true => None,
            false => sweep.play(cell, &mut [&mut terminal], &stop)?,
        };
        terminal.clear();
        let Some(result) = result else {
            say(&format!("stopped and saved after {index} of {n_cells} runs; the same command goes on"));
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let (outcome, time) = (in_words(&result, &scores), duration(began.elapsed().as_secs_f64()));
        say(&format!("run     {}/{n_cells}  {}  {outcome}  ({time})", index + 1, cell.name));
        sweep.report(&args.metric)?;
    }
    let table = sweep.report(&args.metric)?;
    say(&format!("\n{}", table.to_markdown()));
    say(&format!("table   {}", folder.join("table.csv").display()));
    say(&format!("plot    {}", folder.join("sweep.png").display()));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The recipe, then `--set`, then `--kimg`; the grid goes on top of each.
    fn plan(&self) -> anyhow::Result<Plan> {
        let mut settings = recipe::read(&self.recipe)?;
        self.set.iter().try_for_each(|assignment| run::assign(&mut settings, assignment))?;
        if let Some(kimg) = self.kimg {
            run::assign(&mut settings, &format!("train.kimg={kimg:?}"))?;
        }
        Ok(Plan {
            recipe: self.recipe.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            seeds: self.seeds,
            budget_seconds: self.budget.map(|budget| budget.as_secs_f64()),
            grid: self.grid.iter().map(|text| Axis::parse(text)).collect::<gannet::Result<_>>()?,
            settings,
        })
    }
}

/// One line. A reader that has gone away does not end a sweep.
fn say(line: &str) {
    drop(writeln!(stdout(), "{line}"));
}

/// The chosen scores of one run.
fn in_words(result: &CellResult, scores: &[Score]) -> String {
    let CellResult::Scores(found) = result else { return "diverged".into() };
    let figure = |score: &Score| Some(format!("{} {}", score.name, score.scale.show(*found.get(score.name)?)));
    scores.iter().filter_map(figure).collect::<Vec<_>>().join("  ")
}
