//! Lines, held against a model of them.

use crate::input::Input;
use crate::invariants;
use crate::journal::Event;
use crate::pair::Setup;
use crate::services::service;
use halloo::proto::{Error, Framing};

/// The first byte chooses the limit and the service.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (service, takes_every_message) = service(input.one_of_four(3));
    let mut setup = Setup { service, ..Setup::new(Framing::Line) };
    match input.one_of_four(0) {
        0 => {}
        1 => setup.message_bytes_max = 1,
        2 => setup.message_bytes_max = 10,
        _ => setup.message_bytes_max = 100,
    }
    let server = invariants::assert_all(|| setup.server(), input.bytes, input.cuts);
    if !takes_every_message {
        return;
    }
    let (lines, error) = model(input.bytes, setup.message_bytes_max);
    assert_eq!(server.events()[1..], lines);
    assert_eq!(server.error(), error);
}

/// Every line with its terminator, up to the first that is too long.
fn model(bytes: &[u8], message_bytes_max: u64) -> (Vec<Event<'_>>, Option<Error>) {
    let is_short = |line: &&[u8]| line.len() as u64 <= message_bytes_max;
    let lines: Vec<_> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let short: Vec<_> = lines.iter().copied().take_while(is_short).map(Event::Binary).collect();
    let error = (short.len() < lines.len()).then_some(Error::MessageTooBig);
    (short, error)
}
