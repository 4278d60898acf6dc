//! Responses that are read only to be shown.

use halloo::proto::Error;
use halloo::proto::response::{Response, is_interim, refusal};

/// What is whole stays as it is, whatever follows; and a status is one of three digits.
pub fn check(bytes: &[u8]) {
    let whole = Response::read(bytes);
    assert!(whole.status == 0 || (100..1000).contains(&whole.status));
    match refusal(bytes, Error::ResponseMalformed) {
        Error::UpgradeRefused(status) => assert!(status != 101 && !is_interim(status)),
        other => assert_eq!(other, Error::ResponseMalformed),
    }
    for end in 0..bytes.len() {
        let part = Response::read(&bytes[..end]);
        if part.is_whole && !is_interim(part.status) {
            assert_eq!(part, whole, "{}", bytes[..end].escape_ascii());
            return;
        }
    }
}
