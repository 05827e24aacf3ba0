//! What JPEG leaves of a picture.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{Picture, Samples, decode};

/// `picture`, grey or RGB, written as a JPEG of `quality`, 1 to 100, and read again; 8 bits a sample.
pub fn jpeg(picture: &Picture, quality: u8) -> Picture {
    assert!(matches!(picture.channels, 1 | 3), "JPEG has 1 or 3 channels, not {}", picture.channels);
    assert!(picture.width.max(picture.height) <= usize::from(u16::MAX), "{} is too large for JPEG", picture.shape());
    let colour = if picture.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let picture = picture.clone().into_eight_bits();
    let Samples::U8(samples) = &picture.samples else { unreachable!("into_eight_bits returns 8 bits") };
    let mut bytes = vec![];
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    let written = encoder.write_image(samples, picture.width as u32, picture.height as u32, colour);
    match written.map_err(|error| error.to_string()).and_then(|()| decode(&bytes)) {
        Ok(picture) => picture,
        Err(reason) => unreachable!("what was checked can be written and read: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Shape, to_unit};

    #[test]
    fn less_quality_is_more_error_and_the_shape_stays() {
        for channels in [1, 3] {
            let shape = Shape { channels, height: 20, width: 33 };
            let picture = Picture::from_u8(shape, (0..shape.n_values()).map(|i| (i * i / 50 % 256) as u8).collect());
            let error = |quality| {
                let after = jpeg(&picture, quality);
                assert_eq!(after.shape(), shape);
                let (before, after) = (to_unit(&picture), to_unit(&after));
                before.iter().zip(&after).map(|(a, b)| (a - b).abs()).sum::<f32>() / before.len() as f32
            };
            let [fine, coarse] = [100, 10].map(error);
            assert!(fine < 0.1 && coarse > 2.0 * fine && fine > 0.0, "{fine} {coarse}");
        }
    }
}
