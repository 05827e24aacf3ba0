//! A full look at a source of data before training: every file decoded, everything counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::pictures::{self, Blobs};
use super::{DataConfig, Dataset, open};
use crate::error::Result;
use crate::image::{Shape, decode, format_name, probe};

/// How many sizes, files or groups a person is shown of a long list.
const N_SHOWN: usize = 10;

/// What a source of data holds and what training would make of it. Counts are of readable samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The source as given.
    pub source: String,
    /// Readable samples.
    pub n: usize,
    /// File formats with counts, the most frequent first; empty where samples are not files.
    pub formats: Vec<(String, usize)>,
    /// (width, height) in pixels with counts, the most frequent first.
    pub sizes: Vec<((usize, usize), usize)>,
    /// "grey", "RGB" ... with counts, the most frequent first.
    pub channels: Vec<(String, usize)>,
    /// Bits a sample with counts, the most frequent first; empty where samples are not files.
    pub bits: Vec<(usize, usize)>,
    /// Classes with counts, by label.
    pub classes: Vec<(String, usize)>,
    /// Files that cannot be read, with reasons.
    pub unreadable: Vec<(String, String)>,
    /// Groups of samples with the same content.
    pub duplicates: Vec<Vec<String>>,
    /// The shape training would see.
    pub shape: Shape,
    /// What training would use and convert, in one line.
    pub training: String,
    /// Images in an epoch.
    pub n_per_epoch: usize,
}

/// Looks at all of `config.source` and at what training with `config` would make of it.
pub fn inspect(config: &DataConfig) -> Result<Report> {
    let source = config.source.as_str();
    let dataset = open(config, 0)?.dataset;
    let is_registered = super::SETS.iter().any(|entry| entry.name == source);
    match pictures::blobs_at(Path::new(source))? {
        Some(blobs) if !is_registered => inspect_files(blobs.as_ref(), source, dataset.as_ref()),
        _ => inspect_samples(source, dataset.as_ref()),
    }
}

/// Decodes every file.
fn inspect_files(blobs: &dyn Blobs, source: &str, dataset: &dyn Dataset) -> Result<Report> {
    let names = blobs.names();
    let looks: Vec<_> = (0..names.len()).into_par_iter().map(|index| look(blobs, index)).collect();
    let readable: Vec<_> =
        looks.iter().zip(names).filter_map(|(look, name)| Some((look.as_ref().ok()?, name))).collect();
    let unreadable =
        looks.iter().zip(names).filter_map(|(look, name)| Some((name.clone(), look.as_ref().err()?.clone())));
    let kept: Vec<&str> = readable.iter().map(|(_, name)| name.as_str()).collect();
    let labels = pictures::labels_of(blobs, &kept)?;
    let colour = |channels| match channels {
        1 => "grey",
        2 => "grey with alpha",
        3 => "RGB",
        _ => "RGB with alpha",
    };
    Ok(Report {
        n: readable.len(),
        formats: counted(readable.iter().map(|(look, _)| look.format.to_owned())),
        sizes: counted(readable.iter().map(|(look, _)| look.size)),
        channels: counted(readable.iter().map(|(look, _)| colour(look.channels).to_owned())),
        bits: counted(readable.iter().map(|(look, _)| look.bits)),
        classes: by_class(&labels.classes, labels.labels.iter().copied()),
        unreadable: unreadable.collect(),
        duplicates: groups(readable.iter().map(|(look, name)| (look.hash, (*name).clone()))),
        ..Report::of_training(source, dataset)
    })
}

/// Reads every sample of a set that is not made of files.
fn inspect_samples(source: &str, dataset: &dyn Dataset) -> Result<Report> {
    let read = |index| -> Result<_> {
        let sample = dataset.read(index)?;
        let bytes: Vec<u8> = sample.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok((Sha256::digest(&bytes).into(), sample.label))
    };
    let samples: Vec<([u8; 32], Option<u32>)> = (0..dataset.len()).into_par_iter().map(read).collect::<Result<_>>()?;
    let labels = samples.iter().filter_map(|(_, label)| *label);
    let hashes = samples.iter().enumerate().map(|(index, (hash, _))| (*hash, format!("number {index}")));
    Ok(Report {
        classes: by_class(dataset.classes(), labels),
        duplicates: groups(hashes),
        ..Report::of_training(source, dataset)
    })
}

/// What one file holds.
struct Look {
    format: &'static str,
    size: (usize, usize),
    channels: usize,
    bits: usize,
    hash: [u8; 32],
}

fn look(blobs: &dyn Blobs, index: usize) -> Result<Look, String> {
    let bytes = blobs.read(index)?;
    let header = probe(&bytes)?;
    decode(&bytes)?;
    Ok(Look {
        format: format_name(&bytes).unwrap_or("unknown"),
        size: (header.width, header.height),
        channels: header.channels,
        bits: header.bits,
        hash: Sha256::digest(&bytes).into(),
    })
}

/// Values with their counts, the most frequent first.
fn counted<T: Hash + Eq + Ord + Clone>(values: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

fn by_class(classes: &[String], labels: impl Iterator<Item = u32>) -> Vec<(String, usize)> {
    let mut counts: Vec<_> = classes.iter().map(|class| (class.clone(), 0)).collect();
    labels.for_each(|label| counts[label as usize].1 += 1);
    counts
}

/// The names that share a hash, where there are several.
fn groups(hashes: impl Iterator<Item = ([u8; 32], String)>) -> Vec<Vec<String>> {
    let mut by_hash: BTreeMap<[u8; 32], Vec<String>> = BTreeMap::new();
    hashes.for_each(|(hash, name)| by_hash.entry(hash).or_default().push(name));
    let mut groups: Vec<_> = by_hash.into_values().filter(|group| group.len() > 1).collect();
    groups.sort();
    groups
}

impl Report {
    /// The part that the opened data set tells, as for samples that are not files.
    fn of_training(source: &str, dataset: &dyn Dataset) -> Self {
        let shape = dataset.shape();
        Self {
            source: source.to_owned(),
            n: dataset.len(),
            formats: Vec::new(),
            sizes: Vec::new(),
            channels: Vec::new(),
            bits: Vec::new(),
            classes: Vec::new(),
            unreadable: Vec::new(),
            duplicates: Vec::new(),
            shape,
            training: dataset.description().to_owned(),
            n_per_epoch: dataset.len(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} readable samples", self.source, self.n)?;
        let mut line = |title: &str, items: Vec<String>| match list(&items, ", ") {
            Some(text) => writeln!(f, "  {title:<11} {text}"),
            None => Ok(()),
        };
        line("formats", self.formats.iter().map(|(format, n)| format!("{n} {format}")).collect())?;
        line("sizes", self.sizes.iter().map(|((width, height), n)| format!("{n} of {width}x{height}")).collect())?;
        line("channels", self.channels.iter().map(|(channels, n)| format!("{n} {channels}")).collect())?;
        line("bit depth", self.bits.iter().map(|(bits, n)| format!("{n} with {bits} bits")).collect())?;
        line("classes", self.classes.iter().map(|(class, n)| format!("{class} ({n})")).collect())?;
        let unreadable = self.unreadable.iter().map(|(name, reason)| format!("{name}: {reason}"));
        lines(f, "unreadable", "files", unreadable.collect())?;
        let duplicates = self.duplicates.iter().map(|group| list(group, " = ").unwrap_or_default());
        lines(f, "duplicates", "groups of equal content", duplicates.collect())?;
        writeln!(f, "  {:<11} {}", "training", self.training)?;
        write!(f, "  {:<11} {} images, each {} (channels x height x width)", "one epoch", self.n_per_epoch, self.shape)
    }
}

/// How many items there are, then the first of them, one a line; nothing if there is none.
fn lines(f: &mut fmt::Formatter<'_>, title: &str, what: &str, items: Vec<String>) -> fmt::Result {
    let indent = format!("\n{:14}", "");
    match list(&items, &indent) {
        Some(text) => writeln!(f, "  {title:<11} {} {what}{indent}{text}", items.len()),
        None => Ok(()),
    }
}

/// The first items of a list and how many more there are; `None` if there is none.
fn list(items: &[String], separator: &str) -> Option<String> {
    let shown = items.iter().take(N_SHOWN).cloned().collect::<Vec<_>>().join(separator);
    match items.len() {
        0 => None,
        n if n > N_SHOWN => Some(format!("{shown}{separator}and {} more", n - N_SHOWN)),
        _ => Some(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Picture, encode_png};

    fn from(source: &str) -> DataConfig {
        DataConfig { source: source.into(), ..DataConfig::default() }
    }

    fn png(value: u8) -> Vec<u8> {
        let shape = Shape { channels: 3, height: 4, width: 6 };
        encode_png(&Picture::from_u8(shape, vec![value; 72]), &[]).unwrap()
    }

    #[test]
    fn a_folder_is_reported_with_duplicates_and_broken_files() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in
            [("a/1.png", png(1)), ("a/2.png", png(2)), ("b/1.png", png(1)), ("b/2.png", png(3)[..70].into())]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let report = inspect(&from(folder.path().to_str().unwrap())).unwrap();
        assert_eq!(report.n, 3);
        assert_eq!(report.formats, [("PNG".to_owned(), 3)]);
        assert_eq!(report.sizes, [((6, 4), 3)]);
        assert_eq!(report.classes, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(report.duplicates, [["a/1.png", "b/1.png"]]);
        assert_eq!(report.unreadable[0].0, "b/2.png");
        let text = report.to_string();
        for expected in ["3 readable samples", "3 of 6x4", "3 RGB", "a (2), b (1)", "a/1.png = b/1.png", "3x4x6"] {
            assert!(text.contains(expected), "{expected} is missing in:\n{text}");
        }
    }

    #[test]
    fn a_registered_set_is_reported_by_its_samples() {
        let report = inspect(&from("two-clusters")).unwrap();
        assert_eq!((report.n, report.n_per_epoch), (65_536, 65_536));
        assert!(report.duplicates.is_empty() && report.to_string().contains("2x1x1"));
    }
}
