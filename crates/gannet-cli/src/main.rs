//! The `gannet` command: one file per verb. Only this crate prints.

mod bench;
mod convert;
mod data;
mod doctor;
mod evaluate;
mod extractor;
mod gallery;
mod inpaint;
mod interrupt;
mod list;
mod numbers;
mod pictures;
mod precision;
mod recipe;
mod sample;
mod studio;
mod sweep;
mod terminal;
mod train;
mod translate;
mod upscale;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Training frees and takes the same large blocks at every step, which this allocator keeps at hand.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train, run and look into generative adversarial networks.
#[derive(Parser)]
#[command(name = "gannet", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  gannet train                           a DCGAN on Fashion-MNIST, nothing to download
  gannet train --data photos --kimg 500  a folder of your own images
  gannet sample runs/00000-fashion-mnist-dcgan --seeds 0-63 --out samples.png

`gannet VERB --help` says more.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "a run of the command has one")]
enum Verb {
    /// Train a generator
    Train(train::Args),
    /// Train a recipe over a grid of settings, several seeds each, and compare
    Sweep(sweep::Args),
    /// Draw samples from a trained generator
    Sample(sample::Args),
    /// Turn pictures into others
    Translate(translate::Args),
    /// Show what a translator makes of pictures that it was not trained on
    Gallery(gallery::Args),
    /// See runs, generators and the game itself as a local web page
    Studio(studio::Args),
    /// Measure a trained generator
    Evaluate(evaluate::Args),
    /// Say what went wrong in a run, and what to try
    Doctor(doctor::Args),
    /// Enlarge pictures by a trained network
    Upscale(upscale::Args),
    /// Fill holes in pictures by a trained network
    Inpaint(inpaint::Args),
    /// Turn a trained network from elsewhere into a file of gannet
    Convert(convert::Args),
    /// Measure what a training step costs here
    Bench(bench::Args),
    /// List the methods, data sets, metrics and devices there are
    List(list::Args),
    /// Look at a data set
    #[command(subcommand)]
    Data(data::Verb),
    /// Keep the networks whose features samples are compared by
    #[command(subcommand)]
    Extractor(extractor::Verb),
}

fn main() -> ExitCode {
    gannet_kernels::keep_freed_memory();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("GANNET_LOG").unwrap_or_else(|_| "warn,gannet=info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .without_time()
        .with_target(false)
        .init();
    let outcome = match Cli::parse().verb {
        Verb::Train(args) => train::run(&args),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Sample(args) => sample::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Translate(args) => translate::run(&args),
        Verb::Gallery(args) => gallery::run(&args),
        Verb::Studio(args) => studio::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Evaluate(args) => evaluate::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Doctor(args) => doctor::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Upscale(args) => upscale::run(&args),
        Verb::Inpaint(args) => inpaint::run(&args),
        Verb::Convert(args) => convert::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::List(args) => list::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Data(verb) => data::run(&verb).map(|()| ExitCode::SUCCESS),
        Verb::Extractor(verb) => extractor::run(&verb).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        let closed = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
        if error.downcast_ref().is_some_and(closed) {
            return ExitCode::SUCCESS; // Whoever read the output, as `head` does, has seen enough.
        }
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
