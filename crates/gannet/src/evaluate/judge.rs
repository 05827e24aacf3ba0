//! The classifier that judges samples, and what it is called in a protocol.

use super::trial::Trial;
use super::{Figures, Measurement, Options};
use crate::data::{self, DataConfig};
use crate::train::classifier::Classifier;
use crate::{Generator, Result, device};

/// All generators of the same data have the same judge.
const SEED: u64 = 0;

/// The classifier of the real data that `config` opens as it was opened for `generator`.
pub(super) fn classifier(generator: &Generator, config: &DataConfig, options: &Options) -> Result<Classifier> {
    let dataset = data::open(config, generator.card().config.train.seed)?.dataset;
    let device = device::open_default()?;
    Classifier::cached(&dataset, SEED, &device, &options.classifiers)
}

/// Short for a protocol's name, and in words.
pub(super) fn name(classifier: &Classifier) -> [String; 2] {
    let (accuracy, n) = (100.0 * classifier.accuracy(), classifier.n_held_out());
    [
        format!("classifier{accuracy:.1}"),
        format!("judged by a classifier that is right on {accuracy:.1} % of {n} held-out real samples"),
    ]
}

/// A measurement of the samples with `seeds` by a judge, short for the protocol and in words.
pub(super) fn measure(
    trial: &Trial,
    metric: &'static str,
    seeds: &[u64],
    [short, words]: [String; 2],
    figures: Figures,
) -> Measurement {
    trial.measurement(metric, format!("{metric}-{}-{short}", seeds.len()), seeds.len(), words, figures)
}
