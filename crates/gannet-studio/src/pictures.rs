//! Pictures that come in with requests, as they are in files, and those that go out, as PNGs.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gannet::image::{self, Header, Picture, Shape};

use crate::problem::Problem;

/// The longest picture in a request, in bytes of its file.
pub const MAX_PICTURE: usize = 8 << 20;
/// The most pixels of a picture, which its file tells before it is decoded.
pub const MAX_PICTURE_PIXELS: usize = 4 << 20;
/// Pictures of a run's own data that are offered to begin with.
pub(crate) const N_EXAMPLES: usize = 8;

/// What the file in `bytes` says of itself; refused where it is no picture, or one of more than `most` pixels.
pub(crate) fn check(bytes: &[u8], called: &str, most: usize) -> Result<Header, Problem> {
    let header = image::probe(bytes).map_err(|reason| unreadable(called, &reason))?;
    let Header { width, height, .. } = header;
    if width.saturating_mul(height) > most {
        let message = format!("the {called} has {width} x {height} pixels, accepted: up to {most} in all");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(header)
}

/// The picture in `bytes`, which [`check`] accepted, with its colour profile.
pub(crate) fn decode(bytes: &[u8], called: &str) -> Result<(Picture, Option<Vec<u8>>), Problem> {
    image::decode_with_profile(bytes).map_err(|reason| unreadable(called, &reason))
}

fn unreadable(called: &str, reason: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the {called}: {reason}"))
}

/// A PNG that says where it came from.
pub(crate) fn png(picture: &Picture, profile: Option<&[u8]>, seeds: &str) -> Result<Vec<u8>, Problem> {
    let text =
        [("Software", "gannet"), ("Source", "made by a generative adversarial network"), ("gannet:seeds", seeds)];
    let text = if seeds.is_empty() { &text[..2] } else { &text };
    let failed = |error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error);
    image::encode_png_with_profile(picture, profile, text).map_err(failed)
}

/// An answer that is a PNG.
pub(crate) fn answer(png: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "image/png")], png).into_response()
}

/// Pictures `[C, H, W]` in [-1, 1] for a page, in base64.
pub(crate) fn encoded(pictures: impl IntoIterator<Item = Vec<f32>>, shape: Shape) -> Vec<String> {
    let encode = |values: Vec<f32>| image::encode_png(&image::from_unit(&values, shape), &[]).ok();
    pictures.into_iter().filter_map(encode).map(|png| BASE64_STANDARD.encode(png)).collect()
}
