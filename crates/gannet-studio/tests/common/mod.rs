//! A studio on a folder of one run, asked in process.

#![allow(dead_code, reason = "not every test file asks for everything")]

use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use gannet_studio::{Options, app};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The run that there is.
pub(crate) const RUN: &str = "00000-ring-vanilla";

const CONFIG: &str = "[data]\nsource = \"ring\"\n[method]\nname = \"vanilla\"\n[train]\nkimg = 2.0\n";
pub(crate) const STATS: &str = "{\"kimg\":1.0,\"accuracy_real\":0.8,\"accuracy_fake\":0.6,\"loss_critic\":1.2,\"seconds\":3}\n\
                     {\"kimg\":2.0,\"accuracy_real\":0.6,\"accuracy_fake\":0.4,\"loss_critic\":1.3,\"seconds\":6}\n";

pub(crate) fn make_run(folder: &Path, name: &str) {
    let run = folder.join(name);
    fs::create_dir(&run).unwrap();
    fs::write(run.join("config.toml"), CONFIG).unwrap();
    fs::write(run.join("stats.jsonl"), STATS).unwrap();
    fs::write(run.join("fakes000002.png"), b"not really a PNG").unwrap();
    fs::write(run.join("log.txt"), "first\nlast\n").unwrap();
}

pub(crate) fn studio(token: Option<&str>) -> (TempDir, Router) {
    let folder = tempfile::tempdir().unwrap();
    make_run(folder.path(), RUN);
    fs::write(folder.path().join("secret.txt"), "top secret 1").unwrap();
    let options = Options { token: token.map(str::to_owned), ..Options::new(folder.path()) };
    (folder, app(options))
}

pub(crate) fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:7860")
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn get(app: &Router, path: &str) -> (StatusCode, Vec<u8>) {
    let response = send(app, request(Method::GET, path).body(Body::empty()).unwrap()).await;
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

pub(crate) async fn get_json(app: &Router, path: &str) -> Value {
    let (status, body) = get(app, path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    serde_json::from_slice(&body).unwrap()
}

pub(crate) async fn post(app: &Router, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = request(Method::POST, path).header("content-type", "application/json").body(body.into()).unwrap();
    let response = send(app, request).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Sends files as a form, each under its name.
pub(crate) async fn post_form(app: &Router, path: &str, files: &[(&str, &[u8])]) -> (StatusCode, Vec<u8>) {
    let mut body = vec![];
    for (name, bytes) in files {
        let head =
            format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"it.png\"\r\n\r\n");
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--frontier--\r\n");
    let request = request(Method::POST, path).header("content-type", FORM).body(body.into()).unwrap();
    let response = send(app, request).await;
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// The type of such a form.
pub(crate) const FORM: &str = "multipart/form-data; boundary=frontier";
