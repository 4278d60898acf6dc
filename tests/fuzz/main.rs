//! What is fuzzed, each as a function of bytes that panics if something is wrong, and a test that
//! replays the corpora in `fuzz/corpus`.
//!
//! The package in `fuzz/` compiles this file once more, with libFuzzer around it.

#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
#[path = "../pair/endpoint.rs"]
mod endpoint;
#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
#[path = "../pair/journal.rs"]
mod journal;
#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
#[path = "../pair/pair.rs"]
mod pair;
#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
#[path = "../pair/wire.rs"]
mod wire;

pub mod address;
pub mod auth;
pub mod client_frames;
pub mod deflate;
pub mod extensions;
pub mod line;
pub mod report;
pub mod request_head;
pub mod response;
pub mod server_frames;

mod input;
mod invariants;
#[cfg(test)]
mod replay;
mod services;
#[path = "../pair/oracle.rs"]
mod tungstenite_server;
