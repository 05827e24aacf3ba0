//! What a folder or an archive gives back, read from the disk or from memory.

use std::io::Cursor;
use std::sync::Mutex;

use image::{DynamicImage, ImageFormat};

use super::super::Part;
use super::*;

fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A grey PNG of 8x8 pixels of one `value`.
fn flat(value: u8) -> Vec<u8> {
    let image = image::GrayImage::from_pixel(8, 8, image::Luma([value]));
    file(&DynamicImage::ImageLuma8(image), ImageFormat::Png)
}

/// Files in memory that count how often they are read whole.
struct Memory {
    names: Vec<String>,
    files: Vec<Vec<u8>>,
    n_reads: Arc<Mutex<Vec<usize>>>,
}

fn memory(files: Vec<(&str, Vec<u8>)>) -> (Box<dyn Blobs>, Arc<Mutex<Vec<usize>>>) {
    let n_reads = Arc::new(Mutex::new(vec![0; files.len()]));
    let (names, files) = files.into_iter().map(|(name, file)| (name.to_owned(), file)).unzip();
    (Box::new(Memory { names, files, n_reads: n_reads.clone() }), n_reads)
}

impl Blobs for Memory {
    fn path(&self) -> &Path {
        Path::new("memory")
    }
    fn title(&self) -> String {
        "memory/".into()
    }
    fn names(&self) -> &[String] {
        &self.names
    }
    fn n_others(&self) -> usize {
        37
    }
    fn listing(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn end(&self, index: usize, n_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        let file = &self.files[index];
        Ok(Some(file[file.len().saturating_sub(n_bytes as usize)..].to_vec()))
    }

    fn head(&self, index: usize, n_bytes: u64) -> Result<Vec<u8>, String> {
        Ok(self.files[index][..self.files[index].len().min(n_bytes as usize)].to_vec())
    }
    fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        self.n_reads.lock().unwrap()[index] += 1;
        Ok(self.files[index].clone())
    }
}

#[test]
fn a_mixed_folder_reads_to_one_shape_and_says_what_it_converted() {
    let (blobs, _) = memory(vec![
        ("deep.png", file(&DynamicImage::new_rgb16(64, 48), ImageFormat::Png)),
        ("grey.jpg", file(&DynamicImage::new_luma8(64, 48), ImageFormat::Jpeg)),
        ("large.bmp", file(&DynamicImage::new_rgb8(300, 200), ImageFormat::Bmp)),
        ("text.png", b"this is text".to_vec()),
        ("clear.webp", file(&DynamicImage::new_rgba8(64, 48), ImageFormat::WebP)),
    ]);
    let config = DataConfig { size: "64x48".parse().unwrap(), ..DataConfig::default() };
    let set = open(blobs, &config).unwrap();
    assert_eq!(
        set.description(),
        "4 images from memory/ as 3x48x64: 1 grey to RGB, 1 RGBA flattened on white, 1 16-bit, \
         1 resized (crop); 1 unreadable skipped"
    );
    for index in 0..set.len() {
        assert_eq!(set.read(index).unwrap().values.len(), 3 * 48 * 64);
    }
    // The transparent picture is white once flattened.
    assert!(set.read(3).unwrap().values.iter().all(|&v| v == 1.0));
}

/// A PNG whose beginning and end are as they should be, and whose pixels are not.
fn damaged() -> Vec<u8> {
    let mut file = flat(1);
    let middle = file.len() - 20;
    file[middle] ^= 0xff;
    file
}

#[test]
fn a_truncated_picture_is_skipped_and_counted_at_opening() {
    let mut truncated = flat(1);
    truncated.truncate(truncated.len() - 20);
    let (blobs, _) = memory(vec![("1.png", truncated), ("2.png", flat(255))]);
    let set = open(blobs, &DataConfig::default()).unwrap();
    assert_eq!(set.description(), "1 image from memory/ as 1x8x8; 1 unreadable skipped");
}

#[test]
fn a_damaged_picture_is_replaced_by_the_next_one_with_its_label() {
    let damaged = damaged();
    let (blobs, _) = memory(vec![("a/1.png", damaged), ("b/2.png", flat(255)), ("b/3.png", flat(0))]);
    let set = open(blobs, &DataConfig::default()).unwrap();
    assert_eq!((set.len(), set.classes()), (3, ["a".to_owned(), "b".to_owned()].as_slice()));
    let stand_in = set.read(0).unwrap();
    assert_eq!((stand_in.values[0], stand_in.label), (1.0, Some(1)));
    assert_eq!(set.read(0).unwrap(), set.read(1).unwrap());
}

#[test]
fn the_last_broken_picture_is_replaced_by_the_first() {
    let damaged = damaged();
    let (blobs, _) = memory(vec![("1.png", flat(255)), ("2.png", damaged.clone())]);
    assert_eq!(open(blobs, &DataConfig::default()).unwrap().read(1).unwrap().values[0], 1.0);
    let (blobs, _) = memory(vec![("1.png", damaged)]);
    let problem = open(blobs, &DataConfig::default()).unwrap().read(0).unwrap_err().to_string();
    assert!(problem.contains("none of them readable"), "{problem}");
}

#[test]
fn a_cached_picture_is_decoded_once_and_an_uncached_one_every_time() {
    for (cache_mb, expected) in [(1, 1), (0, 3)] {
        let (blobs, n_reads) = memory(vec![("1.png", flat(9)), ("2.png", flat(200))]);
        let set = open(blobs, &DataConfig { cache_mb, ..DataConfig::default() }).unwrap();
        let first = set.read(0).unwrap();
        assert_eq!(first, set.read(0).unwrap());
        assert_eq!(first, set.read(0).unwrap());
        assert_eq!(n_reads.lock().unwrap()[0], expected);
    }
}

#[test]
fn parts_of_pictures_are_drawn_for_training_and_are_the_middle_elsewhere() {
    let ramp = || image::GrayImage::from_fn(20, 12, |x, y| image::Luma([(12 * x + y) as u8]));
    let (blobs, n_reads) = memory(vec![("1.png", file(&DynamicImage::ImageLuma8(ramp()), ImageFormat::Png))]);
    let config = DataConfig { size: "4".parse().unwrap(), fit: Fit::Part, ..DataConfig::default() };
    let set = open(blobs, &config).unwrap();
    assert_eq!(set.description(), "1 image from memory/ as 1x4x4: 1 shown in parts");
    let first = |sample: Sample| ((sample.values[0] + 1.0) * 127.5).round() as u8;
    assert_eq!(first(set.read(0).unwrap()), 12 * 8 + 4);
    let part = |counter| {
        let mut rng = crate::random::stream(1, crate::random::Purpose::Part, counter);
        first(set.read_crop(0, &mut rng).unwrap())
    };
    let parts: std::collections::BTreeSet<u8> = (0..500).map(part).collect();
    // 17 x 9 places, of which a few are missed.
    assert!((120..=153).contains(&parts.len()) && parts.contains(&0), "{}", parts.len());
    assert_eq!(part(7), part(7));
    assert_eq!(n_reads.lock().unwrap()[0], 1);
    // Holding some out changes nothing in the others.
    let (blobs, _) =
        memory(vec![("1.png", file(&DynamicImage::ImageLuma8(ramp()), ImageFormat::Png)), ("2.png", flat(0))]);
    let rest = Part::holding_out(open(blobs, &config).unwrap(), 1).unwrap();
    let of_rest = |counter| {
        let mut rng = crate::random::stream(1, crate::random::Purpose::Part, counter);
        first(rest.read_crop(0, &mut rng).unwrap())
    };
    assert!(rest.read_held_out(0).is_some() && (0..20).any(|i| of_rest(i) != of_rest(0)));
}

#[test]
fn the_cache_stays_within_its_limit() {
    let noise: Vec<_> =
        (0..6).map(|i| (format!("{i}.png"), file(&DynamicImage::new_rgb8(512, 512), ImageFormat::Png))).collect();
    let (blobs, n_reads) = memory(noise.iter().map(|(name, file)| (name.as_str(), file.clone())).collect());
    // A picture takes 768 KiB, so one of them fits into a megabyte.
    let config = DataConfig { size: "512".parse().unwrap(), cache_mb: 1, ..DataConfig::default() };
    let set = open(blobs, &config).unwrap();
    (0..12).for_each(|i| assert!(set.read(i % 6).is_ok()));
    assert_eq!(*n_reads.lock().unwrap(), [1, 2, 2, 2, 2, 2]);
}

#[test]
fn a_set_without_pictures_says_what_is_there() {
    let problem = |files| open(memory(files).0, &DataConfig::default()).err().unwrap().to_string();
    assert!(problem(vec![]).contains("it holds 37 files, none of them an image"));
    assert!(problem(vec![("a.png", b"text".to_vec())]).contains("1 image files, none of them readable"));
}

#[test]
fn a_listing_beside_the_pictures_gives_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("00000")).unwrap();
    std::fs::write(folder.path().join("00000/a.png"), flat(0)).unwrap();
    std::fs::write(folder.path().join("00000/b.png"), flat(255)).unwrap();
    std::fs::write(folder.path().join(LISTING), r#"{"labels": [["00000/a.png", 1], ["00000/b.png", 0]]}"#).unwrap();
    let blobs = blobs_at(folder.path()).unwrap().unwrap();
    let set = open(blobs, &DataConfig::default()).unwrap();
    assert_eq!((set.read(0).unwrap().label, set.read(1).unwrap().label), (Some(1), Some(0)));
}
