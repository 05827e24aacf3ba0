//! `gannet studio` as a user starts it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use common::{gannet, run, succeed};

#[test]
fn other_machines_are_let_in_with_a_token_only() {
    let folder = tempfile::tempdir().unwrap();
    for (words, named) in [
        ("studio --host 0.0.0.0 --port 0", "--token"),
        ("studio --host 0.0.0.0 --port 0 --token a;b", "letters, digits"),
        ("studio --host nowhere", "nowhere"),
    ] {
        let output = run(folder.path(), words);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words}: {errors}");
        assert!(errors.contains(named), "{words}: {errors}");
    }
}

#[test]
fn the_address_that_is_printed_answers() {
    let folder = tempfile::tempdir().unwrap();
    assert!(succeed(folder.path(), "studio --help").contains("--token"));
    let mut child = gannet(folder.path()).args(["studio", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // Kept open, because more is printed behind the address.
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    let port: u16 = line.trim().trim_end_matches('/').rsplit_once(':').unwrap().1.parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /api/runs HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"runs\":[]}"), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
}
