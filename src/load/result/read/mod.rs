//! Reads saved results as untrusted input.

mod agreement;
mod histogram;
mod result;
mod survey;

pub(in crate::load) use histogram::decode;
pub use result::{RESULT_BYTES_MAX, parse};
