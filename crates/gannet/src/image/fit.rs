//! Bringing a picture to a shape: channels first, then size.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::resize::{Filter, resize, resize_centre};
use super::window::crop;
use super::{Picture, Samples, Shape};

/// What happens to a picture whose proportions differ from the shape asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Scale until it covers the shape, keep the centre.
    #[default]
    Crop,
    /// Scale until it fits inside, centred on black (transparent black where there is alpha).
    Pad,
    /// Scale width and height separately.
    Stretch,
    /// Keep the pixels as they are and show a part of them: in training another one each time, elsewhere the middle. Only a
    /// picture that is too small for a part is scaled, until it covers one.
    Part,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crop => "crop",
            Self::Pad => "pad",
            Self::Stretch => "stretch",
            Self::Part => "part",
        })
    }
}

/// Brings `picture` to `shape`, keeping 16 bits where the source has them.
///
/// Channels: grey becomes RGB by repetition, RGB becomes grey by Rec. 601 luma with PIL's integer weights, alpha is
/// composited over white when dropped and opaque when added. Size: [`resize`] by Lanczos with three lobes.
pub fn conform(picture: Picture, shape: Shape, fit: Fit) -> Picture {
    assert!(matches!(shape.channels, 1 | 3 | 4), "a picture has 1, 3 or 4 channels, {shape} has not");
    assert!(shape.height > 0 && shape.width > 0, "a picture has at least one pixel, {shape} has none");
    let picture = recolour(picture, shape.channels);
    if (picture.width, picture.height) == (shape.width, shape.height) {
        return picture;
    }
    match fit {
        Fit::Stretch => resize(picture, shape.height, shape.width, Filter::Lanczos3),
        Fit::Crop => resize_centre(picture, shape.height, shape.width, Filter::Lanczos3),
        Fit::Pad => letterbox(picture, shape),
        Fit::Part => {
            let picture = covering(picture, shape);
            let first = [(picture.height - shape.height) / 2, (picture.width - shape.width) / 2];
            crop(&picture, first, [shape.height, shape.width])
        }
    }
}

/// `picture` with the channels of `shape`, scaled up until it covers `shape` where it does not.
pub fn covering(picture: Picture, shape: Shape) -> Picture {
    let picture = recolour(picture, shape.channels);
    let scale = (shape.width as f64 / picture.width as f64).max(shape.height as f64 / picture.height as f64);
    if scale <= 1.0 {
        return picture;
    }
    let scaled = |side: usize, least: usize| ((side as f64 * scale).round() as usize).max(least);
    let (height, width) = (scaled(picture.height, shape.height), scaled(picture.width, shape.width));
    resize(picture, height, width, Filter::Lanczos3)
}

/// The same picture with `channels` channels.
pub(super) fn recolour(picture: Picture, channels: usize) -> Picture {
    let from = picture.channels;
    let samples = match picture.samples {
        Samples::U8(samples) => Samples::U8(recolour_samples(samples, from, channels)),
        Samples::U16(samples) => Samples::U16(recolour_samples(samples, from, channels)),
    };
    Picture { channels, samples, ..picture }
}

/// `picture` with the alpha of `original`, an RGBA picture of its size; 8 bits a sample.
pub fn with_alpha_of(picture: Picture, original: Picture) -> Picture {
    assert_eq!(original.channels, 4, "a picture of {} has no alpha", original.shape());
    assert_eq!((picture.width, picture.height), (original.width, original.height), "both pictures have one size");
    let shape = Shape { channels: 4, ..picture.shape() };
    let mut samples = recolour(picture, 4).into_u8_samples();
    for (pixel, original) in samples.chunks_exact_mut(4).zip(original.into_u8_samples().chunks_exact(4)) {
        pixel[3] = original[3];
    }
    Picture::from_u8(shape, samples)
}

/// `picture` with the colours of `other`, of the same size and 8 bits a sample, at the pixels that `is_new` says; its channels,
/// its bits and its alpha stay.
pub fn replaced(picture: &Picture, other: Picture, is_new: impl Fn(usize) -> bool) -> Picture {
    assert_eq!((picture.width, picture.height), (other.width, other.height), "both pictures have one size");
    let channels = picture.channels;
    let new = recolour(other, channels).into_u8_samples();
    let is_changed = |i: usize| is_new(i / channels) && !(channels == 4 && i % 4 == 3);
    let samples = match &picture.samples {
        Samples::U8(old) => {
            Samples::U8(old.iter().enumerate().map(|(i, old)| if is_changed(i) { new[i] } else { *old }).collect())
        }
        Samples::U16(old) => {
            let deep = |i: usize| u16::from(new[i]) * 257;
            Samples::U16(old.iter().enumerate().map(|(i, old)| if is_changed(i) { deep(i) } else { *old }).collect())
        }
    };
    Picture { samples, ..*picture }
}

/// A sample's integer type.
trait Depth: Copy + Into<u32> {
    const WHITE: u32;
    fn from_u32(value: u32) -> Self;
}

impl Depth for u8 {
    const WHITE: u32 = 255;
    fn from_u32(value: u32) -> Self {
        value as Self
    }
}

impl Depth for u16 {
    const WHITE: u32 = 65535;
    fn from_u32(value: u32) -> Self {
        value as Self
    }
}

fn recolour_samples<S: Depth>(samples: Vec<S>, from: usize, to: usize) -> Vec<S> {
    let opaque = S::from_u32(S::WHITE);
    match (from, to) {
        (1, 1) | (3, 3) | (4, 4) => samples,
        (1, 3) => samples.iter().flat_map(|&grey| [grey; 3]).collect(),
        (1, 4) => samples.iter().flat_map(|&grey| [grey, grey, grey, opaque]).collect(),
        (3, 1) => samples.chunks_exact(3).map(luma).collect(),
        (3, 4) => samples.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], opaque]).collect(),
        (4, 1) => samples.chunks_exact(4).map(|p| luma(&over_white(p))).collect(),
        (4, 3) => samples.chunks_exact(4).flat_map(over_white).collect(),
        _ => panic!("a picture has 1, 3 or 4 channels: cannot turn {from} into {to}"),
    }
}

/// Rec. 601 luma, 0.299 R + 0.587 G + 0.114 B, in the 16-bit fixed point PIL uses.
fn luma<S: Depth>(rgb: &[S]) -> S {
    let [r, g, b]: [u32; 3] = [rgb[0].into(), rgb[1].into(), rgb[2].into()];
    S::from_u32((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16)
}

fn over_white<S: Depth>(rgba: &[S]) -> [S; 3] {
    let alpha: u32 = rgba[3].into();
    [0, 1, 2].map(|i| {
        let colour: u32 = rgba[i].into();
        S::from_u32((colour * alpha + S::WHITE * (S::WHITE - alpha) + S::WHITE / 2) / S::WHITE)
    })
}

fn letterbox(picture: Picture, shape: Shape) -> Picture {
    let scale = (shape.width as f64 / picture.width as f64).min(shape.height as f64 / picture.height as f64);
    let scaled = |side: usize, limit: usize| ((side as f64 * scale).round() as usize).clamp(1, limit);
    let (width, height) = (scaled(picture.width, shape.width), scaled(picture.height, shape.height));
    let inner = resize(picture, height, width, Filter::Lanczos3);
    let samples = match &inner.samples {
        Samples::U8(samples) => Samples::U8(centred(samples, inner.shape(), shape)),
        Samples::U16(samples) => Samples::U16(centred(samples, inner.shape(), shape)),
    };
    Picture { width: shape.width, height: shape.height, channels: inner.channels, samples }
}

/// `samples` of `inner` in the middle of `outer`, zeros around.
fn centred<S: Copy + Default>(samples: &[S], inner: Shape, outer: Shape) -> Vec<S> {
    let (left, top) = ((outer.width - inner.width) / 2, (outer.height - inner.height) / 2);
    let mut canvas = vec![S::default(); outer.n_values()];
    for (y, row) in samples.chunks_exact(inner.width * inner.channels).enumerate() {
        let start = ((top + y) * outer.width + left) * outer.channels;
        canvas[start..start + row.len()].copy_from_slice(row);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape { channels, height, width }
    }

    /// Left half black, right half white.
    fn halves(width: usize, height: usize) -> Picture {
        let samples = (0..width * height).map(|i| if i % width < width / 2 { 0 } else { 255 }).collect();
        Picture::from_u8(shape(1, height, width), samples)
    }

    fn bytes(picture: &Picture) -> &[u8] {
        match &picture.samples {
            Samples::U8(samples) => samples,
            Samples::U16(_) => panic!("8 bits expected"),
        }
    }

    #[test]
    fn every_fit_gives_the_shape_asked_for() {
        for fit in [Fit::Crop, Fit::Pad, Fit::Stretch, Fit::Part] {
            for target in [shape(1, 5, 9), shape(3, 64, 64), shape(4, 48, 1), shape(3, 1, 100)] {
                assert_eq!(conform(halves(30, 20), target, fit).shape(), target, "{fit}");
            }
        }
    }

    #[test]
    fn crop_keeps_the_centre_and_pad_leaves_black_bars() {
        // 40x10 to 10x10: the crop shows columns 15 to 25, so still black on the left and white on the right.
        let cropped = conform(halves(40, 10), shape(1, 10, 10), Fit::Crop);
        assert_eq!((bytes(&cropped)[0], bytes(&cropped)[9]), (0, 255));
        // Padded, the picture is 10x2 in the middle: row 0 is black, the end of row 5 is white.
        let padded = conform(halves(40, 10), shape(1, 10, 10), Fit::Pad);
        assert!(bytes(&padded)[..10].iter().all(|&v| v == 0));
        assert_eq!(bytes(&padded)[59], 255);
        let stretched = conform(halves(40, 10), shape(1, 10, 10), Fit::Stretch);
        assert_eq!((bytes(&stretched)[0], bytes(&stretched)[99]), (0, 255));
    }

    #[test]
    fn a_part_is_not_scaled_unless_it_has_to_be() {
        let columns =
            |width: usize| Picture::from_u8(shape(1, 8, width), (0..8 * width).map(|i| (i % width) as u8).collect());
        let middle = conform(columns(40), shape(1, 4, 10), Fit::Part);
        assert_eq!(bytes(&middle)[..10], [15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
        assert_eq!(covering(columns(40), shape(3, 16, 16)).shape(), shape(3, 16, 80));
    }

    #[test]
    fn shrinking_averages_instead_of_dropping_pixels() {
        let stripes: Vec<u8> = (0..64 * 64).map(|i| if i % 2 == 0 { 0 } else { 255 }).collect();
        let small = conform(Picture::from_u8(shape(1, 64, 64), stripes), shape(1, 8, 8), Fit::Crop);
        assert!(bytes(&small).iter().all(|v| (120..=135).contains(v)), "{:?}", bytes(&small));
    }

    #[test]
    fn luma_follows_pil() {
        // PIL's convert("L") of pure red, green and blue gives 76, 150 and 29 (its weights, rounded).
        let primaries = Picture::from_u8(shape(3, 1, 3), vec![255, 0, 0, 0, 255, 0, 0, 0, 255]);
        assert_eq!(bytes(&recolour(primaries, 1)), [76, 150, 29]);
    }

    #[test]
    fn dropped_alpha_shows_white_and_added_alpha_is_opaque() {
        let picture = Picture::from_u8(shape(4, 1, 3), vec![9, 9, 9, 0, 9, 9, 9, 255, 0, 0, 0, 128]);
        assert_eq!(bytes(&recolour(picture.clone(), 3)), [255, 255, 255, 9, 9, 9, 127, 127, 127]);
        assert_eq!(bytes(&recolour(picture, 1)), [255, 9, 127]);
        let grey = Picture::from_u8(shape(1, 1, 1), vec![7]);
        assert_eq!(bytes(&recolour(grey, 4)), [7, 7, 7, 255]);
        let deep = Picture { width: 1, height: 1, channels: 4, samples: Samples::U16(vec![0, 65535, 9, 65535]) };
        assert_eq!(recolour(deep, 3).samples, Samples::U16(vec![0, 65535, 9]));
    }

    #[test]
    fn colour_under_transparent_pixels_does_not_bleed() {
        // Opaque red beside transparent green: where the result is visible it is red, never brown.
        let samples = [[255, 0, 0, 255], [0, 255, 0, 0]].repeat(32).concat();
        let small = conform(Picture::from_u8(shape(4, 8, 8), samples), shape(4, 4, 4), Fit::Stretch);
        assert!(bytes(&small).chunks(4).all(|p| p[3] > 0 && p[0] > 250 && p[1] < 5), "{:?}", bytes(&small));
    }

    #[test]
    fn sixteen_bits_stay_sixteen_bits() {
        let deep = Picture { width: 8, height: 8, channels: 1, samples: Samples::U16(vec![1000; 64]) };
        assert_eq!(conform(deep, shape(1, 4, 4), Fit::Crop).samples, Samples::U16(vec![1000; 16]));
    }
}
