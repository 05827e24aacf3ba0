//! DiffAugment: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", section 4.
//!
//! Three transforms, each of them on every image: colour, translation and cutout. Numbers are drawn first
//! ([`Transform::draw`]) and used second ([`apply`]).

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::warp::{Affine, warp};

/// Which transforms take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Brightness, saturation and contrast.
    pub colour: bool,
    /// A shift by up to an eighth of the size.
    pub translation: bool,
    /// A hole of half the size.
    pub cutout: bool,
}

impl Policy {
    /// From the paper's names, separated by commas: `color`, `translation` and `cutout`, each at most once.
    pub fn parse(names: &str) -> Option<Self> {
        let mut policy = Self::default();
        for name in names.split(',') {
            let part = match name.trim() {
                "color" => &mut policy.colour,
                "translation" => &mut policy.translation,
                "cutout" => &mut policy.cutout,
                _ => return None,
            };
            if std::mem::replace(part, true) {
                return None;
            }
        }
        Some(policy)
    }
}

/// What is done to one image. The default does nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// Added to every colour, which spans [-1, 1].
    pub brightness: f64,
    /// Factor on a pixel's distance from its own grey, the mean of its colours.
    pub saturation: f64,
    /// Factor on the distance from the image's mean over pixels and colours.
    pub contrast: f64,
    /// Pixels to the right and down; what comes in is zero.
    pub shift: [i64; 2],
    /// Left and top of a hole of half the width and height, rounded up, in which all channels are zero. It may stick
    /// out of the image.
    pub hole: Option<[i64; 2]>,
}

impl Default for Transform {
    fn default() -> Self {
        Self { brightness: 0.0, saturation: 1.0, contrast: 1.0, shift: [0; 2], hole: None }
    }
}

impl Transform {
    /// Draws what is done to one image of `[height, width]`.
    pub fn draw(policy: Policy, [h, w]: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let mut transform = Self::default();
        if policy.colour {
            transform.brightness = rng.random_range(-0.5..0.5);
            transform.saturation = rng.random_range(0.0..2.0);
            transform.contrast = rng.random_range(0.5..1.5);
        }
        if policy.translation {
            transform.shift = [w, h].map(|side| {
                let most = (side as f64 / 8.0).round() as i64;
                rng.random_range(-most..=most)
            });
        }
        if policy.cutout {
            // The middle of the hole lies anywhere in the image: on a pixel if its side is odd, between two if even.
            transform.hole = Some([w, h].map(|side| {
                let hole = hole_side(side);
                rng.random_range(0..=side as i64 - hole % 2) - hole / 2
            }));
        }
        transform
    }
}

/// `images` `[N, C, H, W]` around [-1, 1], C being 1, 3 or 4, each after its own transform; same shape, not clamped.
/// Differentiable with respect to the images.
pub fn apply(images: Tensor<4>, transforms: &[Transform]) -> Tensor<4> {
    assert_eq!(transforms.len(), images.dims()[0], "there is one transform per image");
    cut_out(translate(recolour(images, transforms), transforms), transforms)
}

/// Brightness, saturation and contrast; they commute. Alpha is left alone.
fn recolour(images: Tensor<4>, transforms: &[Transform]) -> Tensor<4> {
    if transforms.iter().all(|t| [t.brightness, t.saturation, t.contrast] == [0.0, 1.0, 1.0]) {
        return images;
    }
    let [n, c, h, w] = images.dims();
    if c == 4 {
        let [colours, alpha] = [0..3, 3..4].map(|channels| images.clone().slice([0..n, channels, 0..h, 0..w]));
        return Tensor::cat(vec![recolour(colours, transforms), alpha], 1);
    }
    let device = images.device();
    let per_image = |value: fn(&Transform) -> f64| {
        let values: Vec<f32> = transforms.iter().map(|transform| value(transform) as f32).collect();
        Tensor::<4>::from_data(TensorData::new(values, [n, 1, 1, 1]), &device)
    };
    let x = images + per_image(|t| t.brightness);
    let grey = x.clone().mean_dim(1); // [N, 1, H, W]
    let x = (x - grey.clone()) * per_image(|t| t.saturation) + grey;
    let mean = x.clone().reshape([n, c * h * w]).mean_dim(1).reshape([n, 1, 1, 1]);
    (x - mean.clone()) * per_image(|t| t.contrast) + mean
}

fn translate(images: Tensor<4>, transforms: &[Transform]) -> Tensor<4> {
    if transforms.iter().all(|t| t.shift == [0; 2]) {
        return images;
    }
    let [_, _, h, w] = images.dims();
    let to_source: Vec<_> = transforms.iter().map(|t| Affine::translation(t.shift.map(|v| -v as f64))).collect();
    let covered = transforms.iter().map(|t| [t.shift[0]..t.shift[0] + w as i64, t.shift[1]..t.shift[1] + h as i64]);
    let covered = inside(covered, [h, w], &images.device());
    warp(images, &to_source) * covered
}

fn cut_out(images: Tensor<4>, transforms: &[Transform]) -> Tensor<4> {
    if transforms.iter().all(|t| t.hole.is_none()) {
        return images;
    }
    let [_, _, h, w] = images.dims();
    let holes = transforms.iter().map(|t| match t.hole {
        Some([left, top]) => [left..left + hole_side(w), top..top + hole_side(h)],
        None => [0..0, 0..0],
    });
    let kept = -inside(holes, [h, w], &images.device()) + 1.0;
    images * kept
}

/// The side of a hole in an image's `side`, in pixels.
fn hole_side(side: usize) -> i64 {
    side.div_ceil(2) as i64
}

/// 1 in each image's rectangle (columns, then rows) and 0 elsewhere, `[N, 1, H, W]`.
fn inside(rectangles: impl Iterator<Item = [Range<i64>; 2]> + Clone, [h, w]: [usize; 2], device: &Device) -> Tensor<4> {
    let n = rectangles.clone().count();
    let [columns, rows] = [(0, w), (1, h)].map(|(axis, side)| {
        let is_in = |range: Range<i64>| (0..side as i64).map(move |v| if range.contains(&v) { 1.0 } else { 0.0 });
        let values: Vec<f32> = rectangles.clone().flat_map(|rectangle| is_in(rectangle[axis].clone())).collect();
        Tensor::<1>::from_floats(values.as_slice(), device)
    });
    rows.reshape([n, 1, h, 1]) * columns.reshape([n, 1, 1, w])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const ALL: Policy = Policy { colour: true, translation: true, cutout: true };

    fn images(n: usize, c: usize, h: usize, w: usize) -> Tensor<4> {
        let values: Vec<f32> = (0..n * c * h * w).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        Tensor::from_data(TensorData::new(values, [n, c, h, w]), &Device::default())
    }

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn policies_are_any_of_three_names() {
        assert_eq!(Policy::parse("color, cutout,translation"), Some(ALL));
        assert_eq!(Policy::parse("cutout"), Some(Policy { cutout: true, ..Policy::default() }));
        assert!(["", "colour", "color,color", "color,"].iter().all(|names| Policy::parse(names).is_none()));
    }

    #[test]
    fn draws_stay_in_the_paper_s_ranges_and_reach_their_ends() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let drawn: Vec<_> = (0..2000).map(|_| Transform::draw(ALL, [16, 30], &mut rng)).collect();
        for t in &drawn {
            assert!((-0.5..0.5).contains(&t.brightness));
            assert!((0.0..2.0).contains(&t.saturation) && (0.5..1.5).contains(&t.contrast));
        }
        let span = |value: fn(&Transform) -> i64| {
            (drawn.iter().map(value).min().unwrap(), drawn.iter().map(value).max().unwrap())
        };
        assert_eq!(span(|t| t.shift[0]), (-4, 4));
        assert_eq!(span(|t| t.shift[1]), (-2, 2));
        // A hole of 15 columns and 8 rows whose middle is anywhere: as far out on the left as on the right.
        assert_eq!(span(|t| t.hole.unwrap()[0]), (-7, 22));
        assert_eq!(span(|t| t.hole.unwrap()[1]), (-4, 12));
    }

    #[test]
    fn brightness_contrast_and_saturation_have_their_closed_forms() {
        let x = images(1, 3, 2, 2);
        let ours = |transform| values(apply(x.clone(), &[transform]));
        let x = values(x.clone());
        let mean = x.iter().sum::<f32>() / 12.0;
        for (index, &v) in x.iter().enumerate() {
            let pixel = index % 4;
            let grey = (x[pixel] + x[pixel + 4] + x[pixel + 8]) / 3.0;
            let close = |transform, expected: f32| assert!((ours(transform)[index] - expected).abs() < 1e-6);
            close(Transform { brightness: 0.3, ..Transform::default() }, v + 0.3);
            close(Transform { saturation: 1.7, ..Transform::default() }, grey + 1.7 * (v - grey));
            close(Transform { contrast: 0.6, ..Transform::default() }, mean + 0.6 * (v - mean));
        }
    }

    #[test]
    fn colour_leaves_alpha_alone() {
        let x = images(2, 4, 3, 3);
        let transform = Transform { brightness: 0.3, saturation: 1.7, contrast: 0.6, ..Transform::default() };
        let [with, without] = [4, 3].map(|c| apply(x.clone().slice([0..2, 0..c]), &[transform; 2]));
        assert_eq!(values(with.clone().slice([0..2, 3..4])), values(x.slice([0..2, 3..4])));
        assert_eq!(values(with.slice([0..2, 0..3])), values(without));
    }

    #[test]
    fn a_shift_moves_right_and_down_and_brings_in_zeros() {
        let x = images(1, 1, 3, 4);
        let moved = values(apply(x.clone(), &[Transform { shift: [1, -1], ..Transform::default() }]));
        let x = values(x);
        assert_eq!(moved[..4], [0.0, x[4], x[5], x[6]]);
        assert_eq!(moved[8..], [0.0; 4]);
    }

    #[test]
    fn a_hole_is_half_the_size_and_zero_in_all_channels() {
        let x = images(2, 3, 4, 6) + 2.0;
        let hole = Transform { hole: Some([-1, 2]), ..Transform::default() };
        let cut = values(apply(x.clone(), &[hole, Transform::default()]));
        for (index, (ours, x)) in cut.iter().zip(values(x)).enumerate() {
            let (column, row, image) = (index % 6, index / 6 % 4, index / 72);
            let is_hole = image == 0 && column < 2 && row >= 2;
            assert_eq!(*ours, if is_hole { 0.0 } else { x });
        }
    }
}
