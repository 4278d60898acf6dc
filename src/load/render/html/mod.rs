//! Renders an outcome as one self-contained HTML page: it fetches nothing and runs no scripts.

mod chart;
mod charts;
mod comparison;
mod document;
mod forest;
mod markup;
mod moments;
mod page;
mod plot;
mod steps;
mod tables;

pub use comparison::render_comparison;
pub use page::render;
