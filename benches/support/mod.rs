//! Shared by benches without sockets: one side of a connection in memory, and its input.

// Every bench is compiled with its own copy of these modules and uses a part of them.
#![allow(dead_code, unused_imports)]

mod endpoint;
mod input;

pub(crate) use endpoint::Endpoint;
pub(crate) use input::{KEY, compressed, document, fragment, masked, request};

use halloo::proto::{Config, Framing, Role};

/// A WebSocket server without optional features.
pub(crate) fn websocket_server() -> Config {
    Config::new(Role::Server, Framing::WebSocket)
}
