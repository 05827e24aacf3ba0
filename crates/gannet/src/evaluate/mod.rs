//! Judges a trained generator, or a folder of pictures: draws samples, has them measured and says under which protocol.
//!
//! What can be measured stands in [`METRICS`], the one list that help, errors and `gannet list metrics` show. The
//! arithmetic is in [`metric`](crate::metric), which knows no generator.

mod cache;
mod classes;
mod features;
mod judge;
mod measurement;
mod modes;
mod nearest;
mod pairs;
mod path_length;
mod pixels;
mod subject;
mod trial;

use std::path::PathBuf;

use crate::extractor;
use crate::image::Filter;
use crate::{Error, Result};

pub use measurement::{Figures, Measurement, Row};
pub use subject::{Pictures, Subject};
use trial::Trial;

/// Samples a metric takes where neither the user nor its protocol names a number.
const DEFAULT_SAMPLES: usize = 10_000;

/// More samples than this are taken for a typing error.
const MAX_SAMPLES: usize = 1_000_000;

/// Samples that are held in memory at once.
const CHUNK: usize = 512;

/// One line of the registry.
pub struct MetricEntry {
    /// What `--metrics` takes.
    pub name: &'static str,
    /// What it says, in one line.
    pub summary: &'static str,
    /// Whether training can keep its best snapshot by it.
    pub is_loss: bool,
    /// What it needs that a trial lacks.
    needs: fn(&Trial) -> Result<(), String>,
    take: fn(&Trial) -> Result<Measurement>,
}

/// All metrics.
pub const METRICS: &[MetricEntry] = &[
    MetricEntry {
        name: "fd",
        summary: "Fréchet distance of features, with interval; FID by the standard Inception weights alone",
        is_loss: true,
        needs: both_sides,
        take: features::frechet,
    },
    MetricEntry {
        name: "kid",
        summary: "kernel distance of features, unbiased at any number of samples, with interval",
        is_loss: true,
        needs: both_sides,
        take: features::kernel,
    },
    MetricEntry {
        name: "is",
        summary: "inception score: sure and various classes; sees no real pictures",
        is_loss: false,
        needs: pictures,
        take: features::score,
    },
    MetricEntry {
        name: "pr",
        summary: "precision (samples that look real) and recall (reals that could be samples)",
        is_loss: false,
        needs: both_sides,
        take: features::precision,
    },
    MetricEntry {
        name: "dc",
        summary: "density and coverage: precision and recall that outliers do not mislead",
        is_loss: false,
        needs: both_sides,
        take: features::density,
    },
    MetricEntry {
        name: "swd",
        summary: "sliced Wasserstein distance of patches, scale by scale",
        is_loss: true,
        needs: both_sides,
        take: pixels::wasserstein,
    },
    MetricEntry {
        name: "ms-ssim",
        summary: "how much samples look alike, beside the same of reals: near 1 is collapse",
        is_loss: false,
        needs: pictures,
        take: pixels::likeness,
    },
    MetricEntry {
        name: "ppl",
        summary: "path length: how much features change along short steps through latent space",
        is_loss: false,
        needs: generator_of_pictures,
        take: path_length::take,
    },
    MetricEntry {
        name: "nearest",
        summary: "the real pictures nearest to samples, drawn, and whether samples come too close",
        is_loss: false,
        needs: both_sides,
        take: nearest::take,
    },
    MetricEntry {
        name: "psnr",
        summary: "peak signal-to-noise ratio of pairs, pictures of equal names, in dB",
        is_loss: false,
        needs: pairs::needs,
        take: pairs::noise,
    },
    MetricEntry {
        name: "ssim",
        summary: "structural similarity of pairs, pictures of equal names",
        is_loss: false,
        needs: pairs::needs,
        take: pairs::structure,
    },
    MetricEntry {
        name: "paired-ms-ssim",
        summary: "structural similarity of pairs at several scales",
        is_loss: false,
        needs: pairs::needs,
        take: pairs::structure_of_scales,
    },
    MetricEntry {
        name: "perceptual",
        summary: "distance of pairs in the features of all stages of an extractor",
        is_loss: false,
        needs: pairs::needs,
        take: pairs::perception,
    },
    MetricEntry {
        name: "modes",
        summary: "modes covered, share of good samples and reverse KL, on points and stacked-mnist",
        is_loss: false,
        needs: modes::needs,
        take: modes::take,
    },
    MetricEntry {
        name: "classes",
        summary: "share of a conditional generator's samples that are taken for the class asked for",
        is_loss: false,
        needs: classes::needs,
        take: classes::take,
    },
];

fn pictures(trial: &Trial) -> Result<(), String> {
    trial.subject.channels().map(drop).ok_or_else(|| "pictures".to_owned())
}

fn both_sides(trial: &Trial) -> Result<(), String> {
    pictures(trial)?;
    if trial.has_reference() { Ok(()) } else { Err("real pictures to compare with".to_owned()) }
}

fn generator_of_pictures(trial: &Trial) -> Result<(), String> {
    pictures(trial)?;
    trial.subject.generator().map(drop).ok_or_else(|| "a generator".to_owned())
}

/// How to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Samples drawn; where none is given, the number that the metric's protocol names.
    pub n_samples: Option<usize>,
    /// Seed of the first sample; the others count on from it. Whatever a metric draws comes from it too.
    pub first_seed: u64,
    /// The real pictures: a named data set, folder, ZIP or IDX file; what a generator learnt from where none is named.
    pub data: Option<String>,
    /// Name or file of the network that metrics of features see through; `auto` is the built-in one for grey or colour.
    pub extractor: String,
    /// How pictures are brought to the extractor's size.
    pub filter: Filter,
    /// Bootstrap resamples behind the interval of `fd`; below 2 there is none, nor an extrapolation.
    pub n_resamples: usize,
    /// The folder of extractors.
    pub extractors: PathBuf,
    /// The folder in which features of real pictures are kept.
    pub features: PathBuf,
    /// The folder in which trained classifiers are kept.
    pub classifiers: PathBuf,
}

impl Default for Options {
    /// The protocols' own numbers of samples, from seed 0, by a built-in extractor; caches in the user's folder.
    fn default() -> Self {
        let cache = dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("gannet");
        Self {
            n_samples: None,
            first_seed: 0,
            data: None,
            extractor: extractor::AUTO.to_owned(),
            filter: Filter::Bicubic,
            n_resamples: 20,
            extractors: extractor::folder(),
            features: cache.join("features"),
            classifiers: cache.join("classifiers"),
        }
    }
}

impl Options {
    fn check(&self) -> Result<()> {
        let last_seed = u64::MAX - MAX_SAMPLES as u64;
        let mut problems = vec![];
        if let Some(n) = self.n_samples.filter(|n| !(1..=MAX_SAMPLES).contains(n)) {
            problems.push(format!("{n} samples, accepted: 1 to {MAX_SAMPLES}"));
        }
        if self.first_seed > last_seed {
            problems.push(format!("seeds from {}, accepted: up to {last_seed}", self.first_seed));
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Settings(problems)) }
    }

    /// The seeds of the samples, `default` of them where no number is given.
    fn seeds(&self, default: usize) -> Vec<u64> {
        (self.first_seed..).take(self.n_samples.unwrap_or(default)).collect()
    }
}

/// Takes the metrics called `names`, or all that fit `subject` where no name is given.
pub fn evaluate(subject: &Subject, names: &[&str], options: &Options) -> Result<Vec<Measurement>> {
    evaluate_against(subject, None, names, options)
}

/// The same against pictures that are open already, in the place of `options.data`.
pub fn evaluate_against(
    subject: &Subject,
    reference: Option<Pictures>,
    names: &[&str],
    options: &Options,
) -> Result<Vec<Measurement>> {
    options.check()?;
    let mut entries: Vec<&MetricEntry> = match names {
        [] => METRICS.iter().collect(),
        _ => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    entries.dedup_by_key(|entry| entry.name);
    let trial = Trial::new(subject, options, reference);
    let (mut fitting, mut misfits) = (vec![], vec![]);
    for entry in entries {
        match (entry.needs)(&trial) {
            Ok(()) => fitting.push(entry),
            Err(needs) => misfits.push(format!("`{}` needs {needs}", entry.name)),
        }
    }
    if fitting.is_empty() || !(names.is_empty() || misfits.is_empty()) {
        let fits = METRICS.iter().filter(|entry| (entry.needs)(&trial).is_ok()).map(|entry| entry.name);
        let fits = fits.collect::<Vec<_>>().join(", ");
        let fits =
            if fits.is_empty() { "no metric fits it".to_owned() } else { format!("metrics that fit it: {fits}") };
        return Err(Error::setting(format!("{}: {}; {fits}", subject.title(), misfits.join("; "))));
    }
    fitting.into_iter().map(|entry| (entry.take)(&trial)).collect()
}

/// What metrics are asked for by, too: figures that come in pairs.
const ALIASES: &[(&str, &str)] = &[("precision", "pr"), ("recall", "pr"), ("density", "dc"), ("coverage", "dc")];

/// The metric called `name`.
pub(crate) fn find(name: &str) -> Result<&'static MetricEntry> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| *name);
    let entry = METRICS.iter().find(|entry| entry.name == name);
    entry.ok_or_else(|| Error::unknown("metric", name, METRICS.iter().map(|entry| entry.name)))
}
