//! Two sides of one or more runs each: what differs between them, and whether that is more than what differs from
//! run to run.

mod comparison;
mod difference;
mod notes;
mod side;
mod student;

pub use comparison::{COMPARED, Change, Comparison, Refusal};
pub use difference::{Design, Difference, RUNS_MIN, Values, differences};
pub use side::Side;
