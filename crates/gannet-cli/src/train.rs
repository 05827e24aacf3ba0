//! `gannet train`: the main job.

mod args;

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Instant;

use gannet::run::{self, RunDir};
use gannet::train::doctor::heal;
use gannet::train::session::{Session, Verb};
use gannet::train::{self, Outcome};

pub(crate) use args::Args;

use crate::interrupt::{INTERRUPTED, stop_on_interrupt};
use crate::studio;
use crate::terminal::{Terminal, duration};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let settings = args.settings()?;
    let resumed = args.resume.as_deref().map(|name| run::resolve(name, &args.outdir)).transpose()?;
    let mut session = match &resumed {
        Some(path) => Session::resume(path, &settings)?,
        None => Session::prepare(&settings)?,
    };

    let mut terminal = Terminal::new();
    introduce(&session, &mut terminal)?;
    if let Some(budget) = args.budget {
        let pace = session.measure_seconds_per_kimg()?;
        let seconds = (budget.saturating_sub(began.elapsed())).as_secs_f64() * SHARE_FOR_STEPS;
        let smallest = session.config().train.batch as f64 / 1000.0;
        session.set_kimg((seconds / pace).max(smallest))?;
        terminal.say(&format!(
            "budget  {} at {pace:.2} s/kimg: {:.1} kimg",
            duration(budget.as_secs_f64()),
            session.config().train.kimg
        ))?;
    }
    if args.dry_run {
        return dry_run(&session).map(|()| ExitCode::SUCCESS);
    }

    let run = match &resumed {
        Some(path) => RunDir::open(path)?,
        None => session.create(&args.outdir)?,
    };
    terminal.log_to(run.path().join("log.txt"));
    terminal.say(&format!("run     {}", run.path().display()))?;
    if let Some(port) = args.studio {
        terminal.say(&format!("studio  {}", studio::beside(run.path(), port)?))?;
    }
    let verb = session.verb();
    let outcome = heal::train(session, &run, args.treatment(), &mut [&mut terminal], &*stop_on_interrupt()?);
    terminal.finish();
    conclude(outcome?, verb, &run, &mut terminal)
}

/// The share of a budget that goes into steps; the rest is for snapshots and the end.
const SHARE_FOR_STEPS: f64 = 0.95;

fn introduce(session: &Session, terminal: &mut Terminal) -> gannet::Result<()> {
    let [generator, critic] = session.plan().map(|plan| plan.n_parameters() as f64 / 1e6);
    let method = session.config().method_name();
    terminal.say(&format!("data    {}", session.dataset().description()))?;
    terminal.say(&format!("method  {method}: generator {generator:.2} M, critic {critic:.2} M parameters"))
}

fn dry_run(session: &Session) -> anyhow::Result<()> {
    writeln!(stdout(), "\n{}", session.config().to_toml()?)?;
    for plan in session.plan() {
        writeln!(stdout(), "{}: {} parameters", plan.role, plan.n_parameters())?;
        for layer in &plan.layers {
            let [c, h, w] = layer.output;
            writeln!(stdout(), "  {:<44} {:>16} {:>12}", layer.name, format!("{c} x {h} x {w}"), layer.n_parameters)?;
        }
    }
    let pace = session.measure_seconds_per_kimg()?;
    let total = pace * session.config().train.kimg;
    writeln!(stdout(), "\nmemory  about {} MB", session.memory_bytes() / 1_000_000)?;
    writeln!(stdout(), "time    about {} ({pace:.2} s/kimg)", duration(total))?;
    Ok(())
}

fn conclude(outcome: Outcome, verb: Verb, run: &RunDir, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let path = run.path().display();
    if outcome.is_complete {
        terminal.say(&format!("samples {path}/{}", train::fakes_name(outcome.images_seen)))?;
        let next = match verb {
            Verb::Sample => format!("sample {path} --seeds 0-63 --out samples.png"),
            Verb::Translate => format!("translate {path} -i PICTURE.png -o TRANSLATED.png"),
            Verb::Inpaint => format!("inpaint {path} -i PICTURE.png --mask MASK.png -o FILLED.png"),
            Verb::Upscale => format!("upscale {path} -i PICTURE.png -o ENLARGED.png"),
        };
        terminal.say(&format!("next    gannet {next}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal.say(&format!("stopped and saved; go on with: gannet train --resume {path}"))?;
    Ok(ExitCode::from(INTERRUPTED))
}
