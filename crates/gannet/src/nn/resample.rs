//! Halving and doubling images: by averages and repetition, or with a low-pass filter against aliasing.
//!
//! All are linear, and all reach any size: odd sizes are extended by their last row or column before they are halved,
//! and doubled images are cropped.

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor};
use gannet_kernels::{conv_transpose2d, conv2d};

use super::Dual;

/// The filter [1, 3, 3, 1] / 8 in each direction, as in Karras et al. 2020, "Analyzing and Improving the Image Quality
/// of StyleGAN".
const FILTER: [f32; 4] = [1.0, 3.0, 3.0, 1.0];

/// Means of 2x2 pixels: `[N, C, H, W]` to half the size, rounded up.
pub fn average_down(x: impl Into<Dual<4>>) -> Dual<4> {
    x.into().linear(|x| {
        let options = AvgPoolOptions {
            kernel_size: [2, 2],
            stride: [2, 2],
            padding: [(0, 0); 2],
            count_include_pad: false,
            ceil_mode: false,
        };
        avg_pool2d(even(x), options)
    })
}

/// Each pixel repeated 2x2 times, cropped to `size`: `[N, C, H, W]` to `[N, C, height, width]`.
pub fn nearest_up(x: impl Into<Dual<4>>, size: [usize; 2]) -> Dual<4> {
    x.into().linear(|x| {
        let [n, c, h, w] = x.dims();
        let repeated = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w]);
        crop(repeated, size)
    })
}

/// Low-pass filtered, then every second pixel: `[N, C, H, W]` to half the size, rounded up.
pub fn filtered_down(x: impl Into<Dual<4>>) -> Dual<4> {
    x.into().linear(|x| {
        let x = even(x);
        let [n, c, h, w] = x.dims();
        let y = conv2d(x.clone().reshape([n * c, 1, h, w]), filter(1.0, &x.device()), 2, 1, 1);
        y.reshape([n, c, h / 2, w / 2])
    })
}

/// Spread to every second pixel, then low-pass filtered, cropped to `size`: `[N, C, H, W]` to `[N, C, height, width]`.
pub fn filtered_up(x: impl Into<Dual<4>>, size: [usize; 2]) -> Dual<4> {
    x.into().linear(|x| {
        let [n, c, h, w] = x.dims();
        let y = conv_transpose2d(x.clone().reshape([n * c, 1, h, w]), filter(4.0, &x.device()), 2, 1);
        crop(y.reshape([n, c, 2 * h, 2 * w]), size)
    })
}

/// `[1, 1, 4, 4]`, summing to `gain`.
fn filter(gain: f32, device: &Device) -> Tensor<4> {
    let taps = Tensor::<1>::from_floats(FILTER, device);
    let kernel = taps.clone().reshape([4, 1]).matmul(taps.reshape([1, 4])) * (gain / 64.0);
    kernel.reshape([1, 1, 4, 4])
}

/// The image, extended by a copy of its last row and column where their number is odd.
fn even(x: Tensor<4>) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let x = if h % 2 == 0 { x } else { Tensor::cat(vec![x.clone(), x.narrow(2, h - 1, 1)], 2) };
    if w % 2 == 0 { x } else { Tensor::cat(vec![x.clone(), x.narrow(3, w - 1, 1)], 3) }
}

fn crop(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    assert!(height <= h && width <= w, "{h}x{w} cannot be cropped to {height}x{width}");
    if [h, w] == [height, width] { x } else { x.narrow(2, 0, height).narrow(3, 0, width) }
}
