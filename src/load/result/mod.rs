//! What a run leaves behind, and whether it can be believed.

mod figure;
mod stalls;

pub use figure::Figure;
pub use stalls::Stalls;
