//! `halloo connect`: the interactive client.
//!
//! Each line is a message, and each message that arrives is printed, whenever it arrives. After a
//! line the client waits a while for the reply before it sends the next line: a server of a raw
//! stream could otherwise read two lines at once. If the server closes after each reply, the next
//! line opens a new connection.

mod command;
mod conversation;
mod inbox;
mod reply;

use super::args::client::ClientArgs;
use super::args::deflate::{self, DeflateArgs};
use super::args::heading;
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
#[command(mut_arg("deflate", |arg| arg.help(deflate::CLIENT_HELP).long_help(None::<&str>)))]
pub(super) struct ConnectArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    deflate: DeflateArgs,
    /// Wait this long for the first message after a line, and after the end of the input
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "5s",
        help_heading = heading::CONNECTION
    )]
    reply_timeout: Duration,
    /// After the end of the input, close once the server has been silent for this long
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "500ms",
        help_heading = heading::CONNECTION
    )]
    linger: Duration,
    /// Send every line as it is, including `quit` and lines that start with a slash
    #[arg(long, help_heading = None::<&str>)]
    no_commands: bool,
    /// Limit the size of a message, sent or received
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = bytes,
        default_value = "64MiB",
        help_heading = heading::LIMITS
    )]
    max_message_size: u64,
    #[command(flatten)]
    common: CommonArgs,
}

/// Sends lines and prints messages until the input ends or the server closes.
pub(super) fn run(arguments: &ConnectArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    match Conversation::new(arguments)?.hold() {
        // The reader of the output has closed it: it has read enough.
        Err(Stop::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => Err(Failure::Runtime(error.to_string())),
        Err(Stop::Failed(message)) => Err(Failure::Runtime(message)),
        Err(Stop::Interrupted) => Err(Failure::Signal(signal_hook::consts::SIGINT)),
        Ok(()) => Ok(()),
    }
}
