//! A data set of picture files, wherever they lie: scanned by header when opened, decoded when read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::archive::{Archive, is_zip};
use super::folder::Folder;
use super::labels::{self, Labels};
use super::survey::Survey;
use super::{DataConfig, Dataset, Sample, installed};
use crate::error::{Error, Result};
use crate::image::{
    Fit, Half, Header, Picture, Shape, conform, covering, crop, decode, half, has_an_end, probe, to_unit,
};

/// The optional file with labels beside the pictures.
pub(super) const LISTING: &str = "dataset.json";

/// A larger file, in bytes, is not a picture, and is not read into memory.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;

const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"];

/// Headers nearly always lie within this many bytes of the beginning; where one does not, the whole file is read.
const HEAD_BYTES: u64 = 64 << 10;

/// The mark that ends a whole file lies within this many bytes of its end.
const END_BYTES: u64 = 64;

/// Named picture files that can be read from any thread. Problems with a single file are texts, because they are
/// reported and skipped.
pub(super) trait Blobs: Send + Sync {
    /// The folder or archive.
    fn path(&self) -> &Path;
    /// How to call it in a sentence: "pets/", "pets.zip".
    fn title(&self) -> String;
    /// The pictures by name, relative, parts joined by "/", sorted.
    fn names(&self) -> &[String];
    /// How many files are there that are not pictures.
    fn n_others(&self) -> usize;
    /// The content of [`LISTING`], if there is one.
    fn listing(&self) -> Result<Option<Vec<u8>>>;
    /// The first `n_bytes` of a picture's file.
    fn head(&self, index: usize, n_bytes: u64) -> Result<Vec<u8>, String>;
    /// The last `n_bytes` of a picture's file, where they can be had without reading all of it.
    fn end(&self, index: usize, n_bytes: u64) -> Result<Option<Vec<u8>>, String>;
    /// The whole of a picture's file.
    fn read(&self, index: usize) -> Result<Vec<u8>, String>;
}

/// The pictures at `path` if that is a folder or an archive.
pub(super) fn blobs_at(path: &Path) -> Result<Option<Box<dyn Blobs>>> {
    if path.is_dir() {
        Ok(Some(Box::new(Folder::list(path)?)))
    } else if is_zip(path) {
        Ok(Some(Box::new(Archive::list(path)?)))
    } else {
        Ok(None)
    }
}

/// Whether a name ends like one of a picture.
pub(super) fn is_picture(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Whether any part of a name begins with a dot, or holds what macOS adds to archives.
pub(super) fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// The labels of the pictures called `names`.
pub(super) fn labels_of(blobs: &dyn Blobs, names: &[&str]) -> Result<Labels> {
    match blobs.listing()? {
        Some(json) => {
            labels::from_listing(&json, names).map_err(|reason| Error::file(blobs.path().join(LISTING), reason))
        }
        None => Ok(labels::from_folders(names)),
    }
}

/// Opens the pictures of `blobs` as a data set.
pub(super) fn open(blobs: Box<dyn Blobs>, config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let scan = scan(blobs.as_ref())?;
    let kept: Vec<&str> = scan.views.iter().map(|view| blobs.names()[view.index].as_str()).collect();
    let labels = labels_of(blobs.as_ref(), &kept)?;
    let noun = if scan.views.len() == 1 { "image" } else { "images" };
    let opening = format!("{} {noun} from {}", scan.views.len(), blobs.title());
    Ok(Arc::new(PictureSet::new(blobs, scan, labels, config, &opening)))
}

/// The pictures called `name`, which the `script` of that name in `data/` fetches.
pub(super) fn open_installed(name: &str, script: &str, config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let folders: Vec<_> = installed::folders(name).into_iter().filter(|folder| folder.ends_with(name)).collect();
    match folders.iter().find(|folder| folder.is_dir()) {
        Some(folder) => open(Box::new(Folder::list(folder)?), config),
        None => {
            let places: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            let places = places.join(", ");
            let reason =
                format!("the {name} are in none of these folders: {places}; `bash data/{script}.sh` fetches them");
            Err(Error::setting(reason))
        }
    }
}

/// A picture, or a half of it, whose header could be read.
pub(super) struct View {
    /// Its place among the blobs.
    pub(super) index: usize,
    /// None: the whole picture.
    pub(super) half: Option<Half>,
    /// Of what is viewed.
    pub(super) header: Header,
}

/// What can be read.
pub(super) struct Scan {
    pub(super) views: Vec<View>,
    /// How many files cannot.
    pub(super) n_skipped: usize,
}

/// Reads all headers; files without a readable one are skipped with a warning.
pub(super) fn scan(blobs: &dyn Blobs) -> Result<Scan> {
    let names = blobs.names();
    let headers: Vec<_> = (0..names.len()).into_par_iter().map(|index| header(blobs, index)).collect();
    let mut views = Vec::new();
    let mut first_problem = None;
    for (index, header) in headers.into_iter().enumerate() {
        match header {
            Ok(header) => views.push(View { index, half: None, header }),
            Err(reason) => {
                tracing::warn!("skipped {}: {reason}", blobs.path().join(&names[index]).display());
                first_problem.get_or_insert(reason);
            }
        }
    }
    if views.is_empty() {
        return Err(nothing_readable(blobs, first_problem.as_ref()));
    }
    let n_skipped = names.len() - views.len();
    Ok(Scan { views, n_skipped })
}

/// Reads the header, and decodes the file if its end does not look like the end of a picture: it may be cut off.
pub(super) fn header(blobs: &dyn Blobs, index: usize) -> Result<Header, String> {
    let head = blobs.head(index, HEAD_BYTES)?;
    let is_whole = (head.len() as u64) < HEAD_BYTES;
    let header = match probe(&head) {
        Err(_) if !is_whole => probe(&blobs.read(index)?)?,
        result => result?,
    };
    let end = if is_whole { Some(head.clone()) } else { blobs.end(index, END_BYTES)? };
    if end.is_some_and(|end| !has_an_end(&head, &end)) {
        decode(&blobs.read(index)?)?;
    }
    Ok(header)
}

pub(super) fn nothing_readable(blobs: &dyn Blobs, first_problem: Option<&String>) -> Error {
    let found = match (blobs.names().len(), blobs.n_others(), first_problem) {
        (0, 0, _) => "it is empty".to_owned(),
        (0, n, _) => format!("it holds {n} files, none of them an image"),
        (n, _, Some(problem)) => format!("it holds {n} image files, none of them readable (the first: {problem})"),
        (n, _, None) => format!("it holds {n} image files, none of them readable"),
    };
    Error::file(blobs.path(), format!("holds no readable image; accepted: {}; {found}", ENDINGS.join(" ")))
}

/// Pictures, or halves of them, brought to one shape.
pub(super) struct PictureSet {
    name: String,
    blobs: Box<dyn Blobs>,
    entries: Vec<Entry>,
    classes: Vec<String>,
    shape: Shape,
    fit: Fit,
    description: String,
    /// In bytes.
    cache_limit: usize,
    n_cached_bytes: AtomicUsize,
}

/// A sample.
struct Entry {
    /// Its place among the blobs.
    index: usize,
    half: Option<Half>,
    label: Option<u32>,
    /// Set once decoding has failed.
    is_broken: AtomicBool,
    /// The conformed picture, or with [`Fit::Part`] the whole one, where memory allows. Nothing is ever evicted: in a shuffled order every picture is as
    /// likely to come next as any other, so a fixed subset serves as well as the best policy would.
    cached: OnceLock<Picture>,
}

impl PictureSet {
    /// The views of `blobs` as `config` wants them. `opening` is what their description begins with.
    pub(super) fn new(
        blobs: Box<dyn Blobs>,
        Scan { views, n_skipped }: Scan,
        Labels { classes, labels }: Labels,
        config: &DataConfig,
        opening: &str,
    ) -> Self {
        let survey = Survey::new(views.iter().map(|view| &view.header));
        let shape = survey.shape(config);
        let mut description = format!("{opening} as {shape}");
        let conversions = survey.conversions(shape, config.fit);
        if !conversions.is_empty() {
            description += &format!(": {}", conversions.join(", "));
        }
        if n_skipped > 0 {
            description += &format!("; {n_skipped} unreadable skipped");
        }
        let entry = |(place, view): (usize, View)| Entry {
            index: view.index,
            half: view.half,
            label: labels.get(place).copied(),
            is_broken: AtomicBool::new(false),
            cached: OnceLock::new(),
        };
        Self {
            name: blobs.title().trim_end_matches('/').to_owned(),
            entries: views.into_iter().enumerate().map(entry).collect(),
            blobs,
            classes,
            shape,
            fit: config.fit,
            description,
            cache_limit: config.cache_mb.saturating_mul(1 << 20),
            n_cached_bytes: AtomicUsize::new(0),
        }
    }

    /// The sample at `index`, with nothing to stand in for it.
    pub(super) fn attempt(&self, index: usize) -> Result<Vec<f32>, String> {
        self.values(&self.entries[index], None)
    }

    /// Says once that the sample at `index` cannot be decoded, and what becomes of it.
    pub(super) fn report(&self, index: usize, reason: &str, consequence: &str) {
        let entry = &self.entries[index];
        if !entry.is_broken.swap(true, Ordering::Relaxed) {
            let path = self.blobs.path().join(&self.blobs.names()[entry.index]);
            tracing::warn!("{} cannot be decoded, {consequence}: {reason}", path.display());
        }
    }

    /// What is shown of `entry`: the part that `rng` draws where there is a choice, else the middle.
    fn values(&self, entry: &Entry, rng: Option<&mut ChaCha8Rng>) -> Result<Vec<f32>, String> {
        if let Some(picture) = entry.cached.get() {
            return Ok(self.shown(picture, rng));
        }
        let mut picture = decode(&self.blobs.read(entry.index)?)?;
        if let Some(side) = entry.half {
            picture = half(&picture, side);
        }
        let picture = match self.fit {
            Fit::Part => covering(picture, self.shape),
            _ => conform(picture, self.shape, self.fit),
        };
        let values = self.shown(&picture, rng);
        let n_bytes = picture.n_bytes();
        let n_before = self.n_cached_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        if n_before + n_bytes > self.cache_limit || entry.cached.set(picture).is_err() {
            self.n_cached_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
        }
        Ok(values)
    }

    fn shown(&self, picture: &Picture, rng: Option<&mut ChaCha8Rng>) -> Vec<f32> {
        let Shape { height, width, .. } = self.shape;
        let spare = [picture.height - height, picture.width - width];
        let first = match rng {
            Some(rng) => spare.map(|spare| rng.random_range(0..=spare)),
            None => spare.map(|spare| spare / 2),
        };
        if spare == [0, 0] { to_unit(picture) } else { to_unit(&crop(picture, first, [height, width])) }
    }

    /// A picture that cannot be decoded is reported once, and the next readable one stands in for it, label included.
    fn first_readable(&self, index: usize, mut rng: Option<&mut ChaCha8Rng>) -> Result<Sample> {
        let mut problem = None;
        for place in (index..self.entries.len()).chain(0..index) {
            let entry = &self.entries[place];
            if entry.is_broken.load(Ordering::Relaxed) {
                continue;
            }
            match self.values(entry, rng.as_deref_mut()) {
                Ok(values) => return Ok(Sample { values, label: entry.label }),
                Err(reason) => {
                    self.report(place, &reason, "the next image stands in for it");
                    problem = Some(reason);
                }
            }
        }
        Err(nothing_readable(self.blobs.as_ref(), problem.as_ref()))
    }
}

impl Dataset for PictureSet {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.entries.len()
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
        self.first_readable(index, None)
    }

    fn read_crop(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<Sample> {
        self.first_readable(index, Some(rng))
    }
}

#[cfg(test)]
mod tests;
