//! Fashion-MNIST: grey pictures of clothing, 28x28, in ten classes (Xiao, Rasul and Vollgraf 2017).

use std::path::PathBuf;
use std::sync::Arc;

use super::idx::{IdxSet, labels_beside, parse_images, parse_labels, read_images, read_labels};
use super::{DataConfig, Dataset, installed};
use crate::error::{Error, Result};

const TEST_IMAGES: &[u8] = include_bytes!("../../assets/fashion-mnist/t10k-images-idx3-ubyte.gz");
const TEST_LABELS: &[u8] = include_bytes!("../../assets/fashion-mnist/t10k-labels-idx1-ubyte.gz");

const CLASSES: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// Fashion-MNIST: the 60,000 training images where they are installed, else the 10,000 test images built in.
pub(super) fn open(config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    open_in(&search_path(), config)
}

/// Folders that may hold the training images, in order of preference.
fn search_path() -> Vec<PathBuf> {
    let mut folders = installed::folders("fashion-mnist");
    folders.push("/usr/share/datasets/fashion-mnist".into());
    folders
}

fn open_in(folders: &[PathBuf], config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let installed = folders
        .iter()
        .flat_map(|folder| ["train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"].map(|name| folder.join(name)))
        .find(|path| path.is_file());
    let (raw, labels, origin) = match installed {
        Some(path) => {
            let raw = read_images(&path)?;
            let beside =
                labels_beside(&path).ok_or_else(|| Error::file(&path, "has no train-labels file beside it"))?;
            let labels = read_labels(&beside, raw.n)?;
            (raw, labels, format!("of the Fashion-MNIST training set from {}", path.display()))
        }
        None => {
            let built_in = |reason| Error::file("built-in Fashion-MNIST", reason);
            let raw = parse_images(TEST_IMAGES).map_err(built_in)?;
            let labels = parse_labels(TEST_LABELS, raw.n).map_err(built_in)?;
            (raw, labels, "of the Fashion-MNIST test set, built in (the training set is not installed)".to_owned())
        }
    };
    if let Some(&label) = labels.iter().find(|&&label| usize::from(label) >= CLASSES.len()) {
        return Err(Error::setting(format!("fashion-mnist has 10 classes, but its labels file holds a {label}")));
    }
    let classes = CLASSES.map(String::from).to_vec();
    Ok(Arc::new(IdxSet::new("fashion-mnist".into(), &origin, raw, Some(labels), classes, config)))
}

#[cfg(test)]
mod tests {
    use super::super::{Channels, Size};
    use super::*;
    use crate::image::Shape;

    fn idx(magic: u32, sizes: &[u32], content: &[u8]) -> Vec<u8> {
        let header: Vec<u8> = [&[magic], sizes].concat().into_iter().flat_map(u32::to_be_bytes).collect();
        [header.as_slice(), content].concat()
    }

    #[test]
    fn built_in_fashion_mnist_has_ten_balanced_classes() {
        let set = open_in(&[], &DataConfig::default()).unwrap();
        assert_eq!(
            (set.len(), set.shape().to_string().as_str(), set.classes()[9].as_str()),
            (10_000, "1x28x28", "Ankle boot")
        );
        let n_boots = (0..set.len()).filter(|&i| set.read(i).unwrap().label == Some(9)).count();
        assert_eq!(n_boots, 1000);
        assert!(set.description().contains("built in"), "{}", set.description());
    }

    #[test]
    fn another_size_and_channel_count_are_a_setting() {
        let config = DataConfig {
            size: Size::Fixed { width: 32, height: 48 },
            channels: Channels::Fixed(3),
            ..DataConfig::default()
        };
        let set = open_in(&[], &config).unwrap();
        assert_eq!(set.shape(), Shape { channels: 3, height: 48, width: 32 });
        assert_eq!(set.read(0).unwrap().values.len(), 3 * 48 * 32);
        assert!(set.description().ends_with("as 3x48x32, resized from 28x28 (crop)"), "{}", set.description());
    }

    #[test]
    fn installed_training_images_come_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train-images-idx3-ubyte"), idx(0x803, &[3, 1, 1], &[1, 2, 3])).unwrap();
        std::fs::write(folder.path().join("train-labels-idx1-ubyte"), idx(0x801, &[3], &[0, 9, 5])).unwrap();
        let set = open_in(&[folder.path().into()], &DataConfig::default()).unwrap();
        assert_eq!(set.len(), 3);
        assert!(set.description().contains("training set from"), "{}", set.description());
    }
}
