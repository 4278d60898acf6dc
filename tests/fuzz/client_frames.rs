//! What a server sends behind its 101.

use crate::input::Input;
use crate::invariants;
use crate::pair::Setup;
use crate::services::{SILENT, service};
use halloo::proto::Framing;
use halloo::proto::deflate::Settings;

/// The first byte chooses: compression, with context takeover or without, the limit, and the
/// service.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let number = input.one_of_four(3);
    let (client_service, _) = service(number);
    let settings = Settings { context_takeover: input.chooses(1), message_bytes_min: 16 };
    let mut setup = Setup {
        client_service,
        // A client masks what it sends, so it can only answer what it has whole.
        client_takes_whole: number != SILENT || input.chooses(5),
        deflate: input.chooses(0).then_some(settings),
        ..Setup::new(Framing::WebSocket)
    };
    if input.chooses(2) {
        setup.message_bytes_max = 500;
    }
    invariants::assert_all(|| setup.pair().client, input.bytes, input.cuts);
}
