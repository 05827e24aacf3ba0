//! How a stored weight becomes the one a layer uses: as it is, equalized, or spectrally normalized.

use burn::tensor::Tensor;

use super::{Buffer, Init};

/// A choice for one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// The weight itself.
    Plain,
    /// The weight times 1/√fan-in, so that weights of all layers learn at one pace (Karras et al. 2018, "Progressive
    /// Growing of GANs", section 4.1); such weights start from N(0, 1).
    Equalized,
    /// The weight over its largest singular value (Miyato et al. 2018, "Spectral Normalization for GANs", eq. 8).
    Spectral,
}

/// Steps of the power iteration before the first use.
const FIRST_ITERATIONS: usize = 15;

impl Scaling {
    /// The constant factor.
    pub(super) fn gain(self, fan_in: usize) -> f32 {
        if self == Self::Equalized { (fan_in as f32).sqrt().recip() } else { 1.0 }
    }

    /// The left singular vector that spectral normalization keeps of `weight`.
    pub(super) fn vector<const D: usize>(self, weight: &Tensor<D>, init: &mut Init) -> Option<Buffer> {
        if self != Self::Spectral {
            return None;
        }
        let matrix = matrix(weight.clone().detach());
        let [n_out, _] = matrix.dims();
        let mut left = init.direction(n_out);
        for _ in 0..FIRST_ITERATIONS {
            (left, _) = iterate(&matrix, left);
        }
        Some(Buffer::new(left))
    }
}

/// The weight in use, from the stored one.
///
/// The largest singular value is uᵀWv, with u and v from one step of the power iteration (Miyato et al. 2018,
/// algorithm 1) and taken for constants by the gradient. The step is kept only where the weight is being trained, and
/// only for the next use, so that a frozen copy and its original normalize alike in between.
pub(super) fn effective<const D: usize>(weight: Tensor<D>, gain: f32, left: Option<&Buffer>) -> Tensor<D> {
    let Some(buffer) = left else {
        return if gain == 1.0 { weight } else { weight * gain };
    };
    let matrix = matrix(weight.clone());
    let fixed = matrix.clone().detach();
    let left = unit(buffer.value().detach());
    let [n_out] = left.dims();
    let right = unit(fixed.clone().transpose().matmul(left.clone().reshape([n_out, 1])).flatten(0, 1));
    if weight.is_require_grad() {
        let (next, _) = iterate(&fixed, left.clone());
        buffer.set(next);
    }
    let [n_in] = right.dims();
    let largest = left.reshape([1, n_out]).matmul(matrix).matmul(right.reshape([n_in, 1]));
    weight / largest.reshape([1; D])
}

/// One step of the power iteration: the new left and right vectors.
fn iterate(matrix: &Tensor<2>, left: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
    let [n_out, n_in] = matrix.dims();
    let right = unit(matrix.clone().transpose().matmul(left.reshape([n_out, 1])).flatten(0, 1));
    (unit(matrix.clone().matmul(right.clone().reshape([n_in, 1])).flatten(0, 1)), right)
}

fn matrix<const D: usize>(weight: Tensor<D>) -> Tensor<2> {
    let dims = weight.dims();
    weight.reshape([dims[0], dims[1..].iter().product()])
}

fn unit(vector: Tensor<1>) -> Tensor<1> {
    let length = vector.clone().square().sum().sqrt().clamp_min(1e-12);
    vector / length
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::random::Purpose;

    #[test]
    fn a_spectrally_normalized_weight_has_largest_singular_value_one() {
        let mut init = Init::new(2, Purpose::CriticWeights, &Device::default());
        // A diagonal matrix shows its singular values.
        let weight = Tensor::<2>::from_floats([[3.0, 0.0, 0.0], [0.0, -1.5, 0.0]], init.device());
        let left = Scaling::Spectral.vector(&weight, &mut init);
        let normalized = effective(weight, 1.0, left.as_ref());
        let expected = Tensor::<2>::from_floats([[1.0, 0.0, 0.0], [0.0, -0.5, 0.0]], init.device());
        let error: f32 = (normalized - expected).abs().max().into_scalar();
        assert!(error < 1e-5, "{error}");
    }

    #[test]
    fn only_a_weight_in_training_moves_the_iteration() {
        let device = Device::default().autodiff();
        let mut init = Init::new(2, Purpose::CriticWeights, &device);
        let weight: Tensor<2> = init.normal([4, 5], 0.0, 1.0).val();
        let buffer = Buffer::new(init.direction(4));
        let start = buffer.value().into_data();
        effective(weight.clone().set_require_grad(false), 1.0, Some(&buffer));
        assert_eq!(buffer.value().into_data(), start);
        effective(weight, 1.0, Some(&buffer));
        assert_ne!(buffer.value().into_data(), start);
    }
}
