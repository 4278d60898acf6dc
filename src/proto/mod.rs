//! The protocol without I/O: bytes in, events and bytes out.
//!
//! Nothing here knows a socket, a clock or a source of randomness; random bytes come in through the
//! [`Batch`], deadlines as calls. One [`Session`] is one connection's protocol state and moves through
//! the stages Handshake → Auth → Open → Closing. Reading order: [`session`], [`batch`], [`outbox`],
//! then the three framings ([`websocket`] on [`frame`], [`mask`] and [`utf8`]; [`mod@line`]; raw), and the
//! two stages before them ([`handshake`] on [`http`]; [`auth`]). [`deflate`] compresses.

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

/// Which side of the conversation an endpoint is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Accepts connections; sends the challenge; its frames are not masked.
    Server,
    /// Opens connections; answers the challenge; its frames are masked.
    Client,
}

/// What a parser made of the bytes at hand. Incomplete is not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<T> {
    /// One unit was whole, and was consumed.
    Complete(T),
    /// More bytes are needed; nothing was consumed and nothing was changed.
    Partial,
}
