//! The inception score: how sure a classifier is of each sample, and how different its answers are.
//!
//! exp(mean over samples of KL(p(y|x) || p(y))), with p(y) the mean of p(y|x) over the samples of a split (Salimans et
//! al. 2016, "Improved techniques for training GANs", section 4). From 1 to the number of classes. It sees no real
//! samples and says nothing about them (Barratt and Sharma 2018). It carries that name only with the standard network.

use serde::Serialize;

use super::Features;
use crate::error::{Error, Result};

/// Splits of the paper's protocol.
pub const N_SPLITS: usize = 10;

/// An inception score over splits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct InceptionScore {
    /// Mean over splits.
    pub mean: f64,
    /// Standard deviation between splits, divided by their number as in the paper's protocol.
    pub deviation: f64,
}

/// From a classifier's `logits` [N, classes], cut in the order given into `n_splits` parts of nearly equal size.
pub fn inception_score(logits: &Features, n_splits: usize) -> Result<InceptionScore> {
    let n = logits.n_samples();
    if n_splits == 0 || n_splits > n {
        return Err(Error::features(format!("{n_splits} splits of {n} samples, accepted: 1 to {n}")));
    }
    let of_split = |split: usize| score(logits, split * n / n_splits..(split + 1) * n / n_splits);
    let scores: Vec<f64> = (0..n_splits).map(of_split).collect();
    let mean = scores.iter().sum::<f64>() / n_splits as f64;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    Ok(InceptionScore { mean, deviation: (squares / n_splits as f64).sqrt() })
}

/// exp(H(mean p) - mean H(p)), which is the same as the mean divergence.
fn score(logits: &Features, rows: std::ops::Range<usize>) -> f64 {
    let n = rows.len() as f64;
    let mut mean = vec![0.0; logits.n_features()];
    let mut entropies = 0.0;
    for index in rows {
        let probabilities = softmax(logits.row(index));
        entropies += entropy(&probabilities);
        mean.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum += p / n);
    }
    (entropy(&mean) - entropies / n).exp()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().fold(f32::MIN, |largest, logit| largest.max(*logit));
    let powers: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) - f64::from(largest)).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / total).collect()
}

/// In nats; 0 ln 0 is 0.
fn entropy(probabilities: &[f64]) -> f64 {
    -probabilities.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certain(labels: impl IntoIterator<Item = usize>) -> Features {
        let rows =
            labels.into_iter().flat_map(|label| (0..5).map(move |class| if class == label { 900.0 } else { 0.0 }));
        Features::new(rows.collect(), 5).unwrap()
    }

    #[test]
    fn sure_and_even_is_the_number_of_classes_and_one_class_is_one() {
        let even = inception_score(&certain((0..100).map(|i| i % 5)), 10).unwrap();
        assert!((even.mean - 5.0).abs() < 1e-9 && even.deviation < 1e-9, "{even:?}");
        let collapsed = inception_score(&certain([3; 40]), 4).unwrap();
        assert!((collapsed.mean - 1.0).abs() < 1e-12);
        let unsure = inception_score(&Features::new(vec![0.3; 50], 5).unwrap(), 1).unwrap();
        assert!((unsure.mean - 1.0).abs() < 1e-12);
    }

    #[test]
    fn it_falls_with_dropped_classes() {
        let score = |n_classes: usize| inception_score(&certain((0..120).map(|i| i % n_classes)), 1).unwrap().mean;
        assert!([1, 2, 3, 5].map(score).is_sorted());
    }

    #[test]
    fn more_splits_than_samples_are_refused() {
        let problem = inception_score(&certain([1, 2]), 3).unwrap_err().to_string();
        assert_eq!(problem, "3 splits of 2 samples, accepted: 1 to 2");
    }
}
