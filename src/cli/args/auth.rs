//! The flags for authentication, and reading key files.

use super::heading;
use crate::cli::Failure;
use crate::cli::secrets::read_secret;
use crate::proto::auth::{Auth, Encoding, Hash, Key};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// The largest key file: 4 KiB.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The help of `--auth-key-file` for a client.
pub(in crate::cli) const CLIENT_HELP: &str =
    "Respond to the server's challenge (HMAC) with the key in this file";

/// The long help of `--auth-key-file` for a client.
pub(in crate::cli) const CLIENT_LONG_HELP: &str = "\
Respond to the server's challenge (HMAC) with the key in this file

The key is the file's contents minus one trailing newline (LF or CRLF). This proves that the client \
knows the key; it encrypts nothing.";

/// Flags that a server and its clients share; the help is the server's.
#[derive(Debug, Args)]
#[command(next_help_heading = heading::AUTHENTICATION)]
pub(in crate::cli) struct AuthArgs {
    /// Demand HMAC challenge-response with the key in this file (repeatable: any of the keys)
    ///
    /// The key is the file's contents minus one trailing newline (LF or CRLF). This proves that the
    /// client knows the key; it encrypts nothing.
    #[arg(long, value_name = "FILE")]
    auth_key_file: Vec<PathBuf>,
    /// Compute the HMAC with this hash
    #[arg(long, value_name = "HASH", default_value = "sha256")]
    auth_hash: HashName,
    /// Encode the response in this form on raw and line framings
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
    /// Whether a key file was given.
    pub(in crate::cli) fn is_on(&self) -> bool {
        !self.auth_key_file.is_empty()
    }

    /// The configuration, with the keys read; `None` without a key file.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if a file cannot be read, is accessible to others, or holds no key.
    pub(in crate::cli) fn load(&self) -> Result<Option<Auth>, Failure> {
        if !self.is_on() {
            return Ok(None);
        }
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

/// Reads a key from a file that only its owner can read.
fn read_key(path: &Path) -> Result<Key, Failure> {
    const FLAG: &str = "--auth-key-file";
    let mut bytes = read_secret(FLAG, path, KEY_FILE_BYTES_MAX)?;
    let key_bytes = without_newline(&bytes).len();
    bytes.truncate(key_bytes);
    if bytes.is_empty() {
        let shown = path.display();
        return Err(Failure::Usage(format!("{FLAG} '{shown}' is empty: it must hold the key")));
    }
    Ok(Key::new(std::mem::take(&mut *bytes)))
}

/// The bytes without one newline, LF or CRLF, at their end.
fn without_newline(bytes: &[u8]) -> &[u8] {
    let Some(line) = bytes.strip_suffix(b"\n") else { return bytes };
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_is_not_part_of_the_key() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"key", b"key"),
            (b"key\n", b"key"),
            (b"key\r\n", b"key"),
            (b"key\n\n", b"key\n"),
            (b"key\r\n\r\n", b"key\r\n"),
            (b"key\r\r\n", b"key\r"),
            (b"key\r", b"key\r"),
            (b"\n\r", b"\n\r"),
        ];
        for (file, key) in cases {
            assert_eq!(without_newline(file), key, "{}", file.escape_ascii());
        }
    }
}
