//! Renders an outcome: [`text`] for a terminal, [`html`] for a browser, [`hlog`] for other tools
//! that read HdrHistograms; and a [`comparison`] of two sides. All renderers are pure functions.

pub mod comparison;
pub mod hlog;
pub mod html;
pub mod quantity;
pub mod table;
pub mod text;
