//! Samples as rows of numbers: what an extractor saw in them, or their pixels.

use std::slice::ChunksExact;

use crate::error::{Error, Result};
use crate::image::Shape;

/// A set of samples, [N, D]: a row for each, every value finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    n_features: usize,
}

impl Features {
    /// From `values` [N, D], row by row; refuses a value that is not finite and an empty set.
    pub fn new(values: Vec<f32>, n_features: usize) -> Result<Self> {
        assert!(n_features > 0, "a sample has at least one feature");
        assert!(values.len().is_multiple_of(n_features), "{} values are no rows of {n_features}", values.len());
        if values.is_empty() {
            return Err(Error::features("features of 0 samples, at least 1 is needed"));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::features(format!(
                "features: row {}, column {} is {}, every value must be finite",
                at / n_features,
                at % n_features,
                values[at]
            ))),
            None => Ok(Self { values, n_features }),
        }
    }

    /// From values that are finite because of how they were computed.
    pub(super) fn trusted(values: Vec<f32>, n_features: usize) -> Self {
        Self { values, n_features }
    }

    /// How many samples there are.
    pub fn n_samples(&self) -> usize {
        self.values.len() / self.n_features
    }

    /// How many numbers a sample has.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// The samples, each a slice of D numbers.
    pub fn rows(&self) -> ChunksExact<'_, f32> {
        self.values.chunks_exact(self.n_features)
    }

    /// Sample number `index`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.n_features..][..self.n_features]
    }

    /// Samples `indices`, in that order; an index may stand there more than once.
    pub fn select(&self, indices: &[usize]) -> Self {
        let values = indices.iter().flat_map(|&index| self.row(index)).copied().collect();
        Self { values, n_features: self.n_features }
    }

    /// All values, row by row, in f64.
    pub(super) fn to_f64(&self) -> Vec<f64> {
        self.values.iter().copied().map(f64::from).collect()
    }

    /// Refuses fewer than `at_least` samples.
    pub(super) fn check_samples(&self, set: &str, at_least: usize) -> Result<()> {
        match self.n_samples() {
            n if n < at_least => Err(Error::features(format!("{n} {set} samples, at least {at_least} are needed"))),
            _ => Ok(()),
        }
    }

    /// Refuses rows that are not pictures of `shape`.
    pub(super) fn check_shape(&self, shape: Shape) -> Result<()> {
        if self.n_features == shape.n_values() {
            return Ok(());
        }
        let wanted = shape.n_values();
        Err(Error::features(format!("samples of {} values, {wanted} are needed for {shape}", self.n_features)))
    }
}

/// Refuses fewer than `at_least` samples in either set, and sets whose samples have different numbers of features.
pub(super) fn check_pair(real: &Features, fake: &Features, at_least: usize) -> Result<()> {
    real.check_samples("real", at_least)?;
    fake.check_samples("fake", at_least)?;
    check_widths(real.n_features, fake.n_features)
}

/// Refuses different numbers of features.
pub(super) fn check_widths(real: usize, fake: usize) -> Result<()> {
    if real == fake {
        return Ok(());
    }
    Err(Error::features(format!("real samples have {real} features and fake samples {fake}, both need as many")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_no_number_is_named_by_row_and_column() {
        let problem = |values: Vec<f32>| Features::new(values, 3).unwrap_err().to_string();
        let nan = problem(vec![0.0, 1.0, 2.0, 3.0, f32::NAN, 5.0]);
        assert_eq!(nan, "features: row 1, column 1 is NaN, every value must be finite");
        let infinite = problem(vec![0.0, 1.0, f32::NEG_INFINITY]);
        assert_eq!(infinite, "features: row 0, column 2 is -inf, every value must be finite");
        assert_eq!(problem(vec![]), "features of 0 samples, at least 1 is needed");
    }

    #[test]
    fn sets_that_do_not_go_together_are_refused() {
        let set = |n_samples: usize, n_features| Features::new(vec![0.0; n_samples * n_features], n_features).unwrap();
        let problem = |real, fake| check_pair(&real, &fake, 2).unwrap_err().to_string();
        assert_eq!(problem(set(1, 2), set(5, 2)), "1 real samples, at least 2 are needed");
        assert_eq!(problem(set(5, 2), set(1, 2)), "1 fake samples, at least 2 are needed");
        let widths = "real samples have 2 features and fake samples 3, both need as many";
        assert_eq!(problem(set(5, 2), set(5, 3)), widths);
    }

    #[test]
    fn selection_repeats_and_reorders() {
        let features = Features::new(vec![0., 1., 2., 3., 4., 5.], 2).unwrap();
        assert_eq!(features.select(&[2, 0, 2]).values, [4., 5., 0., 1., 4., 5.]);
    }
}
