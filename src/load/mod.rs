//! The load tool's inside: what it needs to know of the machine and of servers to measure them.
//!
//! * [`machine`] is what this machine allows, and which limit ends an attempt first.
//! * [`sources`] are the addresses that connections are made from.
//! * [`numbers`] writes numbers for people.

pub mod machine;
pub mod numbers;
pub mod sources;
