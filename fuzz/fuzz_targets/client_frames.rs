//! Frames that a server sends after its 101.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::client_frames::check(bytes));
