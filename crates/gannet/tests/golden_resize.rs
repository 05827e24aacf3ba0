//! Resized pictures against Pillow's, from `reference/resize.py`: every byte is the same.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::Path;

use gannet::image::{Filter, Fit, Picture, Samples, Shape, conform, resize};
use safetensors::SafeTensors;

fn picture(from: &SafeTensors<'_>, name: &str) -> Picture {
    let view = from.tensor(name).unwrap();
    let [height, width, channels] = view.shape().try_into().unwrap();
    Picture::from_u8(Shape { channels, height, width }, view.data().to_vec())
}

fn largest_difference(a: &Picture, b: &Picture) -> u8 {
    let (Samples::U8(a), Samples::U8(b)) = (&a.samples, &b.samples) else { panic!("8 bits expected") };
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_filter_agrees_with_pillow() {
    let file = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/resize.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&file).unwrap();
    let filters = [
        ("box", Filter::Box),
        ("bilinear", Filter::Bilinear),
        ("bicubic", Filter::Bicubic),
        ("lanczos3", Filter::Lanczos3),
    ];
    let mut n_compared = 0;
    for name in golden.names() {
        let [source, filter, _size] = name.split('.').collect::<Vec<_>>()[..] else { continue };
        let theirs = picture(&golden, name);
        let ours = match filters.into_iter().find(|(name, _)| *name == filter) {
            Some((_, filter)) => resize(picture(&golden, source), theirs.height, theirs.width, filter),
            // What training sees takes the same path, but knows no grey with alpha.
            None if theirs.channels == 2 => continue,
            None => conform(picture(&golden, source), theirs.shape(), Fit::Crop),
        };
        assert!(ours == theirs, "{name}: off by up to {} of 255", largest_difference(&ours, &theirs));
        n_compared += 1;
    }
    assert_eq!(n_compared, 4 * 12 + 10);
}
