//! A trained generator on its own: one self-describing file in, pictures out. No training code runs.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::image::{self, Picture, Shape};
use crate::net::{self, NetConfig};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::random::{self, Purpose};
use crate::run::{Config, checkpoint};
use crate::{Error, Result, device};

const KIND: &str = "generator";

/// Samples that go through the network together.
const BATCH: usize = 16;

/// The longest side of a sample, in pixels.
const MAX_SIDE: usize = 4096;

/// What a generator file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of gannet that wrote it.
    pub gannet: String,
    /// Shape of a sample.
    pub shape: Shape,
    /// Names of the classes it was trained on; empty where the data had none.
    pub classes: Vec<String>,
    /// Its network.
    pub net: NetConfig,
    /// Real images shown to the critic before it was written.
    pub images_seen: u64,
    /// What it was trained on, in words.
    pub data: String,
    /// The settings of its training.
    pub config: Config,
}

/// A generator ready to sample.
pub struct Generator {
    card: Card,
    network: net::Generator,
    device: Device,
}

impl Generator {
    /// Reads `generator.safetensors`, or the one in a run's folder, onto the CPU.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = if path.is_dir() { path.join("generator.safetensors") } else { path.to_path_buf() };
        if path.is_dir() && !file.exists() {
            return Err(Error::file(
                path,
                "no generator.safetensors in this folder; a run writes it at its first snapshot",
            ));
        }
        let (card, tensors) = checkpoint::read::<Card>(&file, KIND)?;
        check(&card, &tensors).map_err(|reason| Error::file(&file, reason))?;
        let device = device::open(device::first_built())?;
        let network = card.net.generator(card.shape, &mut Init::new(0, Purpose::GeneratorWeights, &device));
        let network = state::load(network, KIND, &tensors).map_err(|reason| Error::file(&file, reason))?;
        Ok(Self { card, network: network.valid(), device })
    }

    /// A network just trained, described by `card`.
    pub(crate) fn new(card: Card, network: net::Generator, device: Device) -> Self {
        Self { card, network, device: device.without_autodiff() }
    }

    /// Writes it to `path`, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut tensors = Tensors::new();
        state::save(&self.network, KIND, &mut tensors);
        checkpoint::write(path.as_ref(), KIND, &self.card, &tensors)
    }

    /// What the file says of itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// One picture per seed. The same seed gives the same picture, whatever its neighbours.
    pub fn sample(&self, seeds: &[u64]) -> Result<Vec<Picture>> {
        if self.card.shape.is_point() {
            return Err(Error::setting("this generator makes points, not images; ask for a sheet of them"));
        }
        let values = self.values(&self.latents(seeds));
        Ok(values.iter().map(|values| image::from_unit(values, self.card.shape)).collect())
    }

    /// One point per seed, from a generator of points.
    pub fn points(&self, seeds: &[u64]) -> Result<Vec<[f32; 2]>> {
        if !self.card.shape.is_point() {
            return Err(Error::setting(format!("this generator makes images of {}, not points", self.card.shape)));
        }
        Ok(self.values(&self.latents(seeds)).iter().map(|values| [values[0], values[1]]).collect())
    }

    /// One sheet of all seeds: a grid of images, or a drawing of points.
    pub fn sheet(&self, seeds: &[u64], columns: usize) -> Result<Picture> {
        if seeds.is_empty() || columns == 0 {
            let n = seeds.len();
            return Err(Error::setting(format!("{n} seeds in {columns} columns, accepted: 1 or more of each")));
        }
        Ok(image::sheet(&self.values(&self.latents(seeds)), self.card.shape, columns))
    }

    /// `n_frames` pictures along the great circles from each seed's latent to the next one's and back to the first
    /// (White 2016, "Sampling Generative Networks", section 2.1), each a grid of `columns` by `rows` walks.
    pub fn walk(&self, seeds: &[u64], n_frames: usize, [columns, rows]: [usize; 2]) -> Result<Vec<Picture>> {
        let n_cells = columns * rows;
        if n_cells == 0 || seeds.len() < 2 * n_cells {
            let needed = 2 * n_cells;
            return Err(Error::setting(format!(
                "{} seeds for {n_cells} walks, accepted: {needed} or more, two for each walk",
                seeds.len()
            )));
        }
        let stations = self.latents(seeds);
        let per_cell = seeds.len() / n_cells;
        let frame = |i: usize| {
            let at = i as f64 * per_cell as f64 / n_frames as f64;
            let (from, share) = (at as usize, at.fract());
            let latents = (0..n_cells).map(|cell| {
                let station = |i: usize| &stations[cell * per_cell + i % per_cell];
                slerp(station(from), station(from + 1), share)
            });
            image::sheet(&self.values(&latents.collect::<Vec<_>>()), self.card.shape, columns)
        };
        Ok((0..n_frames).map(frame).collect())
    }

    fn latents(&self, seeds: &[u64]) -> Vec<Vec<f32>> {
        let n = self.card.net.latent();
        seeds.iter().map(|&seed| random::normal(&mut random::stream(seed, Purpose::SampleLatents, 0), n)).collect()
    }

    /// The values `[C, H, W]` of each latent's sample, in [-1, 1]. Every batch has the same size, the last one filled
    /// up with zeros, so that a sample's arithmetic does not depend on how many are asked for.
    fn values(&self, latents: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let n_latent = self.card.net.latent();
        let mut samples = Vec::with_capacity(latents.len());
        for batch in latents.chunks(BATCH) {
            let mut values = batch.concat();
            values.resize(BATCH * n_latent, 0.0);
            let latents = Tensor::<2>::from_data(TensorData::new(values, [BATCH, n_latent]), &self.device);
            let data = self.network.forward(latents).into_data();
            let values: Vec<f32> = data.iter::<f32>().collect();
            samples.extend(values.chunks(self.card.shape.n_values()).take(batch.len()).map(<[f32]>::to_vec));
        }
        samples
    }
}

/// Refuses a description that the file's own tensors do not bear out, before any memory is taken for it.
fn check(card: &Card, tensors: &Tensors) -> std::result::Result<(), String> {
    let Shape { channels, height, width } = card.shape;
    if !(1..=4).contains(&channels) || [height, width].iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
        return Err(format!("samples of {channels}x{height}x{width}, accepted: up to 4x{MAX_SIDE}x{MAX_SIDE}"));
    }
    let problems = card.net.problems(card.shape);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let [plan, _] = card.net.plan(card.shape);
    let held: u64 = tensors.values().map(|data| data.num_elements() as u64).sum();
    if plan.n_parameters() > held {
        return Err(format!("describes a network of {} weights and holds {held}", plan.n_parameters()));
    }
    Ok(())
}

/// The point at `share` of the way along the great circle from `a` to `b`.
fn slerp(a: &[f32], b: &[f32], share: f64) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let angle = (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0).acos();
    let [from, to] = if angle.sin() > 1e-6 {
        [((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin()]
    } else {
        [1.0 - share, share]
    };
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) * from + f64::from(*b) * to) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_between_unit_latents_stays_on_the_sphere() {
        let (a, b) = ([1.0, 0.0, 0.0], [0.0, 0.6, 0.8]);
        assert_eq!(slerp(&a, &b, 0.0), a);
        let middle = slerp(&a, &b, 0.5);
        assert!((middle.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
