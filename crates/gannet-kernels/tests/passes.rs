//! The single passes against formulas written out in f64, on sizes that no piece or register divides.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use burn::tensor::{Device, Tensor, TensorData};
use gannet_kernels::{AdamStep, adam, batch_norm, batch_norm_by, blend, leaky_relu, leaky_relu_tangent, norm, tanh};

/// Of several pieces and a rest.
const N: usize = 70_001;

fn numbers(n: usize, phase: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.7 + phase).sin()).collect()
}

fn flat(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::default())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(ours: &[f32], expected: impl Iterator<Item = f64>, tolerance: f64) {
    let mut n = 0;
    for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        assert!((f64::from(*ours) - expected).abs() <= tolerance, "{i}: {ours}, expected {expected}");
        n += 1;
    }
    assert_eq!(n, ours.len());
}

#[test]
fn activations_and_averages_follow_their_formulas() {
    let (x, dx) = (numbers(N, 0.0), numbers(N, 1.0));
    let slope = |x: f32| if x > 0.0 { 1.0 } else { f64::from(0.2f32) };
    assert_close(&values(leaky_relu(flat(&x), 0.2)), x.iter().map(|&x| f64::from(x) * slope(x)), 1e-7);
    let tangent = values(leaky_relu_tangent(flat(&dx), flat(&x), 0.2));
    assert_close(&tangent, x.iter().zip(&dx).map(|(&x, &dx)| f64::from(dx) * slope(x)), 1e-7);
    let blended = values(blend(flat(&x), flat(&dx), 0.9));
    assert_close(&blended, x.iter().zip(&dx).map(|(&x, &dx)| 0.9 * f64::from(x) + 0.1 * f64::from(dx)), 1e-6);
    let norm = norm([&flat(&x), &flat(&dx)]);
    let expected = x.iter().chain(&dx).map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    assert!((norm - expected).abs() < 1e-6 * expected, "{norm} {expected}");
}

#[test]
fn tanh_and_its_gradient_follow_their_formulas() {
    let x = numbers(N, 0.0);
    let input = flat(&x).autodiff().require_grad();
    let y = tanh(input.clone());
    let gradients = y.clone().square().sum().backward();
    assert_close(&values(y), x.iter().map(|&x| f64::from(x).tanh()), 4e-7);
    let expected = x.iter().map(|&x| f64::from(x).tanh()).map(|y| 2.0 * y * (1.0 - y * y));
    assert_close(&values(input.grad(&gradients).unwrap()), expected, 1e-6);
}

#[test]
fn a_step_of_adam_is_algorithm_1() {
    let [weight, gradient, first] = [0.0, 1.0, 2.0].map(|phase| numbers(N, phase));
    let second: Vec<f32> = first.iter().map(|x| x * x).collect();
    let [beta_1, beta_2, learning_rate] = [0.5, 0.9, 0.01];
    let corrections = [1.0 - 0.5f32.powi(3), 1.0 - 0.9f32.powi(3)];
    let step = AdamStep { beta_1: 0.5, beta_2: 0.9, corrections, epsilon: 1e-8, learning_rate: 0.01 };
    let (moved, moments) = adam(flat(&weight), flat(&gradient), [flat(&first), flat(&second)], step);
    let expected = |i: usize| {
        let [weight, gradient, first, second] = [&weight, &gradient, &first, &second].map(|x| f64::from(x[i]));
        let first = beta_1 * first + (1.0 - beta_1) * gradient;
        let second = beta_2 * second + (1.0 - beta_2) * gradient * gradient;
        let root = (second / (1.0 - beta_2.powi(3))).sqrt();
        [first, second, weight - learning_rate * (first / (1.0 - beta_1.powi(3))) / (root + 1e-8)]
    };
    let [first, second] = moments.map(values);
    for (ours, which) in [(first, 0), (second, 1), (values(moved), 2)] {
        assert_close(&ours, (0..N).map(|i| expected(i)[which]), 1e-5);
    }
}

#[test]
fn batch_norm_and_its_gradients_follow_central_differences() {
    let device = Device::default().autodiff();
    let shape = [5, 3, 7, 3];
    let tensor = |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, shape), &device);
    let [weight, bias] =
        [[0.5, -1.5, 2.0], [0.1, 0.2, -0.3]].map(|values| Tensor::<1>::from_floats(values, &device).require_grad());
    let along = tensor(numbers(315, 2.0));
    let x = numbers(315, 0.5);
    let loss = |x: Vec<f32>, weight: &Tensor<1>, bias: &Tensor<1>| {
        let (y, _) = batch_norm(tensor(x), weight.clone(), bias.clone(), 1e-5, 1.0);
        f64::from((y * along.clone()).sum().into_scalar::<f32>())
    };
    let input = tensor(x.clone()).require_grad();
    let (y, [mean, variance]) = batch_norm(input.clone(), weight.clone(), bias.clone(), 1e-5, 1.0);
    let of_channel = |channel: usize| x.chunks(21).skip(channel).step_by(3).flatten().map(|&x| f64::from(x));
    let means: Vec<f64> = (0..3).map(|channel| of_channel(channel).sum::<f64>() / 105.0).collect();
    assert_close(&values(mean), means.iter().copied(), 1e-6);
    let squares = |channel: usize| of_channel(channel).map(|x| (x - means[channel]).powi(2)).sum::<f64>() / 105.0;
    assert_close(&values(variance), (0..3).map(squares), 1e-6);

    let gradients = (y * along.clone()).sum().backward();
    let step = 1e-2;
    let moved = |i: usize, by: f32| {
        let mut x = x.clone();
        x[i] += by;
        loss(x, &weight, &bias)
    };
    let expected = (0..315).step_by(13).map(|i| (moved(i, step) - moved(i, -step)) / (2.0 * f64::from(step)));
    let ours: Vec<f32> = values(input.grad(&gradients).unwrap()).into_iter().step_by(13).collect();
    assert_close(&ours, expected, 5e-3);
    for (which, parameter) in [&weight, &bias].into_iter().enumerate() {
        let moved = |channel: usize, by: f32| {
            let mut values: Vec<f32> = values(parameter.clone());
            values[channel] += by;
            let parameter = Tensor::<1>::from_data(TensorData::new(values, [3]), &device);
            if which == 0 { loss(x.clone(), &parameter, &bias) } else { loss(x.clone(), &weight, &parameter) }
        };
        let expected = (0..3).map(|channel| (moved(channel, 0.1) - moved(channel, -0.1)) / 0.2);
        assert_close(&values(parameter.grad(&gradients).unwrap()), expected, 2e-3);
    }
}

#[test]
fn batch_norm_with_a_slope_is_batch_norm_and_then_leaky_relu() {
    let device = Device::default().autodiff();
    let shape = [5, 3, 7, 3];
    let along = Tensor::<4>::from_data(TensorData::new(numbers(315, 2.0), shape), &device);
    for slope in [0.0, 0.2] {
        let results = [true, false].map(|is_fused| {
            let x = Tensor::<4>::from_data(TensorData::new(numbers(315, 0.5), shape), &device).require_grad();
            let [weight, bias] = [[0.5, -1.5, 2.0], [0.1, 0.2, -0.3]]
                .map(|values| Tensor::<1>::from_floats(values, &device).require_grad());
            let y = if is_fused {
                batch_norm(x.clone(), weight.clone(), bias.clone(), 1e-5, slope).0
            } else {
                leaky_relu(batch_norm(x.clone(), weight.clone(), bias.clone(), 1e-5, 1.0).0, slope)
            };
            let gradients = (y.clone() * along.clone()).sum().backward();
            let of = |parameter: &Tensor<1>| values(parameter.grad(&gradients).unwrap());
            [values(y), values(x.grad(&gradients).unwrap()), of(&weight), of(&bias)]
        });
        for (fused, apart) in results[0].iter().zip(&results[1]) {
            assert_close(fused, apart.iter().map(|&value| f64::from(value)), 2e-6);
        }
    }
}

#[test]
fn batch_norm_by_the_batchs_own_moments_is_batch_norm() {
    let x = || Tensor::<4>::from_data(TensorData::new(numbers(315, 0.5), [5, 3, 7, 3]), &Device::default());
    let affine =
        || [[0.5, -1.5, 2.0], [0.1, 0.2, -0.3]].map(|values| Tensor::<1>::from_floats(values, &Device::default()));
    let [weight, bias] = affine();
    let (expected, moments) = batch_norm(x(), weight, bias, 1e-5, 0.2);
    assert_eq!(values(batch_norm_by(x(), affine(), moments, 1e-5, 0.2)), values(expected));
}
