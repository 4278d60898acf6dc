//! An outcome, shown: [`text`] for a terminal, [`html`] for a browser, [`hlog`] for other tools that read
//! HdrHistograms; and a [`comparison`] of two. All are pure functions of what they show.

pub mod comparison;
pub mod hlog;
pub mod html;
pub mod quantity;
pub mod table;
pub mod text;
