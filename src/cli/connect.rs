//! `halloo connect`: a person's client.
//!
//! One line is one message, and every message that comes is printed, whenever it comes. After a line the client
//! waits a while for its reply before it sends the next: servers of bare bytes would take two lines for one.
//! Servers that close after each reply are met again for the next line.

mod command;
mod conversation;
mod inbox;
mod reply;

use super::args::client::ClientArgs;
use super::args::deflate::{self, DeflateArgs};
use super::args::values::{bytes, duration};
use super::terminal::logger;
use super::{CommonArgs, Failure};
use clap::Args;
use conversation::{Conversation, Stop};
use log::LevelFilter;
use std::io::ErrorKind;
use std::time::Duration;

/// See the [module documentation](self).
#[derive(Debug, Args)]
#[command(mut_arg("deflate", |arg| arg.help(deflate::CLIENT_HELP)))]
pub(super) struct ConnectArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    deflate: DeflateArgs,
    /// Wait this long for the first message after a line, and after the end of the input
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    reply_timeout: Duration,
    /// After the end of the input, leave once the server has been silent for this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "500ms")]
    linger: Duration,
    /// Send every line as it is, also `quit` and those that begin with a slash
    #[arg(long)]
    no_commands: bool,
    /// The largest message, sent or received
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "64MiB")]
    max_message_size: u64,
    #[command(flatten)]
    common: CommonArgs,
}

/// Talks until the input ends or the server does.
pub(super) fn run(arguments: &ConnectArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    match Conversation::new(arguments)?.hold() {
        // Whoever read our output has enough of it.
        Err(Stop::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => Err(Failure::Runtime(error.to_string())),
        Err(Stop::Failed(message)) => Err(Failure::Runtime(message)),
        Err(Stop::Interrupted) => Err(Failure::Signal(signal_hook::consts::SIGINT)),
        Ok(()) => Ok(()),
    }
}
