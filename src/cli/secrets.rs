//! Reading secrets, and keeping them.

use super::Failure;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads a file of at most `bytes_max` bytes that a flag names, and keeps this process's memory to itself
/// from then on. `check` may refuse the file for what it is, in words that follow its name.
pub(super) fn read_secret(
    flag: &str,
    path: &Path,
    bytes_max: u64,
    check: impl FnOnce(&Metadata) -> Result<(), String>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    keep_secrets();
    let failure = |what: String| Failure::Usage(format!("{flag} '{}' {what}", path.display()));
    let unreadable = |error: std::io::Error| failure(format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(failure("is not a file".into()));
    }
    check(&metadata).map_err(failure)?;
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max as usize + 1));
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(failure(format!("is longer than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Keeps the memory of this process, where keys will be, from core dumps and from other processes of the
/// same user. Where the system refuses, the key is as safe as anything else of this user's.
fn keep_secrets() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
