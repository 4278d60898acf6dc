//! Values of flags: their types, and what is wrong with a bad one.

pub(super) mod policy;
