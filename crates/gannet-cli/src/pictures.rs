//! Pictures in, pictures out: what verbs that make one picture of another have in common.

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use gannet::{Error, data, run};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::interrupt::{INTERRUPTED, stop_on_interrupt};

/// What stands for standard input or output.
const STREAM: &str = "-";

/// Steps of the progress bar for each picture.
const STEPS: f64 = 1000.0;

/// Which pictures are read, and where what is made of them goes.
#[derive(clap::Args)]
pub(crate) struct Files {
    /// Pictures: files, folders with all below them, patterns in quotes, or - for standard input
    #[arg(short, long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    /// A .png, a folder, or - for standard output
    #[arg(short, long, value_name = "PATH")]
    output: String,
    /// Replace what is there
    #[arg(long)]
    force: bool,
}

impl Files {
    /// One job for each picture; nothing is written before all of them could be.
    pub(crate) fn jobs(&self) -> anyhow::Result<Vec<Job>> {
        let output = Path::new(&self.output);
        let ends_like_a_folder = self.output.ends_with(std::path::is_separator);
        let mut is_folder = self.input.len() > 1 || ends_like_a_folder || output.is_dir();
        let mut found = vec![];
        for input in &self.input {
            let pictures = pictures(input, output)?;
            is_folder |= pictures.len() != 1 || Path::new(input).is_dir();
            found.extend(pictures);
        }
        if !is_folder {
            let is_png = output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
            if self.output != STREAM && !is_png {
                bail!("--output {}, accepted: a name that ends in .png, a folder, or -", self.output);
            }
            let job = |(input, _)| Job { input, output: self.output.clone(), folder: None };
            return self.checked(found.into_iter().map(job).collect());
        }
        if self.output == STREAM || (output.exists() && !output.is_dir()) {
            bail!("--output {} for {} pictures, accepted: a folder", self.output, found.len());
        }
        let job = |(input, name): (String, PathBuf)| {
            let path = output.join(name).with_extension("png");
            let folder = path.parent().map(Path::to_path_buf);
            Job { input, output: path.to_string_lossy().into_owned(), folder }
        };
        self.checked(found.into_iter().map(job).collect())
    }

    /// No two pictures become one file, and none overwrites what is there.
    fn checked(&self, jobs: Vec<Job>) -> anyhow::Result<Vec<Job>> {
        let mut made_from: BTreeMap<&str, &str> = BTreeMap::new();
        for Job { input, output, .. } in &jobs {
            if let Some(other) = made_from.insert(output, input) {
                bail!("{other} and {input} would both become {output}");
            }
            if output != STREAM && !self.force && Path::new(output).exists() {
                bail!("{output} is there already; --force replaces it");
            }
        }
        Ok(jobs)
    }
}

/// The pictures that one input names, in the order of their names, each with its name below the folder of the outputs.
fn pictures(input: &str, output: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let path = Path::new(input);
    let named = |path: PathBuf| (path.to_string_lossy().into_owned(), path.file_name().unwrap_or_default().into());
    if input == STREAM {
        return Ok(vec![(input.to_owned(), "stdin".into())]);
    }
    if path.is_file() {
        return Ok(vec![named(path.to_path_buf())]);
    }
    let found: Vec<(String, PathBuf)> = if path.is_dir() {
        let names = data::picture_names(path)?;
        let pictures = names.into_iter().map(|name| (path.join(&name), PathBuf::from(name)));
        // What was made before is no picture of the folder in which the outputs have theirs.
        let is_own = |at: &Path| path.starts_with(output) || !at.starts_with(output);
        pictures.filter(|(at, _)| is_own(at)).map(|(at, name)| (at.to_string_lossy().into_owned(), name)).collect()
    } else if input.contains(['*', '?', '[']) {
        let paths = glob::glob(input).with_context(|| format!("--input {input}"))?;
        paths.flatten().filter(|path| path.is_file()).map(named).collect()
    } else {
        return Err(Error::io("read", path)(std::io::ErrorKind::NotFound.into()).into());
    };
    if found.is_empty() {
        bail!(
            "--input {input} names no picture; accepted: a picture, a folder of them, a pattern such as 'in/*.png', or -"
        );
    }
    Ok(found)
}

/// One picture, and what is to be made of it.
pub(crate) struct Job {
    input: String,
    output: String,
    /// Is made if it is not there.
    folder: Option<PathBuf>,
}

impl Job {
    /// What to call the picture that is read.
    pub(crate) fn input(&self) -> &str {
        if self.input == STREAM { "standard input" } else { &self.input }
    }

    /// What to call the one that is written.
    pub(crate) fn output(&self) -> &str {
        if self.output == STREAM { "standard output" } else { &self.output }
    }

    /// The bytes of the picture.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<u8>> {
        if self.input != STREAM {
            return Ok(std::fs::read(&self.input).map_err(Error::io("read", &self.input))?);
        }
        let mut bytes = vec![];
        stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        Ok(bytes)
    }

    /// Has `write` write the output; it answers whether it came to its end. A file is whole then or not there.
    pub(crate) fn write(&self, write: impl FnOnce(Box<dyn Write>) -> gannet::Result<bool>) -> anyhow::Result<bool> {
        if self.output == STREAM {
            return Ok(write(Box::new(stdout()))?);
        }
        if let Some(folder) = &self.folder {
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        let output = Path::new(&self.output);
        let mut is_done = true;
        let written = run::write_with(output, |file| {
            let file = file.try_clone().map_err(Error::io("write", output))?;
            is_done = write(Box::new(BufWriter::new(file)))?;
            // What was interrupted leaves nothing.
            if is_done { Ok(()) } else { Err(Error::setting("interrupted")) }
        });
        if is_done {
            written?;
        }
        Ok(is_done)
    }
}

/// How far the work is, and whether it is to go on.
pub(crate) struct Progress {
    bar: ProgressBar,
    n_done: usize,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// Of work on `n_pictures`, which Ctrl-C stops.
    pub(crate) fn new(n_pictures: usize) -> anyhow::Result<Self> {
        Ok(Self { bar: bar(n_pictures), n_done: 0, stop: stop_on_interrupt()? })
    }

    /// Shows which share of the picture at hand is done; false after Ctrl-C.
    pub(crate) fn show(&self, share: f64) -> bool {
        self.bar.set_position(((self.n_done as f64 + share) * STEPS) as u64);
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Does every job with `make`, which answers whether it came to its end; `made` says what then happened to a picture. What
/// fails among several is named, and the others are still made. Ctrl-C ends the work.
pub(crate) fn each(
    jobs: &[Job],
    made: &str,
    mut make: impl FnMut(&Job, &Progress) -> anyhow::Result<bool>,
) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new(jobs.len())?;
    let mut failed = vec![];
    for (i, job) in jobs.iter().enumerate() {
        progress.n_done = i;
        progress.bar.set_message(format!("{} ({} of {})", job.input(), i + 1, jobs.len()));
        let outcome = if progress.show(0.0) { make(job, &progress) } else { Ok(false) };
        match progress.bar.suspend(|| report(job, outcome, jobs.len()))? {
            Some(true) => {}
            Some(false) => return Ok(ExitCode::from(INTERRUPTED)),
            None => failed.push(job.input()),
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} pictures were not {made}: {}", failed.len(), jobs.len(), failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what became of a job: whether it came to its end, or none where it failed among several.
fn report(job: &Job, outcome: anyhow::Result<bool>, n_jobs: usize) -> anyhow::Result<Option<bool>> {
    match outcome {
        Ok(true) if job.output != STREAM => writeln!(stdout(), "{}", job.output)?,
        Ok(is_done) => return Ok(Some(is_done)),
        Err(error) if n_jobs > 1 => {
            tracing::warn!("{error:#}");
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    Ok(Some(true))
}

fn bar(n_pictures: usize) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let n_steps = n_pictures as u64 * STEPS as u64;
    let bar = ProgressBar::with_draw_target(Some(n_steps), ProgressDrawTarget::stderr())
        .with_finish(ProgressFinish::AndClear);
    let template = "{bar:24.cyan/dim} {percent:>3}%  {elapsed} of about {duration}  {msg}";
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
