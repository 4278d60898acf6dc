//! Compares two sides of one or more runs each: how they differ, and whether that is more than the
//! variation from run to run.

mod comparison;
mod difference;
mod notes;
mod side;
mod student;

pub use comparison::{COMPARED, Change, Comparison, Refusal};
pub use difference::{Design, Difference, RUNS_MIN, Values, differences};
pub use side::Side;
