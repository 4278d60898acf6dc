//! What benches without sockets share: one side of a conversation in memory, and bytes for it.

// Every bench is compiled with its own copy and uses a part of it.
#![allow(dead_code, unused_imports)]

mod endpoint;
mod input;

pub(crate) use endpoint::Endpoint;
pub(crate) use input::{KEY, compressed, document, fragment, masked, request};

use halloo::proto::{Config, Framing, Role};

/// A server of WebSockets without anything optional.
pub(crate) fn websocket_server() -> Config {
    Config::new(Role::Server, Framing::WebSocket)
}
