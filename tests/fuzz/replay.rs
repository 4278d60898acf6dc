//! Replays every input that is kept in `fuzz/corpus`.

use std::fs;
use std::path::Path;

/// Runs one target over its corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&directory).expect("every target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "{} files in {}", paths.len(), directory.display());
    for path in paths {
        let bytes = fs::read(&path).expect("it can be read");
        assert!(bytes.len() <= 2048, "{} is longer than 2 KiB", path.display());
        let name = path.display().to_string();
        if let Err(panic) = std::panic::catch_unwind(|| check(&bytes)) {
            eprintln!("the input was {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn address() {
    replay("address", crate::address::check);
}

#[test]
fn auth() {
    replay("auth", crate::auth::check);
}

#[test]
fn client_frames() {
    replay("client_frames", crate::client_frames::check);
}

#[test]
fn deflate() {
    replay("deflate", crate::deflate::check);
}

#[test]
fn extensions() {
    replay("extensions", crate::extensions::check);
}

#[test]
fn line() {
    replay("line", crate::line::check);
}

#[test]
fn report() {
    replay("report", crate::report::check);
}

#[test]
fn request_head() {
    replay("request_head", crate::request_head::check);
}

#[test]
fn response() {
    replay("response", crate::response::check);
}

#[test]
fn server_frames() {
    replay("server_frames", crate::server_frames::check);
}
