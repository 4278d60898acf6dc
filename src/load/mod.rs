//! The load generator: client connections, their measurements, and whether these can be trusted.
//!
//! * [`plan`] describes a run; [`run`] executes it in one process: connect, warm up, measure,
//!   close.
//! * `generator` sends messages and verifies their echoes.
//! * [`result`] is the data that a run produces; it is saved, merged, judged and compared.
//! * [`render`] shows results as text, HTML and hlog.
//! * [`host`] is this machine: its limits, and what kept the load generator from running.
//! * [`sources`] are the source addresses of connections; [`units`] formats quantities.

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
