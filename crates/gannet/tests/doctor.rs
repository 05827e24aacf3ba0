//! What the doctor owes a run: the same judgement however it was interrupted, records of it, and a way back.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gannet::run::{self, RunDir};
use gannet::train::doctor::heal::{self, Heal, Treatment};
use gannet::train::doctor::report::Report;
use gannet::train::doctor::{Kind, State};
use gannet::train::event::{Event, Observer};
use gannet::train::session::Session;
use gannet::{Error, Result};
use serde_json::Value;

fn session(settings: &[&str]) -> Session {
    let common = [
        "data.source=ring",
        "method.net.width=16",
        "train.batch=64",
        "train.tick_kimg=2",
        "train.snap=2",
        "train.keep=2",
        "train.kimg=20",
    ];
    let mut table = toml::Table::new();
    for assignment in common.iter().chain(settings) {
        run::assign(&mut table, assignment).unwrap();
    }
    Session::prepare(&table).unwrap()
}

fn lines(run: &Path, file: &str, event: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join(file)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| event.is_empty() || line["event"] == event).collect()
}

fn newest_checkpoint(run: &Path) -> Vec<u8> {
    let mut files: Vec<_> =
        std::fs::read_dir(run.join("checkpoints")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    std::fs::read(files.last().unwrap()).unwrap()
}

/// Raises its flag once so many images were seen.
struct StopAt<'a>(u64, &'a AtomicBool);

impl Observer for StopAt<'_> {
    fn observe(&mut self, event: &Event) -> Result<()> {
        if let Event::Step { moment, .. } = event {
            self.1.store(moment.images_seen >= self.0, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A generator that hardly moves before a critic that learns fast.
const ONE_SIDED: [&str; 2] = ["method.generator.learning_rate=1e-6", "method.critic.learning_rate=1e-2"];

#[test]
fn a_run_stopped_within_a_stretch_is_judged_as_one_that_went_through() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&ONE_SIDED);
    let [through, stopped] = ["through", "stopped"].map(|name| session.create_named(folder.path(), name).unwrap());
    session.train(&through, &mut [], &AtomicBool::new(false)).unwrap();
    let stop = AtomicBool::new(false);
    let mut stop_at = StopAt(12_900, &stop);
    assert!(!session.train(&stopped, &mut [&mut stop_at], &stop).unwrap().is_complete);
    session.train(&stopped, &mut [], &AtomicBool::new(false)).unwrap();
    assert!(newest_checkpoint(through.path()) == newest_checkpoint(stopped.path()));
    let [a, b] = [&through, &stopped].map(|run| lines(run.path(), "doctor.jsonl", ""));
    assert_eq!((a.len(), &a), (10, &b));
    let [a, b] = [&through, &stopped].map(|run| lines(run.path(), "events.jsonl", "finding"));
    assert!(!a.is_empty() && a == b, "{a:?} {b:?}");
}

#[test]
fn every_game_about_pictures_is_looked_after() {
    let edges = ["data.source=garment-edges", "method.net.width=2", "method.patch.width=2"];
    let small = ["data.source=fashion-mnist", "data.size=16", "method.pretrain_kimg=1"];
    let enlarging = ["method.net.scale=2", "method.net.width=4", "method.net.blocks=1", "method.vgg.width=4"];
    let games: [(&str, Vec<&str>); 7] = [
        ("pix2pix", edges.to_vec()),
        ("cyclegan", [&edges[..], &["method.net.blocks=1"]].concat()),
        ("cut", [&edges[..], &["method.net.blocks=1", "method.patches=16", "method.features=8"]].concat()),
        ("style", [&edges[..], &["method.net.blocks=1"]].concat()),
        ("srgan", [&small[..], &enlarging].concat()),
        ("esrgan", [&small[..], &enlarging, &["method.net.growth=2"]].concat()),
        ("inpaint", vec!["data.source=fashion-mnist", "data.size=16", "method.net.width=4", "method.net.blocks=1"]),
    ];
    for (method, settings) in games {
        let folder = tempfile::tempdir().unwrap();
        let mut table = toml::Table::new();
        let name = format!("method.name={method}");
        for assignment in settings.iter().chain(&[name.as_str(), "train.kimg=2", "train.tick_kimg=2", "train.batch=32"])
        {
            run::assign(&mut table, assignment).unwrap();
        }
        let session = Session::prepare(&table).unwrap();
        let run = session.create(folder.path()).unwrap();
        session.train(&run, &mut [], &AtomicBool::new(false)).unwrap();
        let checks = lines(run.path(), "doctor.jsonl", "");
        assert_eq!(checks.len(), 1, "{method}");
        for check in &checks {
            assert!(check["loss_generator"].as_f64().is_some_and(f64::is_finite), "{method}: {check}");
        }
    }
}

#[test]
fn a_failure_is_told_recorded_drawn_and_reported() {
    #[derive(Default)]
    struct Told(Vec<(Kind, State, String)>);
    impl Observer for Told {
        fn observe(&mut self, event: &Event) -> Result<()> {
            if let Event::Finding(finding) = event {
                self.0.push((finding.kind, finding.state, finding.line()));
            }
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let session = session(&ONE_SIDED);
    let run = session.create(folder.path()).unwrap();
    let mut told = Told::default();
    session.train(&run, &mut [&mut told], &AtomicBool::new(false)).unwrap();
    let (_, _, line) = told.0.iter().find(|(kind, ..)| *kind == Kind::Overpowering).unwrap();
    assert!(line.starts_with("doctor  overpowering critic since kimg 12.0 (lesser accuracy 1.000 > 0.95, "), "{line}");
    assert!(line.ends_with("try --set method.critic.learning_rate=5e-3"), "{line}");
    let recorded = lines(run.path(), "events.jsonl", "finding");
    assert_eq!(recorded.len(), told.0.len());
    for finding in &recorded {
        assert!(run.path().join(finding["picture"].as_str().unwrap()).exists(), "{finding}");
    }
    assert_eq!(Report::of(run.path()).unwrap().episodes.len(), told.0.len());
}

#[test]
fn the_doctor_changes_nothing_in_the_game() {
    let folder = tempfile::tempdir().unwrap();
    let generator = |setting: &str| {
        let session = session(&[setting, "train.kimg=6"]);
        let run = session.create(folder.path()).unwrap();
        session.train(&run, &mut [], &AtomicBool::new(false)).unwrap();
        let seeds: Vec<u64> = (0..50).collect();
        gannet::Generator::load(run.path()).unwrap().points(&seeds).unwrap()
    };
    assert_eq!(generator("train.doctor=true"), generator("train.doctor=false"));
}

/// Steps so long that the second one meets weights that are no numbers.
const EXPLODING: [&str; 2] = ["method.generator.learning_rate=1e30", "method.critic.learning_rate=1e30"];

#[test]
fn a_divergence_ends_a_run_that_is_not_healed_and_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&EXPLODING);
    let run = session.create(folder.path()).unwrap();
    assert!(matches!(session.train(&run, &mut [], &AtomicBool::new(false)), Err(Error::Diverged { .. })));
    let finding = &lines(run.path(), "events.jsonl", "finding")[0];
    assert_eq!(finding["kind"], "divergence");
    assert_eq!(finding["change"][0], "method.generator.learning_rate=1e-2");
}

#[test]
fn rollbacks_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&EXPLODING);
    let run = session.create(folder.path()).unwrap();
    let treatment = Treatment { heal: Heal::Rollback, limit: 2 };
    let ended = heal::train(session, &run, treatment, &mut [], &AtomicBool::new(false));
    assert!(matches!(ended, Err(Error::Diverged { .. })));
    assert_eq!(lines(run.path(), "events.jsonl", "rollback").len(), 2);
    assert_eq!(RunDir::config(run.path()).unwrap().train.rollbacks, 2);
}

#[test]
fn a_healed_run_goes_on_with_the_changed_setting_and_resumes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&EXPLODING);
    let run = session.create(folder.path()).unwrap();
    let path = run.path().to_path_buf();
    let treatment = Treatment { heal: Heal::Auto, limit: 1 };
    let stop = AtomicBool::new(false);
    let mut stop_at = StopAt(4500, &stop);
    assert!(!heal::train(session, &run, treatment, &mut [&mut stop_at], &stop).unwrap().is_complete);
    drop(run);
    let rollback = &lines(&path, "events.jsonl", "rollback")[0];
    assert_eq!((rollback["rollbacks"].as_u64(), rollback["kimg"].as_f64()), (Some(1), Some(0.0)));
    let resumed = Session::resume(&path, &toml::Table::new()).unwrap();
    assert_eq!(resumed.config().method["critic"]["learning_rate"].as_float(), Some(1e-2));
    resumed.train(&RunDir::open(&path).unwrap(), &mut [], &AtomicBool::new(false)).unwrap();
    assert_eq!(lines(&path, "events.jsonl", "rollback").len(), 1);
}
