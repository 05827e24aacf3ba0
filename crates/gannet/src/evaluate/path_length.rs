//! The metric `ppl`: how far features move along short steps through latent space.
//!
//! Karras et al. 2019 measure with LPIPS, here it is the squared Euclidean distance of an extractor's features; lengths
//! compare within one extractor only.

use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Tensor, TensorData};

use super::CHUNK;
use super::features::in_words;
use super::measurement::{Figures, Measurement};
use super::trial::{Side, Trial};
use crate::Result;
use crate::extractor::Extractor;
use crate::image::Shape;
use crate::metric::path_length::{EPSILON, path_length};

pub(super) fn take(trial: &Trial) -> Result<Measurement> {
    let generator = trial.generator()?;
    let extractor = trial.extractor()?;
    let shape = generator.card().shape;
    let n = trial.n(Side::Fake)?;
    let seeds: Vec<u64> = (trial.options.first_seed..).take(n).collect();
    let mut distances = Vec::with_capacity(n);
    for seeds in seeds.chunks(CHUNK) {
        let [from, to] = generator.steps(seeds, EPSILON).map(|samples| look(extractor, &samples, shape));
        let squared = |(a, b): (Vec<f32>, Vec<f32>)| {
            a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
        };
        distances.extend(from?.into_iter().zip(to?).map(squared));
    }
    let figures = Figures::PathLength { path_length: path_length(&distances, EPSILON)? };
    let card = extractor.card();
    let protocol = format!("ppl-{}.{}-{n}-eps{EPSILON:e}{}", card.name, card.short_hash(), trial.seed_suffix());
    let words = format!("squared distance of features of {} over steps of {EPSILON:e}", in_words(card));
    Ok(trial.measurement("ppl", protocol, n, words, figures).with_warnings(trial.colour_blind(card)))
}

/// Features of `samples` [C, H, W]. A step is far smaller than one of 255 shades, so nothing is rounded to 8 bits here.
fn look(extractor: &Extractor, samples: &[Vec<f32>], shape: Shape) -> Result<Vec<Vec<f32>>> {
    let wanted = extractor.card().shape;
    let data = TensorData::new(samples.concat(), [samples.len(), shape.channels, shape.height, shape.width]);
    let mut images = Tensor::<4>::from_data(data, extractor.device());
    if shape.channels == 4 {
        let alpha = (images.clone().narrow(1, 3, 1) + 1.0) / 2.0;
        images = images.narrow(1, 0, 3) * alpha.clone() + (alpha.neg() + 1.0); // Over white.
    }
    if wanted.channels == 1 && shape.channels > 1 {
        images = images.mean_dim(1);
    }
    if [shape.height, shape.width] != [wanted.height, wanted.width] {
        let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        images = interpolate(images, options.with_output_size([wanted.height, wanted.width]));
    }
    extractor.features(images)
}
