//! The input from a client.

use super::{Endpoint, websocket_server};
use halloo::proto::deflate::Settings;
use halloo::proto::frame::{Header, Opcode};
use halloo::proto::handshake::{self, NONCE_BYTES, Offer};
use halloo::proto::{Config, Framing, Kind, Role, mask};
use halloo::service::Discard;

/// The masking key of every frame: the one of the examples in RFC 6455 §5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An upgrade request like a browser's, with fewer header fields.
pub(crate) fn request(deflate: Option<Settings>) -> Vec<u8> {
    handshake::request(&offer(), [7; NONCE_BYTES], deflate)
}

/// A masked message in one frame.
pub(crate) fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    fragment(opcode, true, payload)
}

/// A masked frame.
pub(crate) fn fragment(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let payload_len = payload.len() as u64;
    let header = Header { fin, rsv1: false, opcode, masking_key: Some(KEY), payload_len };
    let mut frame = header.encode().to_vec();
    let start = frame.len();
    frame.extend_from_slice(payload);
    mask::apply(&mut frame[start..], KEY);
    frame
}

/// A text message as our client compresses and masks it.
pub(crate) fn compressed(settings: Settings, text: &[u8]) -> Vec<u8> {
    let config = Config { deflate: Some(settings), ..websocket_server() };
    let server = Endpoint::after(config.clone(), Discard, &request(Some(settings)));
    let config = Config {
        offer: offer(),
        deflate: Some(settings),
        ..Config::new(Role::Client, Framing::WebSocket)
    };
    // The client's nonce is as fixed as all its random bytes, so that the server's response matches
    // it.
    let mut client = Endpoint::after(config, Discard, &server.sent());
    client.send(Kind::Text, text);
    client.sent()
}

/// Text as programs exchange it: records with repeating names and varying values.
pub(crate) fn document(bytes: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut state = 1_u32;
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (id, price) = (state >> 16, state >> 8 & 0xffff);
        text += &format!(
            "{{\"id\":{id},\"symbol\":\"HAL{}\",\"price\":{}.{:02},\"ok\":true}},",
            id % 50,
            price / 100,
            price % 100
        );
    }
    text.truncate(bytes);
    text.into_bytes()
}

fn offer() -> Offer {
    Offer {
        target: "/".into(),
        host: "localhost:9527".into(),
        headers: vec![("Origin".into(), "http://localhost:9527".into())],
        ..Offer::default()
    }
}
