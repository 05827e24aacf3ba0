//! Every kernel on every path of this machine against sums written out in f64.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fmt::Debug;

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData};
use common::{axis, numbers};
use gannet_kernels::{
    Axis, Convolution, Path, Precision, conv_transpose1d, conv1d, conv2d, forward, forward_by_rows, input_gradient,
    weight_gradient,
};
use proptest::prelude::*;

/// Error allowed, relative to the sum of absolute values of what is added.
const TOLERANCE: f64 = 1e-5;
/// The same where numbers have 17 bits, which points of Winograd's method take from neighbours that a sum at an edge does not
/// have.
const TOLERANCE_HALVED: f64 = 1e-4;

/// Calls `add` with the index of an input, a weight and an output value, for all that belong together.
fn each(c: &Convolution, mut add: impl FnMut(usize, usize, usize)) {
    let [n_in, n_out] = c.group_channels();
    let [vertical, horizontal] = c.axes;
    let place = |axis: &Axis, o: usize, t: usize| {
        (o * axis.stride + t * axis.dilation).checked_sub(axis.padding).filter(|&i| i < axis.input)
    };
    for n in 0..c.batch {
        for o in 0..c.channels[1] {
            for i in 0..n_in {
                let channel = n * c.channels[0] + o / n_out * n_in + i;
                for (oy, ox) in (0..vertical.output).flat_map(|y| (0..horizontal.output).map(move |x| (y, x))) {
                    for (ty, tx) in (0..vertical.kernel).flat_map(|y| (0..horizontal.kernel).map(move |x| (y, x))) {
                        if let (Some(y), Some(x)) = (place(&vertical, oy, ty), place(&horizontal, ox, tx)) {
                            add(
                                (channel * vertical.input + y) * horizontal.input + x,
                                ((o * n_in + i) * vertical.kernel + ty) * horizontal.kernel + tx,
                                ((n * c.channels[1] + o) * vertical.output + oy) * horizontal.output + ox,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The values of the input gradient, of the weight gradient and of the output, each with the size of what is added.
fn sums(c: &Convolution, x: &[f32], w: &[f32], dy: &[f32]) -> [Vec<[f64; 2]>; 3] {
    let mut sums = [x.len(), w.len(), dy.len()].map(|n| vec![[0.0; 2]; n]);
    each(c, |i, t, o| {
        for (of, at, a, b) in [(0, i, dy[o], w[t]), (1, t, x[i], dy[o]), (2, o, x[i], w[t])] {
            let product = f64::from(a) * f64::from(b);
            sums[of][at][0] += product;
            sums[of][at][1] += product.abs();
        }
    });
    sums
}

fn assert_close(what: &str, c: &Convolution, by: impl Debug, ours: &[f32], sums: &[[f64; 2]], tolerance: f64) {
    assert_eq!(ours.len(), sums.len(), "{what}: {c:?}");
    for (i, (ours, [sum, size])) in ours.iter().zip(sums).enumerate() {
        let error = (f64::from(*ours) - sum).abs();
        assert!(error <= tolerance * size, "{what} {i} is {ours}, expected {sum}: {by:?}, {c:?}");
    }
}

fn check(c: &Convolution, seed: u64) {
    for precision in [Precision::F32, Precision::Bf16] {
        let paths = Path::available().iter().filter(|path| path.precision() == precision);
        // Products of bf16 are exact, so that paths for them are as close where their operands are bf16 already.
        let operand = |n: usize, seed: u64| -> Vec<f32> {
            let round = |x: f32| if precision == Precision::Bf16 { (x * 64.0).round() / 64.0 } else { x };
            numbers(n, seed).into_iter().map(round).collect()
        };
        let (x, w, dy) =
            (operand(c.n_input(), seed), operand(c.n_weights(), seed + 1), operand(c.n_output(), seed + 2));
        let [dx_sums, dw_sums, y_sums] = sums(c, &x, &w, &dy);
        for &path in paths {
            // What was in the results before must not matter.
            let [mut y, mut dx, mut dw] = [dy.len(), x.len(), w.len()].map(|n| vec![f32::NAN; n]);
            forward(path, c, &x, &w, &mut y);
            assert_close("output", c, path, &y, &y_sums, TOLERANCE);
            input_gradient(path, c, &dy, &w, &mut dx);
            assert_close("input gradient", c, path, &dx, &dx_sums, TOLERANCE);
            weight_gradient(path, c, &x, &dy, &mut dw);
            assert_close("weight gradient", c, path, &dw, &dw_sums, TOLERANCE);
        }
    }
}

prop_compose! {
    /// An axis of any kind whose kernel fits the padded input, often only just.
    fn any_axis()(
        kernel in 1usize..6, stride in 1usize..4, dilation in 1usize..4, before in 0usize..5, behind in 0usize..5,
        input in 1usize..20,
    ) -> Axis {
        let span = dilation * (kernel - 1) + 1;
        let missing = span.saturating_sub(before + input + behind);
        axis(input, kernel, stride, [before + missing, behind], dilation)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_equals_its_sums(
        vertical in any_axis(), horizontal in any_axis(), batch in 1usize..5, groups in 1usize..4,
        n_in in 1usize..5, n_out in 1usize..15, seed in any::<u32>(),
    ) {
        let c = Convolution { batch, channels: [n_in * groups, n_out * groups], groups, axes: [vertical, horizontal] };
        check(&c, seed.into());
    }
}

prop_compose! {
    /// An axis whose kernel is twice its stride, with some more pixels behind those that its outputs read.
    fn twice_its_stride()(
        stride in 1usize..4, output in 7usize..11, before in 0usize..4, behind in 0usize..4, more in 0usize..3,
    ) -> Axis {
        let padded = (output + 1) * stride + more.min(stride - 1);
        axis(padded - before - behind, 2 * stride, stride, [before, behind], 1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_convolution_by_tiles_equals_its_sums(
        vertical in twice_its_stride(), horizontal in twice_its_stride(), batch in 3usize..7,
        n_in in 32usize..50, n_out in 32usize..50, seed in any::<u32>(),
    ) {
        let c = Convolution { batch, channels: [n_in, n_out], groups: 1, axes: [vertical, horizontal] };
        check(&c, seed.into());
    }
}

prop_compose! {
    /// A convolution of signals, which are images of one row.
    fn of_signals()(
        along in any_axis(), batch in 1usize..5, groups in 1usize..4, n_in in 1usize..5, n_out in 1usize..15,
    ) -> Convolution {
        let axes = [axis(1, 1, 1, [0; 2], 1), along];
        Convolution { batch, channels: [n_in * groups, n_out * groups], groups, axes }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_of_signals_and_their_gradients_equal_their_sums(c in of_signals(), seed in any::<u32>()) {
        let along @ Axis { output, stride, padding, dilation, .. } = c.axes[1];
        let read = (output - 1) * stride + dilation * (along.kernel - 1) + 1;

        let behind = read.saturating_sub(padding + along.input);
        let options = ConvOptions::new_with_padding([stride], [(padding, behind)], [dilation], c.groups);
        assert_signals(&c, [0, 2], seed.into(), |x, w, bias| conv1d(x, w, bias, options));

        // What a transposed convolution makes is at least as long as the input was.
        let input = along.input.max(read.saturating_sub(2 * padding));
        let more = input + 2 * padding - read;
        let options = ConvTransposeOptions::new([stride], [padding], [more], [dilation], c.groups);
        let c = Convolution { axes: [c.axes[0], Axis { input, ..along }], ..c };
        assert_signals(&c, [2, 0], seed.into(), |y, w, bias| conv_transpose1d(y, w, bias, options));
    }
}

/// Compares what `operation` makes of signals, weights and a bias, and its gradients, with the sums of `c`. It leads `from`
/// one side of `c` `to` the other: 0 is the input, 2 the output.
fn assert_signals(
    c: &Convolution,
    [from, to]: [usize; 2],
    seed: u64,
    operation: impl FnOnce(Tensor<3>, Tensor<3>, Option<Tensor<1>>) -> Tensor<3>,
) {
    let [n_in, n_out] = c.channels;
    let of_weights = [n_out, c.group_channels()[0], c.taps()];
    let shapes = [[c.batch, n_in, c.input_pixels()], of_weights, [c.batch, n_out, c.output_pixels()]];
    let operands = [0, 1, 2].map(|i| numbers(shapes[i].iter().product(), seed + i as u64));
    let mut expected = sums(c, &operands[0], &operands[1], &operands[2]);
    let n_channels = shapes[to][1];
    let bias = numbers(n_channels, seed + 3);
    let mut bias_sums = vec![[0.0; 2]; n_channels];
    for (at, (sum, value)) in expected[to].iter_mut().zip(&operands[to]).enumerate() {
        let channel = at / shapes[to][2] % n_channels;
        for (sum, value) in [(sum, bias[channel]), (&mut bias_sums[channel], *value)] {
            sum[0] += f64::from(value);
            sum[1] += f64::from(value.abs());
        }
    }

    let device = Device::default().autodiff();
    let tensor =
        |i: usize| Tensor::<3>::from_data(TensorData::new(operands[i].clone(), shapes[i]), &device).require_grad();
    let [x, w, along] = [from, 1, to].map(tensor);
    let bias = Tensor::<1>::from_data(TensorData::new(bias, [n_channels]), &device).require_grad();
    let y = operation(x.clone(), w.clone(), Some(bias.clone()));
    let gradients = (y.clone() * along).sum().backward();
    let bias = bias.grad(&gradients).unwrap().unsqueeze();
    let results = [y, x.grad(&gradients).unwrap(), w.grad(&gradients).unwrap(), bias];
    for (result, sums) in results.into_iter().zip([&expected[to], &expected[from], &expected[1], &bias_sums]) {
        let values: Vec<f32> = result.into_data().iter::<f32>().collect();
        assert_close("signals", c, [from, to], &values, sums, TOLERANCE);
    }
}

#[test]
#[should_panic(expected = "3 channels do not fall into 2 groups")]
fn channels_that_do_not_fall_into_their_groups_are_refused() {
    let ones = |shape: [usize; 4]| Tensor::ones(shape, &Device::default());
    conv2d(ones([1, 2, 5, 5]), ones([3, 1, 3, 3]), 1, 1, 2);
}

#[test]
fn the_layers_of_real_networks_equal_their_sums() {
    let square = |input, kernel, stride, padding| [axis(input, kernel, stride, [padding; 2], 1); 2];
    for (batch, channels, groups, axes) in [
        (9, [3, 24], 1, square(32, 4, 2, 1)),
        (3, [40, 70], 1, square(16, 4, 2, 1)),
        (20, [80, 40], 1, square(8, 4, 2, 1)),
        (1, [33, 45], 1, [axis(130, 4, 2, [1; 2], 1), axis(140, 4, 2, [1; 2], 1)]),
        (2, [16, 32], 1, square(28, 3, 2, 1)),
        (5, [64, 64], 4, square(14, 3, 1, 1)),
        (4, [48, 48], 48, square(16, 4, 2, 1)),
        (7, [70, 9], 1, square(7, 7, 1, 0)),
        (1, [300, 20], 1, square(5, 1, 1, 0)),
        (2, [8, 12], 1, [axis(1, 1, 1, [0; 2], 1), axis(50, 9, 2, [4, 3], 2)]),
        (2, [5, 14], 1, [axis(1, 1, 1, [0; 2], 1), axis(2001, 25, 4, [11, 10], 1)]),
    ] {
        check(&Convolution { batch, channels, groups, axes }, 7);
    }
}

fn assert_by_rows(c: &Convolution, seed: u64) {
    let (x, w) = (numbers(c.n_input(), seed), numbers(c.n_weights(), seed + 1));
    let [_, _, sums] = sums(c, &x, &w, &vec![0.0; c.n_output()]);
    for &path in Path::available() {
        let mut y = vec![f32::NAN; c.n_output()];
        let is_done = forward_by_rows(path, c, &x, &w, &mut y);
        assert!(is_done || path.precision() == Precision::Bf16, "{path:?}, {c:?}");
        if is_done {
            let tolerance = if path.precision() == Precision::F32 { TOLERANCE } else { TOLERANCE_HALVED };
            assert_close("output by rows", c, path, &y, &sums, tolerance);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_convolution_by_rows_equals_its_sums(
        height in 1usize..12, width in 1usize..90, above in 0usize..3, below in 0usize..3, left in 0usize..3,
        right in 0usize..3, batch in 1usize..3, n_in in prop_oneof![16usize..22, Just(32), Just(64)], n_out in 16usize..36, seed in any::<u32>(),
    ) {
        let axis = |size: usize, before: usize, behind: usize| {
            axis(size, 3, 1, [before + 3usize.saturating_sub(before + size + behind), behind], 1)
        };
        let axes = [axis(height, above, below), axis(width, left, right)];
        assert_by_rows(&Convolution { batch, channels: [n_in, n_out], groups: 1, axes }, seed.into());
    }
}
