//! The rules of the house that a machine can check.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(crates).unwrap().to_path_buf(), text));
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

#[test]
fn every_file_begins_with_what_it_is() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not begin with a `//!` line", path.display());
    }
}

#[test]
fn no_file_is_longer_than_a_reader_s_patience() {
    for (path, text) in sources() {
        let n_lines = without_tests(&text).lines().count();
        assert!(n_lines <= 400, "{} has {n_lines} lines without its tests, at most 400 are allowed", path.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    let later = ["TO", "DO"].concat();
    for (path, text) in sources() {
        assert!(!text.contains(&later), "{} leaves something for later", path.display());
    }
}

#[test]
fn no_code_outside_the_methods_knows_a_method_s_name() {
    let is_shared = |path: &Path| {
        let path = path.to_string_lossy().replace('\\', "/");
        let folders = ["train", "run", "data", "nn", "image"].map(|folder| format!("gannet/src/{folder}"));
        folders.iter().any(|folder| path.starts_with(folder))
    };
    for (path, text) in sources().iter().filter(|(path, _)| is_shared(path)) {
        for entry in gannet::method::METHODS {
            let quoted = format!("\"{}\"", entry.name);
            assert!(!without_tests(text).contains(&quoted), "{} names {quoted}", path.display());
        }
    }
}

#[test]
fn the_readme_lists_the_registry() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    for entry in gannet::method::METHODS {
        let row = format!("| `{}` | {} | {} |", entry.name, entry.summary, entry.paper);
        assert!(readme.contains(&row), "the README lacks the row {row}");
    }
}

#[test]
fn the_guide_of_methods_is_the_registry_s() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let has_picture = |name: &str| docs.join("images/methods").join(name).with_extension("png").exists();
    let page = fs::read_to_string(docs.join("guide/methods.md")).unwrap();
    assert!(page == gannet::method::guide(has_picture), "renew it: gannet list methods --markdown");
}

#[test]
fn relative_links_in_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_dir(root.join("docs/guide")).unwrap().map(|file| file.unwrap().path());
    let documents = fs::read_dir(&root).unwrap().map(|file| file.unwrap().path()).chain(guide);
    for path in documents.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&path).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let pictures = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for link in links.chain(pictures) {
            let is_relative = !link.starts_with("http") && !link.starts_with('#');
            assert!(!is_relative || path.parent().unwrap().join(link).exists(), "{}: {link}", path.display());
        }
    }
}

#[test]
fn a_whole_gan_fits_into_a_hundred_lines() {
    let (_, text) = sources().into_iter().find(|(path, _)| path.ends_with("examples/ring.rs")).unwrap();
    assert!(text.lines().count() < 100);
}
