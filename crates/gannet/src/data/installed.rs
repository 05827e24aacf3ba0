//! Where data that is not built in is looked for.

use std::path::PathBuf;

/// Folders that may hold the data called `name`, in order of preference: `$GANNET_DATA/name`, `$GANNET_DATA` itself,
/// then `gannet/name` in the user's cache folder.
pub(super) fn folders(name: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(data) = std::env::var_os("GANNET_DATA").filter(|data| !data.is_empty()) {
        let data = PathBuf::from(data);
        folders.extend([data.join(name), data]);
    }
    folders.extend(dirs::cache_dir().map(|cache| cache.join("gannet").join(name)));
    folders
}
