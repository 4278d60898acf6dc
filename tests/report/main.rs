//! Reports of results: the published schema, the table, the page, the log, thresholds, comparisons,
//! and merging.

mod compare;
mod hlog;
mod html;
mod merge;
#[path = "../support/outcome.rs"]
mod outcome;
mod reading;
mod schema;
mod text;
mod threshold;
mod trials;
mod verdicts;
