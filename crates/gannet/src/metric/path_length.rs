//! Perceptual path length: how much pictures change along short steps through latent space.
//!
//! The mean of d(G(z), G(z')) / ε² over latents z' a step of ε from z (Karras et al. 2019, "A style-based generator
//! architecture for GANs", section 4.1). Steps and the perceptual distance d are the caller's.

use super::interval::mean_and_deviation;
use crate::error::{Error, Result};

/// The step of the paper, as a share of the way between two latents.
pub const EPSILON: f64 = 1e-4;

/// The share of steps left out at either end, so that a few cuts between pictures do not decide.
const TAIL: f64 = 0.01;

/// The length from the `distances` over steps of `epsilon`, without the smallest and the largest hundredth.
pub fn path_length(distances: &[f64], epsilon: f64) -> Result<f64> {
    assert!(epsilon > 0.0, "a step of {epsilon} goes nowhere");
    if let Some((index, distance)) = distances.iter().enumerate().find(|(_, distance)| !distance.is_finite()) {
        return Err(Error::features(format!("distance {index} is {distance}, every distance must be finite")));
    }
    if distances.is_empty() {
        return Err(Error::features("0 distances, at least 1 is needed"));
    }
    let mut sorted = distances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n_left_out = (TAIL * sorted.len() as f64) as usize;
    let (mean, _) = mean_and_deviation(&sorted[n_left_out..sorted.len() - n_left_out]);
    Ok(mean / epsilon.powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_over_the_squared_step_without_the_tails() {
        assert_eq!(path_length(&[1.0, 3.0], 0.5).unwrap(), 8.0);
        let mut distances = vec![2.0; 198];
        distances.extend([1e9, 0.0]);
        assert_eq!(path_length(&distances, 1.0).unwrap(), 2.0);
    }

    #[test]
    fn broken_distances_are_named() {
        let problem = path_length(&[1.0, f64::NAN], 1.0).unwrap_err().to_string();
        assert_eq!(problem, "distance 1 is NaN, every distance must be finite");
    }
}
