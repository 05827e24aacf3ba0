//! `gannet upscale`: pictures enlarged by a trained network.

mod pictures;

use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use gannet::convert::{self, Model};
use gannet::image::{PngRows, Samples, decode_with_profile};
use gannet::upscale::Upscaler;
use gannet::{Error, run};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt::{INTERRUPTED, stop_on_interrupt};
use pictures::{Job, STREAM};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet upscale x4plus.safetensors -i photo.jpg -o large.png
  gannet upscale realesrgan-x4plus.param -i photos -o large/       every picture of a folder
  gannet upscale x4plus.safetensors -i 'scans/*.tif' -o large/
  gannet upscale x4plus.safetensors -i - -o - < small.png > large.png

Bands and strips change no pixel: the result equals that of the whole picture at once, bit for bit.")]
pub(crate) struct Args {
    /// A network that enlarges: what `gannet convert` wrote, or a file that it reads
    model: PathBuf,
    /// Pictures: files, folders, patterns in quotes, or - for standard input
    #[arg(short, long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    /// A .png, a folder, or - for standard output
    #[arg(short, long, value_name = "PATH")]
    output: String,
    /// By how much [default: what the network was trained for]
    #[arg(short, long)]
    scale: Option<usize>,
    /// Width of the bands that a picture is cut into, in its pixels [default: as wide as memory allows]
    #[arg(short, long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..))]
    tile: Option<u32>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    gannet_kernels::take_small_pages();
    let jobs = pictures::jobs(&args.input, &args.output, args.force)?;
    let upscaler = match convert::open(&args.model, None)? {
        Model::Upscaler(upscaler) => upscaler,
        other => bail!("{} is {}, accepted: a network that enlarges", args.model.display(), other.describe()),
    };
    let scale = upscaler.scale();
    if let Some(wanted) = args.scale.filter(|wanted| *wanted != scale) {
        bail!("--scale is {wanted}, {} enlarges by {scale}", args.model.display());
    }
    let stop = stop_on_interrupt()?;
    let mut failed = vec![];
    for (i, job) in jobs.iter().enumerate() {
        let bar = bar(&format!("{} ({} of {})", job.input, i + 1, jobs.len()));
        let outcome = enlarge(&upscaler, job, args.tile.map(|tile| tile as usize), &bar, &stop);
        bar.finish_and_clear();
        match outcome {
            Ok(true) if job.output == STREAM => {}
            Ok(true) => writeln!(stdout(), "{}", job.output)?,
            Ok(false) => return Ok(ExitCode::from(INTERRUPTED)),
            Err(error) if jobs.len() > 1 => {
                tracing::warn!("{error:#}");
                failed.push(job.input.clone());
            }
            Err(error) => return Err(error),
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} pictures were not enlarged: {}", failed.len(), jobs.len(), failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether one picture was enlarged; false where it was interrupted.
fn enlarge(
    upscaler: &Upscaler,
    job: &Job,
    band: Option<usize>,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> anyhow::Result<bool> {
    let mut bytes = vec![];
    if job.input == STREAM {
        stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(&job.input).map_err(Error::io("read", &job.input))?;
    }
    let (picture, profile) = decode_with_profile(&bytes).map_err(|reason| Error::file(&job.input, reason))?;
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
    let output = Path::new(&job.output);
    let write = |to: Box<dyn Write>| -> gannet::Result<bool> {
        let failed = |reason: String| Error::file(output, reason);
        let format = (picture.channels, is_deep);
        let mut png = PngRows::new(to, size, format, profile.as_deref(), &text).map_err(failed)?;
        let mut emit = |rows: &[u8]| png.write(rows).map_err(failed);
        let mut watch = |share: f64| {
            bar.set_position((share * 1000.0) as u64);
            !stop.load(Ordering::Relaxed)
        };
        let is_done = upscaler.enlarge(&picture, &plan, &mut emit, &mut watch)?;
        if is_done {
            png.finish().map_err(failed)?;
        }
        Ok(is_done)
    };
    if job.output == STREAM {
        return Ok(write(Box::new(stdout()))?);
    }
    let mut is_done = true;
    let written = run::write_with(output, |file| {
        let file = file.try_clone().map_err(Error::io("write", output))?;
        is_done = write(Box::new(std::io::BufWriter::new(file)))?;
        // What was interrupted leaves nothing.
        if is_done { Ok(()) } else { Err(Error::setting("interrupted")) }
    });
    if !is_done {
        return Ok(false);
    }
    written?;
    Ok(true)
}

fn bar(message: &str) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    let template = "{bar:24.cyan/dim} {percent:>3}%  {elapsed} of about {duration}  {msg}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(message.to_owned());
    bar
}
