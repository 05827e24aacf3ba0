//! `gannet upscale`: pictures enlarged by a trained network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use gannet::convert::{self, Model};
use gannet::image::{PngRows, Samples, decode_with_profile};
use gannet::upscale::Upscaler;
use gannet::{Error, run};

use crate::pictures::{Files, Job, Progress, each};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet upscale x4plus.safetensors -i photo.jpg -o large.png
  gannet upscale realesrgan-x4plus.param -i photos -o large/       every picture of a folder
  gannet upscale x4plus.safetensors -i 'scans/*.tif' -o large/
  gannet upscale latest -i photo.jpg -o large.png                  the run that was trained last
  gannet upscale x4plus.safetensors -i - -o - < small.png > large.png

Bands and strips change no pixel: the result equals that of the whole picture at once, bit for bit.")]
pub(crate) struct Args {
    /// A network that enlarges: a run (folder, number or `latest`), what `gannet convert` wrote, or a file that it reads
    model: String,
    #[command(flatten)]
    files: Files,
    /// By how much [default: what the network was trained for]
    #[arg(short, long)]
    scale: Option<usize>,
    /// Width of the bands that a picture is cut into, in its pixels [default: as wide as memory allows]
    #[arg(short, long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..))]
    tile: Option<u32>,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    gannet_kernels::take_small_pages();
    let jobs = args.files.jobs()?;
    let model = if is_run(&args.model) { run::resolve(&args.model, &args.outdir)? } else { (&args.model).into() };
    let upscaler = match convert::open(&model, None)? {
        Model::Upscaler(upscaler) => upscaler,
        other => bail!("{} is {}, accepted: a network that enlarges", args.model, other.describe()),
    };
    let scale = upscaler.scale();
    if let Some(wanted) = args.scale.filter(|wanted| *wanted != scale) {
        bail!("--scale is {wanted}, {} enlarges by {scale}", args.model);
    }
    let band = args.tile.map(|tile| tile as usize);
    each(&jobs, "enlarged", |job, progress| enlarge(&upscaler, job, band, progress))
}

/// Whether `model` is the name of a run and not of a file.
fn is_run(model: &str) -> bool {
    !Path::new(model).exists() && (model == "latest" || model.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether one picture was enlarged; false where it was interrupted.
fn enlarge(upscaler: &Upscaler, job: &Job, band: Option<usize>, progress: &Progress) -> anyhow::Result<bool> {
    let bytes = job.read()?;
    let (picture, profile) = decode_with_profile(&bytes).map_err(|reason| Error::file(job.input(), reason))?;
    drop(bytes);
    let plan = upscaler.plan(&picture, band)?;
    tracing::debug!("{} bands, strips of {} rows, {} MB", plan.bands.len(), plan.rows, plan.n_bytes / 1_000_000);
    let size = [picture.width, picture.height].map(|side| side * upscaler.scale());
    let is_deep = matches!(picture.samples, Samples::U16(_));
    let text = [
        ("Software", "gannet"),
        ("Source", "enlarged by a generative network"),
        ("gannet:model", upscaler.card().source.as_str()),
    ];
    job.write(|to| {
        let failed = |reason: String| Error::file(job.output(), reason);
        let format = (picture.channels, is_deep);
        let mut png = PngRows::new(to, size, format, profile.as_deref(), &text).map_err(failed)?;
        let mut emit = |rows: &[u8]| png.write(rows).map_err(failed);
        let is_done = upscaler.enlarge(&picture, &plan, &mut emit, &mut |share| progress.show(share))?;
        if is_done {
            png.finish().map_err(failed)?;
        }
        Ok(is_done)
    })
}
