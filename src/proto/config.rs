//! What a session is told once, as data: role, framing, authentication, limits.

use super::Role;
use super::auth::Auth;
use super::deflate::Settings;
use super::handshake::{Offer, Policy};
use super::http::HEAD_BYTES_MAX;

/// How bytes become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// RFC 6455.
    WebSocket,
    /// A message ends with a newline, which is part of it.
    Line,
    /// A message is what one read brings.
    Raw,
}

/// What all connections of one listener, or of one client, have in common.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our side of the conversation.
    pub role: Role,
    /// How bytes become messages.
    pub framing: Framing,
    /// HMAC challenge-response, if it is demanded (server) or answered (client).
    pub auth: Option<Auth>,
    /// Bounds on what a peer may send.
    pub limits: Limits,
    /// Whether messages are collected until they are whole. The reactor sets it where the service needs it.
    pub whole_messages: bool,
    /// Whether messages still reach the service that arrive between our Close, or the end of our output, and
    /// the peer's. RFC 6455 §1.4 lets a peer send until it has received our Close.
    pub late_messages: bool,
    /// Which upgrade requests a WebSocket server takes.
    pub policy: Policy,
    /// What a WebSocket client asks for.
    pub offer: Offer,
    /// Whether a WebSocket agrees to compress, and how.
    pub deflate: Option<Settings>,
}

impl Config {
    /// A configuration with the default limits and nothing optional.
    pub fn new(role: Role, framing: Framing) -> Self {
        Self {
            role,
            framing,
            auth: None,
            limits: Limits::default(),
            whole_messages: false,
            late_messages: false,
            policy: Policy::default(),
            offer: Offer::default(),
            deflate: None,
        }
    }

    /// Whether a peer must get through an opening handshake or authentication before it is served.
    pub fn has_opening(&self) -> bool {
        self.framing == Framing::WebSocket || self.auth.is_some()
    }
}

/// Bounds on what a peer may send, each with its unit.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in bytes of payload. Default 64 MiB: room for what clients really send, and a
    /// bound on what one of them can make a collecting service hold.
    pub message_bytes_max: u64,
    /// The longest head of the opening handshake, in bytes; at most 64 KiB. Default 8 KiB, see
    /// [`HEAD_BYTES_MAX`].
    pub head_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 64 * 1024 * 1024, head_bytes_max: HEAD_BYTES_MAX }
    }
}
