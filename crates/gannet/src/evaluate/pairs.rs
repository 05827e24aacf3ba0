//! The metrics of pairs: pictures of two folders that have equal names, each compared with its own partner.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::DEFAULT_SAMPLES;
use super::features::{in_words, seen_through};
use super::measurement::{Figures, Measurement};
use super::subject::{Pictures, Subject};
use super::trial::Trial;
use crate::data::PictureFiles;
use crate::image::{Fit, Picture, Shape, conform, to_unit};
use crate::metric::interval::mean_and_deviation;
use crate::metric::ms_ssim::ms_ssim;
use crate::metric::perceptual;
use crate::metric::psnr::psnr;
use crate::metric::ssim::ssim;
use crate::{Error, Result};

/// Pairs that an extractor sees at once.
const BATCH: usize = 8;

/// Equal names on both sides, but for the endings.
pub(super) fn needs(trial: &Trial) -> Result<(), String> {
    super::both_sides(trial)?;
    pairs(trial).map(drop)
}

pub(super) fn noise(trial: &Trial) -> Result<Measurement> {
    measured(trial, "psnr", "dB", |a, b, _| Ok(psnr(a, b)))
}

pub(super) fn structure(trial: &Trial) -> Result<Measurement> {
    measured(trial, "ssim", "Gaussian window of 11 pixels, K 0.01 and 0.03, mean over channels", |a, b, shape| {
        ssim(a, b, shape).map(Some)
    })
}

pub(super) fn structure_of_scales(trial: &Trial) -> Result<Measurement> {
    measured(trial, "paired-ms-ssim", "as many as five scales, mean over channels", |a, b, shape| {
        ms_ssim(a, b, shape).map(Some)
    })
}

/// Distances of what an extractor sees, stage by stage.
pub(super) fn perception(trial: &Trial) -> Result<Measurement> {
    let extractor = trial.extractor()?;
    let card = extractor.card();
    let pairs = taken(trial)?;
    let mut values = vec![];
    for batch in pairs.list.chunks(BATCH) {
        let pictures = batch.par_iter().map(|pair| pairs.read(pair)).collect::<Result<Vec<_>>>()?;
        let (fakes, reals): (Vec<Picture>, Vec<Picture>) =
            pictures.into_iter().map(|[fake, real]| (fake, real)).unzip();
        let [fakes, reals] = [fakes, reals].map(|side| extractor.see_stages(side, trial.options.filter));
        let (fakes, reals) = (fakes?, reals?);
        if fakes.is_empty() {
            return Err(Error::setting(format!(
                "perceptual: the extractor `{}` has no stages to see through",
                card.name
            )));
        }
        let mut distances = vec![0.0; batch.len()];
        for (fake, real) in fakes.into_iter().zip(reals) {
            let [_, n_channels, ..] = fake.dims();
            let rows = |maps: Tensor<4>| -> Vec<f32> { maps.into_data().iter::<f32>().collect() };
            let (fake, real) = (rows(fake), rows(real));
            let n = fake.len() / batch.len();
            let each = fake.chunks_exact(n).zip(real.chunks_exact(n)).zip(&mut distances);
            each.for_each(|((fake, real), distance)| *distance += perceptual::layer(fake, real, n_channels));
        }
        values.extend(distances.into_iter().map(Some));
    }
    let protocol = format!("perceptual-{}", seen_through(trial, card));
    let words = format!("seen through all stages of {}, {}", in_words(card), trial.options.filter);
    Ok(measurement(trial, "perceptual", &protocol, &words, &pairs, &values)?.with_warnings(trial.colour_blind(card)))
}

/// What `figure` says of the pixels of every pair, in [-1, 1].
fn measured(
    trial: &Trial,
    metric: &'static str,
    words: &str,
    figure: impl Fn(&[f32], &[f32], Shape) -> Result<Option<f64>> + Sync,
) -> Result<Measurement> {
    let pairs = taken(trial)?;
    let of_pair = |pair: &Pair| {
        let [fake, real] = pairs.read(pair)?;
        if fake.shape() != real.shape() {
            let [fake, real] = [fake.shape(), real.shape()];
            let reason = format!("`{}` is {fake} and its partner {real}; accepted: one size", pair.name);
            return Err(Error::setting(format!("{metric}: {reason}")));
        }
        figure(&to_unit(&fake), &to_unit(&real), fake.shape())
    };
    let values = pairs.list.par_iter().map(of_pair).collect::<Result<Vec<_>>>()?;
    measurement(trial, metric, metric, words, &pairs, &values)
}

/// `values` of `pairs`; one that has no end counts as equal pictures.
fn measurement(
    trial: &Trial,
    metric: &'static str,
    protocol: &str,
    words: &str,
    pairs: &Pairs,
    values: &[Option<f64>],
) -> Result<Measurement> {
    let n = pairs.list.len();
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    let (mean, deviation) = mean_and_deviation(&known);
    let figures = Figures::Pairs { mean: (!known.is_empty()).then_some(mean), deviation, n_equal: n - known.len() };
    let protocol = format!("{protocol}-{n}pairs{}", trial.data_suffix()?);
    let words = format!("{n} pairs with {}, {words}", trial.reference()?.name());
    Ok(trial.measurement(metric, protocol, n, words, figures).against(n))
}

/// Two pictures of one name.
struct Pair {
    /// That of the first.
    name: String,
    /// Places on their sides.
    places: [usize; 2],
}

struct Pairs<'a> {
    sides: [&'a PictureFiles; 2],
    list: Vec<Pair>,
}

impl Pairs<'_> {
    /// The picture that is judged, and its partner, over white where they are transparent: what hides there is no picture's.
    fn read(&self, pair: &Pair) -> Result<[Picture; 2]> {
        let read = |side: usize| {
            let picture = self.sides[side].read(pair.places[side])?;
            let shape = picture.shape();
            let n_colours = if shape.channels == 4 { 3 } else { shape.channels };
            Ok(conform(picture, Shape { channels: n_colours, ..shape }, Fit::Stretch))
        };
        Ok([read(0)?, read(1)?])
    }
}

/// As many pairs as are wanted, spread over all.
fn taken<'a>(trial: &'a Trial) -> Result<Pairs<'a>> {
    let mut pairs =
        pairs(trial).map_err(|needs| Error::setting(format!("{} and lack {needs}", trial.subject.title())))?;
    let n_all = pairs.list.len();
    let n = trial.options.n_samples.unwrap_or(DEFAULT_SAMPLES).min(n_all);
    let mut place = 0;
    pairs.list.retain(|_| {
        place += 1;
        place * n / n_all > (place - 1) * n / n_all
    });
    Ok(pairs)
}

/// All pairs, or what is missing.
fn pairs<'a>(trial: &'a Trial) -> Result<Pairs<'a>, String> {
    let needed = || "two folders of pictures with equal names".to_owned();
    let Subject::Pictures(Pictures::Files(fake)) = trial.subject else { return Err(needed()) };
    let Pictures::Files(real) = trial.reference().map_err(|error| error.to_string())? else { return Err(needed()) };
    let [fakes, reals] = [fake, real].map(|files| {
        let stem = |index| files.name_of(index).rsplit_once('.').map_or(files.name_of(index), |(stem, _)| stem);
        (0..files.len()).map(|index| (stem(index), index)).collect::<BTreeMap<&str, usize>>()
    });
    let lonely = fakes.keys().find(|name| !reals.contains_key(*name)).map(|name| (name, real));
    let lonely = lonely.or_else(|| reals.keys().find(|name| !fakes.contains_key(*name)).map(|name| (name, fake)));
    if let Some((name, lacking)) = lonely {
        return Err(format!("{}; {} holds none called `{name}`", needed(), lacking.name()));
    }
    let pair = |(stem, place): (&&str, &usize)| Pair { name: (*stem).to_owned(), places: [*place, reals[stem]] };
    Ok(Pairs { sides: [fake, real], list: fakes.iter().map(pair).collect() })
}
