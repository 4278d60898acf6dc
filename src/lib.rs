//! An echo server that costs almost nothing to leave running.

pub mod proto;
pub mod service;
