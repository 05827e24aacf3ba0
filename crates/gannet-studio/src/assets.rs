//! The pages, embedded: plain HTML, CSS and ES modules, one panel per file.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// A file of the pages by its path.
struct Asset {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! assets {
    ($($kind:literal: $($path:literal),+;)+) => {
        &[$($(Asset { path: $path, kind: $kind, content: include_str!(concat!("../ui/", $path)) },)+)+]
    };
}

const ASSETS: &[Asset] = assets! {
    "text/html; charset=utf-8": "index.html";
    "text/css; charset=utf-8": "style/base.css", "style/studio.css", "style/playground.css";
    "image/svg+xml": "icon.svg";
    "text/javascript; charset=utf-8":
        "app.js", "dom.js", "api.js", "chart.js",
        "pages/runs.js", "pages/run.js", "pages/compare.js", "pages/explore.js", "pages/launch.js", "pages/translate.js",
        "pages/inpaint.js",
        "panels/control.js", "panels/curves.js", "panels/gallery.js", "panels/facts.js", "panels/scores.js",
        "panels/brush.js", "panels/picker.js", "panels/wipe.js",
        "playground/page.js", "playground/engine.js", "playground/stage.js", "playground/controls.js",
        "playground/story.js", "playground/tour.js", "playground/address.js";
};

/// Any address that is not of the API.
pub(crate) async fn serve(method: Method, uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(_) if method != Method::GET && method != Method::HEAD => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method").into_response()
        }
        Some(Asset { kind, content, .. }) => {
            ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")], *content).into_response()
        }
        None => Problem::not_found("there is nothing here").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::ASSETS;

    #[test]
    fn every_file_of_the_pages_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                assert!(ASSETS.iter().any(|asset| asset.path == name), "{name} is not embedded");
            }
        }
    }
}
