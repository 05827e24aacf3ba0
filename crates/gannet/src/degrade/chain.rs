//! What a picture goes through before somebody wants it larger: blur, resizing, noise and JPEG, twice (Wang et al. 2021,
//! "Real-ESRGAN", section 3.2), with the ranges of the paper's appendix A.
//!
//! Deviations: kernels are Gaussian, without generalized and plateau-shaped ones, and there are no sinc filters.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::noise::Colour;
use super::{Kernel, add_normal, add_shot, blur};
use crate::image::{Filter, Picture, jpeg, resize};

/// What happens in one round.
struct Round {
    /// Share of pictures that are blurred, and the largest deviation of a kernel, in pixels.
    blur: (f64, f64),
    /// Shares of pictures that become larger and smaller; the others keep their size.
    resized: [f64; 2],
    /// The smallest and the largest of a side's factors.
    factors: [f64; 2],
    /// The largest deviation of normal noise, in units of 255.
    normal: f32,
    /// The largest factor of shot noise.
    shot: f32,
}

const FIRST: Round = Round { blur: (1.0, 3.0), resized: [0.2, 0.7], factors: [0.15, 1.5], normal: 30.0, shot: 3.0 };
const SECOND: Round = Round { blur: (0.8, 1.5), resized: [0.3, 0.4], factors: [0.3, 1.2], normal: 25.0, shot: 2.5 };

/// Share of pictures with normal noise; the others have shot noise.
const SHARE_NORMAL: f64 = 0.5;
/// Share of pictures whose noise has no colour.
const SHARE_GREY: f64 = 0.4;
/// The worst and the best quality of a JPEG.
const QUALITIES: std::ops::RangeInclusive<u8> = 30..=95;
/// With how little noise at least, in the units of either kind.
const LEAST_NORMAL: f32 = 1.0;
const LEAST_SHOT: f32 = 0.05;
const FILTERS: [Filter; 3] = [Filter::Box, Filter::Bilinear, Filter::Bicubic];

/// `picture` with 8 bits a sample after both rounds, `height` x `width` pixels in the end.
pub(super) fn twice(picture: Picture, size @ [height, width]: [usize; 2], rng: &mut ChaCha8Rng) -> Picture {
    let whole = [picture.height, picture.width];
    let once = FIRST.before_jpeg(picture, whole, rng);
    let once = compressed(&once, rng);
    let twice = SECOND.before_jpeg(once, size, rng);
    let filter = FILTERS[rng.random_range(0..FILTERS.len())];
    // The last resizing comes before the JPEG or behind it.
    if rng.random::<bool>() {
        compressed(&resize(twice, height, width, filter), rng)
    } else {
        resize(compressed(&twice, rng), height, width, filter)
    }
}

impl Round {
    /// Blurred, resized to a random multiple of `size`, and with noise.
    fn before_jpeg(&self, picture: Picture, size: [usize; 2], rng: &mut ChaCha8Rng) -> Picture {
        let (share, most) = self.blur;
        let picture = if rng.random_bool(share) { blur(&picture, &Kernel::draw(most, rng)) } else { picture };
        let factor = match rng.random::<f64>() {
            u if u < self.resized[0] => rng.random_range(1.0..self.factors[1]),
            u if u < self.resized[0] + self.resized[1] => rng.random_range(self.factors[0]..1.0),
            _ => 1.0,
        };
        let [height, width] = size.map(|side| ((side as f64 * factor).round() as usize).max(1));
        let picture = resize(picture, height, width, FILTERS[rng.random_range(0..FILTERS.len())]);
        let is_normal = rng.random_bool(SHARE_NORMAL);
        let colour = if rng.random_bool(SHARE_GREY) { Colour::Grey } else { Colour::Each };
        if is_normal {
            add_normal(&picture, rng.random_range(LEAST_NORMAL..self.normal), colour, rng)
        } else {
            add_shot(&picture, rng.random_range(LEAST_SHOT..self.shot), colour, rng)
        }
    }
}

fn compressed(picture: &Picture, rng: &mut ChaCha8Rng) -> Picture {
    jpeg(picture, rng.random_range(QUALITIES))
}
