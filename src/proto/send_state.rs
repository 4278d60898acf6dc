//! What the receiving and the sending half of a session share.

use super::Role;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The opening handshake. Line and raw framings have none and pass through.
    Handshake,
    /// Challenge and answer.
    Auth,
    /// Messages.
    Open,
    /// Our last words are said, or are in the backlog; what comes in is no longer for the service.
    Closing,
}

/// All that an [`Outbox`](super::Outbox) borrows of a session.
#[derive(Debug)]
pub(crate) struct SendState {
    pub(crate) role: Role,
    pub(crate) is_websocket: bool,
    pub(crate) stage: Stage,
    /// Our Close is sent, or, where there is none, our output has ended.
    pub(crate) close_sent: bool,
    /// The code in the peer's Close; 0 until it comes.
    pub(crate) peer_close_code: u16,
    /// What comes in means nothing any more: it is read and dropped.
    pub(crate) discarding: bool,
    /// A frame is being echoed piece by piece, and more of it is to come.
    pub(crate) is_mid_frame: bool,
}

impl SendState {
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.stage, Stage::Auth | Stage::Open) && !self.close_sent
    }
}
