//! How fast the convolutions of a DCGAN are, beside the peak of the innermost loop: medians of nine runs at batch 64.
//!
//! `cargo run --release -p gannet-kernels --example layers`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use gannet_kernels::{Axis, Convolution, Path, Precision, forward, input_gradient, peak_gflops, weight_gradient};

fn main() {
    [Precision::F32, Precision::Bf16]
        .into_iter()
        .filter(|precision| precision.is_available())
        .map(Path::best)
        .for_each(layers);
}

fn layers(path: Path) {
    println!("{path:?}, peak {:.0} GFLOP/s", peak_gflops(path));
    for (n_in, n_out, size) in [(3, 64, 64), (64, 128, 32), (128, 256, 16), (256, 512, 8)] {
        let Some(axis) = Axis::new(size, 4, 2, [1, 1], 1) else { continue };
        let c = Convolution { batch: 64, channels: [n_in, n_out], groups: 1, axes: [axis, axis] };
        let values = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
        let (x, w, dy) = (values(c.n_input()), values(c.n_weights()), values(c.n_output()));
        let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
        let gflops = [
            median(|| forward(path, &c, &x, &w, &mut y)),
            median(|| input_gradient(path, &c, &dy, &w, &mut dx)),
            median(|| weight_gradient(path, &c, &x, &dy, &mut dw)),
        ]
        .map(|seconds| c.flops() as f64 / seconds / 1e9);
        let [output, input, weight] = gflops;
        println!(
            "{n_in:>4} to {n_out:<4} {size:>3}²  output {output:.0}  input {input:.0}  weight {weight:.0} GFLOP/s"
        );
    }
}

/// Seconds.
fn median(mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..9)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[4]
}
