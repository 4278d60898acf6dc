//! Load: many client connections, what they measure, and what that says.
//!
//! [`outcome`] is what a run leaves behind, as data that is saved, merged and rendered; [`latency`] is how
//! times are counted. [`render`] shows an outcome, [`threshold`] judges it, [`compare`] sets two side by side.

mod bootstrap;
pub mod compare;
pub mod latency;
pub mod merge;
pub mod metric;
pub mod outcome;
mod packed;
pub mod render;
pub mod threshold;
pub mod verdict;

pub use latency::{Histogram, Latency};
pub use outcome::Outcome;
pub use verdict::Verdict;
