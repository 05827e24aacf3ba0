//! The metric `modes`: of points by the mixture they should follow, of stacked digits by a classifier of digits.

use super::trial::Trial;
use super::{CHUNK, DEFAULT_SAMPLES, Figures, Measurement, judge};
use crate::data::{self, DataConfig, SETS};
use crate::metric::modes::{self, MAX_DEVIATIONS, STACKED_MNIST_MODES, STACKED_MNIST_SAMPLES};
use crate::{Error, Result};

const NAME: &str = "modes";

pub(super) fn needs(trial: &Trial) -> Result<(), String> {
    let config = trial.subject.generator().map(|generator| &generator.card().config.data);
    if config.is_some_and(|config| data::modes(&config.source).is_some() || data::stacked_digits(config).is_some()) {
        return Ok(());
    }
    let has_modes = |name: &&str| {
        let config = DataConfig { source: (*name).to_owned(), ..DataConfig::default() };
        data::modes(name).is_some() || data::stacked_digits(&config).is_some()
    };
    let known: Vec<&str> = SETS.iter().map(|entry| entry.name).filter(has_modes).collect();
    Err(format!("a generator of data whose modes are known ({})", known.join(", ")))
}

pub(super) fn take(trial: &Trial) -> Result<Measurement> {
    let (generator, options) = (trial.generator()?, trial.options);
    let config = &generator.card().config.data;
    if let Some(mixture) = data::modes(&config.source) {
        let seeds = options.seeds(DEFAULT_SAMPLES);
        let coverage = modes::of_points(&generator.points(&seeds)?, &mixture);
        let words = format!("good within {MAX_DEVIATIONS} sigma of the nearest centre");
        return Ok(judge::measure(trial, NAME, &seeds, ["3sigma".to_owned(), words], Figures::Coverage(coverage)));
    }
    let digits = data::stacked_digits(config);
    let digits = digits.ok_or_else(|| Error::setting(format!("the modes of {} are not known", config.source)))?;
    let classifier = judge::classifier(generator, &digits, options)?;
    let seeds = options.seeds(STACKED_MNIST_SAMPLES);
    let mut labels = Vec::with_capacity(seeds.len());
    for seeds in seeds.chunks(CHUNK) {
        labels.extend(stacked_labels(&generator.values(seeds, None)?, |digits| classifier.classify(digits)));
    }
    let coverage = modes::of_labels(&labels, STACKED_MNIST_MODES);
    Ok(judge::measure(trial, NAME, &seeds, judge::name(&classifier), Figures::Coverage(coverage)))
}

/// The modes of samples `[3, H, W]`: what `classify` says of red, green and blue are the three figures of a number.
fn stacked_labels(samples: &[Vec<f32>], classify: impl Fn(&[Vec<f32>]) -> Vec<usize>) -> Vec<usize> {
    let channels = samples.iter().flat_map(|sample| sample.chunks(sample.len() / 3).map(<[f32]>::to_vec));
    let digits = classify(&channels.collect::<Vec<_>>());
    digits.chunks(3).map(|digits| digits.iter().fold(0, |number, digit| 10 * number + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_a_mode_are_red_green_and_blue() {
        let samples = [vec![0.1, 0.1, 0.2, 0.2, 0.3, 0.3], vec![0.9, 0.9, 0.0, 0.0, 0.7, 0.7]];
        let classify = |channels: &[Vec<f32>]| channels.iter().map(|c| (10.0 * c[0]).round() as usize).collect();
        assert_eq!(stacked_labels(&samples, classify), [123, 907]);
    }
}
