//! Which pictures are enlarged, and what becomes of each.

use std::collections::BTreeMap;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use anyhow::{Context, bail};
use gannet::Error;

/// What stands for standard input or output.
pub(super) const STREAM: &str = "-";

/// Names of files that a folder is searched for.
const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"];

/// One picture.
pub(super) struct Job {
    pub(super) input: String,
    pub(super) output: String,
}

/// One job for each picture that `inputs` name; nothing is written before all of them could be.
pub(super) fn jobs(inputs: &[String], output: &str, force: bool) -> anyhow::Result<Vec<Job>> {
    let mut found = vec![];
    let mut is_folder = inputs.len() > 1 || output.ends_with(MAIN_SEPARATOR) || Path::new(output).is_dir();
    for input in inputs {
        let pictures = pictures(input)?;
        is_folder |= pictures.len() != 1 || Path::new(input).is_dir();
        found.extend(pictures);
    }
    if !is_folder {
        if output != STREAM && Path::new(output).extension().is_none_or(|extension| extension != "png") {
            bail!("--output {output}, accepted: a name that ends in .png, a folder, or -");
        }
        let jobs = vec![Job { input: found.remove(0), output: output.to_owned() }];
        return checked(jobs, force);
    }
    if output == STREAM || (Path::new(output).exists() && !Path::new(output).is_dir()) {
        bail!("--output {output} for {} pictures, accepted: a folder", found.len());
    }
    let job = |input: String| {
        let name =
            if input == STREAM { "stdin".into() } else { Path::new(&input).file_stem().unwrap_or_default().to_owned() };
        let output = PathBuf::from(output).join(name).with_added_extension("png");
        Job { input, output: output.to_string_lossy().into_owned() }
    };
    let jobs = checked(found.into_iter().map(job).collect(), force)?;
    std::fs::create_dir_all(output).map_err(Error::io("create", output))?;
    Ok(jobs)
}

/// No two pictures become one file, and none overwrites what is there.
fn checked(jobs: Vec<Job>, force: bool) -> anyhow::Result<Vec<Job>> {
    let mut made_from: BTreeMap<&str, &str> = BTreeMap::new();
    for Job { input, output } in &jobs {
        if let Some(other) = made_from.insert(output, input) {
            bail!("{other} and {input} would both become {output}");
        }
        if output != STREAM && !force && Path::new(output).exists() {
            bail!("{output} is there already; --force replaces it");
        }
    }
    Ok(jobs)
}

/// The pictures that one input names, in the order of their names.
fn pictures(input: &str) -> anyhow::Result<Vec<String>> {
    let path = Path::new(input);
    if input == STREAM || path.is_file() {
        return Ok(vec![input.to_owned()]);
    }
    let is_picture = |path: &Path| {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && EXTENSIONS.contains(&extension.as_str())
    };
    let mut found: Vec<PathBuf> = if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(Error::io("read", path))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(Error::io("read", path)));
        paths.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|path| is_picture(path)).collect()
    } else if input.contains(['*', '?', '[']) {
        glob::glob(input).with_context(|| format!("--input {input}"))?.flatten().filter(|path| path.is_file()).collect()
    } else {
        return Err(Error::io("read", path)(std::io::ErrorKind::NotFound.into()).into());
    };
    found.sort();
    if found.is_empty() {
        bail!("--input {input} names no picture; accepted there: .{}", EXTENSIONS.join(", ."));
    }
    Ok(found.into_iter().map(|path| path.to_string_lossy().into_owned()).collect())
}
