//! The studio as a service: what it shows of runs, and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use common::{STATS, get, get_json, make_run, post, request, send, studio};
use gannet_studio::{MAX_BODY, MAX_SEEDS, Options, app};
use http_body_util::BodyExt;
use serde_json::{Value, json};

#[tokio::test]
async fn a_run_is_listed_and_described() {
    let (_folder, app) = studio(None);
    let list = get_json(&app, "/api/runs").await;
    let run = &list["runs"][0];
    assert_eq!((run["id"].as_str(), run["method"].as_str()), (Some("00000-ring-vanilla"), Some("vanilla")));
    assert_eq!((run["state"].as_str(), run["kimg"].as_f64()), (Some("done"), Some(2.0)));
    assert_eq!(run["accuracy"], json!([0.7, 0.5]));
    let detail = get_json(&app, "/api/runs/00000-ring-vanilla").await;
    assert_eq!(detail["config"]["method"]["name"], "vanilla");
    assert_eq!(detail["pictures"], json!([{ "name": "fakes000002.png", "kimg": 2 }]));
    assert_eq!(get_json(&app, "/api/runs/00000-ring-vanilla/stats").await["lines"].as_array().unwrap().len(), 2);
    assert_eq!(get(&app, "/api/runs/00000-ring-vanilla/log?lines=1").await.1, b"last");
    assert_eq!(get(&app, "/api/runs/00000-ring-vanilla/pictures/fakes000002.png").await.1, b"not really a PNG");
}

#[tokio::test]
async fn pages_are_served_and_watched_over() {
    let (_folder, app) = studio(None);
    for path in ["/", "/app.js", "/style/base.css", "/playground/page.js", "/icon.svg"] {
        let response = send(&app, request(Method::GET, path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    }
    let document = get_json(&app, "/api/openapi.json").await;
    for path in document["paths"].as_object().unwrap().keys() {
        let concrete = path.replace("{run}", "00000-ring-vanilla").replace("{picture}", "fakes000002.png");
        let method = if document["paths"][path].get("post").is_some() { Method::POST } else { Method::GET };
        let response = send(&app, request(method, &concrete).body(Body::empty()).unwrap()).await;
        // Without a body, an upgrade or a generator some are refused, but all of them are there.
        let is_there = response.status() != StatusCode::METHOD_NOT_ALLOWED && response.status().as_u16() < 500;
        assert!(is_there, "{path}: {}", response.status());
    }
    let catalogue = get_json(&app, "/api/playground/catalogue").await;
    assert_eq!(catalogue["presets"][0]["name"], "healthy");
}

#[tokio::test]
async fn no_path_of_a_client_reaches_the_files() {
    let (folder, app) = studio(None);
    make_run(folder.path(), ".hidden");
    let climbs = [
        "..",
        "%2e%2e",
        "..%2f..",
        "%2e%2e%2fsecret.txt",
        "secret.txt",
        ".hidden",
        "%00",
        "00000-ring-vanilla%2f..",
        "%5c",
    ];
    for climb in climbs {
        for rest in ["", "/stats", "/log", "/events", "/generator", "/pictures/fakes000002.png"] {
            let (status, body) = get(&app, &format!("/api/runs/{climb}{rest}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{climb}{rest}");
            assert!(!body.windows(6).any(|window| window == b"secret"));
        }
        let (status, _) = get(&app, &format!("/api/runs/00000-ring-vanilla/pictures/{climb}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{climb}");
        let wish = json!({ "run": climb, "seeds": [1] });
        assert_eq!(post(&app, "/api/sample", wish.to_string()).await.0, StatusCode::NOT_FOUND, "{climb}");
    }
    for name in ["config.toml", "stats.jsonl", "..%2f..%2fsecret.txt", "fakes..png", "fakes-1.png", "FAKES000002.png"] {
        let (status, _) = get(&app, &format!("/api/runs/00000-ring-vanilla/pictures/{name}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
    }
    for path in ["/../secret.txt", "/%2e%2e/secret.txt", "/secret.txt", "//secret.txt", "/style", "/api/nothing"] {
        assert_eq!(get(&app, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn other_hosts_and_origins_are_refused() {
    let (_folder, app) = studio(None);
    let ask = |headers: &[(&str, &str)]| {
        let mut builder = Request::builder().uri("/api/runs");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    };
    for headers in [
        &[][..],
        &[("host", "evil.example")],
        &[("host", "localhost.evil.example:7860")],
        &[("host", "192.168.0.1:7860")],
        &[("host", "localhost:7860"), ("origin", "http://evil.example")],
        &[("host", "localhost:7860"), ("origin", "http://localhost:7861")],
        &[("host", "localhost:7860"), ("origin", "null")],
        &[("host", "localhost:7860"), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(send(&app, ask(headers)).await.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    for headers in [
        &[("host", "localhost:7860"), ("origin", "http://localhost:7860")][..],
        &[("host", "127.0.0.1:7860")],
        &[("host", "[::1]:7860"), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(send(&app, ask(headers)).await.status(), StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_and_moves_to_a_cookie() {
    let (_folder, app) = studio(Some("right"));
    let ask = |path: &str, header: Option<(&str, &str)>| {
        let mut builder = Request::builder().uri(path).header("host", "box.example:7860");
        if let Some((name, value)) = header {
            builder = builder.header(name, value);
        }
        builder.body(Body::empty()).unwrap()
    };
    for header in [
        None,
        Some(("authorization", "Bearer wrong")),
        Some(("authorization", "right")),
        Some(("cookie", "gannet-token=wrong")),
        Some(("cookie", "other=right")),
    ] {
        assert_eq!(send(&app, ask("/api/runs", header)).await.status(), StatusCode::UNAUTHORIZED, "{header:?}");
    }
    assert_eq!(send(&app, ask("/", None)).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(&app, ask("/?token=wrong", None)).await.status(), StatusCode::UNAUTHORIZED);
    for header in [("authorization", "Bearer right"), ("cookie", "a=b; gannet-token=right")] {
        assert_eq!(send(&app, ask("/api/runs", Some(header))).await.status(), StatusCode::OK, "{header:?}");
    }
    let response = send(&app, ask("/?token=right", None)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/");
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("HttpOnly; SameSite=Strict"));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_json() {
    let (_folder, app) = studio(None);
    let wish = |changes: Value| {
        let mut wish = json!({ "run": "00000-ring-vanilla", "seeds": [1] });
        wish.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        wish.to_string()
    };
    let cases = [
        ("{".to_owned(), StatusCode::BAD_REQUEST),
        ("[]".to_owned(), StatusCode::UNPROCESSABLE_ENTITY),
        (wish(json!({ "seeds": [-1] })), StatusCode::UNPROCESSABLE_ENTITY),
        (wish(json!({ "path": "/etc" })), StatusCode::UNPROCESSABLE_ENTITY),
        (wish(json!({ "seeds": [] })), StatusCode::BAD_REQUEST),
        (wish(json!({ "seeds": vec![0; MAX_SEEDS + 1] })), StatusCode::BAD_REQUEST),
        (wish(json!({ "steps": vec![0.0; 99] })), StatusCode::BAD_REQUEST),
        (wish(json!({ "steps": [1e30] })), StatusCode::BAD_REQUEST),
        (wish(json!({ "share": 2.0 })), StatusCode::BAD_REQUEST),
        (wish(json!({ "run": "absent" })), StatusCode::NOT_FOUND),
        // The run is there, its generator is not.
        (wish(json!({})), StatusCode::NOT_FOUND),
        ("x".repeat(MAX_BODY + 1), StatusCode::PAYLOAD_TOO_LARGE),
        (format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (body, status) in cases {
        let start: String = body.chars().take(60).collect();
        let (got, answer) = post(&app, "/api/sample", body).await;
        assert_eq!(got, status, "{start}");
        assert!(answer["error"].is_string(), "{start}");
    }
    let untyped = request(Method::POST, "/api/sample").header("content-type", "text/plain").body(Body::from("{}"));
    assert_eq!(send(&app, untyped.unwrap()).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for (method, path) in [(Method::DELETE, "/api/runs"), (Method::GET, "/api/sample"), (Method::PUT, "/app.js")] {
        let response = send(&app, request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    for path in ["/api/runs/00000-ring-vanilla/log?lines=many", "/api/runs/%ff"] {
        let (status, body) = get(&app, path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(serde_json::from_slice::<Value>(&body).unwrap()["error"].is_string(), "{path}");
    }
    assert_eq!(get(&app, "/api/playground").await.0, StatusCode::UPGRADE_REQUIRED);
}

#[tokio::test]
async fn a_run_being_written_is_right_at_any_moment() {
    let (folder, app) = studio(None);
    let run = folder.path().join("00000-ring-vanilla");
    fs::write(run.join("stats.jsonl"), format!("{STATS}{{\"kimg\":3.0,\"accur")).unwrap();
    assert_eq!(get_json(&app, "/api/runs").await["runs"][0]["kimg"], 2.0);
    fs::write(run.join("stats.jsonl"), "").unwrap();
    assert_eq!(get_json(&app, "/api/runs/00000-ring-vanilla/stats").await["lines"], json!([]));
    fs::remove_file(run.join("fakes000002.png")).unwrap();
    let (status, _) = get(&app, "/api/runs/00000-ring-vanilla/pictures/fakes000002.png").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    fs::remove_file(run.join("stats.jsonl")).unwrap();
    fs::write(run.join("config.toml"), "half a conf").unwrap();
    assert_eq!(get_json(&app, "/api/runs").await["runs"][0]["method"], "unknown");
    fs::remove_dir_all(&run).unwrap();
    assert_eq!(get_json(&app, "/api/runs").await["runs"], json!([]));
    assert_eq!(get(&app, "/api/runs/00000-ring-vanilla").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_folder_that_is_one_run_or_not_there_opens() {
    let (folder, _) = studio(None);
    let one = app(Options::new(folder.path().join("00000-ring-vanilla")));
    assert_eq!(get_json(&one, "/api/runs").await["runs"][0]["id"], "00000-ring-vanilla");
    assert_eq!(get(&one, "/api/runs/00000-ring-vanilla").await.0, StatusCode::OK);
    let none = app(Options::new(folder.path().join("absent")));
    assert_eq!(get_json(&none, "/api/runs").await["runs"], json!([]));
}

#[tokio::test]
async fn five_hundred_runs_are_listed_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    (0..500).for_each(|i| make_run(folder.path(), &format!("{i:05}-ring-vanilla")));
    let app = app(Options::new(folder.path()));
    for _ in 0..2 {
        let list = get_json(&app, "/api/runs").await;
        let runs = list["runs"].as_array().unwrap();
        assert_eq!((runs.len(), &runs[0]["id"]), (500, &json!("00499-ring-vanilla")));
    }
}

#[tokio::test]
async fn events_begin_with_all_there_is_and_go_on() {
    let (folder, app) = studio(None);
    let path = "/api/runs/00000-ring-vanilla/events";
    let response = send(&app, request(Method::GET, path).body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut next = async || {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        serde_json::from_str::<Value>(text.trim_start_matches("data: ").trim()).unwrap()
    };
    let first = next().await;
    assert_eq!((first["lines"].as_array().unwrap().len(), &first["replace"]), (2, &json!(true)));
    let stats = folder.path().join("00000-ring-vanilla/stats.jsonl");
    fs::write(&stats, format!("{STATS}{{\"kimg\":3.0}}\n")).unwrap();
    let second = next().await;
    assert_eq!((&second["lines"], &second["replace"]), (&json!([{ "kimg": 3.0 }]), &json!(false)));
    // A resumed run drops what will come again.
    fs::write(&stats, "{\"kimg\":1.0}\n").unwrap();
    assert_eq!(next().await["replace"], json!(true));
}
