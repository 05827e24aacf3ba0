//! Moving pictures that loop for ever: GIF, animated WebP and animated PNG.

mod webp;

use std::fmt;
use std::str::FromStr;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};

use super::Picture;
use super::codec::png_color;
use super::sheet::eight_bit_samples;

/// How hard the search for a GIF palette looks, 1 (best) to 30 (fastest). Frames of at most 256 colours, so all grey
/// ones, are exact at any speed.
const GIF_SPEED: i32 = 10;

/// A file format for animations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Shown everywhere; 256 colours a frame, alpha is on or off, at most 50 frames a second.
    Gif,
    /// Lossless and small; every browser.
    WebP,
    /// Lossless; every browser.
    Png,
}

impl Format {
    /// The file name's ending, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Png => "png",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "gif" => Ok(Self::Gif),
            "webp" => Ok(Self::WebP),
            "png" | "apng" => Ok(Self::Png),
            other => Err(format!("unknown animation format `{other}`; accepted: gif, webp, png")),
        }
    }
}

/// A looping animation of `frames`, which all have the same shape, with 8 bits a sample. Equal input gives equal bytes.
pub fn encode(frames: &[Picture], format: Format, frames_per_second: u32) -> Result<Vec<u8>, String> {
    let Some(first) = frames.first() else { return Err("an animation needs at least one frame".into()) };
    if let Some(other) = frames.iter().find(|frame| frame.shape() != first.shape()) {
        return Err(format!("the frames differ in shape: {} and {}", first.shape(), other.shape()));
    }
    let fastest = if format == Format::Gif { 50 } else { 1000 };
    if !(1..=fastest).contains(&frames_per_second) {
        return Err(format!("{frames_per_second} frames a second; a {format} file accepts 1 to {fastest}"));
    }
    match format {
        Format::Gif => gif(frames, frames_per_second).map_err(|e| e.to_string()),
        Format::WebP => webp::encode(frames, frames_per_second),
        Format::Png => png(frames, frames_per_second).map_err(|e| e.to_string()),
    }
}

/// How many ticks frame `index` is shown, in a format that counts whole ticks: rounding never adds up to a drift.
fn n_ticks(index: usize, frames_per_second: u32, ticks_per_second: u32) -> u32 {
    let end = |index: usize| {
        (index as u64 * u64::from(ticks_per_second) + u64::from(frames_per_second) / 2) / u64::from(frames_per_second)
    };
    (end(index + 1) - end(index)) as u32
}

fn gif(frames: &[Picture], frames_per_second: u32) -> image::ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    for (index, frame) in frames.iter().enumerate() {
        let hundredths = n_ticks(index, frames_per_second, 100);
        let samples = eight_bit_samples(frame, 4);
        let Some(image) = RgbaImage::from_raw(frame.width as u32, frame.height as u32, samples) else {
            unreachable!("a picture holds all its samples");
        };
        encoder.encode_frame(Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(10 * hundredths, 1)))?;
    }
    drop(encoder);
    Ok(bytes)
}

fn png(frames: &[Picture], frames_per_second: u32) -> Result<Vec<u8>, png::EncodingError> {
    let first = &frames[0];
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, first.width as u32, first.height as u32);
    encoder.set_color(png_color(first.channels));
    encoder.set_depth(png::BitDepth::Eight);
    // Zero plays means for ever.
    encoder.set_animated(frames.len() as u32, 0)?;
    encoder.set_frame_delay(1, frames_per_second as u16)?;
    let mut writer = encoder.write_header()?;
    for frame in frames {
        writer.write_image_data(&eight_bit_samples(frame, frame.channels))?;
    }
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;
    use image::codecs::png::PngDecoder;
    use image::codecs::webp::WebPDecoder;

    use super::super::{Samples, Shape};
    use super::*;

    /// Few colours, so that GIF's palette holds them all, and a different picture in every frame.
    fn frames(channels: usize) -> Vec<Picture> {
        let shape = Shape { channels, height: 11, width: 17 };
        let value = |i: usize, t: usize| match (channels, i % channels) {
            (4, 3) => 255,
            _ => (((i / channels) % 17 + t) % 8 * 30) as u8,
        };
        (0..4).map(|t| Picture::from_u8(shape, (0..shape.n_values()).map(|i| value(i, t)).collect())).collect()
    }

    fn decoded(bytes: &[u8], format: Format) -> Vec<Frame> {
        let reader = Cursor::new(bytes);
        match format {
            Format::Gif => GifDecoder::new(reader).unwrap().into_frames().collect_frames().unwrap(),
            Format::WebP => WebPDecoder::new(reader).unwrap().into_frames().collect_frames().unwrap(),
            Format::Png => PngDecoder::new(reader).unwrap().apng().unwrap().into_frames().collect_frames().unwrap(),
        }
    }

    #[test]
    fn every_format_gives_back_every_frame() {
        for format in [Format::Gif, Format::WebP, Format::Png] {
            for channels in [1, 3, 4] {
                let frames = frames(channels);
                let bytes = encode(&frames, format, 10).unwrap();
                assert_eq!(bytes, encode(&frames, format, 10).unwrap());
                let decoded = decoded(&bytes, format);
                assert_eq!(decoded.len(), frames.len());
                for (frame, expected) in decoded.iter().zip(&frames) {
                    assert_eq!(frame.buffer().as_raw(), &eight_bit_samples(expected, 4), "{format} {channels}");
                    assert_eq!(frame.delay().numer_denom_ms(), (100, 1));
                }
            }
        }
    }

    #[test]
    fn transparency_survives_where_the_format_has_it() {
        let shape = Shape { channels: 4, height: 2, width: 2 };
        let frames: Vec<_> = (0..2u8).map(|t| Picture::from_u8(shape, [t * 90, 20, 30, t * 127].repeat(4))).collect();
        for format in [Format::WebP, Format::Png] {
            let decoded = decoded(&encode(&frames, format, 5).unwrap(), format);
            let Samples::U8(last) = &frames[1].samples else { panic!("8 bits expected") };
            assert_eq!(decoded[1].buffer().as_raw(), last, "{format}");
        }
    }

    #[test]
    fn frame_times_add_up() {
        let total: u32 = (0..30).map(|i| n_ticks(i, 30, 100)).sum();
        assert_eq!(total, 100);
    }

    #[test]
    fn bad_requests_are_refused() {
        assert!(encode(&[], Format::Gif, 10).unwrap_err().contains("at least one"));
        assert!(encode(&frames(1), Format::Gif, 60).unwrap_err().contains("1 to 50"));
        let mixed = [frames(1)[0].clone(), frames(3)[0].clone()];
        assert!(encode(&mixed, Format::Png, 10).unwrap_err().contains("differ"));
    }
}
