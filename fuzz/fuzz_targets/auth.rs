//! Responses to a challenge.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::auth::check(bytes));
