//! A look at a few hundred samples, cheap enough for every tick: how far they spread, what they reach, what they copy.
//!
//! Samples are compared by their pixels averaged down to 8x8, points by themselves. Distances are Euclidean and stated in
//! units of the mean distance between two reals, so that thresholds hold for any data.

use std::cell::OnceCell;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::Check;
use super::leak::Ways;
use crate::data::Dataset;
use crate::image::Shape;
use crate::method::Method;
use crate::metric::median;
use crate::random::{self, Purpose};
use crate::train::schedule::Moment;
use crate::{Generator, Result};

/// Samples of each kind: enough for the 25 modes of a grid, and few beside the images of a tick.
const N_SAMPLES: usize = 200;
/// The seed of the first sample looked at, far from those that users and metrics ask for.
const FIRST_SEED: u64 = 1 << 40;
/// Data sets up to this size are searched for copies; of larger ones too few samples can be compared.
const MAX_POOL: usize = 2048;
/// Side of the pictures that are compared, in pixels.
const SIDE: usize = 8;
/// What lies around a real counts as near up to its neighbour of this rank (Naeem et al. 2020, section 3.2) ...
const NEIGHBOUR: usize = 5;
/// ... and up to this share of the mean distance between reals, where reals lie close together.
const NEAR: f64 = 0.2;

/// What fakes are compared with.
pub(in crate::train) struct Look {
    shape: Shape,
    device: Device,
    seed: u64,
    reals: Vec<Vec<f32>>,
    held_out: Vec<Vec<f32>>,
    small_reals: Vec<Vec<f64>>,
    /// The whole training set and how far each real is from the nearest other one in it, at the median.
    pool: Option<(Vec<Vec<f64>>, f64)>,
    /// Mean distance between two reals.
    unit: f64,
    /// How far from each real counts as near.
    near: Vec<f64>,
    /// Made where the critic looks through an augmentation.
    ways: OnceCell<Ways>,
}

impl Look {
    /// Reads what there is to compare with: samples spread over the whole set, because files often come sorted by class.
    pub(in crate::train) fn new(dataset: &Arc<dyn Dataset>, device: &Device, seed: u64) -> Result<Self> {
        let (shape, len) = (dataset.shape(), dataset.len());
        let n = N_SAMPLES.min(len);
        let read = |i: usize| Ok(dataset.read(i)?.values);
        let reals = (0..n).map(|i| read(i * len / n)).collect::<Result<Vec<_>>>()?;
        let held_out = (0..N_SAMPLES).map_while(|i| dataset.read_held_out(i)).map(|sample| Ok(sample?.values));
        let held_out = held_out.collect::<Result<Vec<_>>>()?;
        let small_reals = small(&reals, shape);
        let pool = if len <= MAX_POOL {
            let all = (0..len).map(|i| Ok(small(&[read(i)?], shape).remove(0))).collect::<Result<Vec<_>>>()?;
            let typical = median(small_reals.iter().map(|real| nearest_other(real, &all)).collect());
            Some((all, typical)).filter(|(_, typical)| *typical > 0.0)
        } else {
            None
        };
        let unit = mean_within(&small_reals).max(f64::MIN_POSITIVE);
        let near = small_reals.iter().map(|real| neighbour(real, &small_reals).max(NEAR * unit)).collect();
        let device = device.clone().without_autodiff();
        Ok(Self { shape, device, seed, reals, held_out, small_reals, pool, unit, near, ways: OnceCell::new() })
    }

    /// Looks at what `generator` makes from the same latents each time, and notes it in `check`. `mean` is the fakes'
    /// mean of the look before, and becomes that of this one.
    pub(super) fn look(
        &self,
        generator: &Generator,
        method: &dyn Method,
        moment: Moment,
        mean: &mut Vec<f64>,
        check: &mut Check,
    ) -> Result<()> {
        let seeds: Vec<u64> = (FIRST_SEED..FIRST_SEED + N_SAMPLES as u64).collect();
        let fakes = generator.values(&seeds, None)?;
        if fakes.iter().flatten().any(|value| !value.is_finite()) {
            return Ok(()); // The loop sees a divergence by itself, in the next step's figures.
        }
        let small_fakes = small(&fakes, self.shape);
        let (reals, unit) = (&self.small_reals, self.unit);
        let distances: Vec<Vec<f64>> =
            small_fakes.iter().map(|fake| reals.iter().map(|real| distance(fake, real)).collect()).collect();
        let share = |n: usize, of: usize| n as f64 / of as f64;
        let is_near = |row: &[f64], real: usize| row[real] <= self.near[real];
        let n_reached = (0..reals.len()).filter(|&real| distances.iter().any(|row| is_near(row, real))).count();
        let n_stray = distances.iter().filter(|row| !(0..reals.len()).any(|real| is_near(row, real))).count();
        check.set("reached", share(n_reached, reals.len()));
        check.set("stray", share(n_stray, fakes.len()));

        let within = mean_within(&small_fakes);
        check.set("spread", within / unit);
        // The energy distance (Székely and Rizzo 2013), whose root is a metric between distributions.
        let between = distances.iter().flatten().sum::<f64>() / (fakes.len() * reals.len()) as f64;
        let energy = (2.0 * between - within - self.unit).max(0.0);
        check.set("distance", (energy / unit).sqrt());

        let now = mean_of(&small_fakes);
        if !mean.is_empty() {
            check.set("motion", distance(&now, mean) / unit);
        }
        *mean = now;

        if let Some((pool, typical)) = &self.pool {
            let nearest = small_fakes
                .iter()
                .map(|fake| pool.iter().map(|real| distance(fake, real)).fold(f64::INFINITY, f64::min));
            check.set("copying", median(nearest.collect()) / typical);
        }
        if !self.held_out.is_empty() {
            let scores =
                |samples: &[Vec<f32>]| method.scores(self.tensor(samples)).into_data().iter().collect::<Vec<f64>>();
            let [reals, others, fakes] = [&self.reals, &self.held_out, &fakes].map(|samples| scores(samples));
            let [real, held_out, fake] =
                [&reals, &others, &fakes].map(|scores| scores.iter().sum::<f64>() / scores.len() as f64);
            // A middle that critics of any loss have.
            let is_right = |score: &&f64| **score > f64::midpoint(real, fake);
            check.set("accuracy_held_out", share(others.iter().filter(is_right).count(), others.len()));
            // Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", eq. 1: r_v.
            if real - fake > 1e-6 {
                check.set("overfit", ((real - held_out) / (real - fake)).clamp(-1.0, 2.0));
            }
        }
        let mut rng = random::stream(self.seed, Purpose::Look, moment.images_seen);
        if let Some(augmented) = method.augmented(self.tensor(&self.reals), &mut rng) {
            let values: Vec<f32> = augmented.into_data().iter::<f32>().collect();
            let augmented: Vec<Vec<f32>> = values.chunks(self.shape.n_values()).map(<[f32]>::to_vec).collect();
            let ways = match self.ways.get() {
                Some(ways) => ways,
                None => {
                    let ways = Ways::new(&self.reals, self.shape, &self.device)?;
                    self.ways.get_or_init(|| ways)
                }
            };
            check.set("leak", ways.leak(&fakes, &augmented)?);
        }
        Ok(())
    }

    /// `[N, C, H, W]` of `samples`.
    fn tensor(&self, samples: &[Vec<f32>]) -> Tensor<4> {
        let Shape { channels, height, width } = self.shape;
        Tensor::from_data(TensorData::new(samples.concat(), [samples.len(), channels, height, width]), &self.device)
    }
}

/// Samples averaged down to at most 8x8 pixels in each channel.
fn small(samples: &[Vec<f32>], shape: Shape) -> Vec<Vec<f64>> {
    let Shape { channels, height, width } = shape;
    let [rows, columns] = [height, width].map(|side| side.min(SIDE));
    let of_sample = |values: &Vec<f32>| {
        let mut sums = vec![0.0; channels * rows * columns];
        let mut counts = vec![0.0; sums.len()];
        for (i, value) in values.iter().enumerate() {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            let cell = (c * rows + y * rows / height) * columns + x * columns / width;
            sums[cell] += f64::from(*value);
            counts[cell] += 1.0;
        }
        sums.iter().zip(counts).map(|(sum, count)| sum / count).collect()
    };
    samples.iter().map(of_sample).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Distance to the nearest of `others` that is not `own` itself.
fn nearest_other(own: &Vec<f64>, others: &[Vec<f64>]) -> f64 {
    others.iter().filter(|other| *other != own).map(|other| distance(own, other)).fold(f64::INFINITY, f64::min)
}

/// Distance to the neighbour of rank [`NEIGHBOUR`], or to the farthest where there are fewer.
fn neighbour(own: &[f64], others: &[Vec<f64>]) -> f64 {
    let mut distances: Vec<f64> = others.iter().map(|other| distance(own, other)).collect();
    distances.sort_by(f64::total_cmp); // The first is its own, 0.
    distances[NEIGHBOUR.min(distances.len() - 1)]
}

/// Mean distance over all pairs of different rows.
pub(super) fn mean_within(rows: &[Vec<f64>]) -> f64 {
    let n = rows.len();
    let sum: f64 = (1..n).map(|i| rows[..i].iter().map(|other| distance(&rows[i], other)).sum::<f64>()).sum();
    sum / (n * n.saturating_sub(1)).max(2) as f64 * 2.0
}

pub(super) fn mean_between(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let sum: f64 = a.iter().map(|a| b.iter().map(|b| distance(a, b)).sum::<f64>()).sum();
    sum / (a.len() * b.len()) as f64
}

fn mean_of(rows: &[Vec<f64>]) -> Vec<f64> {
    (0..rows[0].len()).map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_averaged_into_cells_and_points_stay() {
        let shape = Shape { channels: 1, height: 16, width: 8 };
        let picture: Vec<f32> = (0..128).map(|i| (i / 8 % 2) as f32).collect();
        assert_eq!(small(&[picture], shape), [vec![0.5; 64]]);
        let point = Shape { channels: 2, height: 1, width: 1 };
        assert_eq!(small(&[vec![0.5, -0.25]], point), [vec![0.5, -0.25]]);
    }

    #[test]
    fn mean_distances_are_over_pairs() {
        let rows = [vec![0.0], vec![1.0], vec![3.0]];
        assert_eq!(mean_within(&rows), 2.0);
        assert_eq!(mean_between(&rows[..1], &rows), 4.0 / 3.0);
        assert_eq!(mean_within(&rows[..1]), 0.0);
        assert_eq!(nearest_other(&rows[2], &rows), 2.0);
    }
}
