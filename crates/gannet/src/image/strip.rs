//! Parts of large pictures: windows of pixels as planes, planes as interleaved bytes, and a PNG written row by row.

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;

use super::codec::png_color;
use super::{Picture, Samples};

/// One channel of some rows and columns of a picture as `[rows, columns]`, black and white becoming the two of `range`.
/// Beyond the picture, its last row and column are repeated.
pub fn plane(
    picture: &Picture,
    channel: usize,
    [rows, columns]: [Range<usize>; 2],
    [black, white]: [f32; 2],
) -> Vec<f32> {
    let at = |row: usize, column: usize| {
        let pixel = row.min(picture.height - 1) * picture.width + column.min(picture.width - 1);
        pixel * picture.channels + channel
    };
    let shade = |share: f32| share * (white - black) + black;
    let places = rows.flat_map(|row| columns.clone().map(move |column| at(row, column)));
    match &picture.samples {
        Samples::U8(samples) => places.map(|i| shade(f32::from(samples[i]) / 255.0)).collect(),
        Samples::U16(samples) => places.map(|i| shade(f32::from(samples[i]) / 65535.0)).collect(),
    }
}

/// `planes`, of equal length, with black and white as in `range`, side by side as PNG has them: bytes, or with `is_deep`
/// pairs of them, the high one first. Values beyond are clamped, what is not a number becomes mid grey. A plane that is
/// missing is white.
pub fn interleave(planes: &[Option<&[f32]>], n_pixels: usize, [black, white]: [f32; 2], is_deep: bool) -> Vec<u8> {
    let most = if is_deep { 65535.0 } else { 255.0 };
    let mut bytes = Vec::with_capacity(n_pixels * planes.len() * (1 + usize::from(is_deep)));
    for pixel in 0..n_pixels {
        for plane in planes {
            let value = plane.map_or(white, |plane| plane[pixel]);
            let value = if value.is_nan() { (black + white) / 2.0 } else { value };
            let value = ((value - black) / (white - black) * most).round().clamp(0.0, most);
            if is_deep {
                bytes.extend((value as u16).to_be_bytes());
            } else {
                bytes.push(value as u8);
            }
        }
    }
    bytes
}

/// A PNG file that grows row by row.
pub struct PngRows<W: Write + 'static> {
    stream: png::StreamWriter<'static, W>,
}

impl<W: Write + 'static> PngRows<W> {
    /// A picture of `size`, width and height, with 1, 3 or 4 channels of 8 or, if `is_deep`, 16 bits, and what its colours
    /// mean. `text` holds entries of keyword and value.
    pub fn new(
        to: W,
        size: [usize; 2],
        (channels, is_deep): (usize, bool),
        profile: Option<&[u8]>,
        text: &[(&str, &str)],
    ) -> Result<Self, String> {
        let [width, height] = size.map(u32::try_from);
        let (Ok(width), Ok(height)) = (width, height) else {
            return Err(format!("{}x{} pixels are more than a PNG holds", size[0], size[1]));
        };
        let write = || {
            let mut info = png::Info::with_size(width, height);
            info.icc_profile = profile.map(|profile| Cow::Owned(profile.to_vec()));
            let mut encoder = png::Encoder::with_info(to, info)?;
            encoder.set_color(png_color(channels));
            encoder.set_depth(if is_deep { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
            for (keyword, value) in text {
                encoder.add_itxt_chunk((*keyword).to_owned(), (*value).to_owned())?;
            }
            encoder.write_header()?.into_stream_writer()
        };
        Ok(Self { stream: write().map_err(|error: png::EncodingError| error.to_string())? })
    }

    /// The next rows, as [`interleave`] makes them.
    pub fn write(&mut self, rows: &[u8]) -> Result<(), String> {
        self.stream.write_all(rows).map_err(|error| error.to_string())
    }

    /// Ends the file; all rows are there.
    pub fn finish(self) -> Result<(), String> {
        self.stream.finish().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Shape, decode_with_profile};

    #[test]
    fn a_window_repeats_the_last_row_and_column() {
        let picture = Picture::from_u8(Shape { channels: 1, height: 2, width: 2 }, vec![0, 51, 102, 255]);
        assert_eq!(plane(&picture, 0, [1..3, 0..3], [0.0, 1.0]), [0.4, 1.0, 1.0, 0.4, 1.0, 1.0]);
        assert_eq!(plane(&picture, 0, [0..1, 0..1], [-1.0, 1.0]), [-1.0]);
    }

    #[test]
    fn rows_become_a_png_with_its_profile() {
        for is_deep in [false, true] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut profile = vec![0; 128];
            profile[16..20].copy_from_slice(b"RGB ");
            let mut png =
                PngRows::new(file.reopen().unwrap(), [2, 2], (4, is_deep), Some(&profile), &[("a", "ü")]).unwrap();
            let [red, green] = [[0.0, 1.0, f32::NAN, 2.0], [0.5, -3.0, 0.25, 1.0]];
            for row in 0..2 {
                let [red, green] = [&red[row * 2..][..2], &green[row * 2..][..2]];
                png.write(&interleave(&[Some(red), Some(green), Some(red), None], 2, [0.0, 1.0], is_deep)).unwrap();
            }
            png.finish().unwrap();
            let (picture, found) = decode_with_profile(&std::fs::read(file.path()).unwrap()).unwrap();
            assert_eq!(found, Some(profile));
            assert_eq!(matches!(picture.samples, Samples::U16(_)), is_deep);
            let eight = picture.into_eight_bits().samples;
            assert_eq!(
                eight,
                Samples::U8(vec![0, 128, 0, 255, 255, 0, 255, 255, 128, 64, 128, 255, 255, 255, 255, 255])
            );
        }
    }
}
