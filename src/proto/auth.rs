//! HMAC challenge-response (RFC 2104): prove that you know a key without sending it.
//!
//! The server sends 32 random bytes, the client answers HMAC(key, challenge). On raw and line framings
//! both travel bare, on WebSocket each is one message. A challenge is used once, answers are compared in
//! constant time, and a failure looks the same whatever its cause.
//!
//! This proves knowledge of the key when the connection begins, and nothing else: it does not
//! authenticate the server, and it does not protect what is sent afterwards.

use super::error::Error;
use super::message::Kind;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a challenge: as many as the strongest digest, so that the nonce is never the weak part.
pub const CHALLENGE_BYTES: usize = 32;

/// The longest answer, in bytes: SHA-256 in hexadecimal.
pub const ANSWER_BYTES_MAX: usize = 64;

/// The most a peer may send between the opening handshake and the judgement of its answer, on WebSocket:
/// 256 bytes of frames of every kind, with their headers. The longest answer takes 70, or 220 if it is sent
/// raw and in fragments of one byte. Bare answers have one length, and nothing else is looked at.
pub const UNAUTHENTICATED_BYTES_MAX: u64 = 256;

/// The hash under the HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// HMAC-SHA-256, 32 bytes (RFC 4231).
    Sha256,
    /// HMAC-MD5, 16 bytes (RFC 2202), what `hmac.new` of old Pythons computes. RFC 6151: "new protocol
    /// designs should not employ HMAC-MD5".
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

/// How an answer is written on framings that do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes of the digest.
    Raw,
    /// Two lower-case hexadecimal digits for each byte; upper case is accepted.
    Hex,
}

/// A secret key. It is never shown, `Debug` prints its length only, and its memory is wiped when it goes.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({} bytes)", self.0.len())
    }
}

/// What is demanded of a client, or what it answers with.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The hash under the HMAC.
    pub hash: Hash,
    /// How the answer travels on raw and line framings, and which form our WebSocket client sends.
    pub encoding: Encoding,
    /// The keys: a server accepts any of them, a client uses the first.
    pub keys: Vec<Key>,
}

impl Auth {
    /// How many bytes an answer takes where only its length ends it.
    pub fn response_bytes(&self) -> usize {
        match self.encoding {
            Encoding::Raw => self.hash.digest_bytes(),
            Encoding::Hex => 2 * self.hash.digest_bytes(),
        }
    }

    /// The client's answer to a challenge.
    ///
    /// # Panics
    /// If there is no key.
    pub fn response(&self, challenge: &[u8]) -> Vec<u8> {
        let key = self.keys.first().expect("a client that answers has a key");
        let digest = match self.hash {
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, challenge).finalize().into_bytes().to_vec(),
            Hash::Md5 => mac::<Hmac<Md5>>(key, challenge).finalize().into_bytes().to_vec(),
        };
        match self.encoding {
            Encoding::Raw => digest,
            Encoding::Hex => to_hex(&digest),
        }
    }

    /// Whether a bare answer proves one of the keys.
    ///
    /// # Errors
    /// [`Error::AuthWrong`], [`Error::AuthLength`].
    pub fn verify_bare(&self, challenge: &[u8], response: &[u8]) -> Result<(), Error> {
        self.verify(challenge, response, self.encoding)
    }

    /// Whether an answer in a WebSocket message proves one of the keys: raw in a binary message,
    /// hexadecimal in a text message.
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
        // Every key is tried, whether or not one matched: the time does not tell which.
        let matches = self.keys.iter().filter(|key| match self.hash {
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, challenge).verify_slice(&digest).is_ok(),
            Hash::Md5 => mac::<Hmac<Md5>>(key, challenge).verify_slice(&digest).is_ok(),
        });
        if matches.count() > 0 { Ok(()) } else { Err(Error::AuthWrong) }
    }
}

fn mac<M: Mac + KeyInit>(key: &Key, challenge: &[u8]) -> M {
    // RFC 2104 §3: keys of any length are taken; longer ones than a block are hashed first.
    let mut mac = <M as KeyInit>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
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
    fn vectors_of_rfc_2202_and_rfc_4231() {
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
    fn a_key_that_is_not_ascii_and_digits_in_upper_case() {
        let challenge = [7; CHALLENGE_BYTES];
        let server = auth(Hash::Md5, Encoding::Hex, "芝麻开门".as_bytes());
        let response = server.response(&challenge);
        assert_eq!(response.len(), 32);
        assert_eq!(server.verify_bare(&challenge, &response), Ok(()));
        assert_eq!(server.verify_bare(&challenge, &response.to_ascii_uppercase()), Ok(()));
    }

    #[test]
    fn any_key_matches_and_every_other_answer_is_refused() {
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
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", Key::new(b"secret".to_vec())), "Key(6 bytes)");
    }
}
