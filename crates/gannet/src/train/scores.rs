//! How the critic scores reals and fakes, as histograms over one range: whether it can tell them apart at a glance.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

use crate::image::Shape;
use crate::method::Method;

/// Bars of a histogram.
const N_BARS: usize = 32;

/// Samples that are scored together.
const BATCH: usize = 64;

/// `{"low", "high", "real": [counts], "fake": [counts]}` of the critic's scores of `real` and `fake` samples
/// `[C, H, W]`, over the range of both. None where a score is no number.
pub(super) fn histograms(
    method: &dyn Method,
    [real, fake]: [&[Vec<f32>]; 2],
    shape: Shape,
    device: &Device,
) -> Option<Value> {
    let [real, fake] = [real, fake].map(|samples| scores(method, samples, shape, device));
    let all = || real.iter().chain(&fake);
    if !all().all(|score| score.is_finite()) {
        return None;
    }
    let low = all().copied().fold(f64::INFINITY, f64::min);
    let high = all().copied().fold(f64::NEG_INFINITY, f64::max);
    let [real, fake] = [real, fake].map(|scores| counts(&scores, low, high));
    Some(json!({ "low": low, "high": high, "real": real, "fake": fake }))
}

fn scores(method: &dyn Method, samples: &[Vec<f32>], shape: Shape, device: &Device) -> Vec<f64> {
    let device = device.clone().without_autodiff();
    let batch = |samples: &[Vec<f32>]| {
        let data = TensorData::new(samples.concat(), [samples.len(), shape.channels, shape.height, shape.width]);
        method.scores(Tensor::from_data(data, &device)).into_data().iter::<f64>().collect::<Vec<_>>()
    };
    samples.chunks(BATCH).flat_map(batch).collect()
}

fn counts(scores: &[f64], low: f64, high: f64) -> Vec<u64> {
    let width = ((high - low) / N_BARS as f64).max(f64::MIN_POSITIVE);
    let mut counts = vec![0; N_BARS];
    scores.iter().for_each(|score| counts[(((score - low) / width) as usize).min(N_BARS - 1)] += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_is_counted_once_the_extremes_in_the_outer_bars() {
        let counted = counts(&[-1.0, -1.0, 0.0, 1.0], -1.0, 1.0);
        assert_eq!((counted[0], counted[N_BARS / 2], counted[N_BARS - 1]), (2, 1, 1));
        assert_eq!(counted.iter().sum::<u64>(), 4);
        assert_eq!(counts(&[3.0, 3.0], 3.0, 3.0)[0], 2);
    }
}
