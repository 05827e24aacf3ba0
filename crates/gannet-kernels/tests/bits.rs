//! What no kernel's results depend on, to the last bit: threads, what else is in the batch, where in an image a value lies.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{axis, numbers};
use gannet_kernels::{
    Convolution, Path, conv_transpose2d, forward, forward_by_rows, input_gradient, keeping_weights,
    keeping_weights_of_columns, weight_gradient,
};

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    // By tiles of many images and of few, and not by tiles.
    for (batch, channels, size) in [(12, [32, 48], 16), (1, [45, 70], 32), (3, [45, 70], 32), (12, [24, 48], 16)] {
        let axes = [axis(size, 4, 2, [1; 2], 1); 2];
        assert_on_any_number_of_threads(&Convolution { batch, channels, groups: 1, axes });
    }
}

#[test]
fn an_image_alone_is_what_it_is_among_others() {
    for channels in [[45, 70], [24, 48]] {
        let of = |batch| Convolution { batch, channels, groups: 1, axes: [axis(32, 4, 2, [1; 2], 1); 2] };
        let (one, all) = (of(1), of(5));
        let (x, w, dy) = (numbers(all.n_input(), 1), numbers(all.n_weights(), 2), numbers(all.n_output(), 3));
        for &path in Path::available() {
            let mut alone = [vec![], vec![]];
            for (x, dy) in x.chunks(one.n_input()).zip(dy.chunks(one.n_output())) {
                let [y, dx] = forth_and_back(path, &one, x, &w, dy);
                alone[0].extend(y);
                alone[1].extend(dx);
            }
            assert!(forth_and_back(path, &all, &x, &w, &dy) == alone, "{path:?}, {channels:?}");
        }
    }
}

#[test]
fn a_sample_alone_is_what_it_is_among_others_where_weights_are_kept() {
    let device = Device::default();
    let of = |shape: [usize; 4], seed| {
        Tensor::<4>::from_data(TensorData::new(numbers(shape.iter().product(), seed), shape), &device)
    };
    let (x, weight) = (of([5, 80, 8, 8], 1), of([80, 48, 4, 4], 2));
    let values = |x: &Tensor<4>| -> Vec<f32> {
        conv_transpose2d(x.clone(), weight.clone(), 2, 1).into_data().iter::<f32>().collect()
    };
    let [together, alone] = keeping_weights(|| {
        let alone = (0..5).flat_map(|n| values(&x.clone().narrow(0, n, 1))).collect();
        [values(&x), alone]
    });
    assert!(together == alone);
    let by_columns = keeping_weights_of_columns(|| values(&x));
    let error = together.iter().zip(&by_columns).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-4, "{error}");
}

/// The output and the input gradient.
fn forth_and_back(path: Path, c: &Convolution, x: &[f32], w: &[f32], dy: &[f32]) -> [Vec<f32>; 2] {
    let [mut y, mut dx] = [dy.len(), x.len()].map(|n| vec![0.0; n]);
    forward(path, c, x, w, &mut y);
    input_gradient(path, c, dy, w, &mut dx);
    [y, dx]
}

fn assert_on_any_number_of_threads(c: &Convolution) {
    let (x, w, dy) = (numbers(c.n_input(), 1), numbers(c.n_weights(), 2), numbers(c.n_output(), 3));
    for &path in Path::available() {
        let results = [1, 2, 5].map(|n_threads| {
            rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(|| {
                let [y, dx] = forth_and_back(path, c, &x, &w, &dy);
                let mut dw = vec![0.0; w.len()];
                weight_gradient(path, c, &x, &dy, &mut dw);
                [y, dx, dw].map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            })
        });
        assert!(results.iter().all(|result| *result == results[0]), "{path:?}");
    }
}

#[test]
fn a_sum_does_not_depend_on_where_in_the_image_it_lies() {
    let (channels, kernel, [h, w]) = ([20, 17], 3, [23, 41]);
    let of = |height: usize, width: usize| Convolution {
        batch: 1,
        channels,
        groups: 1,
        axes: [height, width].map(|side| axis(side, kernel, 1, [0; 2], 1)),
    };
    let whole = of(h, w);
    let (x, weights) = (numbers(whole.n_input(), 1), numbers(whole.n_weights(), 2));
    for &path in Path::available() {
        let mut y = vec![0.0; whole.n_output()];
        forward(path, &whole, &x, &weights, &mut y);
        for [top, left, height, width] in [[0, 0, 5, 9], [3, 1, 4, 40], [7, 13, 16, 5], [1, 20, 3, 3], [11, 2, 12, 19]]
        {
            let part = of(height, width);
            let crop = |values: &[f32], row: usize, [height, width]: [usize; 2], rows: usize| -> Vec<u32> {
                let lines = values.chunks(row).collect::<Vec<_>>();
                lines
                    .chunks(rows)
                    .flat_map(|plane| &plane[top..top + height])
                    .flat_map(|line| line[left..left + width].iter().map(|value| value.to_bits()))
                    .collect()
            };
            let input: Vec<f32> = crop(&x, w, [height, width], h).into_iter().map(f32::from_bits).collect();
            let mut ours = vec![0.0; part.n_output()];
            forward(path, &part, &input, &weights, &mut ours);
            let ours: Vec<u32> = ours.into_iter().map(f32::to_bits).collect();
            let expected = crop(&y, w - kernel + 1, [height - kernel + 1, width - kernel + 1], h - kernel + 1);
            assert!(ours == expected, "{path:?}: {height}x{width} from row {top} and column {left}");
        }
    }
}

#[test]
fn rows_in_strips_and_on_any_number_of_threads_are_those_of_the_whole() {
    let [n_in, n_out, width] = [64, 40, 140];
    let of = |rows: usize, padding: [usize; 2]| Convolution {
        batch: 1,
        channels: [n_in, n_out],
        groups: 1,
        axes: [axis(rows, 3, 1, padding, 1), axis(width, 3, 1, [1; 2], 1)],
    };
    let whole = of(23, [1; 2]);
    let (x, w) = (numbers(whole.n_input(), 5), numbers(whole.n_weights(), 6));
    let rows = |values: &[f32], channels: usize, rows: std::ops::Range<usize>| -> Vec<u32> {
        let of_channel = values.len() / channels;
        let part = rows.start * width..rows.end * width;
        values
            .chunks_exact(of_channel)
            .flat_map(|channel| &channel[part.clone()])
            .map(|value| value.to_bits())
            .collect()
    };
    let is_done = |path: &Path| forward_by_rows(*path, &whole, &x, &w, &mut vec![0.0; whole.n_output()]);
    for &path in Path::available().iter().filter(|path| is_done(path)) {
        let on = |n_threads: usize, c: &Convolution, x: &[f32]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let mut y = vec![f32::NAN; c.n_output()];
            assert!(pool.install(|| forward_by_rows(path, c, x, &w, &mut y)));
            y
        };
        let y = on(1, &whole, &x);
        assert_eq!(rows(&on(5, &whole, &x), n_out, 0..23), rows(&y, n_out, 0..23), "{path:?}");
        let strip: Vec<f32> = rows(&x, n_in, 6..12).into_iter().map(f32::from_bits).collect();
        let middle = on(2, &of(6, [0; 2]), &strip);
        assert_eq!(rows(&middle, n_out, 0..4), rows(&y, n_out, 7..11), "{path:?}");
    }
}
