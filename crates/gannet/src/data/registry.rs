//! The data sets that have a name, and the one door to all data: [`open`].

use std::path::Path;
use std::sync::Arc;

use super::{
    Channels, DataConfig, Dataset, Part, Size, digits, fashion_mnist, garment_edges, idx, pictures, sides,
    stacked_mnist, synthetic, two_sided,
};
use crate::error::{Error, Result};

/// A data set that can be opened by name.
pub struct SetEntry {
    /// What a user writes as `source`.
    pub name: &'static str,
    /// One line for lists.
    pub summary: &'static str,
    /// Opens it; the seed matters to drawn data only.
    pub open: fn(config: &DataConfig, seed: u64) -> Result<Arc<dyn Dataset>>,
}

/// Every data set that has a name: the list that help and menus show.
pub const SETS: &[SetEntry] = &[
    SetEntry {
        name: "fashion-mnist",
        summary: "70,000 pieces of clothing, grey, 28x28, 10 classes; 10,000 of them are built in",
        open: |config, _| fashion_mnist::open(config),
    },
    SetEntry {
        name: "garment-edges",
        summary: "pairs for translation: the garments of fashion-mnist as line drawings (A) and as they are (B), 32x32",
        open: |config, _| garment_edges::open(config),
    },
    SetEntry {
        name: "emoji",
        summary: "3,700 pairs for translation: emoji of Google (A) and of Twitter (B), 64x64; `data/emoji.sh` fetches them",
        open: |config, _| two_sided::open_installed("emoji", config),
    },
    SetEntry {
        name: "openmoji",
        summary: "4,400 pairs for translation: line art (A) and colour (B), 128x128; `data/openmoji.sh` fetches them",
        open: |config, _| two_sided::open_installed("openmoji", config),
    },
    SetEntry {
        name: "photographs",
        summary: "15 photographs of 1 to 16 megapixels, to be enlarged or repaired; `data/photographs.sh` fetches them",
        open: |config, _| pictures::open_installed("photographs", "photographs", config),
    },
    SetEntry {
        name: "photographs-small",
        summary: "12 of them at 640 pixels, sharp in every pixel, to learn enlarging from; `data/photographs.sh` fetches them",
        open: |config, _| pictures::open_installed("photographs-small", "photographs", config),
    },
    SetEntry {
        name: "brain",
        summary: "140 pairs for translation: slices of a brain's magnetic resonance (A) and grey matter (B); `data/brain.sh` fetches them",
        open: |config, _| two_sided::open_installed("brain", config),
    },
    SetEntry {
        name: "digits",
        summary: "10,000 handwritten digits, grey, 28x28, 10 classes; `data/digits.sh` fetches them",
        open: |config, _| digits::open(config),
    },
    SetEntry {
        name: "stacked-mnist",
        summary: "three random digits as red, green and blue, 28x28, 1000 modes; `data/digits.sh` fetches them",
        open: stacked_mnist::open,
    },
    SetEntry {
        name: "ring",
        summary: "2-D points: 8 Gaussians on a circle",
        open: |config, seed| synthetic::open("ring", config, seed),
    },
    SetEntry {
        name: "grid",
        summary: "2-D points: 25 Gaussians on a square grid",
        open: |config, seed| synthetic::open("grid", config, seed),
    },
    SetEntry {
        name: "two-clusters",
        summary: "2-D points: 2 Gaussians",
        open: |config, seed| synthetic::open("two-clusters", config, seed),
    },
    SetEntry {
        name: "spiral",
        summary: "2-D points: along a spiral of two turns",
        open: |config, seed| synthetic::open("spiral", config, seed),
    },
];

/// A data set, and the configuration that opens it again with nothing left to "auto".
pub struct Opened {
    /// The samples.
    pub dataset: Arc<dyn Dataset>,
    /// As given, with size and channels resolved and a path made absolute. Points keep "auto": they have no size.
    pub config: DataConfig,
}

/// Opens `config.source`: a registered name, a folder, a .zip or an IDX file. `seed` matters to drawn data only.
pub fn open(config: &DataConfig, seed: u64) -> Result<Opened> {
    let mut dataset = open_source(config, seed)?;
    if config.held_out > 0 {
        if dataset.sides().is_some() {
            let problem = format!("data.held_out is {}, accepted for pictures of two sides: 0", config.held_out);
            return Err(Error::setting(problem + "; the folders testA and testB hold what is not trained on"));
        }
        dataset = Arc::new(Part::holding_out(dataset, config.held_out)?);
    }
    let shape = dataset.shape();
    let mut config = config.clone();
    if !is_registered(&config.source) {
        let absolute = std::fs::canonicalize(&config.source).map_err(Error::io("read", &config.source))?;
        config.source = absolute.to_string_lossy().into_owned();
    }
    if matches!(shape.channels, 1 | 3 | 4) {
        config.size = Size::Fixed { width: shape.width, height: shape.height };
        config.channels = Channels::Fixed(shape.channels);
    }
    Ok(Opened { dataset, config })
}

fn is_registered(source: &str) -> bool {
    SETS.iter().any(|entry| entry.name == source)
}

fn open_source(config: &DataConfig, seed: u64) -> Result<Arc<dyn Dataset>> {
    if let Some(entry) = SETS.iter().find(|entry| entry.name == config.source) {
        return (entry.open)(config, seed);
    }
    let path = Path::new(&config.source);
    if let Some(blobs) = pictures::blobs_at(path)? {
        match sides::find(blobs.as_ref(), config.sides.layout)? {
            Some(found) => two_sided::open(blobs, found, config),
            None => pictures::open(blobs, config),
        }
    } else if path.is_file() {
        idx::open(path, config)
    } else {
        let unknown = Error::unknown("data", &config.source, SETS.iter().map(|entry| entry.name));
        Err(Error::setting(format!("{unknown} (and no file or folder of that name exists)")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(source: &str) -> DataConfig {
        DataConfig { source: source.into(), ..DataConfig::default() }
    }

    #[test]
    fn every_registered_set_opens_and_reads_or_says_how_to_get_it() {
        for entry in SETS {
            let Opened { dataset, config } = match open(&from(entry.name), 1) {
                Ok(opened) => opened,
                Err(absent) => {
                    assert!(absent.to_string().contains("`bash data/"), "{absent}");
                    continue;
                }
            };
            assert_eq!((dataset.name(), config.source.as_str()), (entry.name, entry.name));
            assert!(!dataset.is_empty() && !dataset.description().contains('\n'));
            let sample = dataset.read(dataset.len() - 1).unwrap();
            assert_eq!(sample.values.len(), dataset.shape().n_values());
        }
    }

    #[test]
    fn a_resolved_configuration_opens_the_same_data() {
        let first = open(&from("fashion-mnist"), 1).unwrap();
        assert_eq!(first.config.size, Size::Fixed { width: 28, height: 28 });
        let again = open(&first.config, 1).unwrap();
        assert_eq!(first.dataset.read(7).unwrap(), again.dataset.read(7).unwrap());
        assert_eq!(first.config, again.config);
    }

    #[test]
    fn a_source_that_is_nothing_is_one_clear_error() {
        let problem = open(&from("fashion-mnits"), 1).err().unwrap().to_string();
        assert_eq!(
            problem,
            "unknown data `fashion-mnits`; did you mean `fashion-mnist`? (and no file or folder of that name exists)"
        );
    }
}
