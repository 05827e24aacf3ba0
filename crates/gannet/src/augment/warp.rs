//! One affine warp per image: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data",
//! appendix B.
//!
//! Where a warp looks beyond the border, the image is reflected about the middle of its outermost pixels, as in the
//! paper, and again as often as needed. Samples are bilinear; the paper's wavelet filters, which keep a shrunken image
//! from aliasing, are left out.
//!
//! Burn's `grid_sample_2d` computes the same. It is not used because its normalized coordinates blur whole-pixel moves
//! by rounding, and because with gradients on the CPU, which it has no code of its own for, it was measured at two to
//! three times as long.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// A map of the plane, rows (x, y) of [to x, to y, constant]. The origin is the middle of the image, the unit one pixel,
/// x points right and y down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine([[f64; 3]; 2]);

impl Affine {
    /// Leaves every point where it is.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    /// Stretches by factors along x and y; a factor of -1 mirrors.
    pub fn scale([x, y]: [f64; 2]) -> Self {
        Self([[x, 0.0, 0.0], [0.0, y, 0.0]])
    }

    /// Moves right and down, in pixels.
    pub fn translation([x, y]: [f64; 2]) -> Self {
        Self([[1.0, 0.0, x], [0.0, 1.0, y]])
    }

    /// Turns by `angle` radians, clockwise as seen.
    pub fn rotation(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self([[cos, -sin, 0.0], [sin, cos, 0.0]])
    }

    /// Turns by `n` times 90 degrees, clockwise as seen, without rounding.
    pub fn quarter_turns(n: u8) -> Self {
        let [sin, cos] = [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]][usize::from(n % 4)];
        Self([[cos, -sin, 0.0], [sin, cos, 0.0]])
    }

    /// The map that takes a point through `first` and then through `self`.
    pub fn after(self, first: Self) -> Self {
        let (outer, inner) = (self.0, first.0);
        Self(outer.map(|[to_x, to_y, constant]| {
            let mut row = [0, 1, 2].map(|column| to_x * inner[0][column] + to_y * inner[1][column]);
            row[2] += constant;
            row
        }))
    }

    /// The same map between pixel indices, counted from the middle of the pixel in the upper left corner.
    fn between_indices(self, h: usize, w: usize) -> [[f64; 3]; 2] {
        let middle = [(w as f64 - 1.0) / 2.0, (h as f64 - 1.0) / 2.0];
        let to_middle = Self::translation(middle.map(|v| -v));
        Self::translation(middle).after(self).after(to_middle).0
    }
}

/// `images` `[N, C, H, W]` warped, in the same shape: the pixel at a point takes the value found where the image's map in
/// `to_source` takes that point. Differentiable with respect to the images; free where every map is the identity.
pub fn warp(images: Tensor<4>, to_source: &[Affine]) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    assert_eq!(to_source.len(), n, "there is one map per image");
    if to_source.iter().all(|&map| map == Affine::IDENTITY) {
        return images;
    }
    let device = images.device();
    let maps: Vec<_> = to_source.iter().map(|map| map.between_indices(h, w)).collect();
    let x = reflect(sources(&maps, 0, [h, w], &device), w); // [N, H, W]
    let y = reflect(sources(&maps, 1, [h, w], &device), h);

    // A row per pixel, its channels side by side: one lookup moves all of them.
    let pixels = images.reshape([n, c, h * w]).swap_dims(1, 2).reshape([n * h * w, c]);
    let first_of_image = Tensor::<1, Int>::arange(0..n as i64, &device).reshape([n, 1, 1]) * (h * w) as i64;
    let index = |x: Tensor<3>, y: Tensor<3>| {
        (y.int() * w as i64 + x.int() + first_of_image.clone()).reshape([n * h * w]) // [N * H * W]
    };
    let sampled = if maps.iter().flatten().flatten().all(|value| value.fract() == 0.0) {
        pixels.select(0, index(x, y))
    } else {
        // The lower neighbours stay clear of the far border, so that the upper ones exist.
        let x_low = x.clone().floor().clamp_max(w.saturating_sub(2) as f64);
        let y_low = y.clone().floor().clamp_max(h.saturating_sub(2) as f64);
        let (right, down) = (x - x_low.clone(), y - y_low.clone()); // how far between the neighbours, in [0, 1]
        let (left, up) = (-right.clone() + 1.0, -down.clone() + 1.0);
        let index = index(x_low, y_low);
        let (next_x, next_y) = (if w > 1 { 1 } else { 0 }, if h > 1 { w as i64 } else { 0 });
        let tap = |offset: i64, weight: Tensor<3>| {
            pixels.clone().select(0, index.clone() + offset) * weight.reshape([n * h * w, 1])
        };
        tap(0, left.clone() * up.clone())
            + tap(next_x, right.clone() * up)
            + tap(next_y, left * down.clone())
            + tap(next_x + next_y, right * down)
    };
    sampled.reshape([n, h * w, c]).swap_dims(1, 2).reshape([n, c, h, w])
}

/// Where each pixel looks along one axis (0: x, 1: y), as a pixel index with fraction, `[N, H, W]`.
fn sources(maps: &[[[f64; 3]; 2]], axis: usize, [h, w]: [usize; 2], device: &Device) -> Tensor<3> {
    let n = maps.len();
    let [to_x, to_y, constant] = [0, 1, 2].map(|column| {
        let values: Vec<f32> = maps.iter().map(|map| map[axis][column] as f32).collect();
        Tensor::<3>::from_data(TensorData::new(values, [n, 1, 1]), device)
    });
    let x = Tensor::<1, Int>::arange(0..w as i64, device).float().reshape([1, 1, w]);
    let y = Tensor::<1, Int>::arange(0..h as i64, device).float().reshape([1, h, 1]);
    // Products and sums by element: a matrix product may round its factors on an accelerator.
    to_x * x + (to_y * y + constant)
}

/// Indices folded into `0..=size - 1`: a triangle wave whose corners are the middles of the outermost pixels.
fn reflect(index: Tensor<3>, size: usize) -> Tensor<3> {
    let span = size as f64 - 1.0;
    if span == 0.0 {
        return index.zeros_like();
    }
    let index = index.abs();
    let turns = (index.clone() / (2.0 * span)).floor();
    -(index - turns * (2.0 * span) - span).abs() + span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(n: usize, c: usize, h: usize, w: usize) -> Tensor<4> {
        let values: Vec<f32> = (0..n * c * h * w).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        Tensor::from_data(TensorData::new(values, [n, c, h, w]), &Device::default())
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn a_mirror_and_quarter_turns_move_pixels_without_rounding() {
        let x = images(4, 3, 6, 6);
        let maps = [Affine::scale([-1.0, 1.0]), Affine::quarter_turns(1), Affine::quarter_turns(2), Affine::IDENTITY];
        let warped = warp(x.clone(), &maps);
        let one = |i: usize| x.clone().narrow(0, i, 1);
        // A pixel looks clockwise, so that the picture turns the other way: the upper right corner comes to the upper left.
        let expected = [one(0).flip([3]), one(1).swap_dims(2, 3).flip([2]), one(2).flip([2, 3]), one(3)];
        assert_eq!(values(warped), values(Tensor::cat(expected.to_vec(), 0)));
    }

    #[test]
    fn whole_pixel_moves_reflect_at_the_border_without_rounding() {
        let x = images(1, 1, 2, 4);
        let moved = values(warp(x.clone(), &[Affine::translation([-2.0, 0.0])]));
        let row = &values(x)[..4];
        assert_eq!(moved[..4], [row[2], row[1], row[0], row[1]]);
    }

    #[test]
    fn half_a_pixel_is_the_mean_of_both_neighbours() {
        let x = images(1, 2, 3, 5);
        let moved = values(warp(x.clone(), &[Affine::translation([0.5, 0.0])]));
        let x = values(x);
        for row in 0..6 {
            for column in 0..4 {
                let at = row * 5 + column;
                assert!((moved[at] - 0.5 * (x[at] + x[at + 1])).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_line_of_pixels_and_a_single_one_can_be_warped() {
        for [h, w] in [[1, 5], [5, 1], [1, 1]] {
            let x = images(1, 3, h, w);
            let map = Affine::rotation(0.3).after(Affine::translation([0.25, 9.5]));
            let warped = values(warp(x.clone(), &[map]));
            let (low, high) = values(x).iter().fold((1f32, -1f32), |(low, high), &v| (low.min(v), high.max(v)));
            assert!(warped.iter().all(|v| (low - 1e-6..=high + 1e-6).contains(v)));
        }
    }

    #[test]
    fn the_identity_among_other_maps_changes_nothing() {
        let x = images(2, 3, 7, 4);
        let warped = warp(x.clone(), &[Affine::IDENTITY, Affine::rotation(1.0)]);
        assert_eq!(values(warped.narrow(0, 0, 1)), values(x.narrow(0, 0, 1)));
    }
}
