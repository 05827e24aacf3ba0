//! Networks that enlarge and fill holes, end to end: trained on a folder of photographs, used on pictures, refused where
//! they cannot be.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use common::{run, succeed};
use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};

/// A few pictures of different sizes in `folder/photos`.
fn photos(folder: &Path) {
    fs::create_dir_all(folder.join("photos")).unwrap();
    for (i, (width, height)) in [(60, 41), (33, 70), (20, 20)].into_iter().enumerate() {
        let pixel = |x: u32, y: u32| Rgb([(x * 9 + y) as u8, (y * 7) as u8, ((x / 4 + y / 4) % 2 * 200) as u8]);
        RgbImage::from_fn(width, height, pixel).save(folder.join(format!("photos/{i}.png"))).unwrap();
    }
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
}

#[test]
fn photographs_teach_a_network_that_enlarges_and_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    photos(here);
    let tiny = "--kimg 0.032 --batch 8 --set data.size=24 --set method.net.width=4 --set method.net.growth=2 \
                --set method.net.blocks=1 --set method.vgg.width=2 --set method.vgg.dense=4";
    let said = succeed(
        here,
        &format!(
            "train --method esrgan --data photos -s 2 {tiny} --set method.degrade=real-world --set method.pretrain_kimg=0.016"
        ),
    );
    assert!(said.contains("3 images from photos/ as 3x24x24: 3 shown in parts"), "{said}");
    assert!(said.contains("gannet upscale"), "{said}");
    let run = here.join("runs/00000-photos-esrgan");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("fit = \"part\"") && config.contains("degrade = \"real-world\""), "{config}");
    // Eight rows of three strips, each of three pictures.
    assert_eq!(image::image_dimensions(run.join("fakes000000.png")).unwrap(), (9 * 26 - 2, 8 * 26 - 2));

    succeed(here, "upscale latest -i photos/0.png -o large.png");
    assert_eq!(image::image_dimensions(here.join("large.png")).unwrap(), (120, 82));
    succeed(here, "upscale runs/00000-photos-esrgan -i photos -o large/");
    assert_eq!(fs::read(here.join("large.png")).unwrap(), fs::read(here.join("large/0.png")).unwrap());
    succeed(here, "convert runs/00000-photos-esrgan --to model.onnx");
    assert!(here.join("model.onnx").is_file());
    let tuned = "train --method esrgan --data photos --resume-from runs/00000-photos-esrgan --freezed 1 --kimg 0.016 \
                 --batch 8 --set data.size=24 --set method.vgg.width=2 --set method.vgg.dense=4 --outdir tuned";
    succeed(here, tuned);
    let config = fs::read_to_string(here.join("tuned/00000-photos-esrgan/config.toml")).unwrap();
    assert!(config.contains("freezed = 1") && config.contains("growth = 2"), "{config}");
    refuse(here, "upscale latest -i photos/0.png -o four.png -s 4", &["--scale is 4, latest enlarges by 2"]);
    refuse(here, &format!("train --method esrgan --data photos -s 3 {tiny}"), &["method.net.scale is 3", "1, 2, 4"]);
    refuse(here, "train --method dcgan --data photos -s 2", &["unknown setting `method.net.scale`"]);
    refuse(here, "sample latest --seeds 0 --out a.png", &["holds an upscaler, expected a generator"]);
}

#[test]
fn holes_are_filled_and_all_else_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    photos(here);
    let tiny = "--kimg 0.032 --batch 8 --set data.size=16 --set method.net.width=2 --set method.net.blocks=1 \
                --set method.patch.width=2 --set method.patch.layers=2";
    let said = succeed(here, &format!("train --method inpaint --data photos {tiny}"));
    assert!(said.contains("gannet inpaint"), "{said}");

    // Sixteen bits, grey, of an odd size; white holes in a mask of another format.
    let deep = ImageBuffer::from_fn(35, 21, |x, y| Luma([(x * 1771 + y * 333) as u16]));
    DynamicImage::ImageLuma16(deep.clone()).save(here.join("deep.png")).unwrap();
    let is_hole = |x: u32, y: u32| (5..20).contains(&x) && (3..9).contains(&y);
    let mask = RgbImage::from_fn(35, 21, |x, y| Rgb([if is_hole(x, y) { 255 } else { 0 }; 3]));
    mask.save(here.join("mask.bmp")).unwrap();
    succeed(here, "inpaint latest -i deep.png --mask mask.bmp -o filled.png");
    let filled = image::open(here.join("filled.png")).unwrap();
    let DynamicImage::ImageLuma16(filled) = filled else { panic!("16 bits of grey stay: {:?}", filled.color()) };
    for (x, y, pixel) in filled.enumerate_pixels() {
        assert!(is_hole(x, y) || pixel == deep.get_pixel(x, y), "{x} {y}");
    }
    assert!(filled.enumerate_pixels().any(|(x, y, pixel)| pixel != deep.get_pixel(x, y)));

    // A folder of pictures, and one of masks.
    fs::create_dir_all(here.join("masks")).unwrap();
    for name in ["0", "1", "2"] {
        let size = image::image_dimensions(here.join(format!("photos/{name}.png"))).unwrap();
        RgbImage::new(size.0, size.1).save(here.join(format!("masks/{name}.bmp"))).unwrap();
    }
    succeed(here, "inpaint latest -i photos --mask masks -o same/");
    for name in ["0", "1", "2"] {
        let [before, after] = ["photos", "same"].map(|at| image::open(here.join(format!("{at}/{name}.png"))).unwrap());
        assert!(before == after, "{name}: a mask without holes changed it");
    }

    let sizes = ["deep.png with masks/0.bmp", "the mask has 60x41 pixels and the picture 35x21"];
    refuse(here, "inpaint latest -i deep.png --mask masks/0.bmp -o no.png", &sizes);
    refuse(here, "inpaint latest -i deep.png --mask masks -o no.png", &["masks holds no mask called deep"]);
    refuse(here, "inpaint latest -i deep.png --mask mask.bmp -o filled.png", &["--force replaces it"]);
    refuse(here, "inpaint latest -i deep.png --mask config.toml -o no.png", &["config.toml"]);
    refuse(here, "upscale latest -i deep.png -o no.png", &["fills holes"]);
    assert!(!here.join("no.png").exists());
}
