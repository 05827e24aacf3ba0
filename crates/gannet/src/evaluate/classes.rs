//! The metric `classes`: whether a conditional generator makes what it is asked for.

use super::{CHUNK, DEFAULT_SAMPLES, Figures, Measurement, Options, Take, judge};
use crate::data::{self, Modes};
use crate::metric::modes::nearest;
use crate::metric::obedience::obedience;
use crate::{Error, Generator, Result};

pub(super) fn prepare(generator: &Generator) -> Result<Take<'_>, String> {
    if !generator.is_conditional() {
        return Err("a generator that can be asked for a class".to_owned());
    }
    let source = &generator.card().config.data.source;
    match data::modes(source) {
        Some(mixture) => Ok(Box::new(move |options| by_nearest_centre(generator, &mixture, options))),
        None => Ok(Box::new(move |options| by_classifier(generator, options))),
    }
}

/// Points need no trained judge: nearest-centre is the best there can be for an equal mixture of round Gaussians.
fn by_nearest_centre(generator: &Generator, mixture: &Modes, options: &Options) -> Result<Measurement> {
    let mode = |sample: &Vec<f32>| nearest([sample[0], sample[1]], &mixture.centres).0;
    let judge = ["nearest-centre".to_owned(), "judged by the nearest centre".to_owned()];
    measure(generator, options, judge, |samples| samples.iter().map(mode).collect())
}

fn by_classifier(generator: &Generator, options: &Options) -> Result<Measurement> {
    let card = generator.card();
    let classifier = judge::classifier(generator, &card.config.data, options)?;
    if classifier.shape() != card.shape || classifier.classes() != card.classes {
        let source = &card.config.data.source;
        return Err(Error::setting(format!("{source} no longer holds the classes that this generator learnt")));
    }
    measure(generator, options, judge::name(&classifier), |samples| classifier.classify(samples))
}

fn measure(
    generator: &Generator,
    options: &Options,
    judge: [String; 2],
    classify: impl Fn(&[Vec<f32>]) -> Vec<usize>,
) -> Result<Measurement> {
    let seeds = options.seeds(DEFAULT_SAMPLES);
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
    Ok(Measurement::new("classes", generator, &seeds, judge, figures))
}
