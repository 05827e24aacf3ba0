//! How much of a distribution with known modes a generator covers.
//!
//! On a mixture of Gaussians a sample is of high quality if it lies within three standard deviations of the nearest
//! mean, and a mode is covered if at least one sample of high quality is nearest to it (Srivastava et al. 2017, VEEGAN,
//! section 4; Lin et al. 2018, PacGAN, section 4.1). On Stacked MNIST a classifier says which of the 1000 modes a sample
//! belongs to, so that every sample counts (Metz et al. 2017, section 3.3.1; PacGAN, section 4.2, with 26,000 samples).

use std::fmt;

use serde::Serialize;

use crate::data::Modes;

/// Samples that the customary count on Stacked MNIST takes (Lin et al. 2018, section 4.2).
pub const STACKED_MNIST_SAMPLES: usize = 26_000;

/// Modes of Stacked MNIST: three digits of ten kinds.
pub const STACKED_MNIST_MODES: usize = 1000;

/// Standard deviations from the nearest mean within which a point is of high quality.
pub const MAX_DEVIATIONS: f64 = 3.0;

/// Which modes samples fell on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Modes there are.
    pub n_modes: usize,
    /// Modes with at least one sample of high quality.
    pub n_covered: usize,
    /// Share of samples of high quality, in [0, 1]; nothing where a classifier puts every sample onto some mode.
    pub high_quality: Option<f64>,
    /// Reverse Kullback-Leibler divergence, in nats: of the samples of high quality over the modes, from the uniform
    /// distribution. 0 is even, ln(n_modes) is everything on one mode; nothing where no sample is of high quality. A
    /// perfect generator has about (n_modes - 1) / (2 n_samples), because samples are finite.
    pub reverse_kl: Option<f64>,
}

/// Coverage of the mixture `modes` by `points`, each a sample in the plane.
pub fn of_points(points: &[[f32; 2]], modes: &Modes) -> Coverage {
    let mut counts = vec![0; modes.centres.len()];
    for point in points {
        let (mode, distance) = nearest(*point, &modes.centres);
        if distance <= MAX_DEVIATIONS * f64::from(modes.sigma) {
            counts[mode] += 1;
        }
    }
    let n_good: u64 = counts.iter().sum();
    Coverage { high_quality: Some(n_good as f64 / points.len().max(1) as f64), ..Coverage::new(&counts) }
}

/// Coverage of `n_modes` modes by samples that a classifier assigned to `labels`, each below `n_modes`.
pub fn of_labels(labels: &[usize], n_modes: usize) -> Coverage {
    let mut counts = vec![0; n_modes];
    labels.iter().for_each(|&label| counts[label] += 1);
    Coverage::new(&counts)
}

/// The centre nearest to `point`, and how far it is.
pub fn nearest(point: [f32; 2], centres: &[[f32; 2]]) -> (usize, f64) {
    let [x, y] = point.map(f64::from);
    let distance = |centre: &[f32; 2]| (x - f64::from(centre[0])).hypot(y - f64::from(centre[1]));
    let distances = centres.iter().map(distance).enumerate();
    distances.min_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or((0, f64::INFINITY))
}

impl Coverage {
    /// From the number of good samples on each mode.
    fn new(counts: &[u64]) -> Self {
        let n_good: u64 = counts.iter().sum();
        let share = |count: u64| count as f64 / n_good as f64;
        let n_modes = counts.len();
        let hit = || counts.iter().copied().filter(|&count| count > 0);
        let reverse_kl = hit().map(|count| share(count) * (share(count) * n_modes as f64).ln()).sum();
        Self { n_modes, n_covered: hit().count(), high_quality: None, reverse_kl: (n_good > 0).then_some(reverse_kl) }
    }
}

/// `8 of 8 modes, 97.3 % of high quality, reverse KL 0.0123 nats`.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_modes, n_covered, high_quality, reverse_kl } = self;
        write!(f, "{n_covered} of {n_modes} modes")?;
        high_quality.map_or(Ok(()), |share| write!(f, ", {:.1} % of high quality", 100.0 * share))?;
        reverse_kl.map_or(Ok(()), |reverse_kl| write!(f, ", reverse KL {reverse_kl:.4} nats"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{self, Purpose};

    fn modes() -> Modes {
        Modes { centres: vec![[-0.5, 0.0], [0.5, 0.0], [0.0, 0.5], [0.0, -0.5]], sigma: 0.1 }
    }

    #[test]
    fn only_samples_within_three_sigma_count() {
        let points = [[-0.5, 0.0], [-0.5, 0.29], [0.5, 0.31], [0.0, 0.79], [0.0, 0.81]];
        let coverage = of_points(&points, &modes());
        assert_eq!((coverage.n_covered, coverage.n_modes), (2, 4));
        assert!((coverage.high_quality.unwrap() - 0.6).abs() < 1e-12);
        // Shares 2/3 and 1/3 of four modes.
        let expected = 2.0 / 3.0 * (8.0f64 / 3.0).ln() + 1.0 / 3.0 * (4.0f64 / 3.0).ln();
        assert!((coverage.reverse_kl.unwrap() - expected).abs() < 1e-12);
        assert_eq!(coverage.to_string(), "2 of 4 modes, 60.0 % of high quality, reverse KL 0.7498 nats");
    }

    #[test]
    fn the_mixture_itself_has_the_share_of_a_gaussian_within_three_sigma() {
        let modes = modes();
        let mut rng = random::stream(1, Purpose::Synthetic, 0);
        let points: Vec<[f32; 2]> = (0..40_000)
            .map(|i| {
                let noise = random::normal(&mut rng, 2);
                let [x, y] = modes.centres[i % 4];
                [x + modes.sigma * noise[0], y + modes.sigma * noise[1]]
            })
            .collect();
        let coverage = of_points(&points, &modes);
        // In two dimensions the share within r sigma is 1 - exp(-r² / 2); its standard error here is 0.0005.
        assert!((coverage.high_quality.unwrap() - (1.0 - (-4.5f64).exp())).abs() < 0.002, "{coverage}");
        assert!(coverage.n_covered == 4 && coverage.reverse_kl.unwrap() < 1e-4, "{coverage}");
    }

    #[test]
    fn collapse_onto_one_mode_is_the_logarithm_of_their_number() {
        let collapsed = of_labels(&[7; 500], 1000);
        assert!((collapsed.reverse_kl.unwrap() - 1000f64.ln()).abs() < 1e-12);
        assert_eq!(collapsed.to_string(), "1 of 1000 modes, reverse KL 6.9078 nats");
        let even: Vec<usize> = (0..3000).map(|i| i % 1000).collect();
        assert!(of_labels(&even, 1000).reverse_kl.unwrap().abs() < 1e-12);
        let half: Vec<usize> = (0..3000).map(|i| i % 500).collect();
        assert!((of_labels(&half, 1000).reverse_kl.unwrap() - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn without_a_good_sample_there_is_no_divergence() {
        let coverage = of_points(&[[9.0, 9.0], [f32::NAN, 0.0]], &modes());
        assert_eq!((coverage.n_covered, coverage.high_quality, coverage.reverse_kl), (0, Some(0.0), None));
        assert_eq!(coverage.to_string(), "0 of 4 modes, 0.0 % of high quality");
    }
}
