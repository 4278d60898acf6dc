//! The flags for compression.

use super::heading;
use super::values::bytes;
use crate::proto::deflate::Settings;
use clap::{Args, ValueEnum};

/// The help of `--deflate` for a client.
pub(in crate::cli) const CLIENT_HELP: &str =
    "Offer to compress WebSocket messages (permessage-deflate)";

/// Flags that a server and its clients share; the help is the server's.
#[derive(Debug, Args)]
#[command(next_help_heading = heading::CONNECTION)]
pub(in crate::cli) struct DeflateArgs {
    /// Compress WebSocket messages (permessage-deflate) for clients that offer it
    ///
    /// The memory of `takeover` counts toward --max-memory.
    #[arg(long, value_name = "MODE", default_value = "shared")]
    deflate: Mode,
    /// Send smaller messages uncompressed, unless they respond to a compressed one
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "128B")]
    deflate_min: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Compress each message on its own, with a compressor that all connections share
    Shared,
    /// Let messages refer to earlier ones; each connection keeps up to 64 KiB
    Takeover,
    /// Do not compress
    Off,
}

impl DeflateArgs {
    /// The settings, or `None` if compression is off or not compiled in.
    pub(in crate::cli) fn settings(&self) -> Option<Settings> {
        let is_on = cfg!(feature = "deflate") && self.deflate != Mode::Off;
        is_on.then(|| Settings {
            context_takeover: self.deflate == Mode::Takeover,
            message_bytes_min: usize::try_from(self.deflate_min).unwrap_or(usize::MAX),
        })
    }
}
