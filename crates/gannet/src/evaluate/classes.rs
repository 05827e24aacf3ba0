//! The metric `classes`: whether a conditional generator makes what it is asked for.

use super::trial::Trial;
use super::{CHUNK, DEFAULT_SAMPLES, Figures, Measurement, judge};
use crate::data::{self, Modes};
use crate::metric::modes::nearest;
use crate::metric::obedience::obedience;
use crate::{Error, Generator, Result};

pub(super) fn needs(trial: &Trial) -> Result<(), String> {
    let is_conditional = trial.subject.generator().is_some_and(Generator::is_conditional);
    if is_conditional { Ok(()) } else { Err("a generator that can be asked for a class".to_owned()) }
}

pub(super) fn take(trial: &Trial) -> Result<Measurement> {
    match data::modes(&trial.generator()?.card().config.data.source) {
        Some(mixture) => by_nearest_centre(trial, &mixture),
        None => by_classifier(trial),
    }
}

/// Points need no trained judge: nearest-centre is the best there can be for an equal mixture of round Gaussians.
fn by_nearest_centre(trial: &Trial, mixture: &Modes) -> Result<Measurement> {
    let mode = |sample: &Vec<f32>| nearest([sample[0], sample[1]], &mixture.centres).0;
    let judge = ["nearest-centre".to_owned(), "judged by the nearest centre".to_owned()];
    measure(trial, judge, |samples| samples.iter().map(mode).collect())
}

fn by_classifier(trial: &Trial) -> Result<Measurement> {
    let (generator, options) = (trial.generator()?, trial.options);
    let card = generator.card();
    let classifier = judge::classifier(generator, &card.config.data, options)?;
    if classifier.shape() != card.shape || classifier.classes() != card.classes {
        let source = &card.config.data.source;
        return Err(Error::setting(format!("{source} no longer holds the classes that this generator learnt")));
    }
    measure(trial, judge::name(&classifier), |samples| classifier.classify(samples))
}

fn measure(trial: &Trial, judge: [String; 2], classify: impl Fn(&[Vec<f32>]) -> Vec<usize>) -> Result<Measurement> {
    let (generator, seeds) = (trial.generator()?, trial.options.seeds(DEFAULT_SAMPLES));
    let n_classes = generator.card().classes.len();
    let (mut asked, mut predicted) = (vec![], vec![]);
    for class in 0..n_classes {
        // The classes take the seeds in turn.
        let seeds: Vec<u64> = seeds.iter().copied().skip(class).step_by(n_classes).collect();
        for seeds in seeds.chunks(CHUNK) {
            asked.resize(asked.len() + seeds.len(), class);
            predicted.extend(classify(&generator.values(seeds, Some(class))?));
        }
    }
    let figures = Figures::Obedience(obedience(&asked, &predicted, n_classes));
    Ok(judge::measure(trial, "classes", &seeds, judge, figures))
}
