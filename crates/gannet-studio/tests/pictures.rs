//! Whatever comes in as a picture, the answer is a refusal with the right status and a reason.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use common::{FORM, RUN, get, post, post_form, request, send, studio};
use gannet::image::{Picture, Shape, encode_png};
use gannet_studio::{MAX_BODY, MAX_PICTURE};
use serde_json::Value;

/// A short file of a picture with many pixels.
fn bomb() -> Vec<u8> {
    let bomb = picture(4000);
    assert!(bomb.len() < 100_000);
    bomb
}

fn picture(side: usize) -> Vec<u8> {
    let shape = Shape { channels: 1, height: side, width: side };
    encode_png(&Picture::from_u8(shape, vec![0; shape.n_values()]), &[]).unwrap()
}

#[tokio::test]
async fn a_picture_that_would_fill_the_memory_is_refused_by_its_header() {
    let (_folder, app) = studio(None);
    let bomb = bomb();
    let cases = [
        (bomb, StatusCode::PAYLOAD_TOO_LARGE),
        (b"GIF89a".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        (vec![], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![0; MAX_PICTURE + 1], StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (body, status) in cases {
        let n = body.len();
        let (got, answer) = post(&app, &format!("/api/translate?run={RUN}"), body).await;
        assert_eq!(got, status, "{n} bytes: {answer}");
        assert!(answer["error"].is_string(), "{n} bytes");
    }
    for query in ["", "?run=..", "?run=absent", "?run=00000-ring-vanilla&direction=up", "?run=x&seed=-1", "?path=/etc"]
    {
        let (status, answer) = post(&app, &format!("/api/translate{query}"), vec![]).await;
        assert!(status.is_client_error() && answer["error"].is_string(), "{query}: {status}");
    }
}

type Files<'a> = &'a [(&'a str, &'a [u8])];

#[tokio::test]
async fn a_form_that_is_not_a_picture_and_a_mask_is_refused() {
    let (_folder, app) = studio(None);
    let [small, bomb, long] = [picture(8), bomb(), vec![0; MAX_PICTURE + 1]];
    let junk = b"GIF89a".to_vec();
    let cases: [(Files, StatusCode); 10] = [
        (&[("picture", &bomb), ("mask", &small)], StatusCode::PAYLOAD_TOO_LARGE),
        (&[("picture", &small), ("mask", &bomb)], StatusCode::PAYLOAD_TOO_LARGE),
        (&[("picture", &long), ("mask", &small)], StatusCode::PAYLOAD_TOO_LARGE),
        (&[("picture", &junk), ("mask", &small)], StatusCode::UNPROCESSABLE_ENTITY),
        (&[("picture", &small), ("mask", &[])], StatusCode::UNPROCESSABLE_ENTITY),
        (&[("picture", &small)], StatusCode::BAD_REQUEST),
        (&[("picture", &small), ("picture", &small), ("mask", &small)], StatusCode::BAD_REQUEST),
        (&[("picture", &small), ("mask", &small), ("path", b"/etc/passwd")], StatusCode::BAD_REQUEST),
        (&[], StatusCode::BAD_REQUEST),
        // All is well with the form; the run has no network.
        (&[("picture", &small), ("mask", &small)], StatusCode::NOT_FOUND),
    ];
    for (files, status) in cases {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let (got, body) = post_form(&app, &format!("/api/inpaint?run={RUN}"), files).await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(got, status, "{names:?}: {answer}");
        assert!(answer["error"].is_string(), "{names:?}");
    }
    let whole = [("picture", &*small), ("mask", &*small)];
    for query in ["", "?run=..", "?run=absent", "?run=x&seed=1", "?path=/etc"] {
        let (status, body) = post_form(&app, &format!("/api/inpaint{query}"), &whole).await;
        assert!(status.is_client_error() && body.starts_with(b"{\"error\""), "{query}: {status}");
    }
    let head = "--frontier\r\nContent-Disposition: form-data; name=\"picture\"\r\n";
    for body in ["", "--frontier", head, &format!("{head}\r\nabc"), &format!("{}\r\n", "x".repeat(MAX_BODY))] {
        let request = request(Method::POST, &format!("/api/inpaint?run={RUN}")).header("content-type", FORM);
        let response = send(&app, request.body(Body::from(body.to_owned())).unwrap()).await;
        assert!(response.status().is_client_error(), "{}", response.status());
    }
    for query in
        ["", "?width=0&height=1", "?width=9999999&height=9999999", "?width=8&height=8&holes=all", "?width=8&height=-1"]
    {
        let (status, answer) = get(&app, &format!("/api/mask{query}")).await;
        assert!(status.is_client_error() && answer.starts_with(b"{\"error\""), "{query}: {status}");
    }
}
