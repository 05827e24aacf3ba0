//! Distance of two pictures as a trained network sees them: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep
//! Features as a Perceptual Metric", eq. 1, with every weight w at 1.

/// Keeps the division by a length finite.
const EPSILON: f64 = 1e-10;

/// What one layer adds: the squared distance between the channels of `a` and `b` `[n_channels, positions]`, scaled to length
/// 1 at each position; the mean over positions. In [0, 4], and in [0, 2] where no value is negative.
pub fn layer(a: &[f32], b: &[f32], n_channels: usize) -> f64 {
    let n_positions = a.len() / n_channels;
    let along = |maps: &[f32], position: usize| -> Vec<f64> {
        let values: Vec<f64> =
            (0..n_channels).map(|channel| f64::from(maps[channel * n_positions + position])).collect();
        let length = values.iter().map(|value| value * value).sum::<f64>().sqrt() + EPSILON;
        values.into_iter().map(|value| value / length).collect()
    };
    let at = |position: usize| {
        let differences = along(a, position).into_iter().zip(along(b, position)).map(|(a, b)| (a - b).powi(2));
        differences.sum::<f64>()
    };
    (0..n_positions).map(at).sum::<f64>() / n_positions as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directions_count() {
        // Two positions of two channels: one turned by a right angle, one only longer.
        assert!((layer(&[1.0, 3.0, 0.0, 4.0], &[0.0, 6.0, 9.0, 8.0], 2) - 1.0).abs() < 1e-9);
        assert_eq!(layer(&[0.0; 4], &[0.0; 4], 2), 0.0);
    }
}
