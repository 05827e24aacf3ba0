//! Where a network's first weights come from.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::random::{self, Purpose};

/// Draws initial weights, layer by layer, from one stream. Layers built in the same order get the same weights.
pub struct Init {
    /// None where nothing is drawn.
    rng: Option<ChaCha8Rng>,
    device: Device,
}

/// The distribution of a layer's first weights; its fan-in is the number of inputs that one output sums over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    /// N(0, std²).
    Normal(f32),
    /// Uniform in ±1/√fan-in (LeCun et al. 1998, "Efficient BackProp"; PyTorch's default).
    FanIn,
    /// N(0, gain²/fan-in), which keeps the variance of activations (He et al. 2015, eq. 10, with gain √2 before ReLU).
    He(f32),
    /// Uniform with the variance 2 gain² / (fan-in + fan-out) (Glorot and Bengio 2010, eq. 16).
    Glorot(f32),
    /// Orthonormal rows or columns, whichever are fewer (Saxe et al. 2014).
    Orthogonal,
    /// All zero, as the last layer of a residual branch that starts as the identity (Zhang et al. 2019, "Fixup").
    Zero,
}

impl Init {
    /// Weights for `purpose` under `seed`, placed on `device`.
    pub fn new(seed: u64, purpose: Purpose, device: &Device) -> Self {
        Self { rng: Some(random::stream(seed, purpose, 0)), device: device.clone() }
    }

    /// Zeros in the place of all that would be drawn, for a network whose weights are loaded next.
    pub fn blank(device: &Device) -> Self {
        Self { rng: None, device: device.clone() }
    }

    /// Where the weights are placed.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A parameter of `shape`, the fans of which are given as in and out, drawn from `weights`.
    pub fn weights<const D: usize>(
        &mut self,
        weights: Weights,
        shape: [usize; D],
        [fan_in, fan_out]: [usize; 2],
    ) -> Param<Tensor<D>> {
        match weights {
            Weights::Normal(std) => self.normal(shape, 0.0, std),
            Weights::FanIn => self.uniform(shape, (fan_in as f32).sqrt().recip()),
            Weights::He(gain) => self.normal(shape, 0.0, gain / (fan_in as f32).sqrt()),
            Weights::Glorot(gain) => self.uniform(shape, gain * (6.0 / (fan_in + fan_out) as f32).sqrt()),
            Weights::Orthogonal => self.orthogonal(shape),
            Weights::Zero => self.constant(shape, 0.0),
        }
    }

    /// A parameter drawn from N(`mean`, `std`²).
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], mean: f32, std: f32) -> Param<Tensor<D>> {
        let values = self.gaussian(shape.iter().product());
        self.given(values.into_iter().map(|z| mean + std * z).collect(), shape)
    }

    /// A parameter drawn uniformly from [-`bound`, `bound`].
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let Some(rng) = &mut self.rng else { return self.constant(shape, 0.0) };
        let values = (0..shape.iter().product()).map(|_| rng.random_range(-bound..=bound)).collect();
        self.given(values, shape)
    }

    /// A parameter filled with `value`.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.given(vec![value; shape.iter().product()], shape)
    }

    /// A parameter of these values.
    pub fn given<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), &self.device)
    }

    /// A vector of length 1 in a random direction.
    pub fn direction(&mut self, n: usize) -> Tensor<1> {
        let values = self.gaussian(n);
        let length = values.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        let values: Vec<f32> = values.into_iter().map(|v| v / length).collect();
        Tensor::from_data(TensorData::new(values, [n]), &self.device)
    }

    /// Gaussian vectors made orthonormal one after the other (modified Gram-Schmidt), as rows of the matrix
    /// `[first dimension, all others]` or, where those are more, as its columns.
    fn orthogonal<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        let Some(rng) = &mut self.rng else { return self.constant(shape, 0.0) };
        let n_rows = shape[0];
        let n_columns = shape[1..].iter().product();
        let (n_vectors, length) = if n_rows <= n_columns { (n_rows, n_columns) } else { (n_columns, n_rows) };
        let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(n_vectors);
        while vectors.len() < n_vectors {
            let mut new: Vec<f64> = random::normal(rng, length).into_iter().map(f64::from).collect();
            for old in &vectors {
                let overlap: f64 = old.iter().zip(&new).map(|(a, b)| a * b).sum();
                new.iter_mut().zip(old).for_each(|(new, old)| *new -= overlap * old);
            }
            let norm = new.iter().map(|v| v * v).sum::<f64>().sqrt();
            if norm > 1e-6 {
                vectors.push(new.into_iter().map(|v| v / norm).collect());
            }
        }
        let value = |row: usize, column: usize| {
            (if n_rows <= n_columns { vectors[row][column] } else { vectors[column][row] }) as f32
        };
        let values = (0..n_rows).flat_map(|row| (0..n_columns).map(move |column| (row, column)));
        self.given(values.map(|(row, column)| value(row, column)).collect(), shape)
    }

    fn gaussian(&mut self, n: usize) -> Vec<f32> {
        self.rng.as_mut().map_or_else(|| vec![0.0; n], |rng| random::normal(rng, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonal_weights_have_orthonormal_rows_or_columns() {
        let mut init = Init::new(1, Purpose::CriticWeights, &Device::default());
        for (shape, is_wide) in [([3, 2, 2, 2], true), ([9, 2, 2, 1], false)] {
            let matrix = init.weights(Weights::Orthogonal, shape, [1, 1]).val().reshape([shape[0] as i32, -1]);
            let product = if is_wide {
                matrix.clone().matmul(matrix.transpose())
            } else {
                matrix.clone().transpose().matmul(matrix)
            };
            let [n, _]: [usize; 2] = product.dims();
            let error: f32 = (product - Tensor::<2>::eye(n, init.device())).abs().max().into_scalar();
            assert!(error < 1e-5, "{error}");
        }
    }
}
