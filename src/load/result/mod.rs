//! What a run leaves behind, and whether it can be believed.

mod belief;
mod cause;
mod figure;
mod losses;
mod stalls;

pub use belief::{Belief, FLOOR_US as STALL_FLOOR_US, PERCENTILES};
pub use cause::{BUSY_CPU, Cause};
pub use figure::Figure;
pub use losses::losses;
pub use stalls::Stalls;
