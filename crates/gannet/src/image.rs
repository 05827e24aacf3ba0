//! Pictures: the only place where pixels change range or layout, or become a grid.
//!
//! On disk a picture is interleaved `u8` or `u16` ([`Picture`]); a network sees channels-first `f32` in [-1, 1]. The
//! way in is [`decode`] -> [`conform`] -> [`to_unit`], the way out [`from_unit`] -> [`grid`] -> [`encode_png`].

mod codec;
mod fit;
mod font;
mod jpeg;
mod resize;
mod sheet;
mod strip;
mod window;

pub mod animation;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use codec::{Header, decode, decode_with_profile, encode_png, encode_png_with_profile, probe};
pub(crate) use codec::{format_name, has_an_end};
pub use fit::{Fit, conform, covering, replaced, with_alpha_of};
pub(crate) use font::register_font;
pub use jpeg::jpeg;
pub use resize::{Filter, resize};
pub use sheet::{field_places, grid, scatter, scatter_over, sheet};
pub use strip::{PngRows, interleave, plane};
pub use window::{Half, crop, half, window};

/// Channels, height and width of one sample. A 2-D point is 2x1x1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// 1 (grey), 3 (RGB) or 4 (RGB and alpha) for a picture.
    pub channels: usize,
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
}

impl Shape {
    /// How many values one sample has.
    pub fn n_values(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether a sample is a point in the plane rather than a picture.
    pub fn is_point(self) -> bool {
        self == Self { channels: 2, height: 1, width: 1 }
    }
}

/// `3x48x64` for three channels, 48 rows and 64 columns.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// The values of a picture: row by row, the channels of a pixel side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits: 0 is black, 255 white.
    U8(Vec<u8>),
    /// 16 bits: 0 is black, 65535 white.
    U16(Vec<u16>),
}

/// A picture as it is on disk: interleaved, alpha not premultiplied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// 1 (grey), 3 (RGB) or 4 (RGB and alpha).
    pub channels: usize,
    /// `height * width * channels` values.
    pub samples: Samples,
}

impl Picture {
    /// A picture with 8 bits a sample; `samples` holds `height * width * channels` values.
    pub fn from_u8(shape: Shape, samples: Vec<u8>) -> Self {
        assert_eq!(samples.len(), shape.n_values(), "a picture of {shape} has {} samples", shape.n_values());
        Self { width: shape.width, height: shape.height, channels: shape.channels, samples: Samples::U8(samples) }
    }

    /// Channels, height and width.
    pub fn shape(&self) -> Shape {
        Shape { channels: self.channels, height: self.height, width: self.width }
    }

    /// Bytes the samples occupy in memory.
    pub fn n_bytes(&self) -> usize {
        match &self.samples {
            Samples::U8(samples) => samples.len(),
            Samples::U16(samples) => 2 * samples.len(),
        }
    }

    /// The same picture with 8 bits a sample, rounded to nearest.
    pub fn into_eight_bits(self) -> Self {
        let samples = match self.samples {
            Samples::U8(samples) => samples,
            Samples::U16(samples) => samples.into_iter().map(|v| ((u32::from(v) + 128) / 257) as u8).collect(),
        };
        Self { samples: Samples::U8(samples), ..self }
    }

    /// The samples with 8 bits each, rounded to nearest.
    fn into_u8_samples(self) -> Vec<u8> {
        match self.into_eight_bits().samples {
            Samples::U8(samples) => samples,
            Samples::U16(_) => unreachable!("into_eight_bits returns 8 bits"),
        }
    }
}

/// The values of a picture as a network sees them: channels first, [C, H, W], in [-1, 1].
pub fn to_unit(picture: &Picture) -> Vec<f32> {
    match &picture.samples {
        Samples::U8(samples) => planes(samples, picture.channels, |v| f32::from(v) / 127.5 - 1.0),
        Samples::U16(samples) => planes(samples, picture.channels, |v| f32::from(v) / 32767.5 - 1.0),
    }
}

/// A picture with 8 bits a sample from `values` [C, H, W]: clamped to [-1, 1] and rounded to nearest. A value that is
/// not a number becomes mid grey, so that a diverged network still gives a picture to look at.
pub fn from_unit(values: &[f32], shape: Shape) -> Picture {
    assert_eq!(values.len(), shape.n_values(), "a sample of {shape} has {} values", shape.n_values());
    let n_pixels = shape.height * shape.width;
    let mut samples = vec![0; values.len()];
    for (channel, plane) in values.chunks_exact(n_pixels.max(1)).enumerate() {
        for (pixel, &value) in plane.iter().enumerate() {
            let value = if value.is_nan() { 0.0 } else { value };
            samples[pixel * shape.channels + channel] = ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
        }
    }
    Picture::from_u8(shape, samples)
}

/// Swaps left and right in `values` [C, H, W].
pub fn mirror(values: &mut [f32], shape: Shape) {
    values.chunks_exact_mut(shape.width).for_each(<[f32]>::reverse);
}

/// Interleaved samples to channels first, each through `to_f32`.
fn planes<S: Copy>(samples: &[S], channels: usize, to_f32: impl Fn(S) -> f32) -> Vec<f32> {
    (0..channels).flat_map(|channel| samples.iter().skip(channel).step_by(channels)).map(|&v| to_f32(v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOUR: Shape = Shape { channels: 3, height: 16, width: 16 };

    fn every_byte() -> Picture {
        Picture::from_u8(COLOUR, (0..768).map(|i| (i % 256) as u8).collect())
    }

    #[test]
    fn unit_range_round_trip_is_exact_for_every_byte() {
        assert_eq!(from_unit(&to_unit(&every_byte()), COLOUR), every_byte());
    }

    #[test]
    fn unit_values_are_channels_first_and_reach_both_ends() {
        let shape = Shape { channels: 3, height: 1, width: 2 };
        let values = to_unit(&Picture::from_u8(shape, vec![0, 255, 0, 255, 0, 255]));
        assert_eq!(values, [-1.0, 1.0, 1.0, -1.0, -1.0, 1.0]);
        let deep = Picture { width: 1, height: 1, channels: 1, samples: Samples::U16(vec![65535]) };
        assert_eq!(to_unit(&deep), [1.0]);
    }

    #[test]
    fn values_out_of_range_clamp_and_nan_is_mid_grey() {
        let shape = Shape { channels: 1, height: 1, width: 4 };
        let picture = from_unit(&[-7.0, 7.0, f32::NAN, f32::INFINITY], shape);
        assert_eq!(picture.samples, Samples::U8(vec![0, 255, 128, 255]));
    }

    #[test]
    fn mirroring_reverses_rows_and_twice_changes_nothing() {
        let shape = Shape { channels: 1, height: 2, width: 3 };
        let mut values = vec![1., 2., 3., 4., 5., 6.];
        mirror(&mut values, shape);
        assert_eq!(values, [3., 2., 1., 6., 5., 4.]);
        mirror(&mut values, shape);
        assert_eq!(values, [1., 2., 3., 4., 5., 6.]);
    }

    #[test]
    fn sixteen_bits_become_the_nearest_eight() {
        let picture = Picture { width: 4, height: 1, channels: 1, samples: Samples::U16(vec![0, 65535, 257 * 9, 200]) };
        assert_eq!(picture.into_eight_bits().samples, Samples::U8(vec![0, 255, 9, 1]));
    }
}
