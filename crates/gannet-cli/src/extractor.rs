//! `gannet extractor`: the networks whose features samples are compared by.

use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Subcommand;
use gannet::data::{self, DataConfig};
use gannet::{device, extractor, run};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Keep the weights of a network, read from a PyTorch or safetensors file
    #[command(after_help = add_help())]
    Add {
        /// A .pth, .pt or .safetensors file
        file: PathBuf,
        /// What to call it [default: the network's name]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List the extractors there are
    #[command(after_help = "Examples:\n  gannet extractor list")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Train a small classifier of labelled data; its last hidden layer becomes an extractor
    #[command(after_help = "\
Examples:
  gannet extractor train --data fashion-mnist
  gannet extractor train --data photos --set data.size=32 --name photos32    a sub-folder for each class")]
    Train {
        /// Labelled data: a named set, a ZIP, or a folder with a sub-folder for each class
        #[arg(long)]
        data: String,
        /// What to call it [default: the data's name]
        #[arg(long)]
        name: Option<String>,
        /// Settings of the data, as data.size=32
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Seed of first weights and of the order of the samples
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Keep its weights in 8 bits, a quarter of the size
        #[arg(long)]
        compact: bool,
        /// Where to train
        #[arg(long, default_value = device::default_name())]
        device: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Args)]
pub(crate) struct Place {
    /// Where extractors are kept [default: gannet/extractors in the user's data folder]
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(extractor::folder)
    }
}

/// The registry and examples.
fn add_help() -> String {
    let networks = extractor::ARCHITECTURES.iter();
    let networks: String = networks.map(|entry| format!("  {:<20} {}\n", entry.name, entry.summary)).collect();
    format!(
        "Networks:\n{networks}
Examples:
  gannet extractor add pt_inception-2015-12-05-6726825d.pth
  gannet extractor add efficientnet-lite0-57934424.pth --name lite0

Distances by the standard Inception weights are called FID; all others are called FD-NAME."
    )
}

pub(crate) fn run(verb: &Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Add { file, name, place } => {
            writeln!(stdout(), "{}", extractor::add(file, name.as_deref(), &place.folder())?)?;
        }
        Verb::List { place } => {
            let folder = place.folder();
            let cards = extractor::list(&folder)?;
            if cards.is_empty() {
                writeln!(stdout(), "none in {}; `gannet extractor add FILE` adds one", folder.display())?;
            }
            for card in cards {
                match card {
                    Ok(card) => writeln!(stdout(), "{card}")?,
                    Err(problem) => writeln!(stdout(), "unreadable: {problem}")?,
                }
            }
        }
        Verb::Train { data, name, set, seed, compact, device, place } => {
            let mut settings = toml::Table::new();
            set.iter().try_for_each(|assignment| run::assign(&mut settings, assignment))?;
            let config = DataConfig { source: data.clone(), ..run::section(&settings, "data")? };
            let dataset = data::open(&config, *seed)?.dataset;
            let name = name.as_deref().unwrap_or_else(|| dataset.name());
            let device = device::open(device)?;
            let train = if *compact { extractor::train_compact } else { extractor::train };
            writeln!(stdout(), "{}", train(&dataset, name, *seed, &device, &place.folder())?)?;
        }
    }
    Ok(())
}
