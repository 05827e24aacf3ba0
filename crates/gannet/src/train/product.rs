//! What a training delivers: a generator that makes samples, or one that translates pictures.

use std::path::Path;

use burn::tensor::Device;

use crate::method::Average;
use crate::run::Config;
use crate::{Generator, Result, Translator, generator, translator};

/// What the delivered file says of itself.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a run has one")]
pub(super) enum Card {
    Sampler(generator::Card),
    Translator(translator::Card),
}

impl Card {
    pub(super) fn config(&self) -> &Config {
        match self {
            Self::Sampler(card) => &card.config,
            Self::Translator(card) => &card.config,
        }
    }
}

/// What is delivered.
#[allow(clippy::large_enum_variant, reason = "a snapshot has one")]
pub(super) enum Product {
    Sampler(Generator),
    Translator(Translator),
}

impl Product {
    /// The `average` of a game after `images_seen`, described by `card`, which is of its kind.
    pub(super) fn new(card: &Card, average: Average<'_>, images_seen: u64, device: Device) -> Self {
        match (card.clone(), average) {
            (Card::Sampler(card), Average::Sampler(network)) => {
                let card = generator::Card { images_seen, ..card };
                Self::Sampler(Generator::new(card, network.clone(), device))
            }
            (Card::Translator(card), Average::Translator { forth, back }) => {
                let way = card.config.data.sides.direction;
                let ways = std::iter::once(way).chain(back.map(|_| way.reversed())).collect();
                let card = translator::Card { images_seen, ways, ..card };
                let networks = std::iter::once(forth).chain(back).cloned();
                Self::Translator(Translator::new(card, networks, device))
            }
            _ => unreachable!("a method's networks are of the kind that its settings say"),
        }
    }

    pub(super) fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        match self {
            Self::Sampler(generator) => generator.save(path),
            Self::Translator(translator) => translator.save(path),
        }
    }
}
