//! Two sessions talk to each other in memory, without sockets and without a clock: what is sent, in
//! which pieces it arrives, and what comes back is all up to the test.

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
