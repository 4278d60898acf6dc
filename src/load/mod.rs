//! Load: many client connections, what they measure, and what that says.
//!
//! [`outcome`] is what a run leaves behind, as data that is saved, merged and rendered; [`latency`] is how
//! times are counted.

pub mod latency;
pub mod merge;
pub mod outcome;
pub mod verdict;

pub use latency::{Histogram, Latency};
pub use outcome::Outcome;
pub use verdict::Verdict;
