//! Mean and covariance of a set of samples, in f64.

use super::Features;
use super::products::map_products;
use crate::error::{Error, Result};

/// Mean and covariance of a set of samples: all that a Fréchet distance knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    n_samples: usize,
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl Moments {
    /// Of at least two samples. The covariance divides by n - 1, which is the convention of FID.
    pub fn of(features: &Features) -> Result<Self> {
        if features.n_samples() < 2 {
            return Err(Error::features("1 sample has no covariance, at least 2 are needed"));
        }
        let (n, d) = (features.n_samples(), features.n_features());
        let mut mean = vec![0.0; d];
        for row in features.rows() {
            mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        mean.iter_mut().for_each(|sum| *sum /= n as f64);
        let mut centred = vec![0.0; d * n]; // [D, N]
        for (i, row) in features.rows().enumerate() {
            for (j, (&value, mean)) in row.iter().zip(&mean).enumerate() {
                centred[j * n + i] = f64::from(value) - mean;
            }
        }
        let rows = map_products(&centred, &centred, n, |_, row| {
            row.iter().map(|sum| sum / (n - 1) as f64).collect::<Vec<f64>>()
        });
        Ok(Self { n_samples: n, mean, covariance: rows.concat() })
    }

    /// From a mean of D numbers and `covariance` [D, D], which were saved before.
    pub fn new(n_samples: usize, mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self> {
        assert_eq!(covariance.len(), mean.len().pow(2), "the covariance of {} features", mean.len());
        match mean.iter().chain(&covariance).find(|value| !value.is_finite()) {
            Some(value) => Err(Error::features(format!("moments hold {value}, every value must be finite"))),
            None => Ok(Self { n_samples, mean, covariance }),
        }
    }

    /// Of how many samples they are.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// How many numbers a sample has.
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// D numbers.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// [D, D], row by row.
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// The sum of all variances.
    pub fn trace(&self) -> f64 {
        self.covariance.iter().step_by(self.mean.len() + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_covariance_divides_by_one_less_than_the_samples() {
        let moments = Moments::of(&Features::new(vec![1.0, 0.0, 3.0, 4.0, 5.0, 2.0], 2).unwrap()).unwrap();
        assert_eq!((moments.n_samples(), moments.mean()), (3, &[3.0, 2.0][..]));
        assert_eq!(moments.covariance(), [4.0, 2.0, 2.0, 4.0]);
        assert_eq!(moments.trace(), 8.0);
    }

    #[test]
    fn a_large_offset_does_not_drown_the_variance() {
        let values = (0..1000).map(|i| 1e6 + (i % 2) as f32).collect();
        let variance = Moments::of(&Features::new(values, 1).unwrap()).unwrap().trace();
        assert!((variance - 250.0 / 999.0).abs() < 1e-9, "{variance}");
    }

    #[test]
    fn one_sample_and_broken_numbers_are_refused() {
        let one = Moments::of(&Features::new(vec![1.0, 2.0], 2).unwrap()).unwrap_err();
        assert_eq!(one.to_string(), "1 sample has no covariance, at least 2 are needed");
        let broken = Moments::new(5, vec![0.0], vec![f64::NAN]).unwrap_err();
        assert_eq!(broken.to_string(), "moments hold NaN, every value must be finite");
    }
}
