//! The transforms of adaptive discriminator augmentation: Karras et al. 2020, "Training Generative Adversarial Networks
//! with Limited Data", sections 2.2 and 2.3 and appendix B.
//!
//! Each transform acts on an image with probability p, on its own and in the paper's order: pixel blitting, then general
//! geometry, then colour. What moves pixels is gathered into one affine map, what changes colours into one matrix.
//! Numbers are drawn first ([`Transform::draw`]) and used second ([`apply`]). Deviations: samples are bilinear
//! ([`warp`]), quarter turns leave images that are not square alone, and rotations are by the same angle in pixels
//! whatever the image's proportions.

use std::f64::consts::{LN_2, PI};

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::warp::{Affine, warp};

/// Which groups of transforms take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// `b`: pixel blitting.
    pub blit: bool,
    /// `g`: general geometric transforms.
    pub geometry: bool,
    /// `c`: colour transforms.
    pub colour: bool,
}

impl Pipe {
    /// From letters as the paper names its pipes (figure 4): `b`, `g` and `c`, each at most once and at least one.
    pub fn parse(letters: &str) -> Option<Self> {
        let is_known = letters.chars().all(|letter| "bgc".contains(letter) && letters.matches(letter).count() == 1);
        let [blit, geometry, colour] = ['b', 'g', 'c'].map(|letter| letters.contains(letter));
        (is_known && !letters.is_empty()).then_some(Self { blit, geometry, colour })
    }
}

/// What is done to one image. The default does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transform {
    /// Moves of whole pixels.
    pub blit: Blit,
    /// Moves between pixels.
    pub geometry: Geometry,
    /// Changes of colour.
    pub colour: Colour,
}

/// Pixel blitting: moves that put pixels onto pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Blit {
    /// Swaps left and right.
    pub flip: bool,
    /// Turns by 90 degrees, clockwise, 0 to 3.
    pub quarter_turns: u8,
    /// Pixels to the right and down.
    pub shift: [i64; 2],
}

/// General geometric transforms, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Magnification along both axes.
    pub scale: f64,
    /// Radians, clockwise, before the stretch.
    pub first_rotation: f64,
    /// Magnification along x and shrinkage along y.
    pub stretch: f64,
    /// Radians, clockwise, after the stretch.
    pub second_rotation: f64,
    /// To the right and down, as fractions of width and height.
    pub shift: [f64; 2],
}

impl Default for Geometry {
    fn default() -> Self {
        Self { scale: 1.0, first_rotation: 0.0, stretch: 1.0, second_rotation: 0.0, shift: [0.0; 2] }
    }
}

/// Colour transforms, in this order. All keep greys grey; a grey image sees the first three only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Added to every colour, which spans [-1, 1].
    pub brightness: f64,
    /// Factor on every colour.
    pub contrast: f64,
    /// Turns light into dark and leaves the hue alone.
    pub luma_flip: bool,
    /// Radians around the axis of greys.
    pub hue: f64,
    /// Factor on the distance from the axis of greys.
    pub saturation: f64,
}

impl Default for Colour {
    fn default() -> Self {
        Self { brightness: 0.0, contrast: 1.0, luma_flip: false, hue: 0.0, saturation: 1.0 }
    }
}

impl Transform {
    /// Draws what is done to one image of `[height, width]`, every transform on with probability `p`.
    pub fn draw(pipe: Pipe, p: f64, size: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let mut transform = Self::default();
        if pipe.blit {
            transform.blit = Blit::draw(p, size, rng);
        }
        if pipe.geometry {
            transform.geometry = Geometry::draw(p, rng);
        }
        if pipe.colour {
            transform.colour = Colour::draw(p, rng);
        }
        transform
    }

    /// From a pixel of the transformed image of `[height, width]` to where its value comes from: the inverses of all
    /// moves, the last move first.
    fn to_source(self, [h, w]: [usize; 2]) -> Affine {
        let Blit { flip, quarter_turns, shift } = self.blit;
        let blit = Affine::scale([if flip { -1.0 } else { 1.0 }, 1.0])
            .after(Affine::quarter_turns(4 - quarter_turns % 4))
            .after(Affine::translation(shift.map(|pixels| -pixels as f64)));
        let Geometry { scale, first_rotation, stretch, second_rotation, shift: [x, y] } = self.geometry;
        let geometry = Affine::scale([1.0 / scale; 2])
            .after(Affine::rotation(-first_rotation))
            .after(Affine::scale([1.0 / stretch, stretch]))
            .after(Affine::rotation(-second_rotation))
            .after(Affine::translation([-x * w as f64, -y * h as f64]));
        blit.after(geometry)
    }
}

impl Blit {
    fn draw(p: f64, [h, w]: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let flip = sometimes(p, rng, false, |rng| rng.random());
        let quarter_turns = sometimes(p, rng, 0, |rng| rng.random_range(0..4));
        let shift = sometimes(p, rng, [0; 2], |rng| {
            [w, h].map(|side| (rng.random_range(-0.125..0.125) * side as f64).round() as i64)
        });
        Self { flip, quarter_turns: if h == w { quarter_turns } else { 0 }, shift }
    }
}

impl Geometry {
    fn draw(p: f64, rng: &mut ChaCha8Rng) -> Self {
        // Two rotations, one of which is on with probability p.
        let p_rotation = 1.0 - (1.0 - p).sqrt();
        Self {
            scale: sometimes(p, rng, 1.0, |rng| log_normal(rng, 0.2 * LN_2)),
            first_rotation: sometimes(p_rotation, rng, 0.0, |rng| rng.random_range(-PI..PI)),
            stretch: sometimes(p, rng, 1.0, |rng| log_normal(rng, 0.2 * LN_2)),
            second_rotation: sometimes(p_rotation, rng, 0.0, |rng| rng.random_range(-PI..PI)),
            shift: sometimes(p, rng, [0.0; 2], |rng| [(); 2].map(|()| normal(rng, 0.125))),
        }
    }
}

impl Colour {
    fn draw(p: f64, rng: &mut ChaCha8Rng) -> Self {
        Self {
            brightness: sometimes(p, rng, 0.0, |rng| normal(rng, 0.2)),
            contrast: sometimes(p, rng, 1.0, |rng| log_normal(rng, 0.5 * LN_2)),
            luma_flip: sometimes(p, rng, false, |rng| rng.random()),
            hue: sometimes(p, rng, 0.0, |rng| rng.random_range(-PI..PI)),
            saturation: sometimes(p, rng, 1.0, |rng| log_normal(rng, LN_2)),
        }
    }

    /// The factor on a colour's part along the axis of greys.
    fn luma(self) -> f64 {
        if self.luma_flip { -self.contrast } else { self.contrast }
    }

    /// The matrix `[C, C]` of all five transforms, row by row, for images of `n_channels`; alpha is left alone.
    ///
    /// With v the unit vector of greys it is `luma vv' + contrast saturation (cos hue (I - vv') + sin hue [v]x)`: every
    /// factor acts along v, across v or around v, so that their product needs no multiplication of matrices.
    fn matrix(self, n_channels: usize) -> Vec<f64> {
        if n_channels == 1 {
            return vec![self.luma()];
        }
        let (sin, cos) = self.hue.sin_cos();
        let chroma = self.contrast * self.saturation;
        let entry = |row: usize, column: usize| {
            let [same, cross] = [[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]][(column + 3 - row) % 3];
            self.luma() / 3.0 + chroma * (cos * (same - 1.0 / 3.0) + sin * cross / 3f64.sqrt())
        };
        let alpha = |row: usize, column: usize| if row == column { 1.0 } else { 0.0 };
        let places = (0..n_channels).flat_map(|row| (0..n_channels).map(move |column| (row, column)));
        places.map(|(i, j)| if i.max(j) < 3 { entry(i, j) } else { alpha(i, j) }).collect()
    }

    /// What is added after the matrix, `[C]`.
    fn constant(self, n_channels: usize) -> Vec<f64> {
        (0..n_channels).map(|channel| if channel < 3 { self.luma() * self.brightness } else { 0.0 }).collect()
    }
}

/// `images` `[N, C, H, W]` around [-1, 1], C being 1, 3 or 4, each after its own transform; same shape, not clamped.
/// Differentiable with respect to the images.
pub fn apply(images: Tensor<4>, transforms: &[Transform]) -> Tensor<4> {
    let [_, _, h, w] = images.dims();
    let to_source: Vec<Affine> = transforms.iter().map(|transform| transform.to_source([h, w])).collect();
    let colours: Vec<Colour> = transforms.iter().map(|transform| transform.colour).collect();
    recolour(warp(images, &to_source), &colours)
}

fn recolour(images: Tensor<4>, colours: &[Colour]) -> Tensor<4> {
    if colours.iter().all(|&colour| colour == Colour::default()) {
        return images;
    }
    let [n, c, h, w] = images.dims();
    let device = images.device();
    let tensor = |entries: fn(Colour, usize) -> Vec<f64>, n_columns: usize| {
        let values: Vec<f32> = colours.iter().flat_map(|&colour| entries(colour, c)).map(|v| v as f32).collect();
        Tensor::<3>::from_data(TensorData::new(values, [n, c, n_columns]), &device)
    };
    let pixels = images.reshape([n, c, h * w]);
    (tensor(Colour::matrix, c).matmul(pixels) + tensor(Colour::constant, 1)).reshape([n, c, h, w])
}

/// A draw with probability `p`, else `identity`. The draw is made either way, so that what follows does not depend on p.
fn sometimes<T>(p: f64, rng: &mut ChaCha8Rng, identity: T, draw: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
    let drawn = draw(rng);
    if rng.random::<f64>() < p { drawn } else { identity }
}

fn normal(rng: &mut ChaCha8Rng, std: f64) -> f64 {
    let value: f64 = StandardNormal.sample(rng);
    value * std
}

fn log_normal(rng: &mut ChaCha8Rng, std: f64) -> f64 {
    normal(rng, std).exp()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;

    use super::*;

    const ALL: Pipe = Pipe { blit: true, geometry: true, colour: true };

    fn draw(p: f64, n: usize, size: [usize; 2]) -> Vec<Transform> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        (0..n).map(|_| Transform::draw(ALL, p, size, &mut rng)).collect()
    }

    fn images(n: usize, c: usize, [h, w]: [usize; 2]) -> Tensor<4> {
        let values: Vec<f32> = (0..n * c * h * w).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        Tensor::from_data(TensorData::new(values, [n, c, h, w]), &Device::default())
    }

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    fn with_colour(colour: Colour) -> [Transform; 1] {
        [Transform { colour, ..Transform::default() }]
    }

    #[test]
    fn pipes_are_any_of_three_letters() {
        assert_eq!(Pipe::parse("cgb"), Some(ALL));
        assert_eq!(Pipe::parse("g"), Some(Pipe { blit: false, geometry: true, colour: false }));
        assert!(["", "bb", "bgx", "b,g"].iter().all(|letters| Pipe::parse(letters).is_none()));
    }

    #[test]
    fn nothing_is_on_at_probability_zero_and_nearly_everything_at_one() {
        assert!(draw(0.0, 50, [8, 8]).iter().all(|t| *t == Transform::default()));
        for transform in draw(1.0, 50, [8, 8]) {
            assert!(transform.geometry.scale != 1.0 && transform.geometry.stretch != 1.0);
            assert!(transform.geometry.first_rotation != 0.0 && transform.colour.hue != 0.0);
            assert!(transform.colour.saturation > 0.0 && transform.colour.contrast > 0.0);
        }
    }

    #[test]
    fn a_transform_is_on_with_its_probability() {
        let drawn = draw(0.36, 4000, [8, 8]);
        let share = |is_on: fn(&Transform) -> bool| drawn.iter().filter(|t| is_on(t)).count() as f64 / 4000.0;
        assert!((share(|t| t.geometry.scale != 1.0) - 0.36).abs() < 0.03);
        // Half of the flips that are on flip; either rotation is on with probability 0.36 in all.
        assert!((share(|t| t.blit.flip) - 0.18).abs() < 0.03);
        let rotates = |t: &Transform| t.geometry.first_rotation != 0.0 || t.geometry.second_rotation != 0.0;
        assert!((share(rotates) - 0.36).abs() < 0.03);
    }

    #[test]
    fn what_is_on_is_drawn_alike_at_any_probability() {
        for (some, all) in draw(0.5, 20, [8, 8]).iter().zip(draw(1.0, 20, [8, 8])) {
            assert!(some.colour.hue == 0.0 || some.colour.hue == all.colour.hue);
            assert!(some.geometry.scale == 1.0 || some.geometry.scale == all.geometry.scale);
        }
    }

    #[test]
    fn images_that_are_not_square_are_not_turned_by_quarters() {
        assert!(draw(1.0, 100, [8, 12]).iter().all(|t| t.blit.quarter_turns == 0));
        assert!(draw(1.0, 100, [8, 8]).iter().any(|t| t.blit.quarter_turns == 3));
    }

    #[test]
    fn a_quarter_turn_is_clockwise_and_comes_before_the_shift() {
        let x = images(1, 1, [4, 4]);
        let blit = Blit { quarter_turns: 1, shift: [1, 0], ..Blit::default() };
        let turned = values(apply(x.clone(), &[Transform { blit, ..Transform::default() }]));
        let x = values(x);
        // The lower left corner goes to the upper left, and from there one pixel to the right.
        assert_eq!(turned[1], x[12]);
        assert_eq!(turned[2], x[8]);
    }

    #[test]
    fn scaling_by_two_moves_a_pixel_away_from_the_middle() {
        let x = images(1, 1, [5, 5]);
        let geometry = Geometry { scale: 2.0, ..Geometry::default() };
        let scaled = values(apply(x.clone(), &[Transform { geometry, ..Transform::default() }]));
        let x = values(x);
        assert_eq!([scaled[0], scaled[12], scaled[24]], [x[6], x[12], x[18]]);
        assert!((scaled[13] - 0.5 * (x[12] + x[13])).abs() < 1e-6);
    }

    #[test]
    fn colour_transforms_have_their_closed_forms() {
        let x = images(1, 3, [2, 2]);
        let close = |colour: Colour, expected: fn([f32; 3]) -> [f32; 3]| {
            let [ours, x] = [apply(x.clone(), &with_colour(colour)), x.clone()].map(values);
            for pixel in 0..4 {
                let rgb = |values: &[f32]| [0, 1, 2].map(|channel| values[channel * 4 + pixel]);
                for (ours, expected) in rgb(&ours).iter().zip(expected(rgb(&x))) {
                    assert!((ours - expected).abs() < 1e-6, "{colour:?}");
                }
            }
        };
        fn mean(rgb: [f32; 3]) -> f32 {
            rgb.iter().sum::<f32>() / 3.0
        }
        close(Colour { brightness: 0.25, ..Colour::default() }, |rgb| rgb.map(|v| v + 0.25));
        close(Colour { contrast: 0.5, brightness: 1.0, ..Colour::default() }, |rgb| rgb.map(|v| 0.5 * (v + 1.0)));
        close(Colour { luma_flip: true, ..Colour::default() }, |rgb| rgb.map(|v| v - 2.0 * mean(rgb)));
        close(Colour { saturation: 0.0, ..Colour::default() }, |rgb| [mean(rgb); 3]);
        // A third of a turn around the axis of greys takes red to green.
        close(Colour { hue: 2.0 * PI / 3.0, ..Colour::default() }, |[r, g, b]| [b, r, g]);
    }

    #[test]
    fn a_grey_image_is_changed_like_a_colour_image_of_greys() {
        let grey = images(1, 1, [3, 4]);
        let colour = Colour { brightness: 0.1, contrast: 1.3, luma_flip: true, hue: 1.1, saturation: 0.4 };
        let [one, three] = [1, 3].map(|n| apply(grey.clone().repeat_dim(1, n), &with_colour(colour)));
        let difference: f32 = (three - one).abs().max().into_scalar();
        assert!(difference < 1e-6);
    }

    #[test]
    fn colour_transforms_leave_alpha_alone() {
        let x = images(1, 4, [3, 4]);
        let colour = Colour { brightness: 0.1, contrast: 1.3, luma_flip: true, hue: 1.1, saturation: 0.4 };
        let [with, without] = [4, 3].map(|n| apply(x.clone().slice([0..1, 0..n]), &with_colour(colour)));
        assert_eq!(values(with.clone().slice([0..1, 3..4])), values(x.slice([0..1, 3..4])));
        let difference: f32 = (with.slice([0..1, 0..3]) - without).abs().max().into_scalar();
        assert!(difference < 1e-6);
    }
}
