//! The flags of `gannet train`, and the settings they amount to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use gannet::convert::{self, Model};
use gannet::data::Direction;
use gannet::run;
use gannet::train::doctor::heal::{Heal, Treatment};
use toml::Table;

use crate::recipe;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet train                                     recipes/fashion-mnist-dcgan.toml, which is built in
  gannet train --data photos --set data.size=64x48 a folder, each image cropped to 64 wide and 48 high
  gannet train --data photos.zip --budget 20m      as far as 20 minutes go
  gannet train --method r3gan --data photos --gamma 2 --aug ada
  gannet train --method projection --data photos   classes from sub-folders; sample with --class
  gannet train --data ring --kimg 300              points, and the critic's field behind them
  gannet train --config recipes/fashion-mnist-dcgan.toml --seed 2
  gannet train --method pix2pix --data pairs --direction BtoA   folders A and B, or trainA and trainB
  gannet train --method esrgan --data photos -s 2               a network that enlarges, from parts of good pictures
  gannet train --method esrgan --data photos --resume-from x4plus.safetensors --freezed 20
  gannet train --data fashion-mnist --metrics fd   deliver the best snapshot by Fréchet distance
  gannet train --resume latest --kimg 400          go on, to a new end
  gannet train --method dcgan --dry-run            settings, networks and expected time, nothing written")]
pub(crate) struct Args {
    /// How the game is played; see `gannet list methods` [default: dcgan for images, vanilla for points]
    #[arg(long)]
    pub(super) method: Option<String>,
    /// A named data set, a folder, a ZIP or an IDX file [default: fashion-mnist]
    #[arg(long, value_name = "NAME|PATH")]
    pub(super) data: Option<String>,
    /// Of data with two sides, which is translated into which: AtoB or BtoA [default: AtoB]
    #[arg(long, value_name = "AtoB|BtoA")]
    pub(super) direction: Option<Direction>,
    /// Of methods that enlarge, by how much: 2 or 4 [default: 4]
    #[arg(short, long)]
    pub(super) scale: Option<usize>,
    /// Start a method that enlarges from a trained network: a file that `gannet upscale` takes
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    resume_from: Option<PathBuf>,
    /// Blocks of that network, from its input on, that stay as they are
    #[arg(long, value_name = "N", requires = "resume_from")]
    freezed: Option<u64>,
    /// Where the run's folder is made
    #[arg(long, default_value = "runs")]
    pub(super) outdir: PathBuf,
    /// Tell both players the class of labelled data; HOW is concatenation or projection
    #[arg(long, value_name = "HOW", num_args = 0..=1, default_missing_value = "projection")]
    pub(super) cond: Option<String>,
    /// Weight of the gradient penalty
    #[arg(long)]
    pub(super) gamma: Option<f64>,
    /// What the critic looks through: noaug, diffaug, ada or fixed
    #[arg(long, value_name = "KIND")]
    pub(super) aug: Option<String>,
    /// Real images shown in all, in thousands [default: 200, or the recipe's]
    #[arg(long, allow_negative_numbers = true)]
    pub(super) kimg: Option<f64>,
    /// Measure a few steps and plan the run to end in this time, such as 90s, 20m or 1h30m
    #[arg(long, conflicts_with_all = ["kimg", "resume"], value_parser = humantime::parse_duration)]
    pub(super) budget: Option<Duration>,
    /// Images per batch [default: 64, or the recipe's]
    #[arg(long)]
    pub(super) batch: Option<usize>,
    /// Seed of weights, latents and data order [default: 0]
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Any other setting; may be repeated. `--dry-run` shows them all
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Settings from a file, below those of the flags
    #[arg(long, value_name = "RECIPE.toml")]
    pub(super) config: Option<PathBuf>,
    /// Go on with a run: its folder, its number in --outdir, or `latest`
    #[arg(long, value_name = "RUN|latest")]
    pub(super) resume: Option<String>,
    /// Ticks between snapshots [default: 5]
    #[arg(long, value_name = "TICKS")]
    pub(super) snap: Option<u64>,
    /// Metrics taken at snapshots, as fd or fd,kid; by the first of them the best generator is delivered, not the last
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(super) metrics: Option<Vec<String>>,
    /// flex, wgpu, vulkan, libtorch or cuda, with :N for the N-th; see `gannet list devices` [default: flex]
    #[arg(long)]
    pub(super) device: Option<String>,
    /// What convolutions multiply: f32, or bf16 where the processor is faster at it [default: f32]
    #[arg(long, value_name = "KIND")]
    pub(super) precision: Option<String>,
    /// At a failure, go back to the last healthy snapshot (rollback), and also change a setting (auto)
    #[arg(long, value_name = "HOW", default_value = "off")]
    heal: Healing,
    /// The most rollbacks of a run
    #[arg(long, value_name = "N", default_value_t = 3)]
    heal_limit: u64,
    /// Show the run in progress as a local web page
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "7860")]
    pub(super) studio: Option<u16>,
    /// Say what would happen, and write nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,
}

/// What follows a failure.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Healing {
    Off,
    Rollback,
    Auto,
}

/// What `gannet train` runs when neither data nor method nor recipe is named.
const MAIN_JOB: &str = include_str!("../../../../recipes/fashion-mnist-dcgan.toml");

impl Args {
    /// The recipe, then `--set`, then the flags.
    pub(super) fn settings(&self) -> anyhow::Result<Table> {
        let mut table = match &self.config {
            Some(path) => recipe::read(path)?,
            None if self.names_nothing() => toml::from_str(MAIN_JOB)?,
            None => Table::new(),
        };
        if let Some(path) = &self.resume_from {
            run::merge(&mut table, start_from(path)?);
        }
        self.set.iter().try_for_each(|assignment| run::assign(&mut table, assignment))?;
        run::merge(&mut table, self.flags()?);
        Ok(table)
    }

    /// How failures are treated.
    pub(super) fn treatment(&self) -> Treatment {
        let heal = match self.heal {
            Healing::Off => Heal::Off,
            Healing::Rollback => Heal::Rollback,
            Healing::Auto => Heal::Auto,
        };
        Treatment { heal, limit: self.heal_limit }
    }

    fn names_nothing(&self) -> bool {
        let is_named = |set: &String| set.starts_with("data.source") || set.starts_with("method.name");
        self.data.is_none() && self.method.is_none() && self.resume.is_none() && !self.set.iter().any(is_named)
    }

    fn flags(&self) -> anyhow::Result<Table> {
        let mut table = Table::new();
        let mut put = |section: &str, key: &str, value: Option<toml::Value>| {
            if let Some(value) = value {
                let inner = Table::from_iter([(key.to_owned(), value)]);
                run::merge(&mut table, Table::from_iter([(section.to_owned(), toml::Value::Table(inner))]));
            }
        };
        let integer = |value: u64| i64::try_from(value).map(toml::Value::Integer);
        put("method", "name", self.method.clone().map(Into::into));
        put("data", "source", self.data.clone().map(Into::into));
        let direction = self.direction.map(|direction| ("direction".to_owned(), direction.to_string().into()));
        put("data", "sides", direction.map(|direction| Table::from_iter([direction]).into()));
        put("method", "condition", self.cond.clone().map(Into::into));
        put("method", "gamma", self.gamma.map(Into::into));
        let scale = self.scale.map(|n| integer(n as u64)).transpose().context("--scale is too large")?;
        put("method", "net", scale.map(|scale| Table::from_iter([("scale".to_owned(), scale)]).into()));
        put("method", "freezed", self.freezed.map(integer).transpose().context("--freezed is too large")?);
        put("method", "augment", self.aug.clone().map(|kind| Table::from_iter([("kind".into(), kind.into())]).into()));
        put("train", "kimg", self.kimg.map(Into::into));
        put("train", "batch", self.batch.map(|n| integer(n as u64)).transpose().context("--batch is too large")?);
        put("train", "seed", self.seed.map(integer).transpose().context("--seed is too large")?);
        put("train", "snap", self.snap.map(integer).transpose().context("--snap is too large")?);
        put("train", "metrics", self.metrics.clone().map(Into::into));
        put("train", "device", self.device.clone().map(Into::into));
        put("train", "precision", self.precision.clone().map(Into::into));
        Ok(table)
    }
}

/// The settings by which training starts from the network at `path`, whose form it takes.
fn start_from(path: &Path) -> anyhow::Result<Table> {
    let model = match convert::open(path, None)? {
        Model::Upscaler(upscaler) => upscaler,
        other => bail!("--resume-from {} is {}, accepted: a network that enlarges", path.display(), other.describe()),
    };
    let path = std::fs::canonicalize(path).map_err(gannet::Error::io("read", path))?;
    let start = ("start".to_owned(), path.to_string_lossy().into_owned().into());
    let net = ("net".to_owned(), Table::try_from(&model.card().net)?.into());
    Ok(Table::from_iter([("method".to_owned(), Table::from_iter([start, net]).into())]))
}
