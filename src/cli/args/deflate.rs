//! The flags of compression.

use super::values::bytes;
use crate::proto::deflate::Settings;
use clap::{Args, ValueEnum};

/// The help of `--deflate` for a client.
pub(in crate::cli) const CLIENT_HELP: &str =
    "Offer the server to compress WebSocket messages (permessage-deflate)";

/// Flags that a server and its clients share, with the help of a server.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeflateArgs {
    /// Compress WebSocket messages (permessage-deflate) with clients that offer it; --max-memory bounds what
    /// `takeover` keeps
    #[arg(long, value_name = "MODE", default_value = "shared")]
    deflate: Mode,
    /// Send smaller messages uncompressed, unless they answer a compressed one
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "128B")]
    deflate_min: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Each message alone, with state that all connections share
    Shared,
    /// Messages may refer to earlier ones, of which each connection keeps up to 64 KiB
    Takeover,
    /// Not agreed on
    Off,
}

impl DeflateArgs {
    /// What was asked for, as far as it is built in.
    pub(in crate::cli) fn settings(&self) -> Option<Settings> {
        let is_on = cfg!(feature = "deflate") && self.deflate != Mode::Off;
        is_on.then(|| Settings {
            context_takeover: self.deflate == Mode::Takeover,
            message_bytes_min: usize::try_from(self.deflate_min).unwrap_or(usize::MAX),
        })
    }
}
