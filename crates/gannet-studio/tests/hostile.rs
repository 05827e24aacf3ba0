//! Whatever is sent, the answer is a refusal with the right status and a reason, and nothing leaves the folder of runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use common::{FORM, RUN, get_json, post, request, send, studio};
use gannet_studio::{MAX_BODY, Options, app, serve};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Path segments that climb, hide, break encodings or are simply long, beside what anybody might type.
fn segment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        ".",
        "..",
        "%2e%2e",
        "%2E%2e%2F",
        "..%2f..%2f",
        "%00",
        "%ff",
        "%",
        "%zz",
        "a%2f..%2fb",
        "\\..",
        "%5c..",
        RUN,
        "config.toml",
        "fakes000002.png",
        "secret.txt",
        "api",
        "runs",
        "stats",
        "events",
        "log",
        "pictures",
        "generator",
        ".hidden",
        "C:",
        "~",
        "%252e%252e",
        "\u{202e}",
        "CON",
        "nul",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "[ -~]{0,40}", 1 => "[a-z]{200,300}"]
}

fn path() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["/", "/api/", "/api/runs/", "/api/playground/"]);
    (start, prop::collection::vec(segment(), 0..5), "[ -~]{0,20}")
        .prop_map(|(start, segments, query)| format!("{start}{}?{query}", segments.join("/")))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
        Just(json!(RUN)),
        Just(json!("../../secret.txt")),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key =
            prop::sample::select(vec!["run", "seeds", "class", "steps", "toward", "share", "model", "picture", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}

/// Sends it, reads at most the first part of the answer, and holds what must hold of every answer.
fn answered(request: Request<Body>, named: &str) -> (StatusCode, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_folder, app) = studio(None);
    runtime.block_on(async {
        let response = send(&app, request).await;
        let (status, is_stream) = (response.status(), response.headers()["content-type"] == "text/event-stream");
        assert!(!status.is_server_error(), "{named}: {status}");
        let body = if is_stream { vec![] } else { response.into_body().collect().await.unwrap().to_bytes().to_vec() };
        assert!(!body.windows(12).any(|window| window == b"top secret 1"), "{named}: the secret came out");
        if status.is_client_error() {
            let answer: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{named}: no JSON"));
            assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{named}");
        }
        (status, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_address_is_answered_and_none_reaches_a_file_that_is_not_shown(path in path()) {
        // What is no address at all cannot be sent.
        if let Ok(request) = request(Method::GET, &path).body(Body::empty()) {
            answered(request, &path);
        }
    }

    #[test]
    fn any_body_is_answered(body in any_json(), to in prop::sample::select(vec!["sample", "translate", "inpaint", "nearest", "launch"])) {
        let path = format!("/api/{to}");
        let request = request(Method::POST, &path).header("content-type", "application/json");
        let (status, _) = answered(request.body(Body::from(body.to_string())).unwrap(), &path);
        prop_assert!(status.is_client_error(), "{to} took {body}");
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), to in prop::sample::select(vec!["sample", "translate", "inpaint", "nearest", "launch"])) {
        let path = format!("/api/{to}");
        let request = request(Method::POST, &path).header("content-type", "application/json");
        let (status, _) = answered(request.body(Body::from(bytes)).unwrap(), &path);
        prop_assert!(status.is_client_error());
    }

    #[test]
    fn any_header_is_answered(host in "[!-~]{0,40}", origin in "[!-~]{0,40}") {
        let mut builder = Request::builder().uri("/api/runs").header("host", &host);
        if !origin.is_empty() {
            builder = builder.header("origin", &origin);
        }
        if let Ok(request) = builder.body(Body::empty()) {
            answered(request, &host);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_read() {
    let (_folder, app) = studio(None);
    let resume = format!("/api/runs/{RUN}/resume");
    for path in ["/api/sample", "/api/nearest", "/api/launch", "/api/launch/check", &resume] {
        let (status, answer) = post(&app, path, "x".repeat(MAX_BODY + 1)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert!(answer["error"].is_string(), "{path}");
    }
}

/// Every way to ask, as the studio's own document tells them, of the run called `run` and its picture `picture`.
async fn asked(app: &axum::Router, run: &str, picture: &str) -> Vec<(Method, String)> {
    let document = get_json(app, "/api/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    let ways = paths.iter().flat_map(|(path, ways)| ways.as_object().unwrap().keys().map(move |way| (path, way)));
    ways.map(|(path, way)| {
        let path = path.replace("{run}", run).replace("{picture}", picture);
        let takes_pictures = path == "/api/translate" || path == "/api/inpaint";
        (way.to_uppercase().parse().unwrap(), if takes_pictures { format!("{path}?run={run}") } else { path })
    })
    .collect()
}

#[tokio::test]
async fn climbing_by_any_parameter_finds_no_run() {
    let (folder, app) = studio(None);
    for climb in
        ["..", "%2e%2e", "..%2f..", "%2fetc", "secret.txt", ".", "%00", "a%5c..", "%2e%2e%2f00000-ring-vanilla"]
    {
        for (method, path) in asked(&app, climb, climb)
            .await
            .into_iter()
            .filter(|(_, path)| path.contains(climb) && !path.ends_with(".json"))
        {
            let body = json!({ "run": climb, "seeds": [1], "set": [climb], "kimg": 3 }).to_string();
            let request = request(method.clone(), &path).header("content-type", "application/json");
            let response = send(&app, request.body(Body::from(body)).unwrap()).await;
            assert!(response.status().is_client_error(), "{method} {path}: {}", response.status());
        }
        for to in ["sample", "nearest"] {
            let wish = json!({ "run": climb.replace("%2e", ".").replace("%2f", "/"), "seeds": [1] });
            assert_eq!(
                post(&app, &format!("/api/{to}"), wish.to_string()).await.0,
                StatusCode::NOT_FOUND,
                "{to} {climb}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "something was written");
}

#[tokio::test]
async fn no_way_to_ask_is_open_to_another_site_or_without_the_token() {
    let (_folder, open) = studio(None);
    let (_other, closed) = studio(Some("right"));
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    for (method, path) in asked(&open, RUN, "fakes000002.png").await {
        for (app, header, status) in [
            (&open, ("origin", "http://evil.example"), StatusCode::FORBIDDEN),
            (&open, ("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN),
            (&open, ("host", "evil.example:7860"), StatusCode::FORBIDDEN),
            (&closed, ("authorization", "Bearer wrong"), StatusCode::UNAUTHORIZED),
            (&closed, ("cookie", "gannet-token="), StatusCode::UNAUTHORIZED),
        ] {
            let host = if header.0 == "host" { header.1 } else { "localhost:7860" };
            let mut builder = Request::builder().method(method.clone()).uri(&path).header("host", host);
            for (name, value) in upgrade.into_iter().chain((header.0 != "host").then_some(header)) {
                builder = builder.header(name, value);
            }
            let response = send(app, builder.body(Body::from("{}")).unwrap()).await;
            assert_eq!(response.status(), status, "{method} {path} with {header:?}");
        }
    }
}

#[tokio::test]
async fn what_only_shows_starts_nothing() {
    let (folder, app) = studio(None);
    let wish = json!({ "set": ["data.source=ring", "train.kimg=1"] }).to_string();
    let (status, checked) = post(&app, "/api/launch/check", wish.clone()).await;
    assert_eq!((status, &checked["config"]["train"]["kimg"]), (StatusCode::OK, &json!(1.0)));
    assert!(checked["command"].as_str().unwrap().starts_with("gannet train --data ring --kimg 1"), "{checked}");
    assert_eq!(post(&app, "/api/launch", wish).await.0, StatusCode::FORBIDDEN);
    assert_eq!(post(&app, &format!("/api/runs/{RUN}/resume"), "{}").await.0, StatusCode::FORBIDDEN);
    assert_eq!(post(&app, &format!("/api/runs/{RUN}/stop"), "").await.0, StatusCode::CONFLICT);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "something was written");
    for set in [
        json!([]),
        json!(["data.source=/etc"]),
        json!(["data.source=.."]),
        json!(["data.source=ring", "data.source=/etc/passwd"]),
        json!(["data=ring"]),
        json!(["data.source=ring", "x"]),
        json!(["data.source=ring", "train.kimg=-1"]),
        json!(["data.source=ring", "train.nothing=1"]),
        json!(vec!["data.source=ring"; 300]),
        json!(["data.source=ring", "x".repeat(1000)]),
    ] {
        let (status, answer) = post(&app, "/api/launch/check", json!({ "set": set }).to_string()).await;
        assert!(status.is_client_error() && answer["error"].is_string(), "{set}: {status}");
    }
}

#[tokio::test]
async fn whoever_sends_a_letter_a_minute_is_cut_off_and_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (folder, _) = studio(None);
    let options = Options { head_patience: Duration::from_millis(500), ..Options::new(folder.path()) };
    let server = tokio::spawn(serve(listener, options, std::future::pending()));
    let mut slow = vec![];
    for _ in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /api/runs HTTP/1.1\r\nHost: loc").await.unwrap();
        slow.push(stream);
    }
    let mut quick = TcpStream::connect(address).await.unwrap();
    quick.write_all(b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = vec![];
    quick.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let mut rest = vec![];
    let cut_off = tokio::time::timeout(Duration::from_secs(60), slow[0].read_to_end(&mut rest)).await;
    assert!(cut_off.is_ok(), "still connected after a minute");
    server.abort();
}

/// Requests that are taken with a body.
const WITH_BODY: [&str; 4] =
    ["/api/sample", "/api/nearest", "/api/translate?run=00000-ring-vanilla", "/api/launch/check"];

/// Options of a studio that loses its patience soon.
fn impatient(folder: &std::path::Path) -> Options {
    Options { patience: Duration::from_millis(200), ..Options::new(folder) }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_refused() {
    let (folder, _) = studio(None);
    let app = app(impatient(folder.path()));
    for path in WITH_BODY {
        let endless = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
        let (status, answer) = post(&app, path, endless).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "{path}: {answer}");
        assert!(answer["error"].is_string(), "{path}");
    }
    let endless = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let request = request(Method::POST, &format!("/api/inpaint?run={RUN}")).header("content-type", FORM);
    assert_eq!(send(&app, request.body(endless).unwrap()).await.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn whoever_dribbles_a_body_is_cut_off_and_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (folder, _) = studio(None);
    let server = tokio::spawn(serve(listener, impatient(folder.path()), std::future::pending()));
    let (mut letters, mut answers) = (vec![], tokio::task::JoinSet::new());
    for path in WITH_BODY.repeat(25) {
        let (mut answer, mut letter) = TcpStream::connect(address).await.unwrap().into_split();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {MAX_BODY}\r\n\r\n"
        );
        letter.write_all(head.as_bytes()).await.unwrap();
        letters.push(letter);
        answers.spawn(async move {
            let mut bytes = vec![];
            // A connection that is closed over unread letters ends in an error, after the answer.
            let _reset = answer.read_to_end(&mut bytes).await;
            bytes
        });
    }
    let until_all_are_cut_off = async {
        while !answers.is_empty() {
            for letter in &mut letters {
                let _closed = letter.write_all(b" ").await;
            }
            let mut quick = TcpStream::connect(address).await.unwrap();
            quick.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut page = vec![];
            quick.read_to_end(&mut page).await.unwrap();
            assert!(page.starts_with(b"HTTP/1.1 200"));
            while let Some(answer) = answers.try_join_next() {
                let answer = String::from_utf8(answer.unwrap()).unwrap();
                assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), until_all_are_cut_off).await.is_ok(), "still connected");
    server.abort();
}
