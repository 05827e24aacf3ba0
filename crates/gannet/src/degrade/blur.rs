//! Blur by Gaussian kernels that need not be round (Wang et al. 2021, "Real-ESRGAN", section 3.1).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::image::{Picture, Shape, from_unit, to_unit, window};

/// Weights of the pixels around one, that sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Row by row, `side` of them, which is odd.
    weights: Vec<f32>,
    side: usize,
}

impl Kernel {
    /// A Gaussian on `side` x `side` pixels, an odd number, with the standard deviations `sigmas` in pixels along two axes,
    /// the first of which is turned by `angle` from the horizontal.
    pub fn gaussian(side: usize, sigmas: [f64; 2], angle: f64) -> Self {
        assert!(side % 2 == 1, "a kernel of side {side} has no middle");
        let radius = (side / 2) as f64;
        let (sin, cos) = angle.sin_cos();
        let value = |i: usize| {
            let (x, y) = ((i % side) as f64 - radius, (i / side) as f64 - radius);
            let along = (x * cos + y * sin) / sigmas[0];
            let across = (y * cos - x * sin) / sigmas[1];
            (-0.5 * (along * along + across * across)).exp()
        };
        let values: Vec<f64> = (0..side * side).map(value).collect();
        let sum: f64 = values.iter().sum();
        Self { weights: values.iter().map(|value| (value / sum) as f32).collect(), side }
    }

    /// One of 7 to 21 pixels a side with deviations up to `most`, round in two cases of three, else of any form.
    pub(super) fn draw(most: f64, rng: &mut ChaCha8Rng) -> Self {
        let side = 2 * rng.random_range(SMALLEST_RADIUS..=LARGEST_RADIUS) + 1;
        let sigma = rng.random_range(LEAST_SIGMA..most);
        if rng.random_bool(SHARE_ROUND) {
            return Self::gaussian(side, [sigma; 2], 0.0);
        }
        let other = rng.random_range(LEAST_SIGMA..most);
        Self::gaussian(side, [sigma, other], rng.random_range(0.0..std::f64::consts::PI))
    }
}

/// Kernels of 7 to 21 pixels (appendix A).
const SMALLEST_RADIUS: usize = 3;
const LARGEST_RADIUS: usize = 10;
const LEAST_SIGMA: f64 = 0.2;
/// Of the Gaussian kernels of the paper, 0.45 of 0.7 are round.
const SHARE_ROUND: f64 = 0.64;

/// Every pixel of `picture` as the mean of those around it, weighted by `kernel`; the picture goes on by reflection behind
/// its edges.
pub fn blur(picture: &Picture, kernel: &Kernel) -> Picture {
    let shape = picture.shape();
    let Shape { channels, height, width } = shape;
    let radius = kernel.side / 2;
    let size = [height + 2 * radius, width + 2 * radius];
    let around = window(&to_unit(picture), shape, [-(radius as isize); 2], size);
    let mut values = vec![0.0; shape.n_values()];
    for channel in 0..channels {
        for y in 0..height {
            let row = &mut values[(channel * height + y) * width..][..width];
            for (place, weight) in kernel.weights.iter().enumerate() {
                let (down, right) = (place / kernel.side, place % kernel.side);
                let seen = &around[(channel * size[0] + y + down) * size[1] + right..][..width];
                row.iter_mut().zip(seen).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    from_unit(&values, shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means of x², y² and x y under the kernel.
    fn moments(kernel: &Kernel) -> [f64; 3] {
        let radius = (kernel.side / 2) as f64;
        let mut moments = [0.0; 3];
        for (i, weight) in kernel.weights.iter().enumerate() {
            let (x, y) = ((i % kernel.side) as f64 - radius, (i / kernel.side) as f64 - radius);
            for (moment, product) in moments.iter_mut().zip([x * x, y * y, x * y]) {
                *moment += f64::from(*weight) * product;
            }
        }
        moments
    }

    #[test]
    fn a_kernel_has_the_deviations_and_the_angle_it_was_given() {
        let [xx, yy, xy] = moments(&Kernel::gaussian(21, [2.0, 1.0], 0.0));
        assert!((xx - 4.0).abs() < 0.01 && (yy - 1.0).abs() < 0.01 && xy.abs() < 1e-6, "{xx} {yy} {xy}");
        // Turned by 45 degrees both directions vary alike, and together: (4 + 1) / 2 and (4 - 1) / 2.
        let [xx, yy, xy] = moments(&Kernel::gaussian(21, [2.0, 1.0], std::f64::consts::FRAC_PI_4));
        assert!((xx - 2.5).abs() < 0.01 && (yy - 2.5).abs() < 0.01 && (xy - 1.5).abs() < 0.01, "{xx} {yy} {xy}");
    }

    #[test]
    fn blur_keeps_an_even_picture_and_spreads_a_point() {
        let shape = Shape { channels: 1, height: 9, width: 9 };
        let kernel = Kernel::gaussian(7, [1.0; 2], 0.0);
        let even = Picture::from_u8(shape, vec![77; 81]);
        assert_eq!(blur(&even, &kernel), even);
        let mut point = vec![0; 81];
        point[40] = 255;
        let spread = blur(&Picture::from_u8(shape, point), &kernel);
        let values = to_unit(&spread);
        let share = |i: usize| (values[i] + 1.0) / 2.0;
        // 1 / (2 pi) in the middle, e^-1/2 of it beside.
        assert!((share(40) - 0.159).abs() < 0.003 && (share(41) - 0.0965).abs() < 0.003, "{} {}", share(40), share(41));
        assert_eq!(share(41), share(49));
    }
}
