//! The configuration of a session as data: role, framing, authentication, limits.

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
    /// The bytes of one read are one message.
    Raw,
}

/// The configuration shared by all connections of one listener or one client.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our side of the connection.
    pub role: Role,
    /// How bytes become messages.
    pub framing: Framing,
    /// HMAC challenge-response: a server demands it, a client responds to the challenge.
    pub auth: Option<Auth>,
    /// Limits on what a peer may send.
    pub limits: Limits,
    /// Whether messages are assembled until they are complete, which costs memory, up to the
    /// largest message per connection. The reactor sets it where the service needs it.
    pub whole_messages: bool,
    /// Whether messages reach the service even after we have closed: those that arrive between our
    /// Close and the peer's, or between the end of our output and the end of input. RFC 6455 §1.4
    /// lets a peer send until it has received our Close.
    pub late_messages: bool,
    /// The upgrade requests that a WebSocket server accepts.
    pub policy: Policy,
    /// A WebSocket client's upgrade request.
    pub offer: Offer,
    /// The permessage-deflate settings of a WebSocket; `None` disables compression.
    pub deflate: Option<Settings>,
}

impl Config {
    /// Creates a configuration with the default limits and without optional features.
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

    /// Whether a session has an opening handshake or authentication before it opens.
    pub fn has_opening(&self) -> bool {
        self.framing == Framing::WebSocket || self.auth.is_some()
    }
}

/// Limits on what a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in bytes of payload. Default 64 MiB: enough for real clients, and a
    /// limit on the memory that one client can occupy in a service that needs whole messages.
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
