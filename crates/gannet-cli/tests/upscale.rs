//! `gannet convert` and `gannet upscale`: what is made, kept and refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{gannet, run, succeed};
use gannet::nn::state::Tensors;
use gannet::run::checkpoint;
use gannet::{convert, image as picture, import};
use image::{DynamicImage, ImageFormat};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gannet/tests/golden").join(name)
}

/// The tensors of a golden network, in `folder` as `weights.safetensors`.
fn weights(folder: &Path, prefix: &str) {
    let tensors = import::read(golden("upscalers.safetensors")).unwrap().tensors;
    let state = |(name, data): (String, _)| Some((name.strip_prefix(prefix)?.to_owned(), data));
    let state: Tensors = tensors.into_iter().filter_map(state).collect();
    checkpoint::write(&folder.join("weights.safetensors"), "weights", &serde_json::json!({}), &state).unwrap();
}

/// A small network that enlarges by 3, in `folder` as `model.safetensors`.
fn model(folder: &Path) {
    weights(folder, "srvgg.state.");
    let said = succeed(folder, "convert weights.safetensors --to model.safetensors");
    assert!(said.starts_with("model.safetensors: a network that enlarges by 3: srvgg"), "{said}");
}

/// Exit code 2 and one line that holds every one of `named`.
fn refuse(folder: &Path, words: &str, named: &[&str]) {
    let output = run(folder, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "gannet {words}: {errors}");
    assert_eq!(errors.matches("error: ").count(), 1, "gannet {words}: {errors}");
    for part in named {
        assert!(errors.contains(part), "gannet {words}: no `{part}` in: {errors}");
    }
    assert!(!errors.contains("panicked"), "{errors}");
}

fn noise(width: u32, height: u32) -> image::RgbaImage {
    image::RgbaImage::from_fn(width, height, |x, y| {
        image::Rgba([0, 1, 2, 3].map(|c| (x * 37 + y * 91 + c * 53 + x * y * (c + 3)) as u8))
    })
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn read(path: PathBuf) -> picture::Picture {
    picture::decode(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn bands_change_no_bit_whatever_the_picture_s_kind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let colour = DynamicImage::ImageRgba8(noise(45, 31));
    let deep = DynamicImage::ImageRgba8(noise(33, 20)).into_rgba16();
    for (name, image, channels) in [
        ("rgb", DynamicImage::ImageRgb8(colour.to_rgb8()), 3),
        ("rgba", colour.clone(), 4),
        ("grey", DynamicImage::ImageLuma8(colour.to_luma8()), 1),
        ("deep", DynamicImage::ImageRgba16(deep.clone()), 4),
        ("deep-grey", DynamicImage::ImageLuma16(DynamicImage::ImageRgba16(deep).into_luma16()), 1),
        ("pixel", DynamicImage::ImageRgb8(image::RgbImage::from_pixel(1, 1, image::Rgb([200, 100, 0]))), 3),
    ] {
        fs::write(folder.join(format!("{name}.png")), encoded(&image, ImageFormat::Png)).unwrap();
        succeed(folder, &format!("upscale model.safetensors -i {name}.png -o whole.png --force"));
        let whole = read(folder.join("whole.png"));
        let size = [image.width(), image.height()].map(|side| 3 * side as usize);
        assert_eq!(([whole.width, whole.height], whole.channels), (size, channels), "{name}");
        let is_deep = matches!(whole.samples, picture::Samples::U16(_));
        assert_eq!(is_deep, name.starts_with("deep"));
        for band in [1, 7, 20] {
            succeed(folder, &format!("upscale model.safetensors -i {name}.png -o bands.png -s 3 -t {band} --force"));
            assert!(read(folder.join("bands.png")) == whole, "{name} in bands of {band}");
        }
    }
    // A network that folds its input wants even sides, which are filled up and cut off again.
    weights(folder, "rrdb2.state.");
    succeed(folder, "convert weights.safetensors --to double.safetensors");
    succeed(folder, "upscale double.safetensors -i rgb.png -o whole.png --force");
    let whole = read(folder.join("whole.png"));
    assert_eq!([whole.width, whole.height], [90, 62]);
    for band in [1, 7] {
        succeed(folder, &format!("upscale double.safetensors -i rgb.png -o bands.png -t {band} --force"));
        assert!(read(folder.join("bands.png")) == whole, "folded, in bands of {band}");
    }
    // Opaque alpha stays so, and changes no colour.
    let opaque = DynamicImage::ImageRgba8(colour.to_rgb8().pixels().enumerate().fold(
        image::RgbaImage::new(45, 31),
        |mut all, (i, pixel)| {
            let [red, green, blue] = pixel.0;
            all.put_pixel(i as u32 % 45, i as u32 / 45, image::Rgba([red, green, blue, 255]));
            all
        },
    ));
    fs::write(folder.join("opaque.png"), encoded(&opaque, ImageFormat::Png)).unwrap();
    succeed(folder, "upscale model.safetensors -i opaque.png -o opaque-3.png");
    succeed(folder, "upscale model.safetensors -i rgb.png -o rgb-3.png");
    let bytes = |name: &str| match read(folder.join(name)).samples {
        picture::Samples::U8(samples) => samples,
        picture::Samples::U16(_) => panic!("16 bits"),
    };
    let with_alpha = bytes("rgb-3.png").chunks(3).flat_map(|pixel| [pixel, &[255]].concat()).collect::<Vec<_>>();
    assert!(bytes("opaque-3.png") == with_alpha);
}

#[test]
fn folders_patterns_and_streams_are_enlarged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    fs::create_dir(folder.join("photos")).unwrap();
    let image = DynamicImage::ImageRgba8(noise(12, 9)).into_rgb8();
    for name in ["a.png", "b.jpg", "c.txt"] {
        let format = ImageFormat::from_path(name).unwrap_or(ImageFormat::Bmp);
        fs::write(folder.join("photos").join(name), encoded(&image.clone().into(), format)).unwrap();
    }
    let list = |name: &str| {
        let names = fs::read_dir(folder.join(name)).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.join(" ")
    };
    let said = succeed(folder, "upscale model.safetensors -i photos -o large");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(list("large"), "a.png b.png");
    succeed(folder, "upscale model.safetensors -i photos/?.[jt]* -o some/ -t 5");
    assert_eq!(list("some"), "b.png c.png");
    assert!(read(folder.join("some/b.png")) == read(folder.join("large/b.png")));

    let mut piped = gannet(folder);
    piped.args(["upscale", "model.safetensors", "-i", "-", "-o", "-"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(folder.join("photos/a.png")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout == fs::read(folder.join("large/a.png")).unwrap());

    fs::write(folder.join("photos/d.png"), "not a picture").unwrap();
    let words = "upscale model.safetensors -i photos -o rest";
    refuse(folder, words, &["photos/d.png: its content is not an image", "1 of 3 pictures were not enlarged"]);
    assert_eq!(list("rest"), "a.png b.png");
}

#[test]
fn orientation_and_colour_profile_are_respected() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let jpeg = encoded(&DynamicImage::new_rgb8(8, 16), ImageFormat::Jpeg);
    // EXIF with one entry: tag 0x0112 (orientation), SHORT, 1 value, 6 = rotate by 90 degrees.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]);
    let mut profile = vec![7; 200];
    profile[16..20].copy_from_slice(b"RGB ");
    let icc = [b"ICC_PROFILE\0\x01\x01".as_slice(), &profile].concat();
    let mut bytes = jpeg[..2].to_vec();
    for (marker, content) in [(0xe1, exif), (0xe2, icc)] {
        bytes.extend([0xff, marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(content);
    }
    bytes.extend(&jpeg[2..]);
    fs::write(folder.join("turned.jpg"), bytes).unwrap();
    succeed(folder, "upscale model.safetensors -i turned.jpg -o upright.png");
    let (upright, found) = picture::decode_with_profile(&fs::read(folder.join("upright.png")).unwrap()).unwrap();
    assert_eq!([upright.width, upright.height], [48, 24]);
    assert_eq!(found, Some(profile));
}

#[test]
fn pictures_that_cannot_be_enlarged_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let image = DynamicImage::ImageRgba8(noise(8, 8));
    fs::write(folder.join("a.gif"), encoded(&image, ImageFormat::Gif)).unwrap();
    let png = encoded(&image, ImageFormat::Png);
    fs::write(folder.join("a.png"), &png).unwrap();
    fs::write(folder.join("a.bmp"), encoded(&image, ImageFormat::Bmp)).unwrap();
    fs::write(folder.join("cut.png"), &png[..png.len() / 2]).unwrap();
    let up = |rest: &str, named: &[&str]| refuse(folder, &format!("upscale model.safetensors {rest}"), named);
    up("-i a.gif -o b.png", &["a.gif: its content is Gif", "accepted: PNG, JPEG"]);
    up("-i cut.png -o b.png", &["cut.png: "]);
    up("-i none.png -o b.png", &["none.png"]);
    up("-i none*.png -o b", &["none*.png names no picture"]);
    up("-i a.png -o a.jpg", &["a.jpg, accepted: a name that ends in .png"]);
    up("-i a.png -o a.png", &["a.png is there already; --force"]);
    up("-i a.png a.bmp -o both", &["a.png and a.bmp would both become both/a.png"]);
    up("-i a.png -o b.png -s 4", &["--scale is 4", "enlarges by 3"]);
    up("-i a.png -o no-such-folder/b.png", &["no-such-folder/b.png"]);
    for made in ["b.png", "b", "both", "a.jpg"] {
        assert!(!folder.join(made).exists(), "{made}");
    }
    // A JPEG for printers is read as its decoder gives it.
    let cmyk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/cmyk.jpg");
    succeed(folder, &format!("upscale model.safetensors -i {} -o print.png", cmyk.display()));
    let print = read(folder.join("print.png"));
    assert_eq!((print.width, print.channels), (48, 3));
}

#[test]
fn networks_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let convert = |file: &str, named: &[&str]| {
        refuse(folder, &format!("convert {file} --to made.safetensors"), named);
        assert!(!folder.join("made.safetensors").exists());
    };
    for name in ["whole.pth", "system.pth", "zipped.pth", "list.pth"] {
        fs::copy(golden("import").join(name), folder.join(name)).unwrap();
    }
    convert(
        "whole.pth",
        &["whole.pth: it calls for `torch.nn.modules.activation.PReLU`, which is no part of a tensor"],
    );
    convert("system.pth", &["system.pth: it calls for `posix.system`"]);
    convert("zipped.pth", &["zipped.pth: holds 16 tensors", "no known network", "rrdbnet (with `conv_first.weight`)"]);
    convert("list.pth", &["holds a list"]);
    convert("none.pth", &["none.pth"]);
    convert("model.safetensors --arch rrdb", &["unknown architecture `rrdb`", "`rrdbnet`"]);
    fs::write(folder.join("a.param"), "7767517\n2 2\nInput i 0 1 a\nConvolution c 1 1 a b 0=3 1=3 4=1 5=1 6=81\n")
        .unwrap();
    fs::write(folder.join("a.bin"), [0x47, 0x6b, 0x30, 0x01, 1, 2]).unwrap();
    convert("a.param", &["a.bin: the file ends too early: layer `c` needs bytes 4 to 168, it has 6"]);
    fs::write(folder.join("a.bin"), [0xff; 400]).unwrap();
    convert("a.bin", &["a.bin: layer `c`: its weights at byte 0 begin with 0xFFFFFFFF"]);
    refuse(
        folder,
        "convert model.safetensors --to model.bin",
        &["model.bin, accepted: a name that ends in .safetensors or .onnx"],
    );
    refuse(folder, "convert weights.safetensors --to model.safetensors", &["is there already; --force"]);

    // What makes pictures of nothing does not enlarge any.
    let from = import::read(golden("layouts.safetensors")).unwrap().tensors;
    let state = |(name, data): (String, _)| Some((name.strip_prefix("dcgan.state.")?.to_owned(), data));
    let state: Tensors = from.into_iter().filter_map(state).collect();
    checkpoint::write(&folder.join("netG.safetensors"), "weights", &serde_json::json!({}), &state).unwrap();
    succeed(folder, "convert netG.safetensors --to faces.safetensors");
    fs::write(folder.join("a.png"), encoded(&DynamicImage::new_rgb8(4, 4), ImageFormat::Png)).unwrap();
    let words = "upscale faces.safetensors -i a.png -o b.png";
    refuse(
        folder,
        words,
        &["faces.safetensors is a generator of 3x32x32 from 5 latents", "accepted: a network that enlarges"],
    );
    succeed(folder, "sample faces.safetensors --seeds 0-3 --out faces.png");
    assert!(matches!(convert::open(&folder.join("faces.safetensors"), None), Ok(convert::Model::Generator(_))));
}
