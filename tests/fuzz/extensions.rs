//! Values of `Sec-WebSocket-Extensions`, in requests and in responses.

use crate::input::Input;
use crate::journal::Event;
use crate::pair::Setup;
use crate::wire::{self, Frame, TEXT};
use crate::{invariants, request_head};
use halloo::proto::deflate::Settings;
use halloo::proto::handshake::{self, Offer};
use halloo::proto::http::Head;
use halloo::proto::{Error, Framing};

/// "Hello", compressed (RFC 7692 §7.2.3.1), in a message.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const TEXT_COMPRESSED: u8 = TEXT | 0x40;

/// The answer to the key of RFC 6455 §1.3, whose nonce is "the sample nonce".
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The first byte chooses whether the server compresses; each line of the rest is the value of a
/// field.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let settings = Settings { context_takeover: input.chooses(1), message_bytes_min: 16 };
    let deflate = (cfg!(feature = "deflate") && input.chooses(0)).then_some(settings);
    let mut fields = Vec::new();
    for value in input.bytes.split(|&byte| byte == b'\n') {
        fields.extend_from_slice(b"Sec-WebSocket-Extensions: ");
        fields.extend(value.iter().filter(|&&byte| byte != b'\r'));
        fields.extend_from_slice(b"\r\n");
    }
    fields.extend_from_slice(b"\r\n");
    let _ = handshake::verify(
        &[RESPONSE, &fields].concat(),
        &Offer::default(),
        *b"the sample nonce",
        deflate,
    );

    let request = wire::REQUEST.strip_suffix(b"\r\n").expect("it ends with an empty line");
    let bytes = [request, &fields, &wire::masked(TEXT_COMPRESSED, &HELLO)].concat();
    let setup = Setup { deflate, ..Setup::new(Framing::WebSocket) };
    let server = invariants::assert_all(|| setup.silent_server(), &bytes, input.cuts);
    request_head::assert_answered(&server, &bytes);
    if server.events().first() != Some(&Event::Open) {
        return;
    }
    let output = server.output();
    let head_bytes = output.len() - wire::after_head(output).len();
    let head = Head::parse_response(&output[..head_bytes]).expect("what we say is HTTP");
    match head.only_value("Sec-WebSocket-Extensions") {
        Some(agreed) => {
            assert!(deflate.is_some() && agreed.starts_with(b"permessage-deflate"));
            assert_eq!(server.events()[1..], [Event::Text("Hello")]);
            // Into a window of 256 bytes nothing is compressed that may refer to earlier messages.
            let frame = &server.frames()[0];
            assert!(frame.first == TEXT_COMPRESSED || *frame == Frame::new(TEXT, b"Hello"));
        }
        None => assert_eq!(server.error(), Some(Error::ReservedBits)),
    }
}
