//! Responses of a server that rejects a client.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::response::check(bytes));
