//! What a finished or copied run tells: its curves, what was found and when, samples and advice, in Markdown and HTML.
//!
//! A run that the doctor watched is read from its own records. Any other is judged anew from `stats.jsonl`, as far as the
//! figures there go; which failures could not be judged is said.

mod page;
mod plot;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Check, Finding, Kind, Patient, RULES, State, advice};
use crate::run::{Config, RunDir, write_atomically};
use crate::train::record;
use crate::{Error, Result};

/// Pictures of samples in a report, at most, spread over the run.
const N_PICTURES: usize = 8;

/// A failure from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Episode {
    /// As it was raised.
    pub finding: Finding,
    /// Thousands of images at which it was over; none where it lasted.
    pub until_kimg: Option<f64>,
}

/// A run, examined.
pub struct Report {
    path: PathBuf,
    config: Config,
    checks: Vec<Check>,
    /// What went wrong, in the order in which it was found.
    pub episodes: Vec<Episode>,
    /// One line for each time the run went back.
    pub rollbacks: Vec<String>,
    /// Failures for which the run left no figures.
    pub unjudged: Vec<Kind>,
    is_watched: bool,
    pictures: Vec<String>,
}

impl Report {
    /// Examines the run in the folder `path`. Nothing in it is changed.
    pub fn of(path: &Path) -> Result<Self> {
        let config = RunDir::config(path)?;
        let [stats, checks, events] = record::read(path)?;
        let is_watched = !checks.is_empty();
        let rows = if is_watched { checks } else { stats };
        let checks: Vec<Check> = rows.iter().filter_map(Check::from_json).collect();
        if checks.is_empty() {
            return Err(Error::file(path, "holds no figures to judge by: its stats.jsonl is missing or empty"));
        }
        let is = |event: &&Value, kind: &str| event["event"] == kind;
        let noted = events.iter().filter(|event| is(event, "finding"));
        let noted: Vec<Finding> = noted.filter_map(|event| serde_json::from_value(event.clone()).ok()).collect();
        let findings = if noted.is_empty() { advised(Patient::replay(checks.clone()).1, &config) } else { noted };
        let rollbacks = events.iter().filter(|event| is(event, "rollback"));
        let rollbacks = rollbacks.filter_map(|event| serde_json::from_value::<super::Rollback>(event.clone()).ok());
        let can_judge = |rule: &super::Rule| (1..=checks.len()).any(|n| (rule.conditions)(&checks[..n]).is_some());
        let unjudged = RULES.iter().filter(|rule| !can_judge(rule)).map(|rule| rule.kind).collect();
        Ok(Self {
            path: path.to_path_buf(),
            config,
            episodes: episodes(findings),
            rollbacks: rollbacks.map(|rollback| rollback.line()).collect(),
            unjudged,
            is_watched,
            pictures: pictures(path)?,
            checks,
        })
    }

    /// Writes `doctor.md`, `doctor.png` beside it and `doctor.html`, which needs neither, into `folder`.
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let picture = plot::draw(&self.checks, &self.episodes)
            .and_then(|picture| crate::image::encode_png(&picture, &[]))
            .map_err(|reason| Error::file(folder.join("doctor.png"), reason))?;
        let [markdown, html] = ["doctor.md", "doctor.html"].map(|name| folder.join(name));
        write_atomically(folder.join("doctor.png"), &picture)?;
        write_atomically(&markdown, page::markdown(self).as_bytes())?;
        write_atomically(&html, page::html(self, &picture)?.as_bytes())?;
        Ok([markdown, html])
    }
}

fn advised(mut findings: Vec<Finding>, config: &Config) -> Vec<Finding> {
    for finding in &mut findings {
        let (change, reason) = advice(finding.kind, config);
        (finding.change, finding.advice) = (change, reason.to_owned());
    }
    findings
}

fn episodes(findings: Vec<Finding>) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = vec![];
    for finding in findings {
        if finding.state == State::Raised {
            episodes.push(Episode { finding, until_kimg: None });
        } else if let Some(open) = episodes
            .iter_mut()
            .rev()
            .find(|episode| episode.finding.kind == finding.kind && episode.until_kimg.is_none())
        {
            open.until_kimg = Some(finding.kimg);
        }
    }
    episodes
}

/// Names of the sheets of samples that the run drew, oldest first, thinned out evenly.
fn pictures(path: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(path).map_err(Error::io("read", path))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_sheet = |name: &String| name.starts_with("fakes") && name.ends_with(".png") && name != "fakes_init.png";
    let mut names: Vec<String> = names.filter(is_sheet).collect();
    names.sort();
    let n = names.len();
    let shown = n.min(N_PICTURES);
    Ok((0..shown).map(|i| names[if shown == 1 { 0 } else { i * (n - 1) / (shown - 1) }].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that nobody watched: settings and figures at ticks.
    fn unwatched(accuracy: f64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let session = crate::train::session::Session::prepare(&toml::Table::new()).unwrap();
        std::fs::write(folder.path().join("config.toml"), session.config().to_toml().unwrap()).unwrap();
        let line = |tick: u64| {
            serde_json::json!({"images": tick * 4000, "loss_generator": 3.0, "loss_critic": 0.01, "accuracy_real":
                accuracy, "accuracy_fake": accuracy, "gradient_norm_generator": 1.0})
        };
        let lines: String = (1..9).map(|tick| format!("{}\n", line(tick))).collect();
        std::fs::write(folder.path().join("stats.jsonl"), lines).unwrap();
        folder
    }

    #[test]
    fn a_run_that_nobody_watched_is_judged_as_far_as_its_figures_go() {
        let folder = unwatched(0.999);
        let report = Report::of(folder.path()).unwrap();
        let [Episode { finding, until_kimg: None }] = report.episodes.as_slice() else { panic!("one lasting failure") };
        assert_eq!((finding.kind, finding.since_kimg, finding.kimg), (Kind::Overpowering, 4.0, 16.0));
        assert_eq!(finding.change, ["method.critic.learning_rate=1e-4"]);
        assert!(report.unjudged.contains(&Kind::FullCollapse) && !report.unjudged.contains(&Kind::VanishingGradient));
        let [markdown, html] = report.write(folder.path()).unwrap().map(|path| std::fs::read_to_string(path).unwrap());
        assert!(markdown.contains("overpowering critic") && html.contains("overpowering critic"));
        assert!(html.contains("data:image/png;base64,") && !html.contains("src=\"doctor.png\""));
    }

    #[test]
    fn a_healthy_run_has_no_episodes() {
        let folder = unwatched(0.8);
        assert!(Report::of(folder.path()).unwrap().episodes.is_empty());
    }
}
