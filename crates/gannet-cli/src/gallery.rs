//! `gannet gallery`: a page of what a translator makes of pictures that it was not trained on.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use gannet::data::Direction;
use gannet::translator::gallery::{FOLDERS, PAGE, write};

use crate::interrupt::INTERRUPTED;
use crate::pictures::Progress;
use crate::translate;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet gallery latest --out results                  then open results/index.html
  gannet gallery runs/00004-pairs-cyclegan --direction BtoA --out back -n 500
  gannet evaluate --input1 results/output --input2 results/target --metrics psnr,ssim

Pictures come from what the run's data hold out (testA and testB), or from its training data where they hold nothing out.")]
pub(crate) struct Args {
    /// A run (folder, number or `latest`) or a generator.safetensors that translates
    model: String,
    /// The folder of the page and its pictures
    #[arg(long, default_value = "gallery", value_name = "FOLDER")]
    out: PathBuf,
    /// Pictures at most, spread over those there are
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pictures: u32,
    /// AtoB or BtoA [default: that of the training]
    #[arg(long, value_name = "AtoB|BtoA")]
    direction: Option<Direction>,
    /// Seed of the noise, for models that have some
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace a gallery that is there
    #[arg(long)]
    force: bool,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let page = args.out.join(PAGE);
    let all = FOLDERS.iter().map(|name| args.out.join(name)).chain([page.clone()]);
    if let Some(path) = all.into_iter().find(|path| path.exists() && !args.force) {
        bail!("{} is there already; --force replaces it", path.display());
    }
    let translator = translate::open(&args.model, &args.outdir, args.direction)?;
    let progress = Progress::new(1)?;
    let mut watch = |share: f64| progress.show(share);
    let is_done = write(&translator, &args.out, args.pictures as usize, args.seed, &mut watch)?;
    drop(progress);
    if !is_done {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    writeln!(stdout(), "{}", page.display())?;
    Ok(ExitCode::SUCCESS)
}
