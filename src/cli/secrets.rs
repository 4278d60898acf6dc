//! Reading files that flags name: with an access check where they hold secrets, which are then kept
//! out of core dumps and from other processes.

use super::Failure;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads a secret of at most `bytes_max` bytes from a file that a flag names, if nobody else can
/// read it. From then on the memory of this process is protected (see [`keep_secrets`]).
///
/// # Errors
///
/// [`Failure::Usage`] if the file cannot be read, is too large, or is accessible to others.
pub(super) fn read_secret(
    flag: &str,
    path: &Path,
    bytes_max: u64,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    keep_secrets();
    read_file(path, bytes_max, |metadata| check_access(path, metadata))
        .map_err(|what| Failure::Usage(format!("{flag} '{}' {what}", path.display())))
}

/// Reads a public file that a flag names, such as a certificate.
///
/// # Errors
///
/// [`Failure::Usage`] if the file cannot be read or is too large.
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS has such files"))]
pub(super) fn read_public(
    flag: &str,
    path: &Path,
    bytes_max: u64,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_file(path, bytes_max, |_| Ok(()))
        .map_err(|what| Failure::Usage(format!("{flag} '{}' {what}", path.display())))
}

/// Reads a regular file of at most `bytes_max` bytes that `check` accepts.
///
/// Other kinds of files are refused: a pipe or a device could block a server that reloads its keys,
/// or never end.
///
/// # Errors
///
/// A clause that follows the name of the file, such as "is longer than 4096 bytes".
pub(super) fn read_file(
    path: &Path,
    bytes_max: u64,
    check: impl FnOnce(&Metadata) -> Result<(), String>,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // fifo(7), of nonblocking mode: "opening for read-only succeeds even if no one has opened on
    // the write side yet".
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).map_err(|it| unreadable(it.into()))?);
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let remedy =
            "copy its contents to a file (pipes such as <(command) and devices are refused)";
        return Err(match metadata.is_dir() {
            true => "is not a regular file but a directory".into(),
            false => format!("is not a regular file: {remedy}"),
        });
    }
    check(&metadata)?;
    // The capacity covers all of it: a vector that grows leaves copies in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max as usize + 1));
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(format!("is longer than {bytes_max} bytes")),
        false => Ok(bytes),
    }
}

/// PostgreSQL's rule, which Kubernetes and Debian need: no access for others; the group may read
/// where root owns the file.
fn check_access(path: &Path, metadata: &Metadata) -> Result<(), String> {
    let mode = metadata.mode() & 0o777;
    let refused = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    match mode & refused {
        0 => Ok(()),
        _ => Err(format!(
            "is accessible to others (mode {mode:04o}): run chmod 600 '{}'",
            path.display()
        )),
    }
}

/// Keeps the memory of this process, which holds keys from now on, out of core dumps and from other
/// processes of the same user. Where the system refuses, the keys are as safe as the rest of this
/// user's data.
pub(super) fn keep_secrets() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
