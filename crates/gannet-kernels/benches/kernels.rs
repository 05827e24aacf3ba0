//! How long each kernel takes. Elements are multiplications and additions where matrices are multiplied, values elsewhere.
//!
//! `cargo bench -p gannet-kernels -- [PART OF A NAME]`

use std::time::Duration;

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use gannet_kernels::{
    AdamStep, Axis, Convolution, Path, Precision, adam, batch_norm, blend, conv_transpose1d, conv_transpose2d, conv1d,
    forward, forward_by_rows, input_gradient, layered, leaky_relu, linear, norm, tanh, weight_gradient,
};

/// The allocator of the program, so that results take memory that was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for precision in [Precision::F32, Precision::Bf16].into_iter().filter(|precision| precision.is_available()) {
        let path = Path::best(precision);
        let mut group = criterion.benchmark_group(format!("convolution {path:?}"));
        layers().iter().for_each(|layer| convolution(&mut group, path, layer));
    }
    transposed_convolution(&mut criterion.benchmark_group("transposed convolution"));
    signals(&mut criterion.benchmark_group("signals"));
    fully_connected(&mut criterion.benchmark_group("fully connected"));
    passes(&mut criterion.benchmark_group("passes"));
    criterion.final_summary();
}

/// The layers of a DCGAN and one of 3x3, at batch 64.
fn layers() -> Vec<Convolution> {
    let dcgan = [([3, 64], 64), ([64, 128], 32), ([128, 256], 16), ([256, 512], 8)].map(|layer| (layer, 4, 2));
    let of = |((channels, size), kernel, stride)| {
        let axis = Axis::new(size, kernel, stride, [1; 2], 1)?;
        Some(Convolution { batch: 64, channels, groups: 1, axes: [axis; 2] })
    };
    dcgan.into_iter().chain([(([64, 64], 32), 3, 1)]).filter_map(of).collect()
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn time<T>(group: &mut Group<'_>, name: &str, n_elements: usize, mut work: impl FnMut() -> T) {
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(n_elements as u64));
    group.bench_function(name, |bencher| bencher.iter(&mut work));
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.37).sin()).collect()
}

fn tensor<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(shape.iter().product()), shape), &Device::default())
}

fn convolution(group: &mut Group<'_>, path: Path, c: &Convolution) {
    let ([n_in, n_out], Axis { input, kernel, .. }) = (c.channels, c.axes[0]);
    let name = |pass: &str| format!("{pass}/{n_in} to {n_out}, {input}x{input} by {kernel}x{kernel}");
    let (x, w, dy) = (numbers(c.n_input()), numbers(c.n_weights()), numbers(c.n_output()));
    let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
    let n_flops = c.flops() as usize;
    time(group, &name("forward"), n_flops, || forward(path, c, &x, &w, &mut y));
    time(group, &name("input gradient"), n_flops, || input_gradient(path, c, &dy, &w, &mut dx));
    time(group, &name("weight gradient"), n_flops, || weight_gradient(path, c, &x, &dy, &mut dw));
    if forward_by_rows(path, c, &x, &w, &mut y) {
        time(group, &name("forward by rows"), n_flops, || forward_by_rows(path, c, &x, &w, &mut y));
    }
}

fn transposed_convolution(group: &mut Group<'_>) {
    for c in layers() {
        let ([n_out, n_in], [Axis { output, kernel, stride, padding, .. }, _]) = (c.channels, c.axes);
        let (x, w) = (tensor([c.batch, n_in, output, output]), tensor([n_in, n_out, kernel, kernel]));
        let name = format!("{n_in} to {n_out}, {output}x{output} by {kernel}x{kernel}");
        time(group, &name, c.flops() as usize, || conv_transpose2d(x.clone(), w.clone(), stride, padding));
    }
}

fn signals(group: &mut Group<'_>) {
    let (long, short, w) = (tensor([64, 64, 1024]), tensor([64, 128, 256]), tensor([128, 64, 16]));
    let n_flops = 2 * 64 * 256 * 128 * 64 * 16;
    let options = ConvOptions::new([4], [6], [1], 1);
    time(group, "64 to 128, 1024 by 16", n_flops, || conv1d(long.clone(), w.clone(), None, options.clone()));
    let options = ConvTransposeOptions::new([4], [6], [0], [1], 1);
    time(group, "transposed, 128 to 64, 256 by 16", n_flops, || {
        conv_transpose1d(short.clone(), w.clone(), None, options.clone())
    });
}

fn fully_connected(group: &mut Group<'_>) {
    let (x, w) = (tensor([256, 1024]), tensor([1024, 1024]));
    time(group, "one layer, 1024 to 1024", 2 * 256 * 1024 * 1024, || linear(x.clone(), w.clone()));
    let sizes = [2, 128, 128, 128, 1];
    let layers: Vec<_> = sizes.windows(2).map(|io| (tensor([io[1], io[0]]), tensor([io[1]]), 0.2)).collect();
    let n_weights: usize = sizes.windows(2).map(|io| io[0] * io[1]).sum();
    let x = tensor([256, 2]);
    time(group, "four layers at once, 2 to 128 to 128 to 128 to 1", 2 * 256 * n_weights, || layered(&x, &layers, None));
}

fn passes(group: &mut Group<'_>) {
    let shape = [64, 64, 32, 32];
    let n: usize = shape.iter().product();
    let (x, [weight, bias]) = (tensor(shape), [64, 64].map(|n| tensor([n])));
    let normalized = || batch_norm(x.clone(), weight.clone(), bias.clone(), 1e-5, 0.2);
    time(group, "batch norm and leaky relu", n, normalized);
    time(group, "leaky relu", n, || leaky_relu(x.clone(), 0.2));
    time(group, "tanh", n, || tanh(x.clone()));
    let [weight, gradient, first, second] = [n; 4].map(|n| tensor([n]));
    time(group, "average", n, || blend(weight.clone(), gradient.clone(), 0.999));
    time(group, "norm", n, || norm([&gradient]));
    let step = AdamStep { beta_1: 0.5, beta_2: 0.999, corrections: [0.5, 0.001], epsilon: 1e-8, learning_rate: 0.0002 };
    let mut moments = Some([first, second.square()]);
    time(group, "adam", n, || {
        let (moved, after) = adam(weight.clone(), gradient.clone(), moments.take()?, step);
        moments = Some(after);
        Some(moved)
    });
}
