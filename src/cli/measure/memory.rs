//! The memory of connections: a sample before there are any, and one when all are up.

use crate::load::host::usage::{kernel_bytes, private_bytes};
use crate::load::result::outcome::Memory;

/// The memory in use at a moment, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Of this process and its workers.
    own: Option<u64>,
    kernel: Option<u64>,
    /// Of the server process, if it is watched.
    server: Option<u64>,
}

impl Sample {
    /// Samples this process and those that it started, the kernel, and the server.
    pub(super) fn now(server: Option<u32>) -> Self {
        Self {
            own: private_bytes(std::process::id()),
            kernel: kernel_bytes(),
            server: server.and_then(private_bytes),
        }
    }

    /// The memory per connection since an earlier sample; `None` where the system does not report
    /// it.
    pub(super) fn since(&self, before: &Self, connections: u64, both_ends: bool) -> Option<Memory> {
        let each = |now: u64, before: u64| {
            now.saturating_sub(before) as f64 / 1024.0 / connections.max(1) as f64
        };
        Some(Memory {
            own_user_kib: each(self.own?, before.own?),
            kernel_kib: each(self.kernel?, before.kernel?),
            both_ends,
            server_user_kib: self.server.zip(before.server).map(|(now, before)| each(now, before)),
        })
    }
}
