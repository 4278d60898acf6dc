//! `halloo bench` and `halloo hold` against servers that misbehave in known ways: the report must
//! contain exactly what the servers did.
//!
//! A busy machine may disturb the figures, and then the program reports that. A test that needs
//! undisturbed figures measures alone, and repeats the measurement while the verdict is
//! GENERATOR-BOUND, five times at most.

#![cfg(feature = "cli")]

mod closing;
mod connecting;
mod disturbed;
mod echoes;
mod flags;
mod foreign;
mod holding;
mod ledger;
mod measured;
mod outputs;
mod pauses;
mod peer;
mod refusals;
mod schemes;
mod secrets;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod unexpected;
mod verdicts;
