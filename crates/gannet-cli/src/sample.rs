//! `gannet sample`: pictures from a trained generator.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use gannet::image::animation::{self, Format};
use gannet::image::{self, Picture};
use gannet::{Generator, run};

use crate::numbers::{list_of, parse_grid, parse_seeds};
use crate::precision::Kind;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet sample latest                                         a grid of 64 samples of the newest run
  gannet sample runs/00003-cats-dcgan --seeds 5,7,90-99 --grid 4x3 --out cats.png
  gannet sample generator.safetensors --seeds 0-999 --out fakes/   one file per seed
  gannet sample latest --class sneaker --grid 8x4                   one class of a conditional model
  gannet sample latest --interpolate 64 --grid 4x2 --out walk.gif  a walk through latent space")]
pub(crate) struct Args {
    /// A run (folder, number or `latest`) or a generator.safetensors
    source: String,
    /// Seeds of the samples, as 0-63 or 1,5,9-12
    #[arg(long)]
    seeds: Option<String>,
    /// Samples of one class only, by its name or number
    #[arg(long, value_name = "NAME|NUMBER")]
    class: Option<String>,
    /// A .png for one grid, a folder for single files; with --interpolate a .gif, .webp or .png (animated)
    #[arg(long, default_value = "samples.png", value_name = "FILE|FOLDER")]
    out: PathBuf,
    /// What convolutions multiply: bf16 is faster on processors with products of it, and changes a pixel here and there
    #[arg(long, value_enum, default_value = "f32")]
    precision: Kind,
    /// Columns and rows of a grid [default: nearly square; one walk with --interpolate]
    #[arg(long, value_name = "CxR")]
    grid: Option<String>,
    /// Frames of a walk between the seeds' samples, back to the first one
    #[arg(long, value_name = "FRAMES")]
    interpolate: Option<usize>,
    /// Frames per second of a walk
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=50))]
    fps: u32,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

/// Seeds that a walk passes through in each cell unless told otherwise.
const STATIONS: usize = 6;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let path = if Path::new(&args.source).exists() {
        PathBuf::from(&args.source)
    } else {
        run::resolve(&args.source, &args.outdir)?
    };
    let mut generator = Generator::load(path)?.with_precision(args.precision.into())?;
    if let Some(class) = &args.class {
        generator = generator.of_class(class)?;
    }
    let grid = args.grid.as_deref().map(parse_grid).transpose()?;
    if let Some(n_frames) = args.interpolate {
        return interpolate(args, &generator, n_frames, grid.unwrap_or([1, 1]));
    }
    let seeds = match (&args.seeds, grid) {
        (Some(seeds), _) => parse_seeds(seeds)?,
        (None, Some([columns, rows])) => (0..(columns * rows) as u64).collect(),
        (None, None) => (0..64).collect(),
    };
    let is_folder = args.out.is_dir() || args.out.to_string_lossy().ends_with(std::path::is_separator);
    if is_folder || args.out.extension().is_none() {
        return single_files(args, &generator, &seeds);
    }
    expect_extension(&args.out, &["png"])?;
    let [columns, rows] = grid.unwrap_or_else(|| {
        let columns = (seeds.len() as f64).sqrt().ceil() as usize;
        [columns, seeds.len().div_ceil(columns)]
    });
    if columns * rows < seeds.len() {
        bail!("--grid {columns}x{rows} has {} places for {} seeds", columns * rows, seeds.len());
    }
    write(&args.out, &png(args, &generator, &generator.sheet(&seeds, columns)?, &list_of(&seeds))?)
}

fn single_files(args: &Args, generator: &Generator, seeds: &[u64]) -> anyhow::Result<()> {
    for seeds in seeds.chunks(64) {
        let pictures = generator.sample(seeds)?;
        std::fs::create_dir_all(&args.out).map_err(gannet::Error::io("create", &args.out))?;
        for (seed, picture) in seeds.iter().zip(pictures) {
            let file = args.out.join(format!("seed{seed:06}.png"));
            run::write_atomically(&file, &png(args, generator, &picture, &seed.to_string())?)?;
        }
    }
    writeln!(stdout(), "{} files in {}", seeds.len(), args.out.display())?;
    Ok(())
}

fn interpolate(args: &Args, generator: &Generator, n_frames: usize, grid: [usize; 2]) -> anyhow::Result<()> {
    let format: Format = expect_extension(&args.out, &["gif", "webp", "png"])?.parse().map_err(anyhow::Error::msg)?;
    if !(2..=10_000).contains(&n_frames) {
        bail!("--interpolate is {n_frames}, accepted: 2 to 10000 frames");
    }
    let default = 0..(STATIONS * grid[0] * grid[1]) as u64;
    let seeds = args.seeds.as_deref().map_or_else(|| Ok(default.collect()), parse_seeds)?;
    let frames = generator.walk(&seeds, n_frames, grid)?;
    let bytes = animation::encode(&frames, format, args.fps).map_err(anyhow::Error::msg)?;
    write(&args.out, &bytes)
}

/// A PNG that says where it came from, and what makes it again.
fn png(args: &Args, generator: &Generator, picture: &Picture, seeds: &str) -> anyhow::Result<Vec<u8>> {
    let card = generator.card();
    let kimg = format!("{:.1}", card.images_seen as f64 / 1000.0);
    let mut text = vec![
        ("Software", "gannet"),
        ("Source", "made by a generative adversarial network"),
        ("gannet:method", card.config.method_name()),
        ("gannet:data", &card.data),
        ("gannet:kimg", &kimg),
        ("gannet:seeds", seeds),
        ("gannet:precision", args.precision.name()),
    ];
    text.extend(args.class.as_deref().map(|class| ("gannet:class", class)));
    image::encode_png(picture, &text).map_err(anyhow::Error::msg)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    run::write_atomically(path, bytes)?;
    writeln!(stdout(), "{}", path.display())?;
    Ok(())
}

fn expect_extension<'a>(path: &Path, accepted: &[&'a str]) -> anyhow::Result<&'a str> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let found = accepted.iter().find(|known| **known == extension);
    found
        .copied()
        .with_context(|| format!("--out {} ends in .{extension}, accepted: .{}", path.display(), accepted.join(", .")))
}
