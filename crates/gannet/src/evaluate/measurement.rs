//! A result with its protocol: as a line for people, as JSON, and as a line of a file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::image::{Picture, encode_png};
use crate::metric::Interval;
use crate::metric::density_coverage::DensityCoverage;
use crate::metric::inception_score::InceptionScore;
use crate::metric::kernel::KernelDistance;
use crate::metric::modes::Coverage;
use crate::metric::ms_ssim::Similarity;
use crate::metric::neighbours::Neighbour;
use crate::metric::obedience::Obedience;
use crate::metric::precision_recall::PrecisionRecall;
use crate::metric::sliced_wasserstein::Level;
use crate::run::write_atomically;
use crate::{Error, Result};

/// One metric of one generator or set of pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Its name in [`METRICS`](super::METRICS).
    pub metric: &'static str,
    /// What must be equal for two figures to be compared: metric, judge, resizing, numbers of samples, estimator, data.
    pub protocol: String,
    /// Real images shown to the critic before the generator was saved; nothing where pictures were judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images_seen: Option<u64>,
    /// Samples looked at.
    pub n_samples: usize,
    /// Real pictures looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_real: Option<usize>,
    /// Seed of the first sample, and of whatever the metric draws.
    pub first_seed: u64,
    /// What the samples were judged by, in words, with how far it can be trusted.
    pub judge: String,
    /// What speaks against relying on the figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The result.
    #[serde(flatten)]
    pub figures: Figures,
    /// What there is to look at.
    #[serde(skip)]
    pub picture: Option<Picture>,
}

/// What a metric found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of `modes`.
    Coverage(Coverage),
    /// Of `classes`.
    Obedience(Obedience),
    /// Of `fd`.
    Frechet {
        /// Fréchet distance.
        distance: f64,
        /// Of the distance under other draws of the samples.
        interval: Option<Interval>,
        /// What infinitely many samples would have; nothing where there are too few to say.
        infinite: Option<f64>,
        /// Bootstrap resamples behind the interval.
        n_resamples: usize,
    },
    /// Of `kid`.
    Kernel(KernelDistance),
    /// Of `is`.
    Score(InceptionScore),
    /// Of `pr`.
    PrecisionRecall(PrecisionRecall),
    /// Of `dc`.
    DensityCoverage(DensityCoverage),
    /// Of `swd`.
    SlicedWasserstein {
        /// Mean over the levels.
        distance: f64,
        /// Finest first.
        levels: Vec<Level>,
    },
    /// Of `ms-ssim`.
    Likeness {
        /// Among samples.
        #[serde(flatten)]
        similarity: Similarity,
        /// Among real pictures.
        #[serde(skip_serializing_if = "Option::is_none")]
        of_reals: Option<Similarity>,
    },
    /// Of `psnr`, `ssim`, `paired-ms-ssim` and `perceptual`.
    Pairs {
        /// Mean over the pairs that have a figure; nothing where none has.
        mean: Option<f64>,
        /// Standard deviation between them.
        deviation: f64,
        /// Pairs of equal pictures that have none: a ratio to no noise.
        n_equal: usize,
    },
    /// Of `ppl`.
    PathLength {
        /// Mean over steps of squared distance over squared step.
        path_length: f64,
    },
    /// Of `nearest`.
    Nearest {
        /// Median distance from a sample to the nearest real picture.
        of_fakes: f64,
        /// Median distance from a real picture to the nearest other one.
        of_reals: f64,
        /// The first samples with their nearest real pictures.
        rows: Vec<Row>,
    },
}

/// A sample and the real pictures nearest to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Number of the sample.
    pub sample: usize,
    /// Nearest first; numbers are among those looked at.
    pub neighbours: Vec<Neighbour>,
}

impl Figures {
    /// The figure that training keeps the best snapshot by, smaller being better; nothing where there is no such order.
    pub fn loss(&self) -> Option<f64> {
        match self {
            Self::Frechet { distance, .. } | Self::SlicedWasserstein { distance, .. } => Some(*distance),
            Self::Kernel(distance) => Some(distance.mean),
            _ => None,
        }
    }
}

impl Measurement {
    /// The same, compared with `n_real` pictures.
    pub(super) fn against(self, n_real: usize) -> Self {
        Self { n_real: Some(n_real), ..self }
    }

    /// The same with more `warnings`.
    pub(super) fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The same with something to look at.
    pub(super) fn with_picture(self, picture: Picture) -> Self {
        Self { picture: Some(picture), ..self }
    }

    /// Adds it as a line to `metric-PROTOCOL.jsonl` in `folder`, its picture as `PROTOCOL.png` beside it, and returns the
    /// first.
    pub fn append(&self, folder: &Path) -> Result<PathBuf> {
        if let Some(picture) = &self.picture {
            let path = folder.join(format!("{}.png", self.protocol));
            let rows = serde_json::to_string(&self.figures).map_err(|error| Error::file(&path, error.to_string()))?;
            let bytes = encode_png(picture, &[("gannet:protocol", &self.protocol), ("gannet:figures", &rows)]);
            write_atomically(&path, &bytes.map_err(|reason| Error::file(&path, reason))?)?;
        }
        let path = folder.join(format!("metric-{}.jsonl", self.protocol));
        let mut text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        text += &serde_json::to_string(self).map_err(|error| Error::file(&path, error.to_string()))?;
        text.push('\n');
        write_atomically(&path, text.as_bytes())?;
        Ok(path)
    }
}

/// `modes-10000-3sigma: 8 of 8 modes, ... (nearest of 8 centres, ...)`.
impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.protocol, self.figures, self.judge)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coverage(coverage) => write!(f, "{coverage}"),
            Self::Obedience(obedience) => write!(f, "{obedience}"),
            Self::Frechet { distance, interval, infinite, .. } => {
                write!(f, "{distance:.4}")?;
                interval.map_or(Ok(()), |Interval { low, high }| write!(f, ", 95 % {low:.4} to {high:.4}"))?;
                infinite.map_or(Ok(()), |infinite| write!(f, ", without end of samples {infinite:.4}"))
            }
            Self::Kernel(KernelDistance { mean, deviation, interval }) => {
                write!(f, "{mean:.6} ± {deviation:.6}")?;
                interval.map_or(Ok(()), |Interval { low, high }| write!(f, ", 95 % {low:.6} to {high:.6}"))
            }
            Self::Score(InceptionScore { mean, deviation }) => write!(f, "{mean:.3} ± {deviation:.3}"),
            Self::PrecisionRecall(PrecisionRecall { precision, recall }) => {
                write!(f, "precision {precision:.4}, recall {recall:.4}")
            }
            Self::DensityCoverage(DensityCoverage { density, coverage }) => {
                write!(f, "density {density:.4}, coverage {coverage:.4}")
            }
            Self::SlicedWasserstein { distance, levels } => {
                write!(f, "{:.2} thousandths", 1000.0 * distance)?;
                levels.iter().try_for_each(|Level { height, width, distance }| {
                    write!(f, ", {:.2} at {height}x{width}", 1000.0 * distance)
                })
            }
            Self::Likeness { similarity, of_reals } => {
                write!(f, "{:.4}", similarity.mean)?;
                of_reals.map_or(Ok(()), |reals| write!(f, ", of reals {:.4}", reals.mean))
            }
            Self::Pairs { mean, deviation, n_equal } => {
                mean.map_or(Ok(()), |mean| write!(f, "{mean:.4} ± {deviation:.4}"))?;
                match (mean, n_equal) {
                    (_, 0) => Ok(()),
                    (Some(_), n) => write!(f, " and {n} equal"),
                    (None, _) => write!(f, "all equal"),
                }
            }
            Self::PathLength { path_length } => write!(f, "{path_length:.4}"),
            Self::Nearest { of_fakes, of_reals, .. } => {
                write!(f, "median distance {of_fakes:.4}, from real to real {of_reals:.4}")
            }
        }
    }
}
