//! Files to pictures and back: PNG, JPEG, WebP, BMP and TIFF in, PNG out.

use std::borrow::Cow;
use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{Picture, Samples, Shape};

/// A picture that would need more memory than this, in bytes, is refused: its header lies or it is not training data.
const MAX_DECODED_BYTES: u64 = 512 << 20;

const ACCEPTED: &str = "accepted: PNG, JPEG, WebP, BMP, TIFF";

/// What the header of a picture's file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// In pixels, after the rotation the file asks for.
    pub width: usize,
    /// In pixels, after the rotation the file asks for.
    pub height: usize,
    /// 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha).
    pub channels: usize,
    /// Bits a sample: 8 or 16.
    pub bits: usize,
}

/// Reads the header alone; `bytes` may be only the beginning of the file if its header lies there.
pub fn probe(bytes: &[u8]) -> Result<Header, String> {
    let mut decoder = open(bytes)?;
    let (channels, bits) = layout(decoder.color_type())?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    Ok(match orientation(&mut decoder) {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            Header { width: height, height: width, channels, bits }
        }
        _ => Header { width, height, channels, bits },
    })
}

/// Decodes a whole file, turned upright as its EXIF orientation asks. Grey with alpha becomes RGB with alpha; palettes
/// and 1-bit pictures become 8 bits; of an animation the first frame is taken.
pub fn decode(bytes: &[u8]) -> Result<Picture, String> {
    decode_with_profile(bytes).map(|(picture, _)| picture)
}

/// The same with the ICC profile that says what the colours mean, where the file holds one for the picture's channels.
pub fn decode_with_profile(bytes: &[u8]) -> Result<(Picture, Option<Vec<u8>>), String> {
    let mut decoder = open(bytes)?;
    layout(decoder.color_type())?;
    if format_name(bytes) == Some("JPEG") && is_cut_off(bytes) {
        return Err("it is cut off (no end-of-image marker)".into());
    }
    let orientation = orientation(&mut decoder);
    let profile = decoder.icc_profile().ok().flatten();
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    image.apply_orientation(orientation);
    let picture = from_dynamic(image)?;
    // A profile names the colours it is for at byte 16; one for CMYK means nothing to what was decoded from it.
    let colours: &[u8] = if picture.channels == 1 { b"GRAY" } else { b"RGB " };
    let profile = profile.filter(|profile| profile.get(16..20) == Some(colours));
    Ok((picture, profile))
}

/// A PNG file with `text` entries (keyword, value) before the pixels. Equal input gives equal bytes.
pub fn encode_png(picture: &Picture, text: &[(&str, &str)]) -> Result<Vec<u8>, String> {
    encode_png_with_profile(picture, None, text)
}

/// The same with an ICC profile that says what the colours mean, as [`decode_with_profile`] finds it.
pub fn encode_png_with_profile(
    picture: &Picture,
    profile: Option<&[u8]>,
    text: &[(&str, &str)],
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    write_png(&mut bytes, picture, profile, text).map_err(|e| format!("cannot encode a PNG: {e}"))?;
    Ok(bytes)
}

/// "PNG", "JPEG" ... by the first bytes of a file.
pub(crate) fn format_name(bytes: &[u8]) -> Option<&'static str> {
    match image::guess_format(bytes).ok()? {
        ImageFormat::Png => Some("PNG"),
        ImageFormat::Jpeg => Some("JPEG"),
        ImageFormat::WebP => Some("WebP"),
        ImageFormat::Bmp => Some("BMP"),
        ImageFormat::Tiff => Some("TIFF"),
        _ => None,
    }
}

/// The PNG colour type for 1, 3 or 4 channels.
pub(super) fn png_color(channels: usize) -> png::ColorType {
    match channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        4 => png::ColorType::Rgba,
        other => panic!("a picture has 1, 3 or 4 channels, not {other}"),
    }
}

/// A decoder past its header, within the memory limit.
fn open(bytes: &[u8]) -> Result<impl ImageDecoder + '_, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    if format_name(bytes).is_none() {
        let found = image::guess_format(bytes).map_or("not an image".into(), |format| format!("{format:?}"));
        return Err(format!("its content is {found} ({ACCEPTED})"));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("it is {width}x{height} pixels, which is empty"));
    }
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(format!("{width}x{height} pixels would need more than {} MiB", MAX_DECODED_BYTES >> 20));
    }
    Ok(decoder)
}

/// The rotation a file asks for; a damaged EXIF block asks for none.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Whether a JPEG file has no end-of-image marker after its last start of scan: the decoder would fill what is missing
/// with grey and say nothing. Neither marker can occur within the compressed pixels.
/// Whether the `end` of a file, which begins with `head`, holds the mark that its format ends with. A file without one
/// may still be whole: formats differ, and some programs add bytes of their own.
pub(crate) fn has_an_end(head: &[u8], end: &[u8]) -> bool {
    let holds = |mark: &[u8]| end.windows(mark.len()).any(|window| window == mark);
    match format_name(head) {
        Some("PNG") => holds(b"IEND"),
        Some("JPEG") => holds(&[0xff, 0xd9]),
        _ => true,
    }
}

fn is_cut_off(jpeg: &[u8]) -> bool {
    let last = |marker: [u8; 2]| jpeg.windows(2).rposition(|window| window == marker);
    last([0xff, 0xd9]) < last([0xff, 0xda])
}

/// (channels, bits a sample) of a decoder's output.
fn layout(color: ColorType) -> Result<(usize, usize), String> {
    match color {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => Ok((color.channel_count().into(), 8)),
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            Ok((color.channel_count().into(), 16))
        }
        other => Err(format!("it holds {other:?} pixels; accepted: 8 or 16 bits a sample")),
    }
}

fn from_dynamic(image: DynamicImage) -> Result<Picture, String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, samples) = match image {
        DynamicImage::ImageLuma8(image) => (1, Samples::U8(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (4, Samples::U8(grey_alpha_to_rgba(&image))),
        DynamicImage::ImageRgb8(image) => (3, Samples::U8(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (4, Samples::U8(image.into_raw())),
        DynamicImage::ImageLuma16(image) => (1, Samples::U16(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (4, Samples::U16(grey_alpha_to_rgba(&image))),
        DynamicImage::ImageRgb16(image) => (3, Samples::U16(image.into_raw())),
        DynamicImage::ImageRgba16(image) => (4, Samples::U16(image.into_raw())),
        other => return Err(format!("it holds {:?} pixels; accepted: 8 or 16 bits a sample", other.color())),
    };
    Ok(Picture { width, height, channels, samples })
}

fn grey_alpha_to_rgba<S: Copy>(samples: &[S]) -> Vec<S> {
    samples.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect()
}

fn write_png(
    bytes: &mut Vec<u8>,
    picture: &Picture,
    profile: Option<&[u8]>,
    text: &[(&str, &str)],
) -> Result<(), png::EncodingError> {
    let Shape { height, width, .. } = picture.shape();
    let mut info = png::Info::with_size(width as u32, height as u32);
    info.icc_profile = profile.map(|profile| Cow::Owned(profile.to_vec()));
    let mut encoder = png::Encoder::with_info(bytes, info)?;
    encoder.set_color(png_color(picture.channels));
    for (keyword, value) in text {
        // The plain chunk is Latin-1; anything beyond ASCII goes into the international one, which is UTF-8.
        if value.is_ascii() {
            encoder.add_text_chunk((*keyword).to_owned(), (*value).to_owned())?;
        } else {
            encoder.add_itxt_chunk((*keyword).to_owned(), (*value).to_owned())?;
        }
    }
    match &picture.samples {
        Samples::U8(samples) => {
            encoder.set_depth(png::BitDepth::Eight);
            encoder.write_header()?.write_image_data(samples)
        }
        Samples::U16(samples) => {
            encoder.set_depth(png::BitDepth::Sixteen);
            let big_endian: Vec<u8> = samples.iter().flat_map(|v| v.to_be_bytes()).collect();
            encoder.write_header()?.write_image_data(&big_endian)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn png_round_trips_every_layout() {
        for channels in [1, 3, 4] {
            let n = 5 * 7 * channels;
            let byte = Samples::U8((0..n).map(|i| (i * 7) as u8).collect());
            let deep = Samples::U16((0..n).map(|i| (i * 701) as u16).collect());
            for samples in [byte, deep] {
                let picture = Picture { width: 7, height: 5, channels, samples };
                let bytes = encode_png(&picture, &[]).unwrap();
                assert_eq!(decode(&bytes).unwrap(), picture);
                assert_eq!(bytes, encode_png(&picture, &[]).unwrap());
                let header = probe(&bytes).unwrap();
                assert_eq!((header.width, header.height, header.channels), (7, 5, channels));
            }
        }
    }

    #[test]
    fn png_carries_text_in_any_script() {
        let picture = Picture::from_u8(Shape { channels: 1, height: 1, width: 1 }, vec![3]);
        let bytes = encode_png(&picture, &[("seed", "42"), ("title", "Lumme \u{1f426}")]).unwrap();
        let reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(reader.info().uncompressed_latin1_text[0].text, "42");
        assert_eq!(reader.info().utf8_text[0].get_text().unwrap(), "Lumme \u{1f426}");
        assert!(encode_png(&picture, &[("", "no keyword")]).is_err());
    }

    #[test]
    fn every_format_is_read_and_named() {
        let image = DynamicImage::new_rgb8(6, 4);
        for (format, name) in [
            (ImageFormat::Png, "PNG"),
            (ImageFormat::Jpeg, "JPEG"),
            (ImageFormat::WebP, "WebP"),
            (ImageFormat::Bmp, "BMP"),
            (ImageFormat::Tiff, "TIFF"),
        ] {
            let bytes = encode(&image, format);
            let header = probe(&bytes).unwrap();
            assert_eq!((header.width, header.height, header.channels, header.bits), (6, 4, 3, 8), "{name}");
            assert_eq!(decode(&bytes).unwrap().shape(), Shape { channels: 3, height: 4, width: 6 });
            assert_eq!(format_name(&bytes), Some(name));
        }
    }

    #[test]
    fn grey_with_alpha_becomes_colour_with_alpha() {
        let grey = image::GrayAlphaImage::from_raw(1, 1, vec![10, 200]).unwrap();
        let bytes = encode(&DynamicImage::ImageLumaA8(grey), ImageFormat::Png);
        assert_eq!(probe(&bytes).unwrap().channels, 2);
        assert_eq!(decode(&bytes).unwrap().samples, Samples::U8(vec![10, 10, 10, 200]));
    }

    #[test]
    fn a_header_that_promises_gigabytes_is_refused() {
        let mut bytes = b"BM".to_vec();
        bytes.extend([0; 8]);
        bytes.extend(54u32.to_le_bytes());
        bytes.extend(40u32.to_le_bytes());
        bytes.extend(60_000i32.to_le_bytes());
        bytes.extend(60_000i32.to_le_bytes());
        bytes.extend([1, 0, 24, 0]);
        bytes.extend([0; 24]);
        let problem = probe(&bytes).unwrap_err();
        assert!(problem.contains("60000x60000"), "{problem}");
        assert!(decode(&bytes).is_err());
    }

    #[test]
    fn floating_point_samples_are_refused_by_name() {
        let bytes = encode(&DynamicImage::new_rgb32f(2, 2), ImageFormat::Tiff);
        assert!(decode(&bytes).unwrap_err().contains("accepted: 8 or 16 bits"), "{:?}", decode(&bytes));
    }

    #[test]
    fn text_and_truncated_files_are_refused() {
        assert!(decode(b"hello, I am not an image").unwrap_err().contains("PNG, JPEG"));
        assert!(probe(b"").unwrap_err().contains("empty"));
        let mut bytes = encode(&DynamicImage::new_rgb8(64, 64), ImageFormat::Png);
        bytes.truncate(60);
        assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_truncated_jpeg_is_refused() {
        let noise =
            image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([((x * 37) ^ (y * 91)) as u8, (x * y) as u8, 7]));
        let bytes = encode(&DynamicImage::ImageRgb8(noise), ImageFormat::Jpeg);
        assert!(decode(&bytes).is_ok());
        assert!(decode(&bytes[..bytes.len() - 2]).is_err());
        assert!(decode(&bytes[..bytes.len() / 2]).is_err());
        // What some cameras and sites append does no harm.
        assert!(decode(&[bytes.as_slice(), b"appended text"].concat()).is_ok());
    }

    #[test]
    fn exif_orientation_turns_header_and_pixels() {
        let jpeg = encode(&DynamicImage::new_rgb8(8, 16), ImageFormat::Jpeg);
        // EXIF, big-endian TIFF header, one entry: tag 0x0112 (orientation), SHORT, 1 value, 6 = rotate by 90 degrees.
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]);
        let mut turned = jpeg[..2].to_vec();
        turned.extend([0xff, 0xe1]);
        turned.extend((exif.len() as u16 + 2).to_be_bytes());
        turned.extend(exif);
        turned.extend(&jpeg[2..]);
        let header = probe(&turned).unwrap();
        assert_eq!((header.width, header.height), (16, 8));
        let picture = decode(&turned).unwrap();
        assert_eq!((picture.width, picture.height), (16, 8));
    }
}
