//! What is judged, and the real pictures it is judged against.

use std::path::Path;
use std::sync::Arc;

use crate::data::{self, Channels, DataConfig, Dataset, PictureFiles, Size};
use crate::image::{Picture, Shape, from_unit};
use crate::{Error, Generator, Result};

/// What is judged.
pub enum Subject {
    /// By samples that are drawn of it.
    Generator(Box<Generator>),
    /// Pictures that there are, whoever made them.
    Pictures(Pictures),
}

/// Pictures that can be read by number.
pub enum Pictures {
    /// Files, each of its own size.
    Files(PictureFiles),
    /// A data set, brought to one shape.
    Set(Arc<dyn Dataset>),
}

impl Subject {
    /// The generator in a run's folder or a .safetensors file, or else the pictures of a folder, ZIP or named data set.
    pub fn open(path: &Path) -> Result<Self> {
        let is_run = ["config.toml", "generator.safetensors"].iter().any(|file| path.join(file).is_file());
        if is_run || path.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(Self::from(Generator::load(path)?));
        }
        Pictures::open(&path.to_string_lossy()).map(Self::Pictures)
    }

    /// What to call it in a sentence.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Generator(generator) => format!("this generator learnt {}", generator.card().config.data.source),
            Self::Pictures(pictures) => format!("these are {} pictures of {}", pictures.len(), pictures.name()),
        }
    }

    /// The generator, where it is one.
    pub(super) fn generator(&self) -> Option<&Generator> {
        match self {
            Self::Generator(generator) => Some(generator),
            Self::Pictures(_) => None,
        }
    }

    /// Channels of its pictures; nothing where it makes points.
    pub(super) fn channels(&self) -> Option<usize> {
        match self {
            Self::Generator(generator) => Some(generator.card().shape).filter(|s| !s.is_point()).map(|s| s.channels),
            Self::Pictures(pictures) => pictures.channels(),
        }
    }
}

impl From<Generator> for Subject {
    fn from(generator: Generator) -> Self {
        Self::Generator(Box::new(generator))
    }
}

impl Pictures {
    /// The pictures of a folder or ZIP at their own sizes, or a named data set or IDX file.
    pub fn open(source: &str) -> Result<Self> {
        if let Some(files) = PictureFiles::open(Path::new(source))? {
            return Ok(Self::Files(files));
        }
        let config = DataConfig { source: source.to_owned(), ..DataConfig::default() };
        Ok(Self::Set(data::open(&config, 0)?.dataset))
    }

    /// What `generator` learnt from or, if `source` is given, the pictures there, brought to its size as in its training.
    pub(super) fn for_generator(generator: &Generator, source: Option<&str>) -> Result<Self> {
        let card = generator.card();
        let mut config = card.config.data.clone();
        if let Some(source) = source {
            let Shape { height, width, .. } = card.shape;
            config.source = source.to_owned();
            config.channels = Channels::Auto;
            config.size = if card.shape.is_point() { Size::Auto } else { Size::Fixed { width, height } };
        }
        Ok(Self::Set(data::open(&config, card.config.train.seed)?.dataset))
    }

    /// "fashion-mnist", "pets".
    pub(super) fn name(&self) -> String {
        match self {
            Self::Files(files) => files.name(),
            Self::Set(dataset) => dataset.name().to_owned(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Files(files) => files.len(),
            Self::Set(dataset) => dataset.len(),
        }
    }

    /// Nothing where they are points.
    pub(super) fn channels(&self) -> Option<usize> {
        match self {
            Self::Files(files) => Some(files.channels()),
            Self::Set(dataset) => Some(dataset.shape()).filter(|shape| !shape.is_point()).map(|shape| shape.channels),
        }
    }

    /// Picture `index`, with 8 bits a sample.
    pub(super) fn picture(&self, index: usize) -> Result<Picture> {
        match self {
            Self::Files(files) => files.read(index),
            Self::Set(dataset) => Ok(from_unit(&dataset.read(index)?.values, dataset.shape())),
        }
    }
}

/// Refuses real pictures with other channels than the subject's.
pub(super) fn check_channels(subject: &Subject, real: &Pictures) -> Result<()> {
    let found = real.channels();
    let Some(wanted) = subject.channels().filter(|wanted| found != Some(*wanted)) else { return Ok(()) };
    let found = found.map_or("points".to_owned(), |n| format!("pictures of {n} channels"));
    Err(Error::setting(format!(
        "{} holds {found}, what is judged has {wanted}; accepted: as many channels on both sides",
        real.name()
    )))
}
