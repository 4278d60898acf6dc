//! An outcome as one page for a browser: everything is in the file, nothing is fetched, nothing runs.

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
