//! Density and coverage: precision and recall that outliers do not mislead.
//!
//! Only reals have balls. Density counts in how many of them a fake lies, over k; coverage is the share of balls with a
//! fake in them (Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", eqs. 2 and 3).

use serde::Serialize;

use super::Features;
use super::features::check_pair;
use super::neighbours::Manifold;
use super::products::map_squared_distances;
use crate::error::Result;

/// The neighbour that the paper's balls reach to.
pub const K: usize = 5;

/// How fakes lie in the balls of reals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DensityCoverage {
    /// At least 0; about 1 where fakes are distributed as reals, more where they crowd.
    pub density: f64,
    /// Of the reals' balls, in [0, 1].
    pub coverage: f64,
}

/// Density and coverage with balls that reach to neighbour `k`.
pub fn density_coverage(real: &Features, fake: &Features, k: usize) -> Result<DensityCoverage> {
    check_pair(real, fake, 2)?;
    let manifold = Manifold::new(real, k)?;
    let in_ball: Vec<usize> = map_squared_distances(real, fake, |centre, row| {
        row.iter().filter(|distance| manifold.holds(centre, **distance)).count()
    });
    let n_hits: usize = in_ball.iter().sum();
    let n_covered = in_ball.iter().filter(|n_fakes| **n_fakes > 0).count();
    Ok(DensityCoverage {
        density: n_hits as f64 / (k * fake.n_samples()) as f64,
        coverage: n_covered as f64 / real.n_samples() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::neighbours::tests::modes;

    #[test]
    fn a_set_covers_itself_and_lies_in_one_ball_more_than_k() {
        let set = modes(1, 3, 1.0);
        let own = density_coverage(&set, &set, K).unwrap();
        assert_eq!(own.coverage, 1.0);
        assert!((own.density - 1.2).abs() < 1e-12, "{own:?}");
    }

    #[test]
    fn other_draws_have_density_one_and_the_expected_coverage() {
        // For equal distributions coverage is 1 - (N - 1)...(N - k) / ((2N - 1)...(2N - k)), Naeem et al. 2020.
        let found = density_coverage(&modes(1, 1, 1.0), &modes(2, 1, 1.0), K).unwrap();
        let expected = 1.0 - (1..=5).map(|i| (600.0 - f64::from(i)) / (1200.0 - f64::from(i))).product::<f64>();
        assert!((found.coverage - expected).abs() < 0.03 && (found.density - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn dropped_modes_cost_coverage_and_noise_costs_density() {
        let real = modes(1, 6, 1.0);
        let of = |n_modes, scale| density_coverage(&real, &modes(2, n_modes, scale), K).unwrap();
        let coverages = [1, 2, 3, 6].map(|n_modes| of(n_modes, 1.0).coverage);
        assert!(coverages.is_sorted() && coverages[0] < 0.2 && coverages[3] > 0.9, "{coverages:?}");
        let densities = [3.0, 2.0, 1.5, 1.0].map(|scale| of(6, scale).density);
        assert!(densities.is_sorted() && densities[0] < 0.3, "{densities:?}");
    }

    #[test]
    fn one_outlier_among_reals_does_not_raise_density() {
        // A far real has a ball that holds every fake, so precision is perfect for any fakes within it.
        let mut values: Vec<f32> = modes(1, 1, 1.0).rows().flatten().copied().collect();
        values.extend([1000.0; 4]);
        let real = Features::new(values, 4).unwrap();
        let fake = Features::new(modes(2, 1, 1.0).rows().flatten().map(|v| v + 30.0).collect(), 4).unwrap();
        assert_eq!(super::super::precision_recall::precision_recall(&real, &fake, K).unwrap().precision, 1.0);
        assert!(density_coverage(&real, &fake, K).unwrap().density < 0.3);
    }
}
