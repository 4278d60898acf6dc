//! Compressed messages: whatever the bytes are, no more comes out than the limit allows.

use crate::input::Input;
use crate::journal::Event;
use crate::pair::Setup;
use crate::services::service;
use crate::wire::{self, BINARY, NEXT, TEXT};
use crate::{invariants, server_frames};
use halloo::proto::Framing;
use halloo::proto::deflate::Settings;

/// The bit that says that a message is compressed.
const RSV1: u8 = 0x40;
const LAST: u8 = wire::LAST;

/// The first byte chooses: text or binary, context takeover, the limit, fragments, and the service.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let settings = Settings { context_takeover: input.chooses(1), message_bytes_min: 16 };
    let message_bytes_max = if input.chooses(2) { 1_000 } else { 1024 * 1024 };
    let setup = Setup {
        service: service(input.one_of_four(4)).0,
        deflate: Some(settings),
        message_bytes_max,
        ..Setup::new(Framing::WebSocket)
    };
    let kind = if input.chooses(0) { BINARY } else { TEXT };
    let frames = frames(input.bytes, kind | RSV1, input.chooses(3));
    let server = invariants::assert_all(|| server_frames::open(&setup), &frames, input.cuts);
    for event in server.events() {
        let len = match event {
            Event::Open => 0,
            Event::Text(text) => text.len(),
            Event::Binary(payload) => payload.len(),
        };
        assert!(len as u64 <= message_bytes_max, "{len} bytes came out");
    }
}

/// One message after the other, each behind a byte for its length; 255 is the rest. In fragments,
/// if asked for: half of it, nothing, and the other half.
fn frames(mut bytes: &[u8], first: u8, in_fragments: bool) -> Vec<u8> {
    let mut frames = Vec::new();
    while let [len, rest @ ..] = bytes {
        let len = if *len == 255 { rest.len() } else { rest.len().min(usize::from(*len)) };
        let (payload, rest) = rest.split_at(len);
        bytes = rest;
        if !in_fragments {
            frames.extend(wire::masked(first, payload));
            continue;
        }
        let (front, back) = payload.split_at(payload.len() / 2);
        frames.extend(wire::masked(first & !LAST, front));
        frames.extend(wire::masked(NEXT, b""));
        frames.extend(wire::masked(NEXT | LAST, back));
    }
    frames
}
