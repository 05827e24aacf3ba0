//! The sliced Wasserstein distance between patches, scale by scale.
//!
//! Patches of 7x7 are drawn from every level of a Laplacian pyramid, normalised by mean and deviation of each channel
//! over all patches of their set, and compared by the Wasserstein distance of their projections on random directions
//! (Karras et al. 2018, "Progressive growing of GANs", section 5; Rabin et al. 2011). The finest level speaks of noise
//! and sharpness, the coarsest of composition. The paper takes 16,384 images and prints the distances times 1,000.

use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

use super::Features;
use super::features::{check_pair, check_widths};
use super::laplacian::pyramid;
use crate::error::{Error, Result};
use crate::image::Shape;
use crate::random::{self, Purpose};

/// Pixels along the side of a patch.
const PATCH: usize = 7;

/// Patches from each level of an image.
const PATCHES_PER_IMAGE: usize = 128;

/// Directions that patches are projected on.
const N_DIRECTIONS: usize = 512;

/// The shorter side of the coarsest level is at least this, in pixels.
const SMALLEST_LEVEL: usize = 16;

/// The distance between the patches of one level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Rows of a picture at this level.
    pub height: usize,
    /// Columns of a picture at this level.
    pub width: usize,
    /// Sliced Wasserstein distance; not yet times 1,000.
    pub distance: f64,
}

/// The distance at each level, finest first, between as many `real` as `fake` images, each row [C, H, W] of `shape`.
///
/// Memory: 512 bytes for each of 49 C values of a patch and each image, per set and level.
pub fn sliced_wasserstein(real: &Features, fake: &Features, shape: Shape, seed: u64) -> Result<Vec<Level>> {
    check_pair(real, fake, 1)?;
    real.check_shape(shape)?;
    if real.n_samples() != fake.n_samples() {
        let (n_real, n_fake) = (real.n_samples(), fake.n_samples());
        return Err(Error::features(format!(
            "{n_real} real images and {n_fake} fake ones, as many of both are needed"
        )));
    }
    if shape.height.min(shape.width) < PATCH {
        return Err(Error::features(format!("images of {shape}, at least {PATCH} pixels to a side are needed")));
    }
    // Streams of their own: even numbers for reals, odd ones for fakes.
    let (reals, fakes) = (patches(real, shape, seed, 0), patches(fake, shape, seed, 1));
    let of_level = |((level, real), (_, fake)): ((Shape, Features), (Shape, Features))| {
        let directions = directions(real.n_features(), seed);
        let (real, fake) = (normalised(real, level.channels), normalised(fake, level.channels));
        Ok(Level { height: level.height, width: level.width, distance: between(&real, &fake, &directions)? })
    };
    reals.into_iter().zip(fakes).map(of_level).collect()
}

/// The mean over `directions` [L, D] of the Wasserstein distance between the projections of as many rows [N, D] of
/// `real` and `fake`: the mean difference of their sorted values.
pub fn between(real: &Features, fake: &Features, directions: &Features) -> Result<f64> {
    check_widths(real.n_features(), fake.n_features())?;
    check_widths(real.n_features(), directions.n_features())?;
    assert_eq!(real.n_samples(), fake.n_samples(), "as many real as fake rows");
    let of_direction = |index: usize| {
        let [real, fake] = [real, fake].map(|set| sorted_projections(set, directions.row(index)));
        real.iter().zip(&fake).map(|(a, b)| (a - b).abs()).sum::<f64>() / real.len() as f64
    };
    let distances: Vec<f64> = (0..directions.n_samples()).into_par_iter().map(of_direction).collect();
    Ok(distances.iter().sum::<f64>() / distances.len() as f64)
}

fn sorted_projections(set: &Features, direction: &[f32]) -> Vec<f64> {
    let project = |row: &[f32]| row.iter().zip(direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let mut projections: Vec<f64> = set.rows().map(project).collect();
    projections.sort_unstable_by(f64::total_cmp);
    projections
}

/// Random directions [512, D] of length 1.
fn directions(n_features: usize, seed: u64) -> Features {
    let mut rng = random::stream(seed, Purpose::Resample, u64::MAX);
    let mut values = random::normal(&mut rng, N_DIRECTIONS * n_features);
    for direction in values.chunks_exact_mut(n_features) {
        let length = direction.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
    Features::trusted(values, n_features)
}

/// For each level, finest first, 128 patches [C, 7, 7] of each image.
fn patches(images: &Features, shape: Shape, seed: u64, set: u64) -> Vec<(Shape, Features)> {
    let of_image = |index: usize| {
        let mut rng = random::stream(seed, Purpose::Resample, 2 * index as u64 + set);
        let levels = pyramid(images.row(index), shape, SMALLEST_LEVEL).into_iter();
        let drawn = levels.map(|(shape, values)| {
            let mut drawn = Vec::with_capacity(PATCHES_PER_IMAGE * shape.channels * PATCH * PATCH);
            for _ in 0..PATCHES_PER_IMAGE {
                let top = rng.random_range(0..=shape.height - PATCH);
                let left = rng.random_range(0..=shape.width - PATCH);
                for row in (0..shape.channels).flat_map(|c| (0..PATCH).map(move |y| c * shape.height + top + y)) {
                    drawn.extend_from_slice(&values[row * shape.width + left..][..PATCH]);
                }
            }
            (shape, drawn)
        });
        drawn.collect::<Vec<_>>()
    };
    let mut levels: Vec<(Shape, Vec<f32>)> = vec![];
    for image in (0..images.n_samples()).into_par_iter().map(of_image).collect::<Vec<_>>() {
        if levels.is_empty() {
            levels = image;
        } else {
            levels.iter_mut().zip(image).for_each(|((_, all), (_, one))| all.extend(one));
        }
    }
    levels.into_iter().map(|(s, values)| (s, Features::trusted(values, s.channels * PATCH * PATCH))).collect()
}

/// `patches` [N, C·P·P] with mean 0 and deviation 1 in each channel, over all patches; a channel without deviation
/// becomes 0.
pub fn normalised(patches: Features, channels: usize) -> Features {
    let n_features = patches.n_features();
    let plane = n_features / channels;
    let mut values: Vec<f32> = patches.rows().flatten().copied().collect();
    for channel in 0..channels {
        let of_channel = patches.rows().flat_map(|row| &row[channel * plane..][..plane]).copied().map(f64::from);
        let n = (patches.n_samples() * plane) as f64;
        let mean = of_channel.clone().sum::<f64>() / n;
        let deviation = (of_channel.map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        for row in values.chunks_exact_mut(n_features) {
            row[channel * plane..][..plane].iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
        }
    }
    Features::trusted(values, n_features)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::interval::mean_and_deviation;

    const SHAPE: Shape = Shape { channels: 1, height: 32, width: 32 };

    /// Smooth waves of random phase with `noise` on them.
    fn images(seed: u64, noise: f32) -> Features {
        let draw = |index| {
            let mut rng = random::stream(seed, Purpose::Synthetic, index);
            let [a, b]: [f32; 2] = [rng.random_range(0.0..6.0), rng.random_range(0.0..6.0)];
            let specks = random::normal(&mut rng, 32 * 32);
            let wave = move |i: usize| ((i % 32) as f32 * 0.4 + a).sin() * ((i / 32) as f32 * 0.3 + b).cos();
            specks.into_iter().enumerate().map(move |(i, speck)| 0.5 * wave(i) + noise * speck)
        };
        Features::new((0..60).flat_map(draw).collect(), 32 * 32).unwrap()
    }

    #[test]
    fn noise_is_seen_at_the_finest_level_first() {
        let real = images(1, 0.02);
        let of = |noise| sliced_wasserstein(&real, &images(2, noise), SHAPE, 1).unwrap();
        let found = [0.02, 0.05, 0.1, 0.3].map(of);
        let finest = found.clone().map(|levels| levels[0].distance);
        assert!(finest.is_sorted() && finest[0] < 0.1 * finest[3], "{finest:?}");
        assert_eq!(found[0].iter().map(|level| (level.height, level.width)).collect::<Vec<_>>(), [(32, 32), (16, 16)]);
        assert!(found[1][0].distance > found[1][1].distance, "{found:?}");
    }

    #[test]
    fn a_shift_along_a_direction_is_the_distance() {
        let real = Features::new(vec![0.0, 5.0, 1.0, 7.0, 2.0, 9.0], 2).unwrap();
        let fake = Features::new(vec![4.0, 5.0, 3.0, 7.0, 5.0, 9.0], 2).unwrap();
        let along = |x, y| between(&real, &fake, &Features::new(vec![x, y], 2).unwrap()).unwrap();
        assert_eq!((along(1.0, 0.0), along(0.0, 1.0)), (3.0, 0.0));
    }

    #[test]
    fn normalised_patches_have_mean_zero_and_deviation_one() {
        let values = random::normal(&mut random::stream(1, Purpose::Synthetic, 0), 40 * 6);
        let patches = Features::new(values.into_iter().map(|v| 3.0 * v + 5.0).collect(), 6).unwrap();
        let found = normalised(patches, 2);
        let channel: Vec<f64> = found.rows().flat_map(|row| &row[3..]).copied().map(f64::from).collect();
        let (mean, deviation) = mean_and_deviation(&channel);
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 0.01, "{mean} {deviation}");
    }

    #[test]
    fn unequal_numbers_and_tiny_images_are_refused() {
        let real = images(1, 0.1);
        let problem = sliced_wasserstein(&real, &real.select(&[0, 1]), SHAPE, 0).unwrap_err().to_string();
        assert_eq!(problem, "60 real images and 2 fake ones, as many of both are needed");
        let shape = Shape { channels: 1, height: 6, width: 9 };
        let tiny = Features::new(vec![0.0; 54], 54).unwrap();
        let problem = sliced_wasserstein(&tiny, &tiny, shape, 0).unwrap_err().to_string();
        assert_eq!(problem, "images of 1x6x9, at least 7 pixels to a side are needed");
        let problem = sliced_wasserstein(&real, &real, shape, 0).unwrap_err().to_string();
        assert_eq!(problem, "samples of 1024 values, 54 are needed for 1x6x9");
    }
}
