//! Samples on request: whoever else asks at the same moment, a seed's sample is its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use axum::http::StatusCode;
use common::{get, get_json, post, post_form};
use gannet::image::{Picture, Shape, decode, encode_png};
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

/// A picture of one shade.
fn flat([channels, height, width]: [usize; 3]) -> Vec<u8> {
    let shape = Shape { channels, height, width };
    encode_png(&Picture::from_u8(shape, vec![120; shape.n_values()]), &[]).unwrap()
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
    for kind in ["translator", "inpainter"] {
        assert!(get(&app, &format!("/api/runs/{run}/{kind}")).await.0.is_client_error());
    }
    let png = flat([3, 8, 8]);
    let (status, body) =
        post_form(&app, &format!("/api/inpaint?run={run}"), &[("picture", &png), ("mask", &png)]).await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(answer["error"].as_str().unwrap().ends_with("accepted: one that fills holes"), "{answer}");
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
    let request = common::request(axum::http::Method::POST, &format!("/api/translate?run={run}"));
    let response = common::send(&app, request.body(flat([3, 41, 50]).into()).unwrap()).await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"image/png".parse().unwrap())
    );
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let header = gannet::image::probe(&body).unwrap();
    assert_eq!((header.width, header.height), (50, 41));
    assert_eq!(get_json(&app, "/api/runs").await["runs"][0]["deed"], "translates");
}

#[tokio::test]
async fn holes_are_filled_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["method.net.width=2", "method.net.blocks=1", "method.patch.width=2", "method.patch.layers=2"];
    let data =
        ["data.source=fashion-mnist", "data.size=16", "method.name=inpaint", "train.kimg=0.016", "train.batch=8"];
    let run = trained(folder.path(), &[&data[..], &small[..]].concat());
    let app = app(Options::new(folder.path()));
    let card = get_json(&app, &format!("/api/runs/{run}/inpainter")).await;
    assert_eq!((&card["shape"], &card["holes"]), (&json!([1, 16, 16]), &json!("both")));
    assert_eq!(card["examples"].as_array().unwrap().len(), 8);

    let (status, mask) = get(&app, "/api/mask?width=50&height=41&seed=3&holes=box").await;
    assert_eq!(status, StatusCode::OK);
    let holes = decode(&mask).unwrap();
    assert_eq!(holes.shape(), Shape { channels: 1, height: 41, width: 50 });
    assert_eq!(get(&app, "/api/mask?width=50&height=41&seed=3&holes=box").await.1, mask);
    assert_ne!(get(&app, "/api/mask?width=50&height=41&seed=4&holes=box").await.1, mask);

    let path = format!("/api/inpaint?run={run}");
    let picture = flat([3, 41, 50]);
    let (status, filled) = post_form(&app, &path, &[("mask", &mask), ("picture", &picture)]).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&filled));
    let [before, after, holes] = [decode(&picture).unwrap(), decode(&filled).unwrap(), holes];
    let bytes = |picture: &Picture| match &picture.samples {
        gannet::image::Samples::U8(samples) => samples.clone(),
        other => panic!("{other:?}"),
    };
    let [before, after, holes] = [before, after, holes].map(|picture| bytes(&picture));
    assert_ne!(before, after);
    for (i, hole) in holes.iter().enumerate() {
        assert!(*hole == 255 || before[3 * i..3 * i + 3] == after[3 * i..3 * i + 3], "pixel {i}");
    }

    let (status, answer) = post_form(&app, &path, &[("picture", &flat([1, 9, 9])), ("mask", &mask)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(String::from_utf8(answer).unwrap().contains("the mask has 50x41 pixels and the picture 9x9"));
    let (status, answer) = post(&app, &format!("/api/translate?run={run}"), picture).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().ends_with("accepted: one that translates or enlarges pictures"));
    assert_eq!(get_json(&app, "/api/runs").await["runs"][0]["deed"], "fills");
}
