//! Noise of sensors: normal noise, and shot noise, which grows with light (Wang et al. 2021, "Real-ESRGAN", section 3.1).

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

use crate::image::{Fit, Picture, Shape, conform, from_unit, to_unit};
use crate::random;

/// Whether all channels of a pixel get the same noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Each its own.
    Each,
    /// All the same.
    Grey,
}

/// Photons that make white.
const WHITE: f32 = 255.0;

/// `picture` with noise from N(0, `sigma`²), in units of 255.
pub fn add_normal(picture: &Picture, sigma: f32, colour: Colour, rng: &mut ChaCha8Rng) -> Picture {
    let shape = picture.shape();
    let n_planes = if colour == Colour::Grey { 1 } else { shape.channels };
    let noise = random::normal(rng, n_planes * shape.height * shape.width);
    let scaled: Vec<f32> = noise.iter().map(|z| z * sigma / 127.5).collect();
    add(picture, &scaled)
}

/// `picture` with `scale` times the noise that counting photons leaves, 255 of which make white; of grey noise, those of the
/// pixel's luma.
pub fn add_shot(picture: &Picture, scale: f32, colour: Colour, rng: &mut ChaCha8Rng) -> Picture {
    let counted = match colour {
        Colour::Each => to_unit(picture),
        Colour::Grey => to_unit(&conform(picture.clone(), Shape { channels: 1, ..picture.shape() }, Fit::Stretch)),
    };
    let one = |value: &f32| {
        let mean = (value + 1.0) / 2.0 * WHITE;
        // The distribution refuses a mean of 0, where nothing is counted.
        let count = Poisson::new(mean).map_or(0.0, |photons| photons.sample(rng));
        (count - mean) / WHITE * 2.0 * scale
    };
    let noise: Vec<f32> = counted.iter().map(one).collect();
    add(picture, &noise)
}

/// `picture` plus `noise` for each of its planes, or one for all of them, in [-1, 1].
fn add(picture: &Picture, noise: &[f32]) -> Picture {
    let values: Vec<f32> =
        to_unit(picture).iter().zip(noise.iter().cycle()).map(|(value, noise)| value + noise).collect();
    from_unit(&values, picture.shape())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn even(channels: usize, value: u8) -> Picture {
        let shape = Shape { channels, height: 100, width: 100 };
        Picture::from_u8(shape, vec![value; shape.n_values()])
    }

    /// In units of 255.
    fn mean_and_deviation(picture: &Picture) -> (f64, f64) {
        let values: Vec<f64> = to_unit(picture).iter().map(|v| (f64::from(*v) + 1.0) * 127.5).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn noise_has_the_deviation_asked_for_and_no_mean() {
        let rng = &mut stream(1, Purpose::Degrade, 0);
        // Of 30,000 values the mean is off by 0.06 and the deviation by 0.04, each once in a hundred times by three of it.
        let (mean, deviation) = mean_and_deviation(&add_normal(&even(3, 128), 10.0, Colour::Each, rng));
        assert!((mean - 128.0).abs() < 0.2 && (deviation - 10.0).abs() < 0.2, "{mean} {deviation}");
        // The variance of a count is its mean.
        let (mean, deviation) = mean_and_deviation(&add_shot(&even(3, 100), 2.0, Colour::Each, rng));
        assert!((mean - 100.0).abs() < 0.5 && (deviation - 20.0).abs() < 0.4, "{mean} {deviation}");
        assert_eq!(add_shot(&even(3, 0), 2.0, Colour::Each, rng), even(3, 0));
    }

    #[test]
    fn grey_noise_is_the_same_in_all_channels() {
        let rng = &mut stream(1, Purpose::Degrade, 0);
        for noisy in
            [add_normal(&even(3, 128), 10.0, Colour::Grey, rng), add_shot(&even(3, 99), 1.0, Colour::Grey, rng)]
        {
            let values = to_unit(&noisy);
            assert_eq!(values[..10_000], values[10_000..20_000]);
            assert!(mean_and_deviation(&noisy).1 > 5.0);
        }
    }
}
