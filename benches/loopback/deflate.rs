//! permessage-deflate as the client needs it: each message is compressed alone (RFC 7692, section
//! 7.1.1).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::io;

/// The offer: no context takeover in either direction, so that any server may agree.
pub(crate) const OFFER: &str =
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// The end of a flushed block, which is removed on the wire (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The payload of a compressed message.
pub(crate) fn compress(payload: &[u8]) -> io::Result<Vec<u8>> {
    // Incompressible data grows by five bytes per stored block, and by the tail.
    let mut compressed = Vec::with_capacity(payload.len() + payload.len() / 1024 + 64);
    let mut stream = Compress::new(Compression::default(), false);
    stream.compress_vec(payload, &mut compressed, FlushCompress::Sync).map_err(io::Error::other)?;
    if !compressed.ends_with(&TAIL) {
        return Err(io::Error::other("a compressed message has no end"));
    }
    compressed.truncate(compressed.len() - TAIL.len());
    Ok(compressed)
}

/// Decompresses a message of at most `most` bytes.
pub(crate) fn inflate(compressed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let whole = [compressed, &TAIL].concat();
    // One byte more than permitted, so that a message that is too long is detected.
    let mut payload = Vec::with_capacity(most + 1);
    let mut stream = Decompress::new(false);
    stream.decompress_vec(&whole, &mut payload, FlushDecompress::Sync).map_err(io::Error::other)?;
    Ok(payload)
}
