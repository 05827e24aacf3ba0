//! Samples on request: whoever else asks at the same moment, a seed's sample is its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use axum::http::StatusCode;
use common::{get, get_json, post};
use gannet::run::assign;
use gannet::train::session::Session;
use gannet_studio::{Options, app};
use serde_json::{Value, json};

/// The name of a run of a few steps under `settings`.
fn trained(folder: &Path, settings: &[&str]) -> String {
    let mut table = toml::Table::new();
    settings.iter().for_each(|setting| assign(&mut table, setting).unwrap());
    let session = Session::prepare(&table).unwrap();
    let run = session.create(folder).unwrap();
    session.train(&run, &mut [], &AtomicBool::new(false)).unwrap();
    run.path().file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn samples_drawn_together_are_those_drawn_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "data.source=ring",
        "method.name=vanilla",
        "method.condition=concatenation",
        "train.kimg=0.2",
        "train.batch=16",
    ];
    let run = trained(folder.path(), &settings);
    let app = app(Options::new(folder.path()));
    let wish = |i: usize| json!({ "run": run, "seeds": [i, i + 1], "class": (i % 3).to_string() }).to_string();
    let mut alone = vec![];
    for i in 0..24 {
        let (status, answer) = post(&app, "/api/sample", wish(i)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        alone.push(answer);
    }
    assert_ne!(alone[0]["samples"][0]["point"], alone[3]["samples"][0]["point"]);
    let together = (0..24).map(|i| (app.clone(), wish(i)));
    let mut asked: tokio::task::JoinSet<(usize, Value)> = together
        .enumerate()
        .map(|(i, (app, wish))| async move { (i, post(&app, "/api/sample", wish).await.1) })
        .collect();
    while let Some(answer) = asked.join_next().await {
        let (i, answer) = answer.unwrap();
        assert_eq!(answer, alone[i], "{i}");
    }
    let (status, answer) =
        post(&app, "/api/sample", json!({ "run": run, "seeds": [1], "class": "9" }).to_string()).await;
    assert!(status.is_client_error() && answer["error"].is_string());
    let card = get_json(&app, &format!("/api/runs/{run}/generator")).await;
    assert_eq!((card["is_point"].as_bool(), card["classes"].as_array().map(Vec::len)), (Some(true), Some(8)));
    // Points have no pictures to be near, and no picture goes in.
    assert!(post(&app, "/api/nearest", json!({ "run": run, "seeds": [1] }).to_string()).await.0.is_client_error());
    assert!(get(&app, &format!("/api/runs/{run}/translator")).await.0.is_client_error());
}

#[tokio::test]
async fn the_nearest_training_pictures_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        ["data.source=fashion-mnist", "data.size=8", "method.name=vanilla", "train.kimg=0.032", "train.batch=16"];
    let run = trained(folder.path(), &settings);
    let app = app(Options::new(folder.path()));
    let (status, answer) = post(&app, "/api/nearest", json!({ "run": run, "seeds": [3, 4] }).to_string()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let distances: Vec<f64> =
        answer["neighbours"].as_array().unwrap().iter().map(|one| one["distance"].as_f64().unwrap()).collect();
    assert!(distances.len() == 8 && distances.is_sorted() && distances[0] > 0.0, "{distances:?}");
    let detail = get_json(&app, &format!("/api/runs/{run}")).await;
    let scores = &detail["scores"][0];
    let n = |side: &str| scores[side].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!((n("real"), n("fake"), detail["run"]["deed"].as_str()), (64, 64, Some("samples")));
}

#[tokio::test]
async fn a_translator_takes_a_picture_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["method.net.width=4", "method.patch.width=4", "train.kimg=0.016", "train.batch=8"];
    let run = trained(folder.path(), &[&["data.source=garment-edges", "method.name=pix2pix"], &small[..]].concat());
    let app = app(Options::new(folder.path()));
    let card = get_json(&app, &format!("/api/runs/{run}/translator")).await;
    assert_eq!((card["ways"].as_array().unwrap().len(), card["examples"].as_array().unwrap().len()), (1, 8));
    let shape = gannet::image::Shape { channels: 3, height: 41, width: 50 };
    let picture = gannet::image::Picture::from_u8(shape, vec![120; shape.n_values()]);
    let png = gannet::image::encode_png(&picture, &[]).unwrap();
    let request = common::request(axum::http::Method::POST, &format!("/api/translate?run={run}"));
    let response = common::send(&app, request.body(png.into()).unwrap()).await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"image/png".parse().unwrap())
    );
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let header = gannet::image::probe(&body).unwrap();
    assert_eq!((header.width, header.height), (50, 41));
    assert_eq!(get_json(&app, "/api/runs").await["runs"][0]["deed"], "translates");
}
