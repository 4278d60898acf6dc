//! The protocol without I/O: bytes in, events and bytes out.
//!
//! This module uses no socket, clock or source of randomness: random bytes come from the [`Batch`],
//! and expired deadlines are reported by a call. One [`Session`] is one connection's protocol
//! state. It moves through the stages Handshake → Auth → Open → Closing.
//!
//! Reading order: [`session`], [`batch`], [`outbox`]; then the three framings ([`websocket`] with
//! [`frame`], [`mask`] and [`utf8`]; [`mod@line`]; raw); then the two stages before them
//! ([`handshake`] with [`http`]; [`auth`]). [`deflate`] is permessage-deflate.

pub mod auth;
pub mod batch;
pub mod config;
pub mod deflate;
pub mod end;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod http;
pub mod line;
pub mod mask;
pub mod message;
pub mod outbox;
pub mod response;
mod send_buffer;
mod send_state;
pub mod session;
mod spill;
pub mod tls_failure;
mod unfinished;
pub mod utf8;
pub mod websocket;

pub use batch::Batch;
pub use config::{Config, Framing, Limits};
pub use end::End;
pub use error::{CloseCode, Error};
pub use message::{Kind, Message};
pub use outbox::Outbox;
pub use send_state::Stage;
pub use session::{Control, Event, Session, Step};
pub use tls_failure::TlsFailure;

/// An endpoint's side of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Accepts connections; sends the challenge; its frames are not masked.
    Server,
    /// Opens connections; responds to the challenge; its frames are masked.
    Client,
}

/// The result of parsing the available bytes. Incomplete input is not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<T> {
    /// One unit was complete and was consumed.
    Complete(T),
    /// More bytes are needed; nothing was consumed and nothing was changed.
    Partial,
}
