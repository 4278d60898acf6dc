//! What only the operating system can do.

pub mod socket_file;
