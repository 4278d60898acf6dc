//! The state shared by the receiving and the sending half of a session.

use super::Role;

/// The stages of a session, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The opening handshake. Line and raw framings have none and pass through.
    Handshake,
    /// Challenge and response.
    Auth,
    /// Messages are exchanged.
    Open,
    /// We have closed: the Close frame or HTTP response, if any, is sent or queued. Input no longer
    /// reaches the service, except late messages.
    Closing,
}

/// The part of a session's state that an [`Outbox`](super::Outbox) borrows.
#[derive(Debug)]
pub(crate) struct SendState {
    pub(crate) role: Role,
    pub(crate) is_websocket: bool,
    pub(crate) stage: Stage,
    /// Our Close is queued or sent; in framings without one, our output has ended.
    pub(crate) close_sent: bool,
    /// The code in the peer's Close; 0 until the Close arrives.
    pub(crate) peer_close_code: u16,
    /// Input is read and dropped.
    pub(crate) discarding: bool,
    /// A frame is being echoed piece by piece, and its last piece is still missing.
    pub(crate) is_mid_frame: bool,
}

impl SendState {
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.stage, Stage::Auth | Stage::Open) && !self.close_sent
    }
}
