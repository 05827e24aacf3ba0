//! Files that are either whole or not there.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Writes `bytes` to `path` through a temporary file beside it, so that a crash or a full disk leaves the old file or
/// none, never a part.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    // The kind alone: the full message would name the temporary file.
    let failed = |error: std::io::Error| Error::io("write", path)(error.kind().into());
    write_with(path, |file| file.write_all(bytes).map_err(failed))
}

/// The same with what `write` puts into the file; where it fails, nothing is left.
pub fn write_with(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("write", path)(error.kind().into());
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary(0o666).tempfile_in(folder).map_err(failed)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(folder).map_err(failed)
}

/// Names of half-written files begin with this; whoever finds one after a crash may remove it.
pub(super) const TEMPORARY_PREFIX: &str = ".unfinished-";

/// Makes temporary files and folders with the permissions that any other of their kind has.
#[cfg(unix)]
pub(super) fn temporary(mode: u32) -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).permissions(std::fs::Permissions::from_mode(mode));
    builder
}

#[cfg(not(unix))]
pub(super) fn temporary(_mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    builder
}

/// Makes the new name itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}
