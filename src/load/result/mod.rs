//! What a run leaves behind, and whether it can be believed.

mod belief;
mod cause;
pub mod compare;
pub(in crate::load) mod experiment;
mod figure;
mod losses;
pub mod read;
mod stalls;
pub(in crate::load) mod sum;

pub use belief::{Belief, FLOOR_US as STALL_FLOOR_US, PERCENTILES};
pub use cause::{BUSY_CPU, Cause};
pub use figure::Figure;
pub use losses::losses;
pub use stalls::Stalls;
