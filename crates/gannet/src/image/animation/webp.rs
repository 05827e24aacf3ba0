//! Animated WebP: still lossless frames in the container described in Google's "WebP Container Specification".
//!
//! The file is `RIFF <size> WEBP`, then the chunks `VP8X` (canvas), `ANIM` (looping) and one `ANMF` (time and place)
//! around the `VP8L` chunk of each frame. The encoder for stills provides the latter.

use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;

use super::super::Picture;
use super::super::sheet::eight_bit_samples;
use super::n_ticks;

const HAS_ANIMATION: u8 = 0x02;
const HAS_ALPHA: u8 = 0x10;

/// ANMF flag: the frame replaces what was there instead of being blended over it.
const DO_NOT_BLEND: u8 = 0x02;

/// A looping animation of `frames` of one shape.
pub(super) fn encode(frames: &[Picture], frames_per_second: u32) -> Result<Vec<u8>, String> {
    let (width, height) = (frames[0].width, frames[0].height);
    // The lossless bitstream has 14 bits for each side.
    if width.max(height) > 1 << 14 {
        return Err(format!("{width}x{height} pixels; a webp file accepts at most {0}x{0}", 1 << 14));
    }
    let canvas = [u24(width - 1), u24(height - 1)].concat();

    let mut body = b"WEBP".to_vec();
    let alpha = if frames[0].channels == 4 { HAS_ALPHA } else { 0 };
    chunk(&mut body, b"VP8X", &[&[HAS_ANIMATION | alpha, 0, 0, 0], canvas.as_slice()].concat());
    // Background colour (transparent black), then the number of loops: zero means for ever.
    chunk(&mut body, b"ANIM", &[0; 6]);
    for (index, frame) in frames.iter().enumerate() {
        let milliseconds = n_ticks(index, frames_per_second, 1000) as usize;
        let mut payload = [[0; 6].as_slice(), &canvas, &u24(milliseconds), &[DO_NOT_BLEND]].concat();
        chunk(&mut payload, b"VP8L", &lossless(frame)?);
        chunk(&mut body, b"ANMF", &payload);
    }

    let mut file = Vec::with_capacity(body.len() + 8);
    chunk(&mut file, b"RIFF", &body);
    Ok(file)
}

/// The `VP8L` payload of a still picture.
fn lossless(frame: &Picture) -> Result<Vec<u8>, String> {
    let (channels, color) =
        if frame.channels == 4 { (4, ExtendedColorType::Rgba8) } else { (3, ExtendedColorType::Rgb8) };
    let mut still = Vec::new();
    WebPEncoder::new_lossless(&mut still)
        .encode(&eight_bit_samples(frame, channels), frame.width as u32, frame.height as u32, color)
        .map_err(|e| e.to_string())?;
    let mut rest = still.get(12..).unwrap_or_default();
    while let Some((header, after)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if &header[..4] == b"VP8L" {
            return Ok(after[..size].to_vec());
        }
        rest = after.get(size + size % 2..).unwrap_or_default();
    }
    Err("the webp encoder gave no lossless picture".into())
}

/// Appends a RIFF chunk: name, size, payload, and a zero byte if the size is odd.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], payload: &[u8]) {
    file.extend(name);
    file.extend((payload.len() as u32).to_le_bytes());
    file.extend(payload);
    file.extend(&[0][..payload.len() % 2]);
}

/// The 24-bit little-endian integer of the container.
fn u24(value: usize) -> [u8; 3] {
    let [a, b, c, _] = (value as u32).to_le_bytes();
    [a, b, c]
}
