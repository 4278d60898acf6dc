//! An echo server that costs almost nothing to leave running.

pub mod cli;
pub mod limits;
pub mod metrics;
pub mod net;
pub mod proto;
pub mod service;
