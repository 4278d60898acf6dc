//! Tests of the protocol: two sessions exchange bytes in memory, without sockets and without a
//! clock. Each test decides what is sent and in which pieces it arrives.

mod auth;
mod closing;
#[cfg(feature = "deflate")]
mod deflate;
mod differential;
mod endpoint;
mod fragments;
mod frames;
mod handshake;
mod journal;
mod limits;
mod lines;
mod oracle;
mod pair;
mod raw;
mod split;
mod streams;
mod text;
mod violations;
mod whole;
mod wire;
