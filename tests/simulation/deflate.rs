//! permessage-deflate (RFC 7692) as a simulated client or server implements it: offers, permitted
//! responses, and messages. Framing and negotiation do not use the crate's own code.

use crate::random::Random;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use halloo::proto::deflate::Settings;
use std::fmt;

const FIELD: &str = "Sec-WebSocket-Extensions: ";

/// The bytes that a sender removes from the end of a message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The parameters of a client's offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    has_client_max_window_bits: bool,
}

impl Offer {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            server_no_context_takeover: random.one_in(4),
            client_no_context_takeover: random.one_in(4),
            server_max_window_bits: random.one_in(4).then(|| random.pick(&[8, 8, 9, 12, 14, 15])),
            has_client_max_window_bits: random.one_in(2),
        }
    }

    /// The header field of the request, with its end of line.
    pub(crate) fn field(self) -> String {
        let mut field = format!("{FIELD}permessage-deflate");
        if self.server_no_context_takeover {
            field += "; server_no_context_takeover";
        }
        if self.client_no_context_takeover {
            field += "; client_no_context_takeover";
        }
        if let Some(bits) = self.server_max_window_bits {
            field += &format!("; server_max_window_bits={bits}");
        }
        if self.has_client_max_window_bits {
            field += "; client_max_window_bits";
        }
        field + "\r\n"
    }
}

/// The agreed parameters, and the state of both directions.
pub(crate) struct Deflate {
    compress: Compress,
    decompress: Decompress,
    send_takeover: bool,
    receive_takeover: bool,
}

impl fmt::Debug for Deflate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Deflate").finish_non_exhaustive()
    }
}

impl Deflate {
    /// The parameters that a server with these settings must agree to, checked against its response
    /// head.
    pub(crate) fn agreed(
        head: &[u8],
        offer: Option<Offer>,
        settings: Option<Settings>,
    ) -> Result<Option<Self>, String> {
        let head = String::from_utf8_lossy(head);
        let answer = head.lines().find_map(|line| line.strip_prefix(FIELD));
        let (answer, offer, settings) = match (answer, offer, settings) {
            (None, None, _) | (None, _, None) => return Ok(None),
            (Some(answer), Some(offer), Some(settings)) => (answer, offer, settings),
            (answer, ..) => return Err(format!("{offer:?} was answered with {answer:?}")),
        };
        let parameters: Vec<&str> = answer.split(';').map(str::trim).collect();
        let has = |name: &str| parameters.contains(&name);
        let is_alone = !settings.context_takeover;
        let server_no_takeover = has("server_no_context_takeover");
        let client_no_takeover = has("client_no_context_takeover");
        let bits =
            offer.server_max_window_bits.map(|bits| format!("server_max_window_bits={bits}"));
        let expected = 1
            + usize::from(server_no_takeover)
            + usize::from(client_no_takeover)
            + usize::from(bits.is_some());
        let is_right = parameters[0] == "permessage-deflate"
            && parameters.len() == expected
            && bits.is_none_or(|bits| has(&bits))
            && (server_no_takeover || !(is_alone || offer.server_no_context_takeover))
            && (client_no_takeover || !is_alone);
        if !is_right {
            return Err(format!("{offer:?} was answered with {answer:?}"));
        }
        let send_takeover = !client_no_takeover && !offer.client_no_context_takeover;
        Ok(Some(Self::new(send_takeover, !server_no_takeover)))
    }

    /// A permitted response to the offer in our request, if there is one: the header field, with
    /// its end of line.
    pub(crate) fn answered(head: &str, random: &mut Random) -> Option<(Self, String)> {
        let offer = head.lines().find_map(|line| line.strip_prefix(FIELD))?;
        if random.one_in(5) {
            return None;
        }
        // 7.1.1.1: a request of the client about the server's window must be granted; the server
        // may also restrict itself unasked.
        let server_no_takeover = offer.contains("server_no_context_takeover") || random.one_in(4);
        let client_no_takeover = random.one_in(3);
        let mut field = format!("{FIELD}permessage-deflate");
        if server_no_takeover {
            field += "; server_no_context_takeover";
        }
        if client_no_takeover {
            field += "; client_no_context_takeover";
        }
        if offer.contains("client_max_window_bits") && random.one_in(3) {
            field += &format!("; client_max_window_bits={}", random.between(8, 15));
        }
        // 7.1.1.2: the server may also give up context takeover unasked.
        let receive_takeover = !client_no_takeover && !offer.contains("client_no_context_takeover");
        Some((Self::new(!server_no_takeover, receive_takeover), field + "\r\n"))
    }

    fn new(send_takeover: bool, receive_takeover: bool) -> Self {
        Self {
            compress: Compress::new(Compression::fast(), false),
            decompress: Decompress::new(false),
            send_takeover,
            receive_takeover,
        }
    }

    /// Whether messages may refer to earlier ones, so that our side must keep the context.
    pub(crate) fn has_takeover(&self) -> bool {
        self.send_takeover || self.receive_takeover
    }

    pub(crate) fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        if !self.send_takeover {
            self.compress.reset();
        }
        let mut output = Vec::with_capacity(message.len() + 100);
        let start = self.compress.total_in();
        loop {
            let taken = (self.compress.total_in() - start) as usize;
            let rest = &message[taken..];
            let result = self.compress.compress_vec(rest, &mut output, FlushCompress::Sync);
            result.expect("compression does not fail");
            // Only spare room in the output shows that the compressor holds nothing back.
            if output.len() < output.capacity() {
                break;
            }
            output.reserve(output.len() + 100);
        }
        if output.is_empty() {
            // zlib has nothing to flush. RFC 7692 §7.2.3.6: an empty message is a single byte 0.
            return vec![0];
        }
        assert!(output.ends_with(&TAIL), "it is flushed");
        output.truncate(output.len() - TAIL.len());
        output
    }

    pub(crate) fn inflate(&mut self, message: &[u8]) -> Result<Vec<u8>, String> {
        if !self.receive_takeover {
            self.decompress.reset(false);
        }
        let whole = [message, &TAIL].concat();
        let mut output = Vec::new();
        let mut taken = 0;
        loop {
            output.reserve(output.len() + 1000);
            let before = self.decompress.total_in();
            self.decompress
                .decompress_vec(&whole[taken..], &mut output, FlushDecompress::Sync)
                .map_err(|error| format!("a response does not decompress: {error}"))?;
            taken += (self.decompress.total_in() - before) as usize;
            if taken == whole.len() && output.len() < output.capacity() {
                return Ok(output);
            }
        }
    }
}
