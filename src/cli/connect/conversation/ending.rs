//! What the end of a connection means, or a response that refuses the upgrade.

use super::{CHALLENGE_BYTES, Conversation, Stop};
use crate::cli::ended::Ended;
use crate::proto::response::{Response, is_interim};
use crate::proto::{CloseCode, End, Error, Framing, Kind};
use std::time::Instant;

impl Conversation<'_> {
    /// The result of the session, now that it is over.
    pub(super) fn verdict(&mut self) -> Result<(), Stop> {
        let has_no_reply = self.last_sent.is_some() && self.received_in_all == 0;
        if !has_no_reply || self.is_closed_cleanly {
            return Ok(());
        }
        let (url, time) = (self.arguments.client.shown_url(), self.arguments.reply_timeout);
        Err(Stop::Failed(format!("{url} sent no reply within {time:?}")))
    }

    /// Ends the session if the upgrade is refused and the part of the response that is shown is
    /// complete. What else the server sends, and when it closes, does not matter.
    pub(super) fn check_refusal(&mut self) -> Result<(), Stop> {
        if self.is_open || self.connection.is_none() {
            return Ok(());
        }
        let response = Response::read(self.reactor.service().response());
        let (status, is_whole) = (response.status, response.is_whole);
        if status == 0 || status == 101 || is_interim(status) {
            return Ok(());
        }
        let now = Instant::now();
        let until = *self.refused_until.get_or_insert(now + self.arguments.linger);
        if !is_whole && now < until {
            return Ok(());
        }
        self.show_handshake();
        let end = End::Failed(Error::UpgradeRefused(status));
        Err(Stop::Failed(self.why_ended(end, false)))
    }

    /// Whether a first message looks like the challenge of a server that demands a key: 32 bytes
    /// that are not text and not an echo of our own line.
    pub(super) fn looks_like_challenge(&self, kind: Kind, message: &[u8]) -> bool {
        let is_echo = self.unreplied.as_ref().is_some_and(|(_, line)| line == message);
        self.config.auth.is_none()
            && kind == Kind::Binary
            && message.len() == CHALLENGE_BYTES
            && std::str::from_utf8(message).is_err()
            && !is_echo
    }

    pub(super) fn wants_key(&self) -> Stop {
        let url = self.arguments.client.shown_url();
        Stop::Failed(format!(
            "{url} first sent {CHALLENGE_BYTES} random bytes, as a server that demands a key does: \
             give the key with --auth-key-file"
        ))
    }

    pub(super) fn too_long(&self) -> Stop {
        let limit = self.arguments.max_message_size;
        Stop::Failed(format!("a line of stdin is longer than --max-message-size, {limit} bytes"))
    }

    /// Decides what the end of the connection means.
    pub(super) fn ended(&mut self, end: End) -> Result<(), Stop> {
        let reply = self.reply.end();
        self.take_reply(reply)?;
        self.connection = None;
        self.send_at = None;
        self.attempt_until = None;
        let was_open = std::mem::take(&mut self.is_open);
        if self.challenge.is_some() {
            return Err(self.wants_key());
        }
        if self.is_closing {
            return Ok(());
        }
        if !was_open && self.endpoint + 1 < self.endpoints.len() {
            self.endpoint += 1;
            return self.connect();
        }
        self.show_handshake();
        let is_clean =
            matches!(end, End::Peer | End::PeerWithCode(CloseCode::NORMAL | CloseCode::GOING_AWAY));
        // It replied before and ended before it read this line, so a new connection may serve it.
        let is_gone = is_clean || matches!(end, End::Reset | End::BrokenPipe);
        if self.unreplied.is_some() && is_gone && was_open && self.received > 0 {
            return self.connect();
        }
        // Without a Close frame an end may mean a wrong key, or no reply.
        let has_close = self.config.framing == Framing::WebSocket;
        if is_clean && was_open && (has_close || self.unreplied.is_none()) {
            self.closed_cleanly(end);
            return Ok(());
        }
        Err(Stop::Failed(self.why_ended(end, was_open)))
    }

    pub(super) fn closed_cleanly(&mut self, end: End) {
        self.is_closed_cleanly = true;
        self.waiting_until = None;
        self.unreplied = None;
        let url = self.arguments.client.shown_url();
        let what = match end {
            End::PeerWithCode(code) => {
                let ended = Ended { end, reason: &self.reason, ..Ended::default() };
                format!("closed with code {code}{}", ended.reason())
            }
            _ => "ended the connection".to_owned(),
        };
        let hint = match self.arguments.client.has_key() && self.received == 0 {
            true => "; if that was too early, check the key, --auth-hash and --auth-encoding",
            false => "",
        };
        self.notice = Some(format!("{url} {what}; the next line connects again{hint}"));
    }

    pub(super) fn why_ended(&mut self, end: End, was_open: bool) -> String {
        let inbox = self.reactor.service();
        self.arguments.client.explain(&Ended {
            end,
            was_open,
            has_response: self.received > 0,
            was_requested: !inbox.request().is_empty(),
            response: inbox.response(),
            reason: &self.reason,
        })
    }
}
