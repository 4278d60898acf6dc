//! Load: many client connections, what they measure, and what that says.
//!
//! [`outcome`] is what a run leaves behind, as data that is saved, merged and rendered; [`latency`] is how
//! times are counted. [`render`] shows an outcome, [`threshold`] judges it, [`result::compare`] sets two
//! sides of runs beside each other, and [`result::read`] reads what was saved.
//! [`machine`] knows what this machine can hold, and [`sources`] where connections come from.

mod arrival;
mod content;
mod difference;
mod ending;
mod findings;
mod flights;
mod generator;
pub mod host;
pub mod judge;
pub mod latency;
pub mod machine;
mod measured;
pub mod merge;
mod meter;
pub mod metric;
pub mod numbers;
pub mod outcome;
mod packed;
mod phases;
pub mod plan;
mod receive;
mod recorder;
pub mod render;
pub mod result;
pub mod run;
mod schedule;
pub mod sources;
mod stream;
mod talk;
pub mod threshold;
mod unknown;
pub mod usage;
pub mod verdict;

pub use latency::{Histogram, Latency};
pub use measured::Labels;
pub use outcome::Outcome;
pub use verdict::Verdict;
