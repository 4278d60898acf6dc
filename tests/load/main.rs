//! `halloo bench` and `halloo hold` against servers that misbehave in known ways: what is reported is what was
//! done, and nothing else.
//!
//! Figures of a machine that has other things to do may be disturbed, and then the program says so: a test that
//! needs them undisturbed measures alone, and again when the verdict is GENERATOR-BOUND, five times at most.

#![cfg(feature = "cli")]

mod connecting;
mod disturbed;
mod echoes;
mod flags;
mod foreign;
mod goodbyes;
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
