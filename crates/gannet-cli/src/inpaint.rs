//! `gannet inpaint`: holes in pictures filled by a trained network.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use gannet::image::{self, Picture, PngRows, Samples};
use gannet::{Error, Inpainter, run};

use crate::pictures::{Files, Job, each};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet inpaint latest -i photo.jpg --mask mask.png -o filled.png
  gannet inpaint latest -i photos --mask masks -o filled/           masks of equal names
  gannet inpaint generator.safetensors -i - --mask mask.png -o - < photo.png > filled.png

A mask is a picture of the same size, white or transparent where to fill. All other pixels stay as they are, bit for bit.")]
pub(crate) struct Args {
    /// A run (folder, number or `latest`) or a generator.safetensors that fills holes
    model: String,
    #[command(flatten)]
    files: Files,
    /// Where to fill: a picture, or a folder with one of each picture's name
    #[arg(short, long, value_name = "PATH")]
    mask: PathBuf,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let jobs = args.files.jobs()?;
    let path = match Path::new(&args.model) {
        path if path.exists() => path.to_path_buf(),
        _ => run::resolve(&args.model, &args.outdir)?,
    };
    let inpainter = Inpainter::load(path)?;
    each(&jobs, "filled", |job, _| fill(&inpainter, job, &args.mask))
}

fn fill(inpainter: &Inpainter, job: &Job, mask: &Path) -> anyhow::Result<bool> {
    let named = |reason| Error::file(job.input(), reason);
    let (picture, profile) = image::decode_with_profile(&job.read()?).map_err(named)?;
    let path = if mask.is_dir() { mask_of(Path::new(job.input()), mask)? } else { mask.to_path_buf() };
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let mask = image::decode(&bytes).map_err(|reason| Error::file(&path, reason))?;
    let both = || format!("{} with {}", job.input(), path.display());
    let filled = inpainter.fill(&picture, &mask).with_context(both)?;
    job.write(|to| {
        write(to, inpainter, &filled, profile.as_deref()).map_err(|reason| Error::file(job.output(), reason))?;
        Ok(true)
    })
}

/// The mask in `folder` that is called as `picture` is, with whatever ending.
fn mask_of(picture: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let names = gannet::data::picture_names(folder)?;
    let found = names.iter().find(|name| Path::new(name).file_stem() == picture.file_stem());
    let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
    let found = found.with_context(|| format!("{} holds no mask called {stem}", folder.display()))?;
    Ok(folder.join(found))
}

/// A PNG with the bits of `picture`, that says where it came from.
fn write(to: Box<dyn Write>, by: &Inpainter, picture: &Picture, profile: Option<&[u8]>) -> Result<(), String> {
    let card = by.card();
    let kimg = format!("{:.1}", card.images_seen as f64 / 1000.0);
    let text = [
        ("Software", "gannet"),
        ("Source", "holes filled by a generative adversarial network"),
        ("gannet:method", card.config.method_name()),
        ("gannet:data", &card.data),
        ("gannet:kimg", &kimg),
    ];
    let (rows, is_deep) = match &picture.samples {
        Samples::U8(samples) => (samples.clone(), false),
        Samples::U16(samples) => (samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(), true),
    };
    let size = [picture.width, picture.height];
    let mut png = PngRows::new(to, size, (picture.channels, is_deep), profile, &text)?;
    png.write(&rows)?;
    png.finish()
}
