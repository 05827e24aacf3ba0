//! Picture files as they are, each of its own size: what a protocol of resizing starts from.

use std::path::Path;

use rayon::prelude::*;

use super::DataConfig;
use super::folder::Folder;
use super::pictures::{Blobs, blobs_at, header, nothing_readable};
use super::survey::Survey;
use crate::error::{Error, Result};
use crate::image::{Fit, Header, Picture, Shape, conform, decode};

/// The names of the pictures in `folder` and in all folders below it, relative to it and in their order.
pub fn picture_names(folder: &Path) -> Result<Vec<String>> {
    Ok(Folder::list(folder)?.names().to_vec())
}

/// The pictures of a folder or a ZIP, in the order of their names, all with as many channels.
pub struct PictureFiles {
    blobs: Box<dyn Blobs>,
    readable: Vec<usize>,
    channels: usize,
}

impl PictureFiles {
    /// Those at `path`, if that is a folder or a ZIP. Files that are no picture are skipped with a warning.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let Some(blobs) = blobs_at(path)? else { return Ok(None) };
        let headers: Vec<Result<Header, String>> =
            (0..blobs.names().len()).into_par_iter().map(|index| header(blobs.as_ref(), index)).collect();
        let mut readable = vec![];
        for (index, header) in headers.iter().enumerate() {
            match header {
                Ok(_) => readable.push(index),
                Err(reason) => tracing::warn!("skipped {}: {reason}", path.join(&blobs.names()[index]).display()),
            }
        }
        if readable.is_empty() {
            return Err(nothing_readable(blobs.as_ref(), headers.iter().find_map(|header| header.as_ref().err())));
        }
        let channels = Survey::new(headers.iter().flatten()).shape(&DataConfig::default()).channels;
        Ok(Some(Self { blobs, readable, channels }))
    }

    /// "pets", "pets.zip".
    pub fn name(&self) -> String {
        self.blobs.title().trim_end_matches('/').to_owned()
    }

    /// The name of picture `index` below the folder, parts joined by "/".
    pub fn name_of(&self, index: usize) -> &str {
        &self.blobs.names()[self.readable[index]]
    }

    /// How many there are; never zero.
    pub fn len(&self) -> usize {
        self.readable.len()
    }

    /// Whether there is none; a set that opened has at least one.
    pub fn is_empty(&self) -> bool {
        self.readable.is_empty()
    }

    /// 1 if all are grey, 4 if all have alpha, else 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Picture number `index`, of its own size, with 8 bits a sample.
    pub fn read(&self, index: usize) -> Result<Picture> {
        let index = self.readable[index];
        let picture = self.blobs.read(index).and_then(|bytes| decode(&bytes));
        let path = || self.blobs.path().join(&self.blobs.names()[index]);
        let picture = picture.map_err(|reason| Error::file(path(), reason))?.into_eight_bits();
        let shape = Shape { channels: self.channels, ..picture.shape() };
        Ok(conform(picture, shape, Fit::Stretch))
    }
}
