//! Saved results.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::report::check(bytes));
