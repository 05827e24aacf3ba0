//! Recipes: settings in a TOML file.

use std::path::Path;

use anyhow::Context;
use toml::Table;

/// The settings in the file at `path`.
pub(crate) fn read(path: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(path).map_err(gannet::Error::io("read", path))?;
    toml::from_str(&text).with_context(|| format!("{} is not a recipe", path.display()))
}
