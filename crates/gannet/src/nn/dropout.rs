//! Dropout (Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4).

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Dual;

/// Each value of `[N, C, H, W]` set to 0 with probability `share`, in [0, 1), the others times `1 / (1 - share)`, so that
/// means stay.
pub fn dropout(x: impl Into<Dual<4>>, share: f64, rng: &mut ChaCha8Rng) -> Dual<4> {
    let x = x.into();
    if share == 0.0 {
        return x;
    }
    let (dims, device) = (x.value.dims(), x.value.device());
    let kept = (1.0 / (1.0 - share)) as f32;
    let mask = (0..dims.iter().product()).map(|_| if rng.random::<f64>() < share { 0.0 } else { kept });
    x * Tensor::from_data(TensorData::new(mask.collect::<Vec<f32>>(), dims), &device)
}
