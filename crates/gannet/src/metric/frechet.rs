//! The Fréchet distance between two sets of samples, each taken for a Gaussian.
//!
//! |m - m'|² + tr(C + C' - 2 (C C')^½) (Heusel et al. 2017, "GANs trained by a two time-scale update rule", eq. 6;
//! Dowson and Landau 1982). It is called FID only with the features of the standard Inception network. The trace of the
//! root is the sum of the singular values of C^½ C'^½, from a symmetric eigendecomposition of either covariance:
//! nothing imaginary can appear, eigenvalues that rounding made negative count as 0, and no root is taken of a product
//! whose small eigenvalues have drowned in rounding (on features with scales from 1e-3 to 1e3 that moved the sixth
//! digit).
//!
//! The distance of finite samples is too large by an amount that shrinks about as 1/N: compare distances of equal N, or
//! extrapolate with [`infinite`].

mod bootstrap;
mod extrapolate;

use std::fmt;

use faer::{MatRef, Side};
use serde::Serialize;

use super::features::check_widths;
use super::moments::Moments;
use super::products::product;
use crate::error::{Error, Result};

pub use bootstrap::bootstrap;
pub use extrapolate::{Infinite, infinite};

/// Samples below which the distance says little: fewer than the 2048 features of the standard network leave the
/// covariance without full rank.
pub const FEW_SAMPLES: usize = 2048;

/// The Fréchet distance between `real` and `fake`, at least 0.
pub fn distance(real: &Moments, fake: &Moments) -> Result<f64> {
    Reference::new(real)?.distance(fake)
}

/// Real moments prepared for many comparisons.
#[derive(Clone, Debug)]
pub struct Reference {
    moments: Moments,
    factor: Vec<f64>,
}

impl Reference {
    /// Decomposes the covariance of `moments`.
    pub fn new(moments: &Moments) -> Result<Self> {
        Ok(Self { moments: moments.clone(), factor: factor(moments)? })
    }

    /// The moments it was made of.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The Fréchet distance to `fake`, at least 0.
    pub fn distance(&self, fake: &Moments) -> Result<f64> {
        check_widths(self.moments.n_features(), fake.n_features())?;
        let shifts = self.moments.mean().iter().zip(fake.mean()).map(|(a, b)| (a - b).powi(2));
        let traces = self.moments.trace() + fake.trace();
        Ok((shifts.sum::<f64>() + traces - 2.0 * self.trace_of_root(fake)?).max(0.0))
    }

    /// tr (C C')^½, the sum of the singular values of F F'ᵀ for C = Fᵀ F and C' = F'ᵀ F'.
    fn trace_of_root(&self, fake: &Moments) -> Result<f64> {
        let d = fake.n_features();
        let inner = product(&self.factor, &factor(fake)?, d); // [R, R']
        let rank = self.factor.len() / d;
        if inner.is_empty() {
            return Ok(0.0);
        }
        let values = MatRef::from_row_major_slice(&inner, rank, inner.len() / rank).singular_values();
        Ok(values.map_err(|_| no_convergence())?.into_iter().sum())
    }
}

/// F [R, D] with C = Fᵀ F, where R is the rank of the covariance C.
fn factor(moments: &Moments) -> Result<Vec<f64>> {
    let d = moments.n_features();
    let decomposed = MatRef::from_row_major_slice(moments.covariance(), d, d).self_adjoint_eigen(Side::Lower);
    let decomposed = decomposed.map_err(|_| no_convergence())?;
    let values: Vec<f64> = decomposed.S().column_vector().iter().copied().collect();
    let noise = noise(&values);
    let mut factor = vec![];
    for (&value, vector) in values.iter().zip(decomposed.U().col_iter()).filter(|(value, _)| **value > noise) {
        factor.extend(vector.iter().map(|entry| entry * value.sqrt()));
    }
    Ok(factor)
}

/// What rounding can make of an eigenvalue that is 0: its root would be far from 0, and there can be hundreds.
fn noise(eigenvalues: &[f64]) -> f64 {
    let largest = eigenvalues.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    f64::EPSILON * eigenvalues.len() as f64 * largest
}

fn no_convergence() -> Error {
    Error::features("the eigenvalues of a covariance were not found; features of a smaller range would be accepted")
}

/// Which set a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Real samples.
    Real,
    /// Samples of a generator.
    Fake,
}

/// Why a distance should not be compared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Fewer than [`FEW_SAMPLES`].
    FewSamples {
        /// Which set.
        set: Set,
        /// How many.
        n_samples: usize,
    },
    /// The covariance is without full rank.
    FewerSamplesThanFeatures {
        /// Which set.
        set: Set,
        /// How many.
        n_samples: usize,
        /// Of how many numbers each.
        n_features: usize,
    },
}

/// What speaks against comparing the distance of so many samples with so many features.
pub fn warnings(n_real: usize, n_fake: usize, n_features: usize) -> Vec<Warning> {
    let mut warnings = vec![];
    for (set, n_samples) in [(Set::Real, n_real), (Set::Fake, n_fake)] {
        if n_samples < FEW_SAMPLES {
            warnings.push(Warning::FewSamples { set, n_samples });
        }
        // One degree of freedom goes to the mean.
        if n_samples <= n_features {
            warnings.push(Warning::FewerSamplesThanFeatures { set, n_samples, n_features });
        }
    }
    warnings
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Fake => "fake",
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewSamples { set, n_samples } => {
                write!(
                    f,
                    "{n_samples} {set} samples: below {FEW_SAMPLES} the distance says more of them than of the model"
                )
            }
            Self::FewerSamplesThanFeatures { set, n_samples, n_features } => write!(
                f,
                "{n_samples} {set} samples for {n_features} features: the covariance needs at least {}",
                n_features + 1
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Features;
    use crate::random::{self, Purpose};

    fn gaussian(seed: u64, n: usize, d: usize, scale: f32, shift: f32) -> Features {
        let values = random::normal(&mut random::stream(seed, Purpose::Synthetic, 0), n * d);
        Features::new(values.into_iter().map(|value| scale * value + shift).collect(), d).unwrap()
    }

    fn between(a: &Features, b: &Features) -> f64 {
        distance(&Moments::of(a).unwrap(), &Moments::of(b).unwrap()).unwrap()
    }

    #[test]
    fn commuting_covariances_have_a_closed_form() {
        // Diagonal: the sum of (sqrt(a) - sqrt(b))² and of squared shifts.
        let real = Moments::new(9, vec![1.0, 0.0], vec![4.0, 0.0, 0.0, 9.0]).unwrap();
        let fake = Moments::new(9, vec![0.0, 2.0], vec![1.0, 0.0, 0.0, 25.0]).unwrap();
        assert!((distance(&real, &fake).unwrap() - (1.0 + 4.0 + 1.0 + 4.0)).abs() < 1e-12);
    }

    #[test]
    fn a_set_is_at_distance_zero_from_itself_even_without_full_rank() {
        for (n, d) in [(400, 8), (20, 64), (2, 5)] {
            let set = gaussian(1, n, d, 3.0, 1.0);
            let ours = between(&set, &set);
            assert!(ours < 1e-8 * Moments::of(&set).unwrap().trace(), "{n}x{d}: {ours}");
        }
        let constant = Features::new(vec![2.0; 12], 3).unwrap();
        assert_eq!(between(&constant, &constant), 0.0);
    }

    #[test]
    fn it_is_symmetric() {
        let (a, b) = (gaussian(2, 30, 40, 1.0, 0.0), gaussian(3, 500, 40, 2.0, 0.3));
        let (forth, back) = (between(&a, &b), between(&b, &a));
        assert!((forth - back).abs() < 1e-9 * forth, "{forth} {back}");
    }

    #[test]
    fn it_grows_with_noise() {
        let real = gaussian(4, 3000, 6, 1.0, 0.0);
        let noisier = |scale| between(&real, &gaussian(5, 3000, 6, scale, 0.0));
        let distances = [1.0, 1.2, 1.5, 2.0].map(noisier);
        assert!(distances.is_sorted() && distances[0] < 0.02, "{distances:?}");
    }

    #[test]
    fn warnings_are_values_that_read_as_sentences() {
        assert_eq!(warnings(50_000, 50_000, 2048), []);
        assert_eq!(warnings(50_000, 2048, 64), []);
        let said: Vec<String> = warnings(50_000, 1000, 1280).iter().map(ToString::to_string).collect();
        let few = "1000 fake samples: below 2048 the distance says more of them than of the model";
        let rank = "1000 fake samples for 1280 features: the covariance needs at least 1281";
        assert_eq!(said, [few, rank]);
    }
}
