//! What a training delivers: a generator that makes samples, or one that translates, enlarges or mends pictures.

use std::path::Path;

use burn::tensor::Device;

use crate::degrade::Degradation;
use crate::image::{self, Filter, Shape};
use crate::method::Average;
use crate::random::{self, Purpose};
use crate::run::Config;
use crate::upscale::{self, Upscaler};
use crate::{Generator, Inpainter, Result, Translator, generator, inpainter, translator};

/// What the delivered file says of itself.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a run has one")]
pub(super) enum Card {
    Sampler(generator::Card),
    Translator(translator::Card),
    Upscaler { card: upscale::Card, training: upscale::Training },
    Inpainter(inpainter::Card),
}

impl Card {
    pub(super) fn config(&self) -> &Config {
        match self {
            Self::Sampler(card) => &card.config,
            Self::Translator(card) => &card.config,
            Self::Upscaler { training, .. } => &training.config,
            Self::Inpainter(card) => &card.config,
        }
    }
}

/// What is delivered.
#[allow(clippy::large_enum_variant, reason = "a snapshot has one")]
pub(super) enum Product {
    Sampler(Generator),
    Translator(Translator),
    Upscaler { upscaler: Upscaler, degrade: Degradation, seed: u64 },
    Inpainter(Inpainter),
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
            (Card::Upscaler { card, training }, Average::Upscaler(network)) => {
                let (degrade, seed) = (training.degrade, training.config.stream_seed());
                let training = Some(upscale::Training { images_seen, ..training });
                let upscaler = Upscaler::of_network(upscale::Card { training, ..card }, network.clone(), &device);
                Self::Upscaler { upscaler, degrade, seed }
            }
            (Card::Inpainter(card), Average::Inpainter(network)) => {
                Self::Inpainter(Inpainter::new(inpainter::Card { images_seen, ..card }, network, &device))
            }
            _ => unreachable!("a method's networks are of the kind that its settings say"),
        }
    }

    pub(super) fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        match self {
            Self::Sampler(generator) => generator.save(path),
            Self::Translator(translator) => translator.save(path),
            Self::Upscaler { upscaler, .. } => upscaler.save(path),
            Self::Inpainter(inpainter) => inpainter.save(path),
        }
    }

    /// Of a product that restores pictures, what a person compares for `real` `[C, H, W]`: what is left of it, by chance
    /// numbered `counter`, enlarged by the usual filter or with white holes; what the product makes; `real` itself. None of
    /// other products.
    pub(super) fn strip(&self, real: &[f32], shape: Shape, counter: u64) -> Option<Vec<Vec<f32>>> {
        match self {
            Self::Sampler(_) | Self::Translator(_) => None,
            Self::Upscaler { upscaler, degrade, seed } => {
                let mut rng = random::stream(*seed, Purpose::Degrade, counter);
                let small = degrade.shrink(image::from_unit(real, shape), upscaler.scale(), &mut rng);
                let usual = image::resize(small.clone(), shape.height, shape.width, Filter::Bicubic);
                Some(vec![
                    image::to_unit(&usual),
                    upscaler.values(&image::to_unit(&small), small.shape()),
                    real.to_vec(),
                ])
            }
            Self::Inpainter(inpainter) => {
                let inpainter::Card { holes, config, .. } = inpainter.card();
                let mut rng = random::stream(config.stream_seed(), Purpose::Mask, counter);
                let holes = holes.draw([shape.height, shape.width], &mut rng);
                let output = inpainter.values(real, &holes, shape);
                let filled_with = |content: &dyn Fn(usize) -> f32| {
                    let hole = |i: usize| holes[i % holes.len()] == 1.0;
                    real.iter().enumerate().map(|(i, known)| if hole(i) { content(i) } else { *known }).collect()
                };
                Some(vec![filled_with(&|_| 1.0), filled_with(&|i| output[i]), real.to_vec()])
            }
        }
    }
}
