//! HMAC challenge-response authentication (RFC 2104): a client proves that it knows a key without
//! sending the key.
//!
//! Protocol flow:
//!
//! 1. On WebSocket, client and server complete the opening handshake. Raw and line framings have
//!    none and start at step 2.
//! 2. The server sends the challenge, 32 random bytes:
//!    * raw, line: the 32 bytes and nothing else;
//!    * WebSocket: one binary message.
//! 3. The client sends the response, HMAC(key, challenge): 32 bytes with SHA-256, 16 with MD5.
//!    * raw, line: the digest, or its hexadecimal digits, as both sides are configured
//!      ([`Encoding`]). Its length ends it: there is no newline, and the next byte belongs to the
//!      service.
//!    * WebSocket: one message. A binary message holds the digest, a text message its hexadecimal
//!      digits; the server accepts both. Control frames may come before the message and between
//!      its fragments. Everything that the client sends is limited to
//!      [`UNAUTHENTICATED_BYTES_MAX`] bytes.
//! 4. The server compares the response with the HMAC under each of its keys, in constant time.
//! 5. The server acts on the result:
//!    * Success: it sends nothing, and the session is open. The client treats the session as open
//!      as soon as it has queued its response, and may send data right after it.
//!    * Failure on raw and line: it sends nothing, ends its output and discards further input.
//!    * Failure on WebSocket: it sends Close with code 1008 and no reason, ends its output and
//!      discards further input.
//!
//! Every one of these is a failure, and all look the same to the client: a wrong response
//! ([`Error::AuthWrong`]), one of the wrong length ([`Error::AuthLength`]), too many bytes
//! ([`Error::AuthTooLong`]) and an end of input before the response is complete
//! ([`Error::AuthTruncated`]). Three other cases end the exchange:
//!
//! * Timeout ([`Error::AuthTimeout`]): the server sends Close with code 1008 and waits for the
//!   client's Close; raw, line: it ends its output.
//! * A frame that breaks RFC 6455: the server sends Close with the code of that violation, as in an
//!   open session.
//! * A Close frame from the client: the closing handshake completes, and the session never opens.
//!
//! A WebSocket client whose server sends anything but one binary message of 32 bytes as the
//! challenge, or more than [`UNAUTHENTICATED_BYTES_MAX`] bytes, closes with code 1008
//! ([`Error::ChallengeMalformed`]).
//!
//! A challenge is used once. The exchange proves that the client knows the key when the connection
//! starts, and nothing else: it does not authenticate the server, and it does not protect the data
//! that follows.

use super::error::Error;
use super::message::Kind;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a challenge: the length of the longest digest, so that the nonce is never the weak
/// part.
pub const CHALLENGE_BYTES: usize = 32;

/// The longest response, in bytes: SHA-256 in hexadecimal.
pub const ANSWER_BYTES_MAX: usize = 64;

/// The maximum that a WebSocket peer may send between the opening handshake and the verification of
/// the response: 256 bytes of frames of any kind, including their headers. The longest response
/// takes 70 bytes, or 220 if it is sent raw in one-byte fragments. Bare responses have a fixed
/// length and need no limit.
pub const UNAUTHENTICATED_BYTES_MAX: u64 = 256;

/// The hash under the HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// HMAC-SHA-256, 32 bytes (RFC 4231).
    Sha256,
    /// HMAC-MD5, 16 bytes (RFC 2202), the default of `hmac.new` in old Python versions. RFC 6151:
    /// "new protocol designs should not employ HMAC-MD5".
    Md5,
}

impl Hash {
    fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Md5 => 16,
        }
    }
}

/// How a response is encoded where the framing does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes of the digest.
    Raw,
    /// Two lower-case hexadecimal digits for each byte; upper case is accepted.
    Hex,
}

/// A secret key. `Debug` prints only its length, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// Creates a key of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({} bytes)", self.0.len())
    }
}

/// What a server demands of its clients, or what a client responds with.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The hash under the HMAC.
    pub hash: Hash,
    /// The encoding of the response on raw and line framings, and the one that a WebSocket client
    /// sends.
    pub encoding: Encoding,
    /// The keys: a server accepts any of them; a client uses the first.
    pub keys: Vec<Key>,
}

impl Auth {
    /// HMAC-SHA-256, raw on the wire, without a key yet.
    pub fn without_keys() -> Self {
        Self { hash: Hash::Sha256, encoding: Encoding::Raw, keys: Vec::new() }
    }

    /// The length of a bare response in bytes: 16 to 64.
    pub fn response_bytes(&self) -> usize {
        match self.encoding {
            Encoding::Raw => self.hash.digest_bytes(),
            Encoding::Hex => 2 * self.hash.digest_bytes(),
        }
    }

    /// Computes the client's response to `challenge`.
    ///
    /// # Panics
    /// If there is no key.
    pub fn response(&self, challenge: &[u8]) -> Vec<u8> {
        let key = self.keys.first().expect("a client that responds has a key");
        let digest = match self.hash {
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, challenge).finalize().into_bytes().to_vec(),
            Hash::Md5 => mac::<Hmac<Md5>>(key, challenge).finalize().into_bytes().to_vec(),
        };
        match self.encoding {
            Encoding::Raw => digest,
            Encoding::Hex => to_hex(&digest),
        }
    }

    /// Verifies a bare response against each of the keys.
    ///
    /// # Errors
    /// [`Error::AuthWrong`], [`Error::AuthLength`].
    pub fn verify_bare(&self, challenge: &[u8], response: &[u8]) -> Result<(), Error> {
        self.verify(challenge, response, self.encoding)
    }

    /// Verifies a response in a WebSocket message against each of the keys: raw in a binary
    /// message, hexadecimal in a text message.
    ///
    /// # Errors
    /// [`Error::AuthWrong`], [`Error::AuthLength`].
    pub fn verify_message(
        &self,
        challenge: &[u8],
        kind: Kind,
        response: &[u8],
    ) -> Result<(), Error> {
        let encoding = match kind {
            Kind::Binary => Encoding::Raw,
            Kind::Text => Encoding::Hex,
        };
        self.verify(challenge, response, encoding)
    }

    fn verify(&self, challenge: &[u8], response: &[u8], encoding: Encoding) -> Result<(), Error> {
        let digest = match encoding {
            Encoding::Raw => response.to_vec(),
            Encoding::Hex if response.len() != 2 * self.hash.digest_bytes() => {
                return Err(Error::AuthLength);
            }
            Encoding::Hex => from_hex(response).ok_or(Error::AuthWrong)?,
        };
        if digest.len() != self.hash.digest_bytes() {
            return Err(Error::AuthLength);
        }
        // Every key is tried, even after a match: the time must not reveal which one matched.
        let matches = self.keys.iter().filter(|key| match self.hash {
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, challenge).verify_slice(&digest).is_ok(),
            Hash::Md5 => mac::<Hmac<Md5>>(key, challenge).verify_slice(&digest).is_ok(),
        });
        if matches.count() > 0 { Ok(()) } else { Err(Error::AuthWrong) }
    }
}

fn mac<M: Mac + KeyInit>(key: &Key, challenge: &[u8]) -> M {
    // RFC 2104 §3: a key may have any length; one longer than a block is hashed first.
    let mut mac = <M as KeyInit>::new_from_slice(&key.0).expect("HMAC accepts keys of any length");
    mac.update(challenge);
    mac
}

fn to_hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    digits.chunks(2).map(|pair| Some(value(pair[0])? << 4 | value(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(hash: Hash, encoding: Encoding, key: &[u8]) -> Auth {
        Auth { hash, encoding, keys: vec![Key::new(key.to_vec())] }
    }

    fn hex_response(hash: Hash, key: &[u8], data: &[u8]) -> String {
        String::from_utf8(auth(hash, Encoding::Hex, key).response(data)).unwrap()
    }

    #[test]
    fn rfc_2202_and_rfc_4231_vectors() {
        let data = b"what do ya want for nothing?";
        assert_eq!(hex_response(Hash::Md5, b"Jefe", data), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(
            hex_response(Hash::Sha256, b"Jefe", data),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex_response(Hash::Md5, &[0x0b; 16], b"Hi There"),
            "9294727a3638bb1c13f48ef8158bfc9d"
        );
        assert_eq!(
            hex_response(
                Hash::Sha256,
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            ),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn a_key_may_be_non_ascii_and_hex_digits_may_be_upper_case() {
        let challenge = [7; CHALLENGE_BYTES];
        let server = auth(Hash::Md5, Encoding::Hex, "芝麻开门".as_bytes());
        let response = server.response(&challenge);
        assert_eq!(response.len(), 32);
        assert_eq!(server.verify_bare(&challenge, &response), Ok(()));
        assert_eq!(server.verify_bare(&challenge, &response.to_ascii_uppercase()), Ok(()));
    }

    #[test]
    fn any_key_matches_and_every_other_response_is_rejected() {
        let mut server = auth(Hash::Sha256, Encoding::Raw, b"old");
        server.keys.push(Key::new(b"new".to_vec()));
        let challenge = [1; CHALLENGE_BYTES];
        for key in [&b"old"[..], b"new"] {
            let response = auth(Hash::Sha256, Encoding::Raw, key).response(&challenge);
            assert_eq!(server.verify_bare(&challenge, &response), Ok(()));
            assert_eq!(server.verify_bare(&[2; 32], &response), Err(Error::AuthWrong));
            assert_eq!(server.verify_bare(&challenge, &response[1..]), Err(Error::AuthLength));
            let digits = to_hex(&response);
            assert_eq!(server.verify_message(&challenge, Kind::Text, &digits), Ok(()));
            let length = server.verify_message(&challenge, Kind::Text, &response);
            assert_eq!(length, Err(Error::AuthLength));
            let not_hex = server.verify_message(&challenge, Kind::Text, &[b'g'; 64]);
            assert_eq!(not_hex, Err(Error::AuthWrong));
        }
        let other = auth(Hash::Sha256, Encoding::Raw, b"other").response(&challenge);
        assert_eq!(server.verify_bare(&challenge, &other), Err(Error::AuthWrong));
    }

    #[test]
    fn debug_does_not_print_the_key() {
        assert_eq!(format!("{:?}", Key::new(b"secret".to_vec())), "Key(6 bytes)");
    }
}
