//! IDX, the file format of MNIST and its relatives: big-endian sizes, then bytes; gzipped or plain.
//!
//! Format: LeCun, Cortes and Burges, "The MNIST database".

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;

use super::{Channels, DataConfig, Dataset, Sample, Size};
use crate::error::{Error, Result};
use crate::image::{Fit, Picture, Shape, conform, to_unit};

/// Magic numbers: two zero bytes, 8 for unsigned bytes, the number of dimensions.
const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;

/// A file of images, with the labels file beside it if there is one.
pub(super) fn open(path: &Path, config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let raw = read_images(path)?;
    let labels = labels_beside(path).map(|labels| read_labels(&labels, raw.n)).transpose()?;
    let n_classes = labels.iter().flatten().max().map_or(0, |&largest| usize::from(largest) + 1);
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let origin = format!("from {}", path.display());
    let classes = (0..n_classes).map(|class| class.to_string()).collect();
    Ok(Arc::new(IdxSet::new(name, &origin, raw, labels, classes, config)))
}

/// Grey pictures of one size, held in memory as they are on disk.
pub(super) struct IdxSet {
    name: String,
    raw: RawImages,
    labels: Option<Vec<u8>>,
    classes: Vec<String>,
    shape: Shape,
    fit: Fit,
    description: String,
}

impl IdxSet {
    /// Samples of `raw`, called `name`; `origin` says where they are from: "from train.gz".
    pub(super) fn new(
        name: String,
        origin: &str,
        raw: RawImages,
        labels: Option<Vec<u8>>,
        classes: Vec<String>,
        config: &DataConfig,
    ) -> Self {
        let (width, height) = match config.size {
            Size::Auto => (raw.width, raw.height),
            Size::Fixed { width, height } => (width, height),
        };
        let channels = match config.channels {
            Channels::Auto => 1,
            Channels::Fixed(channels) => channels,
        };
        let shape = Shape { channels, height, width };
        let mut description = format!("{} images {origin} as {shape}", raw.n);
        if (width, height) != (raw.width, raw.height) {
            description += &format!(", resized from {}x{} ({})", raw.width, raw.height, config.fit);
        }
        Self { name, raw, labels, classes, shape, fit: config.fit, description }
    }
}

impl Dataset for IdxSet {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.raw.n
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn read(&self, index: usize) -> Result<Sample> {
        let shape = Shape { channels: 1, height: self.raw.height, width: self.raw.width };
        let pixels = &self.raw.pixels[index * shape.n_values()..][..shape.n_values()];
        let picture = conform(Picture::from_u8(shape, pixels.to_vec()), self.shape, self.fit);
        let label = self.labels.as_ref().map(|labels| u32::from(labels[index]));
        Ok(Sample { values: to_unit(&picture), label })
    }
}

/// The content of an images file: `n` pictures of `height` rows of `width` bytes.
#[derive(Debug)]
pub(super) struct RawImages {
    pub(super) n: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl RawImages {
    /// Images of `height` rows and `width` columns in `pixels`, one after the other.
    pub(super) fn new([height, width]: [usize; 2], pixels: Vec<u8>) -> Self {
        assert!(pixels.len().is_multiple_of(height * width), "{} bytes are no {height}x{width} images", pixels.len());
        Self { n: pixels.len() / (height * width), height, width, pixels }
    }
}

pub(super) fn read_images(path: &Path) -> Result<RawImages> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    parse_images(BufReader::new(file)).map_err(|reason| Error::file(path, reason))
}

pub(super) fn read_labels(path: &Path, n: usize) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    parse_labels(BufReader::new(file), n).map_err(|reason| Error::file(path, reason))
}

/// The labels file that belongs to an images file by the usual naming: "images-idx3" becomes "labels-idx1".
pub(super) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let labels = ["-", "."].map(|dot| stem.replace(&format!("images{dot}idx3"), &format!("labels{dot}idx1")));
    let candidates = labels.iter().filter(|labels| *labels != stem);
    let paths =
        candidates.flat_map(|name| [name.clone(), format!("{name}.gz")]).map(|name| images.with_file_name(name));
    paths.into_iter().find(|path| path.is_file())
}

pub(super) fn parse_images(bytes: impl Read) -> Result<RawImages, String> {
    let mut bytes = unzipped(bytes)?;
    expect_magic(&mut bytes, IMAGES)?;
    let [n, height, width] =
        [read_u32(&mut bytes)?, read_u32(&mut bytes)?, read_u32(&mut bytes)?].map(|size| size as usize);
    if n == 0 || height == 0 || width == 0 {
        return Err(format!("its header says {n} images of {width}x{height} pixels, which is nothing"));
    }
    let n_bytes = n.checked_mul(height).and_then(|bytes| bytes.checked_mul(width));
    let n_bytes = n_bytes.ok_or_else(|| format!("its header says {n} images of {width}x{height} pixels: too many"))?;
    Ok(RawImages { n, height, width, pixels: exactly(&mut bytes, n_bytes)? })
}

/// One label for each of `n` images.
pub(super) fn parse_labels(bytes: impl Read, n: usize) -> Result<Vec<u8>, String> {
    let mut bytes = unzipped(bytes)?;
    expect_magic(&mut bytes, LABELS)?;
    let n_labels = read_u32(&mut bytes)? as usize;
    if n_labels != n {
        return Err(format!("it holds {n_labels} labels for {n} images"));
    }
    exactly(&mut bytes, n)
}

/// `bytes`, through gzip if they begin like it.
fn unzipped<'a>(mut bytes: impl Read + 'a) -> Result<Box<dyn Read + 'a>, String> {
    let mut start = [0; 2];
    bytes.read_exact(&mut start).map_err(|_| "it is too short to be an IDX file".to_owned())?;
    let whole = std::io::Cursor::new(start).chain(bytes);
    Ok(if start == [0x1f, 0x8b] { Box::new(GzDecoder::new(whole)) } else { Box::new(whole) })
}

fn expect_magic(bytes: &mut dyn Read, expected: u32) -> Result<(), String> {
    match read_u32(bytes)? {
        magic if magic == expected => Ok(()),
        IMAGES => Err("it holds images, not labels".to_owned()),
        LABELS => Err("it holds labels; the file of images belongs here, labels beside it are found".to_owned()),
        other => Err(format!(
            "it begins with 0x{other:08x}, so it is no IDX file of unsigned bytes; accepted as data: a folder of \
             pictures, a .zip of them, an IDX file of images"
        )),
    }
}

fn read_u32(bytes: &mut dyn Read) -> Result<u32, String> {
    let mut word = [0; 4];
    bytes.read_exact(&mut word).map_err(|e| format!("its header cannot be read: {e}"))?;
    Ok(u32::from_be_bytes(word))
}

/// The `n` bytes that are left, no fewer and no more; memory grows with what is there, not with what is promised.
fn exactly(bytes: &mut dyn Read, n: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    bytes.take(n as u64 + 1).read_to_end(&mut content).map_err(|e| format!("it cannot be read: {e}"))?;
    match content.len() {
        len if len == n => Ok(content),
        len if len < n => Err(format!("it is cut off: {len} of {n} bytes follow its header")),
        _ => Err(format!("more than the {n} bytes its header announces follow it")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn images(n: u32, height: u32, width: u32, content: &[u8]) -> Vec<u8> {
        let header = [IMAGES, n, height, width].map(u32::to_be_bytes).concat();
        [header.as_slice(), content].concat()
    }

    fn labels(values: &[u8]) -> Vec<u8> {
        [LABELS.to_be_bytes().as_slice(), &(values.len() as u32).to_be_bytes(), values].concat()
    }

    fn problem(bytes: &[u8]) -> String {
        parse_images(bytes).unwrap_err()
    }

    #[test]
    fn malformed_files_are_refused_with_the_reason() {
        assert!(problem(b"").contains("too short"));
        assert!(problem(&[0, 0, 8, 3, 0, 0]).contains("header cannot be read"));
        assert!(problem(&labels(&[1, 2, 3])).contains("holds labels"));
        assert!(problem(b"not an idx file").contains("0x6e6f7420"));
        assert!(problem(&images(0, 2, 2, &[])).contains("nothing"));
        assert!(problem(&images(2, 2, 2, &[0; 7])).contains("7 of 8 bytes"));
        assert!(problem(&images(2, 2, 2, &[0; 9])).contains("more than the 8"));
        assert!(problem(&images(u32::MAX, u32::MAX, u32::MAX, &[0; 9])).contains("too many"));
        assert!(problem(&images(u32::MAX, 1000, 1000, &[0; 9])).contains("cut off"));
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(&images(2, 2, 2, &[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
        let zipped = zipped.finish().unwrap();
        assert_eq!(parse_images(zipped.as_slice()).unwrap().pixels, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(problem(&zipped[..zipped.len() - 10]).contains("cannot be read"));
        assert!(parse_labels(labels(&[1, 2]).as_slice(), 3).unwrap_err().contains("2 labels for 3 images"));
    }

    #[test]
    fn a_file_with_labels_beside_it_reads_with_classes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train-images.idx3-ubyte");
        std::fs::write(&path, images(2, 1, 2, &[0, 255, 255, 0])).unwrap();
        std::fs::write(folder.path().join("train-labels.idx1-ubyte"), labels(&[1, 0])).unwrap();
        let set = open(&path, &DataConfig::default()).unwrap();
        assert_eq!((set.len(), set.classes().len()), (2, 2));
        assert_eq!(set.read(0).unwrap(), Sample { values: vec![-1.0, 1.0], label: Some(1) });
    }
}
