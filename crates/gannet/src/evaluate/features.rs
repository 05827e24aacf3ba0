//! The metrics of features: Fréchet and kernel distance, score, precision and recall, density and coverage.

use super::measurement::{Figures, Measurement};
use super::trial::{Side, Trial};
use crate::extractor::Card;
use crate::metric::Features;
use crate::metric::density_coverage::{self, density_coverage};
use crate::metric::frechet::{self, Reference};
use crate::metric::inception_score::{N_SPLITS, inception_score};
use crate::metric::kernel::{Subsets, kernel_distance};
use crate::metric::moments::Moments;
use crate::metric::precision_recall::{self, precision_recall};
use crate::{Error, Result};

/// What an extractor sees in one side.
pub(super) struct Seen {
    /// `[N, features]`.
    pub(super) features: Features,
    /// Logarithms of class probabilities, `[N, classes]`; one for all where the extractor knows no classes.
    pub(super) logits: Features,
}

pub(super) fn frechet(trial: &Trial) -> Result<Measurement> {
    let (real, fake) = (&trial.seen(Side::Real)?.features, &trial.seen(Side::Fake)?.features);
    let (seed, n_resamples) = (trial.options.first_seed, trial.options.n_resamples);
    let reference = Reference::new(&Moments::of(real)?)?;
    let distance = reference.distance(&Moments::of(fake)?)?;
    let interval = if n_resamples > 1 { Some(frechet::bootstrap(&reference, fake, n_resamples, seed)?) } else { None };
    // The line through subsets is straight only where these have several times more samples than features.
    let smallest = (fake.n_samples() / 10).max(3 * fake.n_features());
    let infinite = if n_resamples > 1 && smallest <= fake.n_samples() / 2 {
        Some(frechet::infinite(&reference, fake, smallest, seed)?.distance)
    } else {
        None
    };
    let figures = Figures::Frechet { distance, interval, infinite, n_resamples };
    let estimator = "unbiased covariance";
    let measurement = compared(trial, "fd", ["fid", "fd"], ("", estimator), figures)?;
    let warnings = frechet::warnings(real.n_samples(), fake.n_samples(), real.n_features());
    Ok(measurement.with_warnings(warnings.iter().map(ToString::to_string)))
}

pub(super) fn kernel(trial: &Trial) -> Result<Measurement> {
    let (real, fake) = (&trial.seen(Side::Real)?.features, &trial.seen(Side::Fake)?.features);
    let n_least = real.n_samples().min(fake.n_samples());
    let customary = Subsets::default();
    let subsets = Subsets { n_samples: customary.n_samples.min((n_least / 2).max(2)), ..customary };
    let figures = Figures::Kernel(kernel_distance(real, fake, subsets, trial.options.first_seed)?);
    let Subsets { n_subsets, n_samples } = subsets;
    let estimator = (format!("-{n_subsets}x{n_samples}"), format!("{n_subsets} subsets of {n_samples}"));
    let measurement = compared(trial, "kid", ["kid", "kd"], (&estimator.0, &estimator.1), figures)?;
    let few = (n_samples < customary.n_samples).then(|| {
        format!("subsets of {n_samples} samples, {} are customary; give {} or more", customary.n_samples, 2000)
    });
    Ok(measurement.with_warnings(few))
}

/// Sees no real samples.
pub(super) fn score(trial: &Trial) -> Result<Measurement> {
    let card = trial.extractor()?.card();
    if card.n_classes == 0 {
        return Err(Error::setting(format!(
            "the extractor `{}` knows no classes, which the metric `is` counts; accepted: one that does",
            card.name
        )));
    }
    let logits = &trial.seen(Side::Fake)?.logits;
    let n = logits.n_samples();
    let n_splits = N_SPLITS.min(n);
    let figures = Figures::Score(inception_score(logits, n_splits)?);
    let title = format!("{}-{}", name(card, ["is", "score"]), seen_through(trial, card));
    let protocol = format!("{title}-{n}-{n_splits}splits{}", trial.seed_suffix());
    let words = format!("classes by {}, {n_splits} splits", in_words(card));
    let few = (n < 5000).then(|| format!("{n} samples: scores of fewer than 5000 come out low"));
    Ok(trial.measurement("is", protocol, n, words, figures).with_warnings(trial.colour_blind(card)).with_warnings(few))
}

pub(super) fn precision(trial: &Trial) -> Result<Measurement> {
    let (real, fake) = (&trial.seen(Side::Real)?.features, &trial.seen(Side::Fake)?.features);
    let k = precision_recall::K;
    let figures = Figures::PrecisionRecall(precision_recall(real, fake, k)?);
    compared(trial, "pr", ["pr", "pr"], (&format!("-k{k}"), &format!("balls to neighbour {k}")), figures)
}

pub(super) fn density(trial: &Trial) -> Result<Measurement> {
    let (real, fake) = (&trial.seen(Side::Real)?.features, &trial.seen(Side::Fake)?.features);
    let k = density_coverage::K;
    let figures = Figures::DensityCoverage(density_coverage(real, fake, k)?);
    compared(trial, "dc", ["dc", "dc"], (&format!("-k{k}"), &format!("balls to neighbour {k}")), figures)
}

/// A measurement of both sides; `titles` are what it is called with the standard weights and with others, `estimator`
/// is a part of the protocol's name and the words for it.
pub(super) fn compared(
    trial: &Trial,
    metric: &'static str,
    titles: [&str; 2],
    estimator: (&str, &str),
    figures: Figures,
) -> Result<Measurement> {
    let card = trial.extractor()?.card();
    let [n_real, n_fake] = [trial.n(Side::Real)?, trial.n(Side::Fake)?];
    let (title, through, data) = (name(card, titles), seen_through(trial, card), trial.data_suffix()?);
    let protocol = format!("{title}-{through}-{n_fake}v{n_real}{}{data}{}", estimator.0, trial.seed_suffix());
    let words = format!(
        "against {n_real} of {}, seen through {}, {}, {}",
        trial.reference()?.name(),
        in_words(card),
        trial.options.filter,
        estimator.1
    );
    let measurement = trial.measurement(metric, protocol, n_fake, words, figures);
    Ok(measurement.against(n_real).with_warnings(trial.colour_blind(card)))
}

/// The first of `titles` belongs to the standard weights alone.
fn name<'a>(card: &Card, titles: [&'a str; 2]) -> &'a str {
    if card.is_standard() { titles[0] } else { titles[1] }
}

/// `fashion28.a0638ddd-bicubic`.
pub(super) fn seen_through(trial: &Trial, card: &Card) -> String {
    format!("{}.{}-{}", card.name, card.short_hash(), trial.options.filter)
}

pub(super) fn in_words(card: &Card) -> String {
    format!("{} ({})", card.name, card.short_hash())
}
