//! Frames that a client sends after its opening handshake.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::server_frames::check(bytes));
