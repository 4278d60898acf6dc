//! The load generator: client connections, what they measure, and whether the measurement can be trusted.
//!
//! * [`plan`] is what to do, [`run`] does it in one process: connect, warm up, measure, close.
//! * `generator` sends messages and verifies their echoes.
//! * [`result`] is what a run leaves behind, as data that is saved, merged, judged and compared.
//! * [`render`] shows results as text, HTML and hlog.
//! * [`host`] is this machine: its limits, and what kept the load generator from running.
//! * [`sources`] are the addresses that connections come from; [`units`] formats and parses quantities.

mod generator;
pub mod host;
pub mod plan;
pub mod render;
pub mod result;
pub mod run;
pub mod sources;
pub mod units;

pub use result::{Histogram, Latency, Outcome, Verdict};
pub use run::Labels;
