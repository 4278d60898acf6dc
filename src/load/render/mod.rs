//! An outcome, shown: [`text`] for a terminal, [`html`] for a browser, [`hlog`] for other tools that read
//! HdrHistograms. All are pure functions of the outcome.

pub mod hlog;
pub mod html;
pub mod quantity;
pub mod text;
