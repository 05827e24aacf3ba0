//! What goes on after a request was given up.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use axum::http::StatusCode;
use common::{RUN, get, make_run, studio};
use gannet_studio::{Options, app};

/// A run whose network takes until [`Slow::end`] to be read: its file is a pipe that nobody writes to.
struct Slow(PathBuf);

impl Slow {
    fn new(folder: &Path, name: &str) -> Self {
        make_run(folder, name);
        let pipe = folder.join(name).join("generator.safetensors");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        Self(pipe)
    }

    /// Ends whatever waits for the pipe at this moment.
    fn end(&self) {
        drop(OpenOptions::new().read(true).write(true).open(&self.0).unwrap());
    }
}

#[tokio::test]
async fn work_keeps_its_turn_after_its_request_was_given_up() {
    let (folder, _) = studio(None);
    let slow = Slow::new(folder.path(), "00001-ring-slow");
    let app = app(Options { patience: Duration::from_millis(200), ..Options::new(folder.path()) });
    let ask = async |run: &str| get(&app, &format!("/api/runs/{run}/translator")).await.0;
    assert_eq!(ask(RUN).await, StatusCode::NOT_FOUND, "without a network, and nobody has the turn");
    for _ in 0..3 {
        assert_eq!(ask("00001-ring-slow").await, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(ask(RUN).await, StatusCode::REQUEST_TIMEOUT, "two had the turn at once");
        // What needs no turn is answered meanwhile.
        assert_eq!(get(&app, "/api/runs").await.0, StatusCode::OK);
    }
    // The work opens the pipe more than once, and may not have come to it yet.
    let mut status = StatusCode::REQUEST_TIMEOUT;
    for _ in 0..300 {
        slow.end();
        status = ask(RUN).await;
        if status == StatusCode::NOT_FOUND {
            break;
        }
    }
    assert_eq!(status, StatusCode::NOT_FOUND, "the turn was never given back");
}
