//! Where a network's first weights come from.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::random::{self, Purpose};

/// Draws initial weights, layer by layer, from one stream. Layers built in the same order get the same weights.
pub struct Init {
    rng: ChaCha8Rng,
    device: Device,
}

impl Init {
    /// Weights for `purpose` under `seed`, placed on `device`.
    pub fn new(seed: u64, purpose: Purpose, device: &Device) -> Self {
        Self { rng: random::stream(seed, purpose, 0), device: device.clone() }
    }

    /// Where the weights are placed.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A parameter drawn from N(`mean`, `std`²).
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], mean: f32, std: f32) -> Param<Tensor<D>> {
        let values = random::normal(&mut self.rng, shape.iter().product());
        self.param(values.into_iter().map(|z| mean + std * z).collect(), shape)
    }

    /// A parameter drawn uniformly from [-`bound`, `bound`].
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let values = (0..shape.iter().product()).map(|_| self.rng.random_range(-bound..=bound)).collect();
        self.param(values, shape)
    }

    /// A parameter filled with `value`.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.param(vec![value; shape.iter().product()], shape)
    }

    fn param<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), &self.device)
    }
}
