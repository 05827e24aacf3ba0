//! The pages themselves.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Episode, Report};
use crate::train::doctor::{Bound, Condition};
use crate::{Error, Result};

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#333}\
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}\
img{max-width:100%}figure{display:inline-block;margin:.3rem;width:14rem}code{background:#f3f3f3;white-space:nowrap}";

pub(super) fn markdown(report: &Report) -> String {
    let mut page = format!("# {}\n\n", title(report));
    for line in facts(report) {
        let _ = writeln!(page, "- {line}");
    }
    page += "\n## Findings\n\n";
    if report.episodes.is_empty() {
        page += "Nothing was found.\n";
    } else {
        page += "| failure | since kimg | found at | until | figures | what to try |\n|---|---|---|---|---|---|\n";
        for episode in &report.episodes {
            let _ = writeln!(page, "| {} |", cells(episode, "`").join(" | "));
        }
    }
    for rollback in &report.rollbacks {
        let _ = writeln!(page, "\n{rollback}");
    }
    page += "\n## Curves\n\n![Figures of the run against thousands of images, findings shaded](doctor.png)\n";
    if !report.pictures.is_empty() {
        page += "\n## Samples\n\n";
    }
    for name in &report.pictures {
        let path = report.path.join(name);
        let _ = writeln!(page, "![{name}](<{}>)", std::fs::canonicalize(&path).unwrap_or(path).display());
    }
    page
}

/// The page as one file.
pub(super) fn html(report: &Report, curves: &[u8]) -> Result<String> {
    let heading = escaped(&title(report));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{heading}</title><style>{STYLE}</style>\n\
         <h1>{heading}</h1>\n<ul>\n"
    );
    for line in facts(report) {
        let _ = writeln!(page, "<li>{}</li>", escaped(&line));
    }
    page += "</ul>\n<h2>Findings</h2>\n";
    if report.episodes.is_empty() {
        page += "<p>Nothing was found.</p>\n";
    } else {
        page += "<table><tr><th>failure<th>since kimg<th>found at<th>until<th>figures<th>what to try</tr>\n";
        for episode in &report.episodes {
            let cells: String = cells(episode, "`").iter().map(|cell| format!("<td>{}", with_code(cell))).collect();
            let _ = writeln!(page, "<tr>{cells}</tr>");
        }
        page += "</table>\n";
    }
    for rollback in &report.rollbacks {
        let _ = writeln!(page, "<p>{}</p>", escaped(rollback));
    }
    let _ = writeln!(page, "<h2>Curves</h2>\n{}", picture(curves, "Figures of the run, findings shaded"));
    if !report.pictures.is_empty() {
        page += "<h2>Samples</h2>\n";
    }
    for name in &report.pictures {
        let path = report.path.join(name);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let name = escaped(name);
        let _ = writeln!(page, "<figure>{}<figcaption>{name}</figcaption></figure>", picture(&bytes, &name));
    }
    Ok(page + "</html>\n")
}

fn title(report: &Report) -> String {
    let name = report.path.file_name().map_or_else(|| ".".into(), |name| name.to_string_lossy().into_owned());
    format!("Doctor's report on {name}")
}

fn facts(report: &Report) -> Vec<String> {
    let seen = report.checks.last().map_or(0, |check| check.images) as f64 / 1000.0;
    let mut facts = vec![format!(
        "{} on {}, kimg {seen:.1} of {:.1}, seed {}",
        report.config.method_name(),
        report.config.data.source,
        report.config.train.kimg,
        report.config.train.seed
    )];
    facts.push(if report.is_watched {
        format!("{} checks were made during training", report.checks.len())
    } else {
        format!("judged from the figures of {} ticks, because nobody looked at samples", report.checks.len())
    });
    if !report.unjudged.is_empty() {
        let names: Vec<&str> = report.unjudged.iter().map(|kind| kind.name()).collect();
        facts.push(format!("no figures to judge: {}", names.join(", ")));
    }
    facts
}

fn cells(episode: &Episode, quote: &str) -> [String; 6] {
    let Episode { finding, until_kimg } = episode;
    let figure = |condition: &Condition| {
        let is = match condition.is {
            Bound::Above => "above",
            Bound::Below => "below",
        };
        format!("{} {:.3} ({is} {})", condition.figure, condition.value, condition.threshold)
    };
    let set: Vec<String> = finding.change.iter().map(|change| format!("{quote}--set {change}{quote}")).collect();
    let advice = if set.is_empty() { String::new() } else { format!("{}: ", set.join(" ")) };
    [
        finding.kind.name().to_owned(),
        format!("{:.1}", finding.since_kimg),
        format!("{:.1}", finding.kimg),
        until_kimg.map_or_else(|| "the end".to_owned(), |kimg| format!("{kimg:.1}")),
        finding.conditions.iter().map(figure).collect::<Vec<_>>().join("; "),
        format!("{advice}{}", finding.advice),
    ]
}

fn picture(bytes: &[u8], alternative: &str) -> String {
    format!("<img alt=\"{alternative}\" src=\"data:image/png;base64,{}\">", BASE64_STANDARD.encode(bytes))
}

/// `text` with what stands between backticks as code.
fn with_code(text: &str) -> String {
    let parts = text.split('`').map(escaped).enumerate();
    parts.map(|(i, part)| if i % 2 == 0 { part } else { format!("<code>{part}</code>") }).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
