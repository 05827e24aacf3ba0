//! Earlier fakes that a critic is shown among new ones, so that it does not forget what it once could tell (Shrivastava et
//! al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial Training", section 2.3).

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::image::Shape;
use crate::nn::state::Tensors;

/// Up to so many fakes.
pub(super) struct Pool {
    capacity: usize,
    shape: Shape,
    fakes: Vec<Vec<f32>>,
}

impl Pool {
    /// An empty one for `capacity` fakes of `shape`.
    pub(super) fn new(capacity: usize, shape: Shape) -> Self {
        Self { capacity, shape, fakes: vec![] }
    }

    /// What the critic is shown for `fakes` `[N, C, H, W]`: half of the time an earlier one, whose place the new one takes.
    /// Until the pool is full it keeps and shows the new ones.
    pub(super) fn exchange(&mut self, fakes: Tensor<4>, rng: &mut ChaCha8Rng) -> Tensor<4> {
        if self.capacity == 0 {
            return fakes;
        }
        let (dims, device) = (fakes.dims(), fakes.device());
        let mut values: Vec<f32> = fakes.into_data().iter::<f32>().collect();
        for fake in values.chunks_mut(self.shape.n_values()) {
            if self.fakes.len() < self.capacity {
                self.fakes.push(fake.to_vec());
            } else if rng.random() {
                fake.swap_with_slice(&mut self.fakes[rng.random_range(0..self.capacity)]);
            }
        }
        Tensor::from_data(TensorData::new(values, dims), &device)
    }

    /// Writes the fakes as one tensor called `name`.
    pub(super) fn save(&self, name: &str, into: &mut Tensors) {
        if !self.fakes.is_empty() {
            let Shape { channels, height, width } = self.shape;
            let dims = [self.fakes.len(), channels, height, width];
            into.insert(name.into(), TensorData::new(self.fakes.concat(), dims));
        }
    }

    /// Takes back what [`save`](Self::save) wrote.
    pub(super) fn load(&mut self, name: &str, from: &Tensors) -> Result<(), String> {
        self.fakes.clear();
        let Some(data) = from.get(name) else { return Ok(()) };
        let Shape { channels, height, width } = self.shape;
        let dims = data.shape().to_vec();
        if dims[1..] != [channels, height, width] || dims[0] > self.capacity {
            let capacity = self.capacity;
            return Err(format!(
                "`{name}` has shape {dims:?}, this run keeps up to {capacity} fakes of {}",
                self.shape
            ));
        }
        let values: Vec<f32> = data.iter::<f32>().collect();
        self.fakes = values.chunks(self.shape.n_values()).map(<[f32]>::to_vec).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::random::{Purpose, stream};

    const PIXEL: Shape = Shape { channels: 1, height: 1, width: 1 };

    fn shown(pool: &mut Pool, fake: f32, counter: u64) -> f32 {
        let fake = Tensor::from_data(TensorData::new(vec![fake], [1, 1, 1, 1]), &Device::default());
        pool.exchange(fake, &mut stream(1, Purpose::Pool, counter)).into_scalar()
    }

    #[test]
    fn a_full_pool_shows_an_old_fake_half_of_the_time() {
        let mut pool = Pool::new(50, PIXEL);
        assert!((0..50).all(|i| shown(&mut pool, i as f32, i) == i as f32));
        let n_old = (50..1050).filter(|&i| shown(&mut pool, i as f32, i) != i as f32).count();
        // Binomial of 1000 with deviation 16.
        assert!((430..570).contains(&n_old), "{n_old}");
    }

    #[test]
    fn a_saved_pool_goes_on_as_if_it_had_not_been() {
        let mut pool = Pool::new(3, PIXEL);
        for i in 0..9 {
            shown(&mut pool, i as f32, i);
        }
        let mut tensors = Tensors::new();
        pool.save("pool", &mut tensors);
        let mut again = Pool::new(3, PIXEL);
        again.load("pool", &tensors).unwrap();
        assert!((9..40).all(|i| shown(&mut pool, i as f32, i) == shown(&mut again, i as f32, i)));
        assert!(Pool::new(2, PIXEL).load("pool", &tensors).unwrap_err().contains("up to 2 fakes"));
    }
}
