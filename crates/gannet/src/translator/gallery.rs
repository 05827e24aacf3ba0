//! What a translator makes of pictures that it was not trained on, as a page to look at.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Translator;
use crate::data::{self, DataConfig, SidesConfig};
use crate::image::{encode_png, from_unit, to_unit};
use crate::metric::psnr::psnr;
use crate::metric::ssim::ssim;
use crate::run::write_atomically;
use crate::{Error, Result};

/// The page, in the gallery's folder.
pub const PAGE: &str = "index.html";

/// What else stands there: folders of pictures, the last one where there are pairs.
pub const FOLDERS: [&str; 3] = ["source", "output", "target"];

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#333}\
table{border-collapse:collapse}td,th{padding:.3rem;text-align:left;vertical-align:top}\
img{width:100%;min-width:8rem;image-rendering:pixelated}";

/// Translates up to `n` pictures that its data hold out, or have where they hold none out, and writes them to `folder`: the
/// page, and folders `source`, `output` and, where there are pairs, `target`, which hold pictures of equal names. `watch` is
/// told which share is done, and stops the work, whose result is then false, by answering false.
pub fn write(
    translator: &Translator,
    folder: &Path,
    n: usize,
    seed: u64,
    watch: &mut dyn FnMut(f64) -> bool,
) -> Result<bool> {
    let card = translator.card();
    let sides = SidesConfig { direction: translator.direction(), ..card.config.data.sides };
    let config = DataConfig { sides, ..card.config.data.clone() };
    let dataset = data::open(&config, card.config.train.seed)?.dataset;
    let Some(sides) = dataset.sides().filter(|_| dataset.shape() == card.shape) else {
        let (found, wanted) = (dataset.description(), card.shape);
        return Err(Error::setting(format!(
            "the data are now {found}; accepted: two sides of {wanted}, as in training"
        )));
    };
    let shown = sides.shown(n)?;
    let names = if sides.is_paired() { &FOLDERS[..] } else { &FOLDERS[..2] };
    for folder in names.iter().map(|name| folder.join(name)) {
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        remove_from(&folder, shown.len())?;
    }
    let mut rows = String::new();
    let (mut noises, mut likenesses) = (vec![], vec![]);
    for (i, [source, target]) in shown.iter().enumerate() {
        if !watch(i as f64 / shown.len() as f64) {
            return Ok(false);
        }
        let output = translator.values(std::slice::from_ref(source), seed).remove(0);
        let file = file(i);
        rows += "<tr>";
        let pictures = [source, &output, target].map(|values| from_unit(values, card.shape));
        for (name, picture) in names.iter().zip(&pictures) {
            let path = folder.join(name).join(&file);
            let png = encode_png(picture, &[]).map_err(|reason| Error::file(&path, reason))?;
            write_atomically(&path, &png)?;
            let _ = write!(rows, "<td><img src=\"{name}/{file}\" alt=\"{name} {i}\">");
        }
        if sides.is_paired() {
            let [_, output, target] = pictures.map(|picture| to_unit(&picture));
            let noise = psnr(&output, &target);
            let likeness = ssim(&output, &target, card.shape).ok(); // There is none of the smallest pictures.
            let words = [
                noise.map_or("equal".to_owned(), |noise| format!("{noise:.2} dB")),
                likeness.map_or_else(String::new, |likeness| format!("SSIM {likeness:.4}")),
            ];
            let _ = write!(rows, "<td>{}", words.join("<br>"));
            noises.extend(noise);
            likenesses.extend(likeness);
        }
        rows += "</tr>\n";
    }
    let mut facts = vec![
        format!("{} on {}", card.config.method_name(), card.data),
        format!("{} after {:.1} kimg, seed {seed}", translator.direction(), card.images_seen as f64 / 1000.0),
        format!(
            "{} pictures {}",
            shown.len(),
            if sides.holds_out() { "held out from training" } else { "of the training" }
        ),
    ];
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    if !noises.is_empty() {
        facts.push(format!("mean PSNR {:.4} dB", mean(&noises)));
    }
    if !likenesses.is_empty() {
        facts.push(format!("mean SSIM {:.4}", mean(&likenesses)));
    }
    let heading = format!("Translations of {}", dataset.name());
    write_atomically(folder.join(PAGE), page(&heading, &facts, names, &rows).as_bytes())?;
    Ok(true)
}

/// Removes what a larger gallery left in `folder`: pictures numbered from `n` on.
fn remove_from(folder: &Path, n: usize) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<usize>().ok());
        if number.is_some_and(|number| number >= n && path == folder.join(file(number))) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

fn file(number: usize) -> String {
    format!("{number:05}.png")
}

fn page(heading: &str, facts: &[String], columns: &[&str], rows: &str) -> String {
    let heading = escaped(heading);
    let facts: String = facts.iter().map(|fact| format!("<li>{}</li>\n", escaped(fact))).collect();
    let columns: String = columns.iter().map(|name| format!("<th>{name}")).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{heading}</title><style>{STYLE}</style>\n\
         <h1>{heading}</h1>\n<ul>\n{facts}</ul>\n<table><tr>{columns}</tr>\n{rows}</table>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
