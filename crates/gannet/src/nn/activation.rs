//! Activations with their tangent rules, for tensors of any shape.

pub use burn::tensor::activation::softplus;

use burn::tensor::activation;

use super::Dual;

/// Slope of [`leaky_relu`] below zero.
pub const SLOPE: f32 = 0.2;

/// `x` where it is positive, `0.2 x` elsewhere: the slope that Radford et al. 2016 (section 4) use in discriminators.
pub fn leaky_relu<const D: usize>(x: impl Into<Dual<D>>) -> Dual<D> {
    leaky(x.into(), SLOPE)
}

/// `x` where it is positive, 0 elsewhere.
pub fn relu<const D: usize>(x: impl Into<Dual<D>>) -> Dual<D> {
    leaky(x.into(), 0.0)
}

fn leaky<const D: usize>(x: Dual<D>, slope: f32) -> Dual<D> {
    x.rectified(|x| gannet_kernels::leaky_relu(x, slope), |dx, x| gannet_kernels::leaky_relu_tangent(dx, x, slope))
}

/// Into (-1, 1).
pub fn tanh<const D: usize>(x: impl Into<Dual<D>>) -> Dual<D> {
    x.into().pointwise(gannet_kernels::tanh, |_, y| -(y.clone() * y) + 1.0)
}

/// Shares that sum to one over dimension `dim`.
pub fn softmax<const D: usize>(x: impl Into<Dual<D>>, dim: usize) -> Dual<D> {
    x.into().curved(
        |x| activation::softmax(x, dim),
        |_, shares, dx| {
            let moved = shares.clone() * dx;
            moved.clone() - shares * moved.sum_dim(dim)
        },
    )
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    #[test]
    fn leaky_relu_keeps_a_fifth_of_what_is_negative() {
        let x = Tensor::<1>::from_floats([-2.0, -0.5, 0.0, 3.0], &Device::default());
        let y: Vec<f32> = leaky_relu(x).value.into_data().iter::<f32>().collect();
        for (ours, expected) in y.iter().zip([-0.4, -0.1, 0.0, 3.0]) {
            assert!((ours - expected).abs() < 1e-6, "{ours} {expected}");
        }
    }
}
