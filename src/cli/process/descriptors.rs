//! The limit on this process's file descriptors.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit on file descriptors to the hard limit. Returns the limit then in force, in
/// descriptors; `None` if there is no limit.
pub(in crate::cli) fn raise_descriptor_limit() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // If the system refuses, the old limit stays in force.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current
}
