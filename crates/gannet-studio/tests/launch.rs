//! Trainings that a studio starts: a stand-in for `gannet` trains nothing and ends as it is told.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use common::{get, get_json, post};
use gannet_studio::{Options, app};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A studio whose trainings run `script`.
fn studio(script: &str) -> (TempDir, Router) {
    let folder = tempfile::tempdir().unwrap();
    let trainer: PathBuf = folder.path().join("trainer");
    fs::write(&trainer, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&trainer, fs::Permissions::from_mode(0o755)).unwrap();
    let app = app(Options { trainer: Some(trainer), ..Options::new(folder.path().join("runs")) });
    (folder, app)
}

/// What the run is, once `is_wanted` holds of it.
async fn once(app: &Router, run: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let detail = get_json(app, &format!("/api/runs/{run}")).await;
        if is_wanted(&detail) {
            return detail;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to that");
}

async fn launch(app: &Router) -> String {
    let wish = json!({ "set": ["data.source=ring", "train.kimg=1"] }).to_string();
    let (status, answer) = post(app, "/api/launch", wish).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["run"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_training_is_started_stopped_and_gone_on_with() {
    let (folder, app) =
        studio("echo \"$@\" >> \"$(dirname \"$0\")/words\"; trap 'kill $!; exit 130' TERM; sleep 60 & wait");
    let run = launch(&app).await;
    assert_eq!(run, "00000-ring-vanilla");
    let detail = once(&app, &run, |detail| detail["control"]["is_ours"] == true).await;
    assert_eq!(detail["run"]["state"], "training");
    let words = once(&app, &run, |_| folder.path().join("words").exists()).await;
    assert!(words["control"]["trouble"].is_null());
    let (status, _) = post(&app, &format!("/api/runs/{run}/resume"), "{}").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(post(&app, &format!("/api/runs/{run}/stop"), "").await.0, StatusCode::OK);
    let detail = once(&app, &run, |detail| detail["control"]["is_ours"] == false).await;
    assert!(detail["control"]["trouble"].is_null(), "{detail}");
    for (wish, status) in [
        (json!({ "kimg": -1 }), StatusCode::BAD_REQUEST),
        (json!({ "kimg": "; rm" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "kimg": 3 }), StatusCode::OK),
    ] {
        assert_eq!(post(&app, &format!("/api/runs/{run}/resume"), wish.to_string()).await.0, status, "{wish}");
    }
    once(&app, &run, |_| fs::read_to_string(folder.path().join("words")).unwrap().lines().count() == 2).await;
    let words = fs::read_to_string(folder.path().join("words")).unwrap();
    let place = folder.path().join("runs").join(&run);
    assert_eq!(words, format!("train --resume {0}\ntrain --resume {0} --kimg=3\n", place.display()));
    assert_eq!(post(&app, &format!("/api/runs/{run}/stop"), "").await.0, StatusCode::OK);
    once(&app, &run, |detail| detail["control"]["is_ours"] == false).await;
}

#[tokio::test]
async fn why_a_training_broke_off_is_told() {
    let (_folder, app) = studio("echo 'error: no memory left' >&2; exit 2");
    let run = launch(&app).await;
    let detail = once(&app, &run, |detail| detail["control"]["is_ours"] == false).await;
    assert_eq!(detail["control"]["trouble"], "no memory left");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_training_is_not_behind_others_as_the_studio_s_networks_are() {
    use rustix::process::{Pid, getpriority_process};

    let (folder, app) = studio("nice > \"$(dirname \"$0\")/niceness\"");
    // Drawn by the threads that networks work on.
    assert_eq!(get(&app, "/api/mask?width=8&height=8").await.0, StatusCode::OK);
    let run = launch(&app).await;
    once(&app, &run, |detail| detail["control"]["is_ours"] == false).await;
    let trained = fs::read_to_string(folder.path().join("niceness")).unwrap();
    let own = getpriority_process(None).unwrap();
    assert_eq!(trained.trim().parse(), Ok(own));
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().file_name());
    let mut ids = threads.map(|id| Pid::from_raw(id.to_str().unwrap().parse().unwrap()));
    assert!(ids.any(|id| getpriority_process(id) == Ok((own + 10).min(19))), "no thread is behind others");
}

#[tokio::test]
async fn no_more_trainings_run_at_once_than_a_machine_bears() {
    let (_folder, app) = studio("trap 'kill $!; exit 130' TERM; sleep 60 & wait");
    let mut runs = vec![];
    for _ in 0..4 {
        runs.push(launch(&app).await);
    }
    let wish = json!({ "set": ["data.source=ring"] }).to_string();
    assert_eq!(post(&app, "/api/launch", wish).await.0, StatusCode::SERVICE_UNAVAILABLE);
    for run in runs {
        assert_eq!(post(&app, &format!("/api/runs/{run}/stop"), "").await.0, StatusCode::OK);
        once(&app, &run, |detail| detail["control"]["is_ours"] == false).await;
    }
}
