//! The flags of `gannet translate`.

use std::path::PathBuf;

use gannet::data::Direction;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet translate latest -i drawing.png -o painted.png
  gannet translate runs/00004-pairs-pix2pix -i drawings -o painted        a folder, with all folders below it
  gannet translate generator.safetensors -i 'drawings/*.jpg' -o painted   a pattern, in quotes
  gannet translate latest --direction BtoA -i - -o - < in.png > out.png   the way back, where the model has one")]
pub(crate) struct Args {
    /// A run (folder, number or `latest`) or a generator.safetensors that translates
    pub(super) model: String,
    /// A picture, a folder, a pattern such as 'drawings/*.png', or - for standard input
    #[arg(short, long, value_name = "IN")]
    pub(super) input: String,
    /// A .png for one picture, a folder for several, or - for standard output
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: PathBuf,
    /// AtoB or BtoA [default: that of the training]
    #[arg(long, value_name = "AtoB|BtoA")]
    pub(super) direction: Option<Direction>,
    /// Seed of the noise, for models that have some
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Replace pictures that are there
    #[arg(long)]
    pub(super) force: bool,
    /// Where runs are looked for
    #[arg(long, default_value = "runs")]
    pub(super) outdir: PathBuf,
}
