//! `gannet translate`: pictures into others.

mod args;

use std::fs;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use gannet::{Error, Translator, image, run};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use args::Args;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let path = if Path::new(&args.model).exists() {
        PathBuf::from(&args.model)
    } else {
        run::resolve(&args.model, &args.outdir)?
    };
    let mut translator = Translator::load(path)?;
    if let Some(direction) = args.direction {
        translator = translator.towards(direction)?;
    }
    let input = Path::new(&args.input);
    if args.input != "-" && (!input.is_file() || is_folder(&args.output)) {
        return several(args, &translator, &sources(&args.input)?);
    }
    check_free(args, &args.output)?;
    let is_png = args.output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    if !is_png && args.output != Path::new("-") {
        bail!("-o {} takes one picture, accepted: a .png, a folder, or -", args.output.display());
    }
    let (bytes, name) = match args.input.as_str() {
        "-" => {
            let mut bytes = vec![];
            stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            (bytes, Path::new("standard input"))
        }
        _ => (fs::read(input).map_err(Error::io("read", input))?, input),
    };
    let png = translate(args, &translator, &bytes).map_err(|reason| Error::file(name, reason))?;
    if args.output == Path::new("-") {
        stdout().write_all(&png)?;
        return Ok(stdout().flush()?);
    }
    run::write_atomically(&args.output, &png)?;
    writeln!(stdout(), "{}", args.output.display())?;
    Ok(())
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator)
}

/// The pictures that `input` means, each with its name below the output's folder.
fn sources(input: &str) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let folder = Path::new(input);
    let found: Vec<(PathBuf, PathBuf)> = if folder.is_file() {
        folder.file_name().map(|name| (folder.to_path_buf(), PathBuf::from(name))).into_iter().collect()
    } else if folder.is_dir() {
        let names = gannet::data::picture_names(folder)?;
        names.into_iter().map(|name| (folder.join(&name), PathBuf::from(name))).collect()
    } else {
        let paths = glob::glob(input).with_context(|| format!("-i {input} is neither there nor a pattern"))?;
        let files = paths.filter_map(Result::ok).filter(|path| path.is_file());
        files.filter_map(|path| Some((path.clone(), PathBuf::from(path.file_name()?)))).collect()
    };
    if found.is_empty() {
        bail!("-i {input}: no picture there; accepted: a picture, a folder, a pattern such as 'drawings/*.png', or -");
    }
    Ok(found)
}

/// Every picture into a PNG of its name; what cannot be read is named at the end, and the others are still translated.
fn several(args: &Args, translator: &Translator, sources: &[(PathBuf, PathBuf)]) -> anyhow::Result<()> {
    if args.output == Path::new("-") || args.output.is_file() {
        bail!(
            "-o {} takes one picture, -i {} means {}; accepted: a folder",
            args.output.display(),
            args.input,
            sources.len()
        );
    }
    let targets: Vec<PathBuf> = sources.iter().map(|(_, name)| args.output.join(name).with_extension("png")).collect();
    let mut sorted: Vec<&PathBuf> = targets.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two pictures of -i {} would become {}; accepted: names that differ", args.input, pair[0].display());
    }
    targets.iter().try_for_each(|target| check_free(args, target))?;
    let bar = if stderr().is_terminal() { bar(sources.len() as u64) } else { ProgressBar::hidden() };
    let mut problems = vec![];
    for ((source, _), target) in sources.iter().zip(&targets) {
        bar.set_message(source.display().to_string());
        let bytes = fs::read(source).map_err(|problem| problem.to_string());
        match bytes.and_then(|bytes| translate(args, translator, &bytes)) {
            Ok(png) => {
                if let Some(folder) = target.parent() {
                    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
                }
                run::write_atomically(target, &png)?;
            }
            Err(reason) => problems.push(Error::file(source, reason).to_string()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    writeln!(stdout(), "{} pictures in {}", sources.len() - problems.len(), args.output.display())?;
    match problems.as_slice() {
        [] => Ok(()),
        problems => bail!("{}", problems.join("\n")),
    }
}

/// The bytes of a picture to those of a PNG that says where it came from.
fn translate(args: &Args, translator: &Translator, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let picture = image::decode(bytes)?;
    let translated = translator.translate(&picture, args.seed).map_err(|error| error.to_string())?;
    let card = translator.card();
    let [kimg, direction] = [format!("{:.1}", card.images_seen as f64 / 1000.0), translator.direction().to_string()];
    let text = [
        ("Software", "gannet"),
        ("Source", "translated by a generative adversarial network"),
        ("gannet:method", card.config.method_name()),
        ("gannet:data", &card.data),
        ("gannet:kimg", &kimg),
        ("gannet:direction", &direction),
    ];
    image::encode_png(&translated, &text)
}

fn check_free(args: &Args, target: &Path) -> anyhow::Result<()> {
    if target != Path::new("-") && target.exists() && !args.force {
        bail!("{} is there already; --force replaces it", target.display());
    }
    Ok(())
}

fn bar(n: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(n), ProgressDrawTarget::stderr());
    let template = "{bar:24.cyan/dim} {pos}/{len}  {eta} left  {msg}";
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
