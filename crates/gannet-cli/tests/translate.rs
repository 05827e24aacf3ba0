//! `gannet translate` end to end: a file, a folder, a pattern, standard input, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use common::{gannet, run, succeed};
use gannet::import;
use gannet::nn::state::Tensors;
use gannet::run::checkpoint;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, RgbaImage};

const TINY: &str = "--kimg 0.032 --batch 8 --set method.net.width=2 --set method.patch.width=2 --set data.channels=3";

/// A folder with a run of `method`, which is not good at anything.
fn trained(method: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let more = if method == "cyclegan" { "--set method.net.blocks=1" } else { "" };
    let said = succeed(folder.path(), &format!("train --method {method} --data garment-edges {TINY} {more}"));
    assert!(said.contains("gannet translate"), "{said}");
    folder
}

fn picture(path: &Path, width: u32, height: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, 90])).save(path).unwrap();
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn size(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap()
}

#[test]
fn files_folders_patterns_and_pipes_are_translated() {
    let folder = trained("pix2pix");
    let here = folder.path();
    picture(&here.join("in/a.png"), 40, 33);
    picture(&here.join("in/below/b.bmp"), 64, 32);
    picture(&here.join("in/one.png"), 1, 1);

    succeed(here, "translate latest -i in/a.png -o a.png");
    assert_eq!(size(&here.join("a.png")), (40, 33));
    let before = fs::read(here.join("a.png")).unwrap();
    assert!(refusal(&run(here, "translate latest -i in/one.png -o a.png")).contains("--force replaces it"));
    assert_eq!(fs::read(here.join("a.png")).unwrap(), before);
    succeed(here, "translate latest -i in/one.png -o a.png --force");
    assert_eq!(size(&here.join("a.png")), (1, 1));

    let said = succeed(here, "translate runs/00000-garment-edges-pix2pix -i in -o out");
    assert_eq!(said, "out/a.png\nout/below/b.png\nout/one.png\n");
    assert_eq!(size(&here.join("out/below/b.png")), (64, 32));
    assert_eq!(fs::read(here.join("out/a.png")).unwrap(), before, "a picture depends on its neighbours");
    assert!(refusal(&run(here, "translate latest -i in -o out")).contains("is there already"));
    succeed(here, "translate latest -i in/*.png in/below -o some");
    assert_eq!(fs::read_dir(here.join("some")).unwrap().count(), 3);
    // What lies in the folder of the outputs is not taken for an input.
    assert_eq!(succeed(here, "translate latest -i in -o in/made").lines().count(), 3);
    assert_eq!(succeed(here, "translate latest -i in -o in/made --force").lines().count(), 3);

    let mut child = gannet(here)
        .args(["translate", "latest", "-i", "-", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(here.join("in/a.png")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, before);
}

#[test]
fn alpha_stays_and_pictures_are_turned_upright() {
    let folder = trained("cyclegan");
    let here = folder.path();
    RgbaImage::from_fn(32, 20, |x, _| image::Rgba([200, 10, 10, (x * 8) as u8])).save(here.join("alpha.png")).unwrap();
    succeed(here, "translate latest -i alpha.png -o there.png");
    let there = image::open(here.join("there.png")).unwrap().into_rgba8();
    assert!(there.enumerate_pixels().all(|(x, _, pixel)| pixel[3] == (x * 8) as u8));

    // Orientation 6: to be turned by 90 degrees to the right.
    let mut bytes = vec![];
    let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(&[9; 24 * 10], 24, 10, ExtendedColorType::L8).unwrap();
    fs::write(here.join("turned.png"), bytes).unwrap();
    succeed(here, "translate latest -i turned.png -o upright.png");
    assert_eq!(size(&here.join("upright.png")), (10, 24));

    succeed(here, "translate latest -i alpha.png -o back.png --direction BtoA");
    assert_ne!(fs::read(here.join("back.png")).unwrap(), fs::read(here.join("there.png")).unwrap());
}

#[test]
fn what_cannot_be_translated_is_one_clear_error_and_nothing_half_written() {
    let folder = trained("pix2pix");
    let here = folder.path();
    picture(&here.join("in/a.png"), 32, 32);
    fs::write(here.join("in/b.png"), b"no picture").unwrap();
    let error = |words: &str| refusal(&run(here, words));
    assert!(error("translate nothing -i in/a.png -o o.png").contains("no run of this name"));
    assert!(error("translate latest -i gone.png -o o.png").contains("cannot read gone.png"));
    assert!(error("translate latest -i gone/*.png -o o").contains("--input gone/*.png names no picture"));
    assert!(error("translate latest -i in/b.png -o o.png").contains("in/b.png: its content is not an image"));
    assert!(
        error("translate latest -i in/a.png -o o.jpg").contains("accepted: a name that ends in .png, a folder, or -")
    );
    assert!(error("translate latest -i in -o -").contains("accepted: a folder"));
    let back = error("translate latest -i in/a.png -o o.png --direction BtoA");
    assert!(back.contains("this translator goes: AtoB"), "{back}");
    assert!(!here.join("o.png").exists());
    // The others of a folder are translated all the same.
    let said = error("translate latest -i in -o out");
    assert!(
        said.contains("in/b.png: its content is not an image") && said.contains("1 of 2 pictures were not translated")
    );
    assert_eq!(fs::read_dir(here.join("out")).unwrap().count(), 1);
    fs::write(here.join("in/a.bmp"), fs::read(here.join("in/a.png")).unwrap()).unwrap();
    assert!(error("translate latest -i in -o twice").contains("in/a.png would both become twice/a.png"));

    succeed(here, "train --method vanilla --data ring --kimg 0.2 --outdir others");
    let error = error("translate others/00000-ring-vanilla -i in/a.png -o o.png");
    assert!(error.contains("is a generator of 2x1x1") && error.contains("a network that translates"), "{error}");
}

#[test]
fn a_gallery_shows_what_was_held_out_and_can_be_measured() {
    let folder = trained("pix2pix");
    let here = folder.path();
    let count = |name: &str| fs::read_dir(here.join(name)).unwrap().count();
    assert_eq!(succeed(here, "gallery latest -n 9"), "gallery/index.html\n");
    succeed(here, "gallery latest -n 6 --force");
    assert_eq!(["source", "output", "target"].map(|name| count(&format!("gallery/{name}"))), [6; 3]);
    let page = fs::read_to_string(here.join("gallery/index.html")).unwrap();
    assert!(page.contains("6 pictures held out from training") && page.matches("<img ").count() == 18, "{page}");
    let said = succeed(here, "evaluate --input1 gallery/output --input2 gallery/target --metrics psnr");
    let figure = |text: &str, after: &str| -> f64 {
        text.split(after).nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let [on_page, measured] = [figure(&page, "mean PSNR "), figure(&said, "target: ")];
    assert!((on_page - measured).abs() < 2e-4, "{on_page} {measured}");
    assert!(refusal(&run(here, "gallery latest")).contains("gallery/source is there already; --force replaces it"));

    let folder = trained("cyclegan");
    let here = folder.path();
    succeed(here, "gallery latest --direction BtoA -n 2 --out back");
    assert!(fs::read_to_string(here.join("back/index.html")).unwrap().contains("BtoA after 0.0 kimg"));
}

#[test]
fn networks_from_elsewhere_translate_and_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gannet/tests/golden/translators.safetensors");
    let tensors = import::read(golden).unwrap().tensors;
    let state = |(name, data): (String, _)| Some((name.strip_prefix("resnet.instance.state.")?.to_owned(), data));
    let state: Tensors = tensors.into_iter().filter_map(state).collect();
    checkpoint::write(&here.join("net_G.safetensors"), "weights", &serde_json::json!({}), &state).unwrap();
    picture(&here.join("a.png"), 30, 23);
    succeed(here, "translate net_G.safetensors -i a.png -o direct.png");
    assert_eq!(size(&here.join("direct.png")), (30, 23));
    let said = succeed(here, "convert net_G.safetensors --to model.safetensors");
    assert!(said.starts_with("model.safetensors: a translator of 3x128x128, AtoB: 0.0 million weights"), "{said}");
    succeed(here, "translate model.safetensors -i a.png -o kept.png");
    assert_eq!(fs::read(here.join("kept.png")).unwrap(), fs::read(here.join("direct.png")).unwrap());
    succeed(here, "convert model.safetensors --to model.onnx --direction AtoB");
    let error = |words: &str| refusal(&run(here, words));
    assert!(error("convert model.safetensors --to back.onnx --direction BtoA").contains("this translator goes: AtoB"));
    assert!(!here.join("back.onnx").exists());
    assert!(error("upscale model.safetensors -i a.png -o b.png").contains("is a translator of 3x128x128"));
}

#[test]
fn unequal_pairs_are_named_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for name in ["A/1.png", "A/2.png", "B/1.png"] {
        picture(&here.join("pairs").join(name), 32, 32);
    }
    let error = |words: &str| refusal(&run(here, words));
    let said = error("train --method pix2pix --data pairs");
    assert!(said.contains("B holds no partner for `A/2`"), "{said}");
    picture(&here.join("pairs/B/2.png"), 64, 32);
    let said = error("train --method pix2pix --data pairs");
    assert!(said.contains("`A/2.png` is 32x32 and `B/2.png` is 64x32"), "{said}");
    let said = error("train --method pix2pix --data pairs --set data.sides.layout=unpaired");
    assert!(said.contains("method `pix2pix` needs `pair`"), "{said}");
    picture(&here.join("pairs/B/2.png"), 32, 32);
    let said = error("train --method pix2pix --data pairs --set data.size=20x20 --set method.net.family=unet");
    assert!(said.contains("the unet networks need sides of 32, 64, 128 or 256 pixels"), "{said}");
    assert!(!here.join("runs").exists());
}
