//! The flags of authentication, and reading key files.

use super::Failure;
use crate::proto::auth::{Auth, Encoding, Hash, Key};
use clap::{Args, ValueEnum};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The longest key file: 4 KiB. A key is a secret, not a document.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Flags that `serve` and `connect` share.
#[derive(Debug, Args)]
pub(super) struct AuthArgs {
    /// Authenticate by HMAC challenge-response with the key in this file, less one trailing newline.
    /// A server takes any of several. This proves knowledge of the key; it encrypts nothing
    #[arg(long, value_name = "FILE")]
    auth_key_file: Vec<PathBuf>,
    /// The hash under the HMAC
    #[arg(long, value_name = "HASH", default_value = "sha256")]
    auth_hash: HashName,
    /// How the answer travels on raw and line framings
    #[arg(long, value_name = "ENCODING", default_value = "raw")]
    auth_encoding: EncodingName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HashName {
    Sha256,
    Md5,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EncodingName {
    Raw,
    Hex,
}

impl AuthArgs {
    /// What was asked for, with the keys read; `None` without a key file.
    pub(super) fn load(&self) -> Result<Option<Auth>, Failure> {
        if self.auth_key_file.is_empty() {
            return Ok(None);
        }
        keep_secrets();
        let keys =
            self.auth_key_file.iter().map(|path| read_key(path)).collect::<Result<_, _>>()?;
        let hash = match self.auth_hash {
            HashName::Sha256 => Hash::Sha256,
            HashName::Md5 => Hash::Md5,
        };
        let encoding = match self.auth_encoding {
            EncodingName::Raw => Encoding::Raw,
            EncodingName::Hex => Encoding::Hex,
        };
        Ok(Some(Auth { hash, encoding, keys }))
    }
}

/// Keeps the memory of this process, where keys will be, from core dumps and from other processes of the
/// same user. Where the system refuses, the key is as safe as anything else of this user's.
fn keep_secrets() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Reads a key that nobody else can read.
fn read_key(path: &Path) -> Result<Key, Failure> {
    let shown = path.display();
    let failure = |what: String| Failure::Usage(format!("--auth-key-file '{shown}' {what}"));
    let unreadable = |error: std::io::Error| failure(format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(failure("is not a file".into()));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        let what =
            format!("is open to others (mode {mode:04o}); mend it with: chmod 600 '{shown}'");
        return Err(failure(what));
    }
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(KEY_FILE_BYTES_MAX as usize + 1);
    file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > KEY_FILE_BYTES_MAX {
        return Err(failure(format!("is longer than {KEY_FILE_BYTES_MAX} bytes")));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(failure("is empty: it must hold the key".into()));
    }
    Ok(Key::new(bytes))
}
