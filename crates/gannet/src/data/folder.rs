//! A folder of pictures, with all folders below it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::pictures::{Blobs, LISTING, MAX_FILE_BYTES, is_hidden, is_picture};
use crate::error::{Error, Result};

/// The pictures of a folder, found by the endings of their names, in the order of their names.
pub(super) struct Folder {
    path: PathBuf,
    /// Relative to the folder, parts joined by "/".
    names: Vec<String>,
    /// In the order of `names`.
    files: Vec<PathBuf>,
    n_others: usize,
}

impl Folder {
    /// Lists `path`. Hidden files and folders are left out; a link that leads back is followed once.
    pub(super) fn list(path: &Path) -> Result<Self> {
        let mut found = Vec::new();
        let mut n_others = 0;
        let mut seen = HashSet::new();
        let mut waiting = vec![(path.to_path_buf(), String::new())];
        while let Some((folder, prefix)) = waiting.pop() {
            let entries = match fs::canonicalize(&folder).and_then(|real| Ok((real, fs::read_dir(&folder)?))) {
                Ok((real, _)) if !seen.insert(real.clone()) => continue,
                Ok((_, entries)) => entries,
                Err(problem) if prefix.is_empty() => return Err(Error::io("read", &folder)(problem)),
                Err(problem) => {
                    tracing::warn!("skipped the folder {}: {problem}", folder.display());
                    continue;
                }
            };
            let mut below = Vec::new();
            for entry in entries.flatten() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                // Follows links, and leaves out pipes and sockets, which would block.
                match fs::metadata(entry.path()) {
                    _ if is_hidden(&name) => {}
                    Ok(kind) if kind.is_dir() => below.push((entry.path(), name + "/")),
                    Ok(kind) if kind.is_file() && is_picture(&name) => found.push((name, entry.path())),
                    _ => n_others += 1,
                }
            }
            // The order of a folder's entries is the file system's; which of two links is followed must not be.
            below.sort_by(|a, b| b.1.cmp(&a.1));
            waiting.extend(below);
        }
        found.sort();
        let (names, files) = found.into_iter().unzip();
        Ok(Self { path: path.to_path_buf(), names, files, n_others })
    }
}

impl Blobs for Folder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn title(&self) -> String {
        let real = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        real.file_name().map_or_else(|| "/".into(), |name| format!("{}/", name.to_string_lossy()))
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn n_others(&self) -> usize {
        self.n_others
    }

    fn listing(&self) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(LISTING);
        if !path.is_file() {
            return Ok(None);
        }
        fs::read(&path).map(Some).map_err(Error::io("read", &path))
    }

    fn head(&self, index: usize, n_bytes: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let file = File::open(&self.files[index]).map_err(|e| e.to_string())?;
        file.take(n_bytes).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    fn end(&self, index: usize, n_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        let read = || {
            let mut file = File::open(&self.files[index])?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(n_bytes)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        };
        read().map_err(|e: std::io::Error| e.to_string())
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        let bytes = self.head(index, MAX_FILE_BYTES + 1)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(format!("it is larger than the limit of {} MiB", MAX_FILE_BYTES >> 20));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(folder: &Path, names: &[&str]) {
        for name in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
    }

    #[test]
    fn pictures_are_found_at_any_depth_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["b.PNG", "a/z.jpeg", "a/deep/y.tif", "notes.txt", ".hidden.png", ".git/x.png"]);
        let list = Folder::list(folder.path()).unwrap();
        assert_eq!(list.names(), ["a/deep/y.tif", "a/z.jpeg", "b.PNG"]);
        assert_eq!(list.n_others(), 1);
        assert_eq!(list.head(0, 9).unwrap(), b"x");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["a/1.png"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("a/1.png"), folder.path().join("linked.png")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.png")).unwrap();
        let list = Folder::list(folder.path()).unwrap();
        assert_eq!(list.names(), ["a/1.png", "linked.png"]);
    }
}
