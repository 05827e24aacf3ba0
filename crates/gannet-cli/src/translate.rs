//! `gannet translate`: pictures into others.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use gannet::convert::{self, Model};
use gannet::data::Direction;
use gannet::{Error, Translator, image, run};

use crate::pictures::{Files, Job, each};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet translate latest -i drawing.png -o painted.png
  gannet translate runs/00004-pairs-pix2pix -i drawings -o painted        a folder, with all folders below it
  gannet translate latest_net_G.pth -i 'drawings/*.jpg' -o painted        a network from elsewhere; a pattern, in quotes
  gannet translate latest --direction BtoA -i - -o - < in.png > out.png   the way back, where the model has one")]
pub(crate) struct Args {
    /// A run (folder, number or `latest`), a generator.safetensors that translates, or a file that `gannet convert` reads
    model: String,
    #[command(flatten)]
    files: Files,
    /// AtoB or BtoA [default: that of the training]
    #[arg(long, value_name = "AtoB|BtoA")]
    direction: Option<Direction>,
    /// Seed of the noise, for models that have some
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    outdir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let jobs = args.files.jobs()?;
    let translator = open(&args.model, &args.outdir, args.direction)?;
    each(&jobs, "translated", |job, _| translate(&translator, job, args.seed))
}

/// The translator called `model`, going `direction` where one is given.
pub(crate) fn open(model: &str, outdir: &Path, direction: Option<Direction>) -> anyhow::Result<Translator> {
    let path = if Path::new(model).exists() { PathBuf::from(model) } else { run::resolve(model, outdir)? };
    let translator = match convert::open(&path, None)? {
        Model::Translator(translator) => translator,
        other => bail!("{} is {}, accepted: a network that translates", path.display(), other.describe()),
    };
    Ok(match direction {
        Some(direction) => translator.towards(direction)?,
        None => translator,
    })
}

/// One picture into a PNG that says where it came from.
fn translate(translator: &Translator, job: &Job, seed: u64) -> anyhow::Result<bool> {
    let refuse = |reason: String| Error::file(job.input(), reason);
    let picture = image::decode(&job.read()?).map_err(refuse)?;
    let translated = translator.translate(&picture, seed).map_err(|error| refuse(error.to_string()))?;
    let card = translator.card();
    let [kimg, direction] = [format!("{:.1}", card.images_seen as f64 / 1000.0), translator.direction().to_string()];
    let text = [
        ("Software", "gannet"),
        ("Source", "translated by a generative adversarial network"),
        ("gannet:method", card.config.method_name()),
        ("gannet:data", &card.data),
        ("gannet:kimg", &kimg),
        ("gannet:direction", &direction),
    ];
    let png = image::encode_png(&translated, &text).map_err(refuse)?;
    job.write(|mut to| {
        to.write_all(&png).and_then(|()| to.flush()).map_err(Error::io("write", job.output())).map(|()| true)
    })
}
