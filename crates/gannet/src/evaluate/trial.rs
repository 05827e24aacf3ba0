//! One evaluation at work: opens, draws and extracts what metrics ask for, each thing once.

use std::cell::OnceCell;

use rayon::prelude::*;

use super::features::Seen;
use super::measurement::{Figures, Measurement};
use super::subject::{Pictures, Subject, check_channels};
use super::{CHUNK, DEFAULT_SAMPLES, Options, cache};
use crate::extractor::{self, Card, Extractor};
use crate::image::{Picture, Shape, to_unit};
use crate::metric::Features;
use crate::{Error, Generator, Result, device};

/// A subject, its reference and the options, with what has been drawn of them so far.
pub(super) struct Trial<'a> {
    pub(super) subject: &'a Subject,
    pub(super) options: &'a Options,
    reference: OnceCell<Pictures>,
    extractor: OnceCell<Extractor>,
    real: OnceCell<Seen>,
    fake: OnceCell<Seen>,
}

/// One of the two sides.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Real,
    Fake,
}

impl<'a> Trial<'a> {
    pub(super) fn new(subject: &'a Subject, options: &'a Options, reference: Option<Pictures>) -> Self {
        let reference = reference.map_or_else(OnceCell::new, OnceCell::from);
        let [real, fake] = [OnceCell::new(), OnceCell::new()];
        Self { subject, options, reference, extractor: OnceCell::new(), real, fake }
    }

    /// The generator that is judged; metrics that need one say so before they are taken.
    pub(super) fn generator(&self) -> Result<&'a Generator> {
        self.subject.generator().ok_or_else(|| Error::setting(format!("{}, not a generator", self.subject.title())))
    }

    /// Whether there is anything to compare with.
    pub(super) fn has_reference(&self) -> bool {
        self.reference.get().is_some() || self.options.data.is_some() || self.subject.generator().is_some()
    }

    /// The real pictures.
    pub(super) fn reference(&self) -> Result<&Pictures> {
        once(&self.reference, || {
            let source = self.options.data.as_deref();
            let reference = match (self.subject, source) {
                (Subject::Generator(generator), _) => Pictures::for_generator(generator, source)?,
                (Subject::Pictures(_), Some(source)) => Pictures::open(source)?,
                (Subject::Pictures(_), None) => {
                    return Err(Error::setting("no real pictures are named to compare with"));
                }
            };
            check_channels(self.subject, &reference)?;
            Ok(reference)
        })
    }

    /// The network that the metrics see through.
    pub(super) fn extractor(&self) -> Result<&Extractor> {
        once(&self.extractor, || {
            let device = device::open_default()?;
            let name = match self.options.extractor.as_str() {
                extractor::AUTO => extractor::suited(self.subject.channels().unwrap_or(1)).name,
                name => name,
            };
            extractor::find(name, &self.options.extractors, &device)
        })
    }

    /// How many pictures of `side` are looked at.
    pub(super) fn n(&self, side: Side) -> Result<usize> {
        let wanted = self.options.n_samples.unwrap_or(DEFAULT_SAMPLES);
        Ok(match (side, self.subject) {
            (Side::Real, _) => wanted.min(self.reference()?.len()),
            (Side::Fake, Subject::Generator(_)) => wanted,
            (Side::Fake, Subject::Pictures(pictures)) => wanted.min(pictures.len()),
        })
    }

    /// Numbers of the first `n` pictures: seeds of a generator; of pictures, spread over all that there are, because files
    /// often come sorted by class.
    fn numbers(&self, side: Side, n: usize) -> Result<Vec<u64>> {
        let spread = |pictures: &Pictures| (0..n).map(|i| (i * pictures.len() / n) as u64).collect();
        Ok(match (side, self.subject) {
            (Side::Real, _) => spread(self.reference()?),
            (Side::Fake, Subject::Generator(_)) => (self.options.first_seed..).take(n).collect(),
            (Side::Fake, Subject::Pictures(pictures)) => spread(pictures),
        })
    }

    /// The pictures with these `numbers`, 8 bits a sample.
    fn pictures(&self, side: Side, numbers: &[u64]) -> Result<Vec<Picture>> {
        let read = |pictures: &Pictures| numbers.par_iter().map(|&at| pictures.picture(at as usize)).collect();
        match (side, self.subject) {
            (Side::Real, _) => read(self.reference()?),
            (Side::Fake, Subject::Generator(generator)) => generator.sample(numbers),
            (Side::Fake, Subject::Pictures(pictures)) => read(pictures),
        }
    }

    /// What the extractor sees in `side`.
    pub(super) fn seen(&self, side: Side) -> Result<&Seen> {
        let n = self.n(side)?;
        let extract = || self.extract(side, n);
        match side {
            Side::Fake => once(&self.fake, extract),
            Side::Real => once(&self.real, || {
                let card = self.extractor()?.card();
                let key = cache::key(card, self.options.filter, &self.numbers(side, n)?, |at| {
                    self.reference()?.picture(at as usize)
                })?;
                cache::kept(&self.options.features, &self.reference()?.name(), &key, n, card, extract)
            }),
        }
    }

    fn extract(&self, side: Side, n: usize) -> Result<Seen> {
        let extractor = self.extractor()?;
        let card = extractor.card();
        let filter = self.options.filter;
        let (mut features, mut logits) = (vec![], vec![]);
        for numbers in self.numbers(side, n)?.chunks(CHUNK) {
            let extract = extractor.see(self.pictures(side, numbers)?, filter)?;
            features.extend(extract.features.concat());
            // Logarithms of probabilities are scores, but for a constant.
            logits.extend(extract.probabilities.concat().into_iter().map(|p| p.max(f32::MIN_POSITIVE).ln()));
        }
        let wrong = |error: Error| Error::setting(format!("extractor `{}`: {error}", card.name));
        Ok(Seen {
            features: Features::new(features, card.n_features).map_err(wrong)?,
            logits: match card.n_classes {
                0 => Features::new(vec![0.0; n], 1),
                n_classes => Features::new(logits, n_classes),
            }
            .map_err(wrong)?,
        })
    }

    /// A measurement of `n_samples` samples, judged as `judge` says in words.
    pub(super) fn measurement(
        &self,
        metric: &'static str,
        protocol: String,
        n_samples: usize,
        judge: String,
        figures: Figures,
    ) -> Measurement {
        Measurement {
            metric,
            protocol,
            images_seen: self.subject.generator().map(|generator| generator.card().images_seen),
            n_samples,
            n_real: None,
            first_seed: self.options.first_seed,
            judge,
            warnings: vec![],
            figures,
            picture: None,
        }
    }

    /// What the real pictures are called, for a protocol: `-fashion-mnist`.
    pub(super) fn data_suffix(&self) -> Result<String> {
        let name = self.reference()?.name();
        let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        Ok(std::iter::once('-').chain(name.chars().map(plain)).collect())
    }

    /// That the extractor sees less than there is.
    pub(super) fn colour_blind(&self, card: &Card) -> Option<String> {
        let is_coloured = self.subject.channels().is_some_and(|channels| channels > 1);
        let warning = || format!("{} sees no colour; --extractor names another", card.name);
        (is_coloured && card.shape.channels == 1).then(warning)
    }

    /// A seed other than 0, for a protocol.
    pub(super) fn seed_suffix(&self) -> String {
        match self.options.first_seed {
            0 => String::new(),
            seed => format!("-seed{seed}"),
        }
    }

    /// Pixels [N, C·H·W] of the first `n` pictures of `side`, in [-1, 1], which need one shape.
    pub(super) fn pixels(&self, side: Side, n: usize) -> Result<(Features, Shape)> {
        let (mut shape, mut values) = (None, vec![]);
        for numbers in self.numbers(side, n)?.chunks(CHUNK) {
            for picture in self.pictures(side, numbers)? {
                let expected = *shape.get_or_insert(picture.shape());
                if picture.shape() != expected {
                    let found = picture.shape();
                    return Err(Error::setting(format!(
                        "pictures of {expected} and of {found}; metrics of pixels accept one size"
                    )));
                }
                values.extend(to_unit(&picture));
            }
        }
        let shape = shape.ok_or_else(|| Error::setting("0 pictures, at least 1 is needed"))?;
        Ok((Features::new(values, shape.n_values())?, shape))
    }

    /// Picture number `index` of those that [`seen`](Self::seen) looked at.
    pub(super) fn picture(&self, side: Side, index: usize) -> Result<Picture> {
        let numbers = self.numbers(side, self.n(side)?)?;
        Ok(self.pictures(side, &numbers[index..=index])?.remove(0))
    }
}

/// The content of `cell`, which `make` makes at the first call.
fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
