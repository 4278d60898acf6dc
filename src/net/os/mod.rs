//! The operating system: everything that makes a system call. The rest of `net` does not depend on
//! it.
//!
//! [`System`] is the real [`Network`](super::Network): mio on TCP sockets, Unix sockets and, with
//! the same trait, [`tls`].

#[cfg(target_env = "gnu")]
mod heap;
pub mod ipc;
pub mod listener;
pub mod random;
pub mod socket_file;
pub mod socket_options;
pub mod stream;
pub mod system;
mod timer;
#[cfg_attr(not(feature = "tls"), path = "tls_absent.rs")]
pub mod tls;

pub use socket_options::{Keepalive, SocketOptions};
pub use system::System;
