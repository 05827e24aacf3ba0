//! `gannet convert`: trained networks from elsewhere.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::bail;
use gannet::convert::{self, LAYOUTS, Model};
use gannet::data::Direction;
use gannet::onnx;

#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Args {
    /// Weights of PyTorch (.pth, .pt), .safetensors, a network of ncnn (.param beside .bin), or a run
    file: PathBuf,
    /// What to write: a .safetensors, or an .onnx for other programs
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Whose layout the weights have [default: recognised by their names and shapes]
    #[arg(long, value_name = "NAME")]
    arch: Option<String>,
    /// The way of a translator that an .onnx takes [default: that of its training]
    #[arg(long, value_name = "AtoB|BtoA")]
    direction: Option<Direction>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
}

/// The registry and examples.
fn after_help() -> String {
    let layouts: String = LAYOUTS.iter().map(|entry| format!("  {:<10} {}\n", entry.name, entry.summary)).collect();
    format!(
        "Layouts:\n{layouts}
Examples:
  gannet convert RealESRGAN_x4plus.pth --to x4plus.safetensors
  gannet convert realesrgan-x4plus.param --to x4plus.safetensors    with realesrgan-x4plus.bin beside it
  gannet convert runs/00003-cats-dcgan --to generator.onnx
  gannet convert netG_epoch_24.pth --to faces.safetensors           then: gannet sample faces.safetensors
  gannet convert latest_net_G.pth --to zebras.safetensors           then: gannet translate zebras.safetensors

Nothing in a file is run: of a pickle, only what describes tensors is read."
    )
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let to = args.to.display();
    if args.to.exists() && !args.force {
        bail!("{to} is there already; --force replaces it");
    }
    match args.to.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => {
            let model = convert::open(&args.file, args.arch.as_deref())?;
            model.save(&args.to)?;
            writeln!(stdout(), "{to}: {}", model.describe())?;
        }
        Some("onnx") => {
            let mut model = convert::open(&args.file, args.arch.as_deref())?;
            if let Some(direction) = args.direction {
                model = match model {
                    Model::Translator(translator) => Model::Translator(translator.towards(direction)?),
                    other => {
                        bail!("--direction {direction} is asked of {}, accepted: of a translator", other.describe())
                    }
                };
            }
            onnx::write(&model, &args.to)?;
            writeln!(stdout(), "{to}: {}, as ONNX of opset {}", model.describe(), onnx::OPSET)?;
        }
        _ => bail!("--to {to}, accepted: a name that ends in .safetensors or .onnx"),
    }
    Ok(())
}
