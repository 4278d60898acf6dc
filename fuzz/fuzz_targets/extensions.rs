//! Values of `Sec-WebSocket-Extensions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halloo_fuzz::extensions::check(bytes));
