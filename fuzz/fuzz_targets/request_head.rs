//! Request heads for a WebSocket server.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::request_head::check(bytes));
