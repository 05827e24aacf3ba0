//! How pictures become worse: what networks that restore pictures are shown in training, made of what they are to find.
//!
//! Everything works on pictures of 8 bits, as cameras and sites leave them behind every step, and all chance comes from
//! the stream that is given.

mod blur;
mod chain;
mod holes;
mod noise;

use std::fmt;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use blur::{Kernel, blur};
pub use holes::Holes;
pub use noise::{Colour, add_normal, add_shot};

use crate::image::{Filter, Picture, Shape, from_unit, resize, to_unit};

/// How a small picture is made of a large one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Degradation {
    /// Shrunk by Pillow's bicubic filter, and nothing else: the benchmarks' task (Ledig et al. 2017, section 3.1).
    #[default]
    Bicubic,
    /// Blur, resizing, noise and JPEG, all at random, and then the same again, as pictures have been through on their way
    /// (Wang et al. 2021, "Real-ESRGAN", section 3).
    RealWorld,
}

impl fmt::Display for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bicubic => "bicubic",
            Self::RealWorld => "real-world",
        })
    }
}

impl Degradation {
    /// `picture` with 8 bits a sample and 1 / `scale` of its rows and columns, of which both have whole ones.
    pub fn shrink(self, picture: Picture, scale: usize, rng: &mut ChaCha8Rng) -> Picture {
        let size = [picture.height / scale, picture.width / scale];
        match self {
            Self::Bicubic => resize(picture.into_eight_bits(), size[0], size[1], Filter::Bicubic),
            Self::RealWorld => chain::twice(picture.into_eight_bits(), size, rng),
        }
    }

    /// The same with `values` `[C, H, W]` in [-1, 1].
    pub fn shrink_values(self, values: &[f32], shape: Shape, scale: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        to_unit(&self.shrink(from_unit(values, shape), scale, rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    const SHAPE: Shape = Shape { channels: 3, height: 48, width: 32 };

    fn picture() -> Picture {
        Picture::from_u8(SHAPE, (0..SHAPE.n_values()).map(|i| ((i / 7) * 53 % 256) as u8).collect())
    }

    fn shrunk(degradation: Degradation, counter: u64) -> Picture {
        degradation.shrink(picture(), 4, &mut stream(1, Purpose::Degrade, counter))
    }

    #[test]
    fn bicubic_is_pillow_s_and_leaves_nothing_to_chance() {
        assert_eq!(shrunk(Degradation::Bicubic, 0), resize(picture(), 12, 8, Filter::Bicubic));
        assert_eq!(shrunk(Degradation::Bicubic, 0), shrunk(Degradation::Bicubic, 1));
    }

    #[test]
    fn what_pictures_go_through_depends_on_the_stream_alone() {
        for counter in 0..40 {
            let once = shrunk(Degradation::RealWorld, counter);
            assert_eq!(once.shape(), Shape { channels: 3, height: 12, width: 8 });
            assert_eq!(once, shrunk(Degradation::RealWorld, counter));
            assert_ne!(once, shrunk(Degradation::RealWorld, counter + 1));
        }
    }

    #[test]
    fn grey_pictures_and_tiny_ones_go_through_it_too() {
        let shape = Shape { channels: 1, height: 4, width: 4 };
        let grey = Picture::from_u8(shape, (0..16).map(|i| i * 15).collect());
        for counter in 0..40 {
            let small = Degradation::RealWorld.shrink(grey.clone(), 4, &mut stream(2, Purpose::Degrade, counter));
            assert_eq!(small.shape(), Shape { channels: 1, height: 1, width: 1 });
        }
    }
}
