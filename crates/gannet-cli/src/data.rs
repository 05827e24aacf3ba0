//! `gannet data`: a look at a data set before training on it.

use clap::Subcommand;
use gannet::data::{self, DataConfig};
use gannet::run;
use std::io::{Write, stdout};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Count, measure and check the images of a folder, a ZIP, an IDX file or a named set
    #[command(after_help = "\
Examples:
  gannet data inspect photos
  gannet data inspect photos.zip --set data.size=64x48 --set data.fit=pad")]
    Inspect {
        /// A path or the name of a data set
        source: String,
        /// Settings that training would use, as data.size=64x48
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

pub(crate) fn run(Verb::Inspect { source, set }: &Verb) -> anyhow::Result<()> {
    let mut settings = toml::Table::new();
    set.iter().try_for_each(|assignment| run::assign(&mut settings, assignment))?;
    let mut config: DataConfig = run::section(&settings, "data")?;
    config.source.clone_from(source);
    writeln!(stdout(), "{}", data::inspect(&config)?)?;
    Ok(())
}
