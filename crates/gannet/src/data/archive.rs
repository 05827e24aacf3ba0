//! A ZIP archive of pictures, read in place: nothing is ever written to disk.
//!
//! An archive is input from strangers, so entries that point outside it, are encrypted or promise absurd sizes are
//! refused when it is opened, and an entry that turns out longer than it promised is not read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zip::ZipArchive;

use super::pictures::{Blobs, LISTING, MAX_FILE_BYTES, is_hidden, is_picture};
use crate::error::{Error, Result};

/// Pictures hardly shrink; an entry above this size that shrank by more than this factor is a bomb.
const MIN_BOMB_BYTES: u64 = 16 << 20;
const MAX_RATIO: u64 = 200;

/// The pictures of an archive, in the order of their names.
pub(super) struct Archive {
    path: PathBuf,
    /// Only ever cloned: each reader has its own position, all share the table of contents.
    archive: ZipArchive<SharedFile>,
    names: Vec<String>,
    /// Places in the archive, in the order of `names`.
    places: Vec<usize>,
    listing: Option<usize>,
    n_others: usize,
}

/// Whether `path` is a ZIP file, by its ending or its first bytes.
pub(super) fn is_zip(path: &Path) -> bool {
    let begins_like_zip = || {
        let mut start = [0; 2];
        File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"PK"
    };
    path.is_file() && (path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip")) || begins_like_zip())
}

impl Archive {
    /// Reads the table of contents of `path` and checks every entry.
    pub(super) fn list(path: &Path) -> Result<Self> {
        let file = SharedFile::open(path).map_err(Error::io("read", path))?;
        let archive = ZipArchive::new(file).map_err(|e| Error::file(path, format!("not a readable ZIP file: {e}")))?;
        let mut found = Vec::new();
        let (mut listing, mut n_others) = (None, 0);
        for place in 0..archive.len() {
            let broken = |e| Error::file(path, format!("entry {place} is damaged: {e}"));
            let entry = archive.by_index_data(place).map_err(broken)?;
            let name = entry.name().map_err(broken)?.replace('\\', "/");
            if points_outside(&name) {
                return Err(Error::file(path, format!("the entry `{name}` points outside the archive")));
            }
            if !entry.is_file() || is_hidden(&name) {
                continue;
            }
            if !is_picture(&name) && name != LISTING {
                n_others += 1;
                continue;
            }
            if entry.encrypted() {
                let advice = "unpack the archive with its password and give the folder";
                return Err(Error::file(path, format!("the entry `{name}` is encrypted; {advice}")));
            }
            check_size(&name, entry.size(), entry.compressed_size()).map_err(|reason| Error::file(path, reason))?;
            if name == LISTING {
                listing = Some(place);
            } else {
                found.push((name, place));
            }
        }
        found.sort();
        let (names, places) = found.into_iter().unzip();
        Ok(Self { path: path.to_path_buf(), archive, names, places, listing, n_others })
    }

    /// At most `limit` bytes of the entry at `place`.
    fn entry(&self, place: usize, limit: u64) -> Result<Vec<u8>, String> {
        let mut archive = self.archive.clone();
        let entry = archive.by_index(place).map_err(|e| e.to_string())?;
        let mut bytes = Vec::new();
        // The reader itself stops with an error beyond the size that was announced, and therefore checked.
        entry.take(limit).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }
}

impl Blobs for Archive {
    fn path(&self) -> &Path {
        &self.path
    }

    fn title(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn n_others(&self) -> usize {
        self.n_others
    }

    fn listing(&self) -> Result<Option<Vec<u8>>> {
        let read = |place| self.entry(place, u64::MAX).map_err(|e| Error::file(self.path.join(LISTING), e));
        self.listing.map(read).transpose()
    }

    fn head(&self, index: usize, n_bytes: u64) -> Result<Vec<u8>, String> {
        self.entry(self.places[index], n_bytes)
    }

    fn end(&self, _index: usize, _n_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        self.entry(self.places[index], u64::MAX)
    }
}

/// Absolute, with a drive letter, or with a `..` in it.
fn points_outside(name: &str) -> bool {
    name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') || name.split('/').any(|part| part == "..")
}

fn check_size(name: &str, size: u64, compressed: u64) -> Result<(), String> {
    if size > MAX_FILE_BYTES {
        let (size, limit) = (size >> 20, MAX_FILE_BYTES >> 20);
        return Err(format!("the entry `{name}` announces {size} MiB, above the limit of {limit} MiB"));
    }
    if size > MIN_BOMB_BYTES && size / compressed.max(1) > MAX_RATIO {
        return Err(format!("the entry `{name}` would grow from {compressed} to {size} bytes, like a zip bomb"));
    }
    Ok(())
}

/// A file that several readers use at once, each at its own position; the lock is held for one read at a time, so
/// decompression runs outside it.
#[derive(Clone, Debug)]
struct SharedFile {
    file: Arc<Mutex<File>>,
    position: u64,
    n_bytes: u64,
}

impl SharedFile {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let n_bytes = file.metadata()?.len();
        Ok(Self { file: Arc::new(Mutex::new(file)), position: 0, n_bytes })
    }
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.position))?;
        let n = file.read(buffer)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.n_bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip(entries: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.zip");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap();
        (folder, path)
    }

    fn refusal(path: &Path) -> String {
        Archive::list(path).err().unwrap().to_string()
    }

    #[test]
    fn entries_are_listed_in_order_and_read_by_several_threads() {
        let (_folder, path) =
            zip(&[("b.png", b"second"), ("a/a.JPG", b"first"), ("x.txt", b""), ("__MACOSX/._b.png", b"")]);
        let archive = Archive::list(&path).unwrap();
        assert!(is_zip(&path));
        assert_eq!((archive.names(), archive.n_others()), (["a/a.JPG".to_owned(), "b.png".into()].as_slice(), 1));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(archive.read(0).unwrap(), b"first");
                        assert_eq!(archive.head(1, 3).unwrap(), b"sec");
                    }
                });
            }
        });
    }

    #[test]
    fn entries_that_point_outside_are_refused_by_name() {
        for name in ["../evil.png", "a/../../evil.png", "/etc/evil.png", "..\\evil.png", "C:\\evil.png"] {
            assert!(points_outside(&name.replace('\\', "/")), "{name}");
        }
        assert!(!points_outside("a/..b.png"));
        let (_folder, path) = zip(&[("fine.png", b"x"), ("../evil.png", b"x")]);
        assert!(refusal(&path).contains("`../evil.png` points outside"), "{}", refusal(&path));
    }

    #[test]
    fn an_entry_that_shrank_absurdly_is_refused() {
        let (_folder, path) = zip(&[("bomb.png", &vec![0; 17 << 20])]);
        assert!(refusal(&path).contains("`bomb.png` would grow"), "{}", refusal(&path));
        assert!(check_size("huge.png", 300 << 20, 300 << 20).unwrap_err().contains("300 MiB"));
        assert!(check_size("text.png", 1 << 20, 100).is_ok());
    }

    #[test]
    fn an_entry_longer_than_announced_is_not_read() {
        let (_folder, path) = zip(&[("liar.png", &[7; 5000])]);
        let mut bytes = std::fs::read(&path).unwrap();
        // The uncompressed size stands 24 bytes into the entry of the table of contents.
        let table = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[table + 24..table + 28].copy_from_slice(&100u32.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let problem = Archive::list(&path).unwrap().read(0).unwrap_err();
        assert!(problem.contains("larger than its declared"), "{problem}");
    }

    #[test]
    fn encrypted_and_damaged_archives_are_refused() {
        let (_folder, path) = zip(&[("secret.png", b"x")]);
        let mut bytes = std::fs::read(&path).unwrap();
        // Bit 0 of the flags, 8 bytes into the entry of the table of contents, says "encrypted".
        let table = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[table + 8] |= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(refusal(&path).contains("`secret.png` is encrypted"), "{}", refusal(&path));
        bytes.truncate(bytes.len() - 20);
        std::fs::write(&path, &bytes).unwrap();
        assert!(refusal(&path).contains("not a readable ZIP"), "{}", refusal(&path));
    }
}
