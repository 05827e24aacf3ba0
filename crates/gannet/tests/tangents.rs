//! The tangent rule of every layer a critic may use, against central differences, on random shapes and directions.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use burn::tensor::{Device, Tensor, TensorData};
use gannet::nn::activation::{leaky_relu, relu, softmax, tanh};
use gannet::nn::resample::{average_down, filtered_down, filtered_up, nearest_up};
use gannet::nn::{
    ConvConfig, Dual, GroupNorm, Init, LinearConfig, MinibatchDiscrimination, Scaling, SelfAttention, Weights,
    instance_norm, minibatch_std, pixel_norm, reflect,
};
use gannet::random::{Purpose, normal, stream};
use proptest::prelude::*;

/// Step of the differences, and the error allowed, relative to the largest derivative. Values are f32.
const STEP: f32 = 2e-3;
const TOLERANCE: f32 = 2e-2;

fn tensor(seed: u64, dims: [usize; 4]) -> Tensor<4> {
    let values = normal(&mut stream(seed, Purpose::Synthetic, 0), dims.iter().product());
    Tensor::from_data(TensorData::new(values, dims), &Device::default())
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// Whether the derivative that `layer` carries along a random direction is the one that differences show. Where the
/// direction crosses a kink of a piecewise linear layer, the differences ahead and behind disagree and their mean says
/// nothing; that may happen to a few outputs, not to most.
fn follows_differences<const E: usize>(layer: impl Fn(Dual<4>) -> Dual<E>, dims: [usize; 4], seed: u64) -> bool {
    let (x, dx) = (tensor(seed, dims), tensor(seed + 1, dims));
    let [behind, here, ahead] =
        [-STEP, 0.0, STEP].map(|step| values(layer((x.clone() + dx.clone() * step).into()).value));
    let ours = values(layer(Dual::moving(x, dx)).derivative().unwrap().unwrap());
    let allowed = TOLERANCE * ours.iter().fold(1e-3, |scale: f32, value| scale.max(value.abs()));
    let mut n_smooth = 0;
    for (index, ours) in ours.iter().enumerate() {
        let slopes = [(ahead[index] - here[index]) / STEP, (here[index] - behind[index]) / STEP];
        if (slopes[0] - slopes[1]).abs() <= allowed {
            n_smooth += 1;
            if (ours - slopes[0].midpoint(slopes[1])).abs() > allowed {
                return false;
            }
        }
    }
    2 * n_smooth >= ours.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_layer_follows_central_differences(
        seed in 0u64..1_000_000, n in 2usize..4, h in 2usize..6, w in 2usize..6, groups in 1usize..3,
    ) {
        let c = 2 * groups;
        let dims = [n, c, h, w];
        let mut init = Init::new(seed, Purpose::CriticWeights, &Device::default());

        for scaling in [Scaling::Plain, Scaling::Equalized, Scaling::Spectral] {
            let conv = ConvConfig { groups, has_bias: true, weights: Weights::He(1.0), scaling, ..ConvConfig::same([c, c], 3) };
            let conv = conv.init(&mut init);
            prop_assert!(follows_differences(|x| conv.forward(x), dims, seed), "conv, {scaling:?}");
            let linear = LinearConfig { scaling, ..LinearConfig::new(c * h * w, 3) }.init(&mut init);
            let flat = |x: Dual<4>| linear.forward(x.reshape([n, c * h * w]));
            prop_assert!(follows_differences(flat, dims, seed), "linear, {scaling:?}");
        }
        let strided = ConvConfig { stride: 2, padding: 1, ..ConvConfig::new([c, 3], [4, 4]) }.init(&mut init);
        prop_assert!(follows_differences(|x| strided.forward(x), dims, seed), "strided conv");
        let up = ConvConfig { stride: 2, padding: 1, ..ConvConfig::new([c, 3], [4, 4]) }.init_transposed(&mut init);
        prop_assert!(follows_differences(|x| up.forward(x), dims, seed), "transposed conv");

        for norm in [GroupNorm::layer(c, &mut init), GroupNorm::instance(c, &mut init), GroupNorm::new(c, groups, &mut init)] {
            prop_assert!(follows_differences(|x| norm.forward(x), dims, seed), "group norm");
        }
        prop_assert!(follows_differences(pixel_norm::<4>, dims, seed), "pixel norm");
        for slope in [1.0, 0.2, 0.0] {
            prop_assert!(follows_differences(|x| instance_norm(x, slope), dims, seed), "instance norm, {slope}");
        }
        prop_assert!(follows_differences(|x| reflect(x, 1), dims, seed), "reflection");

        let mut attention = SelfAttention::new(c, Weights::Glorot(1.0), Scaling::Plain, &mut init);
        attention.gamma = init.constant([1], 0.7);
        prop_assert!(follows_differences(|x| attention.forward(x), dims, seed), "self-attention");

        prop_assert!(follows_differences(minibatch_std, dims, seed), "minibatch standard deviation");
        let discrimination = MinibatchDiscrimination::new(c * h * w, 3, &mut init);
        let compared = |x: Dual<4>| discrimination.forward(x.reshape([n, c * h * w]));
        prop_assert!(follows_differences(compared, dims, seed), "minibatch discrimination");

        prop_assert!(follows_differences(leaky_relu::<4>, dims, seed), "leaky relu");
        prop_assert!(follows_differences(relu::<4>, dims, seed), "relu");
        prop_assert!(follows_differences(tanh::<4>, dims, seed), "tanh");
        prop_assert!(follows_differences(|x| softmax(x, 1), dims, seed), "softmax");

        prop_assert!(follows_differences(average_down, dims, seed), "average down");
        prop_assert!(follows_differences(filtered_down, dims, seed), "filtered down");
        prop_assert!(follows_differences(|x| nearest_up(x, [2 * h, 2 * w - 1]), dims, seed), "nearest up");
        prop_assert!(follows_differences(|x| filtered_up(x, [2 * h - 1, 2 * w]), dims, seed), "filtered up");
    }
}
