//! Peak signal-to-noise ratio.

/// Range of the values, the peak.
const PEAK: f64 = 2.0;

/// Of pictures `a` and `b` in [-1, 1], in dB: ten times the decimal logarithm of the squared peak over the mean squared
/// difference, all channels together. None where they are equal, and it has no end.
pub fn psnr(a: &[f32], b: &[f32]) -> Option<f64> {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (squares > 0.0).then(|| 10.0 * (PEAK * PEAK * a.len() as f64 / squares).log10())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_range_is_twenty_decibels() {
        assert!((psnr(&[0.0; 7], &[0.2; 7]).unwrap() - 20.0).abs() < 1e-6);
        assert_eq!(psnr(&[0.5; 7], &[0.5; 7]), None);
    }
}
