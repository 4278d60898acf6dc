//! An outcome as one page for a browser: everything is in the file, nothing is fetched, nothing runs.

mod chart;
mod charts;
mod markup;
mod moments;
mod page;
mod plot;
mod steps;
mod tables;

pub use page::render;
