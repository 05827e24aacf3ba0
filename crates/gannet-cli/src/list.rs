//! `gannet list`: what the registries hold.

use clap::ValueEnum;
use gannet::{bench, data, device, evaluate, extractor, method};
use std::io::{Write, stdout};
use std::path::Path;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gannet list methods\n  gannet list data\n  gannet list metrics\n  gannet list extractors\n  gannet list devices\n  gannet list workloads"
)]
pub(crate) struct Args {
    /// Which registry
    what: What,
    /// Of methods: the guide's page, run from the folder that holds docs
    #[arg(long)]
    markdown: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Methods,
    Data,
    Metrics,
    Extractors,
    Devices,
    Workloads,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match args.what {
        What::Methods if args.markdown => {
            let has_picture = |name: &str| Path::new("docs/images/methods").join(name).with_extension("png").exists();
            write!(stdout(), "{}", method::guide(has_picture))?;
        }
        What::Methods => {
            for entry in method::METHODS {
                writeln!(stdout(), "{:<14} {}\n{:<14} {}", entry.name, entry.summary, "", entry.paper)?;
            }
        }
        What::Data => {
            for entry in data::SETS {
                writeln!(stdout(), "{:<14} {}", entry.name, entry.summary)?;
            }
            writeln!(stdout(), "{:<14} a folder of images, a ZIP of images, or an IDX file, by its path", "PATH")?;
        }
        What::Metrics => {
            for entry in evaluate::METRICS {
                writeln!(stdout(), "{:<14} {}", entry.name, entry.summary)?;
            }
        }
        What::Extractors => {
            for entry in extractor::BUILT_IN {
                writeln!(stdout(), "{:<18} {}\n{:<18} {}", entry.name, entry.summary, "", entry.card()?)?;
            }
            for entry in extractor::ARCHITECTURES {
                writeln!(stdout(), "{:<18} {}; `gannet extractor add` takes its weights", entry.name, entry.summary)?;
            }
        }
        What::Workloads => {
            for entry in bench::WORKLOADS {
                writeln!(stdout(), "{:<14} {}", entry.name, entry.summary)?;
            }
        }
        What::Devices => {
            for entry in device::DEVICES {
                let absent = if entry.open.is_some() { "" } else { " (not in this build)" };
                writeln!(stdout(), "{:<14} {}{absent}", entry.name, entry.summary)?;
            }
        }
    }
    Ok(())
}
