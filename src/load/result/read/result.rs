//! Parses a saved result, and rejects one that contradicts itself.

use super::agreement::check;
use super::survey::survey;
use crate::load::result::outcome::{Outcome, SCHEMA_VERSION};
use serde::Deserialize;

/// The largest file that is read: 256 MiB. A million lost connections take 150 MiB.
pub const RESULT_BYTES_MAX: u64 = 256 << 20;

/// A prefix that UTF-8 text may have and JSON may not.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The field that identifies a result, read before all others.
#[derive(Deserialize)]
struct Header {
    schema_version: Option<serde_json::Value>,
}

/// Parses a result that was saved as JSON.
///
/// # Errors
/// The rest of a sentence that begins with the file name.
pub fn parse(bytes: &[u8]) -> Result<Outcome, String> {
    if bytes.len() as u64 > RESULT_BYTES_MAX {
        return Err(format!("is larger than {} MiB", RESULT_BYTES_MAX >> 20));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if is_utf_16(bytes) {
        return Err("is UTF-16 text: expected UTF-8, as bench and hold save it with --json".into());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8 text: {error}"))?;
    survey(text)?;
    let not_ours = |error: serde_json::Error| format!("is not a result of halloo: {error}");
    if !text.trim_start().starts_with('{') {
        return Err("is not a result of halloo: it is not a JSON object".into());
    }
    let header = serde_json::from_str::<Header>(text).map_err(not_ours)?;
    match header.schema_version {
        Some(version) if version == SCHEMA_VERSION => {}
        Some(version) => {
            return Err(format!(
                "has schema_version {version}: this halloo reads {SCHEMA_VERSION}"
            ));
        }
        None => {
            return Err(
                "is not a result of halloo: it has no schema_version; bench and hold save one \
                        with --json"
                    .into(),
            );
        }
    }
    let outcome = serde_json::from_str(text).map_err(not_ours)?;
    check(&outcome).map_err(|reason| format!("contradicts itself: {reason}"))?;
    Ok(outcome)
}

/// Whether the text starts with a UTF-16 byte-order mark or a two-byte brace: some shells redirect
/// into files as UTF-16.
fn is_utf_16(bytes: &[u8]) -> bool {
    [&b"\xff\xfe"[..], b"\xfe\xff", b"{\0", b"\0{"].iter().any(|start| bytes.starts_with(start))
}
