//! The flags that all commands that connect to a server share, and the errors for a failed
//! connection.

use super::auth::{self, AuthArgs};
use super::heading;
use super::policy::subprotocol;
use super::tls::TlsClientArgs;
use super::values::{connect_address, duration};
use crate::cli::Failure;
use crate::cli::ended::Ended;
use crate::cli::redact;
use crate::net::{Address, Endpoint, System};
use crate::proto::Config;
use crate::proto::http::is_token;
use clap::Args;
use std::fmt::Display;
use std::time::Duration;

/// See the [module documentation](self).
#[derive(Debug, Args)]
#[command(mut_arg("auth_key_file", |arg| {
    arg.help(auth::CLIENT_HELP).long_help(auth::CLIENT_LONG_HELP)
}))]
pub(in crate::cli) struct ClientArgs {
    /// Connect to this server: a URL, HOST:PORT or PORT
    ///
    /// ws://, tcp:// and line:// take HOST:PORT, as do wss://, tls:// and line+tls:// with TLS;
    /// ws+unix:, unix: and line+unix: take the path of a Unix socket. HOST:PORT means
    /// ws://HOST:PORT, and PORT means ws://127.0.0.1:PORT.
    #[arg(value_name = "URL", value_parser = connect_address)]
    pub(in crate::cli) url: Address,
    #[command(flatten)]
    auth: AuthArgs,
    /// Send this header field in the upgrade request, replacing one of the same name (repeatable)
    #[arg(
        short = 'H',
        long,
        value_name = "NAME: VALUE",
        value_parser = header,
        help_heading = heading::CONNECTION
    )]
    header: Vec<(String, String)>,
    /// Offer this subprotocol (repeatable, most preferred first)
    #[arg(
        long,
        value_name = "NAME",
        value_parser = subprotocol,
        help_heading = heading::CONNECTION
    )]
    subprotocol: Vec<String>,
    /// Allow this long to connect: DNS, TCP, TLS, upgrade and authentication together
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "10s",
        help_heading = heading::CONNECTION
    )]
    pub(in crate::cli) connect_timeout: Duration,
    #[command(flatten)]
    tls: TlsClientArgs,
}

impl ClientArgs {
    /// The configuration of a session, with the key files read.
    pub(in crate::cli) fn config(&self) -> Result<Config, Failure> {
        let mut config = self.url.client_config();
        config.auth = self.auth.load()?;
        config.offer.subprotocols = self.subprotocol.clone();
        // A given field replaces the one from the URL.
        let from_url = std::mem::replace(&mut config.offer.headers, self.header.clone());
        let is_given = |name: &str| self.header.iter().any(|it| it.0.eq_ignore_ascii_case(name));
        config.offer.headers.extend(from_url.into_iter().filter(|(name, _)| !is_given(name)));
        Ok(config)
    }

    /// The command line, quoted for a shell and with its secrets masked.
    pub(in crate::cli) fn command(&self) -> String {
        let quoted = |argument: String| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%[]".contains(c);
            match !argument.is_empty() && argument.chars().all(is_plain) {
                true => argument,
                false => format!("'{}'", argument.replace('\'', r"'\''")),
            }
        };
        let arguments = std::env::args_os().skip(1).map(|argument| {
            let argument = argument.to_string_lossy();
            quoted(redact::argument(&argument, &self.header, &self.subprotocol))
        });
        std::iter::once("halloo".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
    }

    /// The addresses of the server, in the order in which to try them. Blocks while it resolves a
    /// name.
    ///
    /// # Errors
    ///
    /// [`Failure::Runtime`] if the name cannot be resolved or has no address.
    pub(in crate::cli) fn endpoints(&self) -> Result<Vec<Endpoint>, Failure> {
        let endpoints = self.url.resolve().map_err(|error| {
            Failure::Runtime(format!("cannot resolve {}: {error}", self.shown_url()))
        })?;
        match endpoints.is_empty() {
            true => Err(Failure::Runtime(self.cannot_connect(&"the name has no address"))),
            false => Ok(endpoints),
        }
    }

    /// A network that can connect to the server, with its TLS set up.
    pub(in crate::cli) fn network(&self) -> Result<System, Failure> {
        let mut network = System::new()?;
        self.tls.set_up(&mut network, &self.url)?;
        Ok(network)
    }

    /// The error for a connection that could not be started.
    pub(in crate::cli) fn cannot_connect(&self, why: &dyn Display) -> String {
        format!("cannot connect to {}: {why}", self.shown_url())
    }

    /// The URL with its secrets masked.
    pub(in crate::cli) fn shown_url(&self) -> String {
        redact::url(&self.url.to_string())
    }

    /// The error for a connection that ended while it was needed, with a hint where there is one.
    pub(in crate::cli) fn explain(&self, ended: &Ended<'_>) -> String {
        ended.explain(&self.url, self.auth.is_on(), self.connect_timeout)
    }

    /// Whether a key was given.
    pub(in crate::cli) fn has_key(&self) -> bool {
        self.auth.is_on()
    }
}

/// Parses a header field, `Name: value`. Neither part may contain a line break.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'Name: value'")?;
    let value = value.trim_matches([' ', '\t']);
    if !is_token(name.as_bytes()) {
        return Err("a field name is letters, digits and !#$%&'*+-.^_`|~".into());
    }
    if value.chars().any(|character| character.is_control() && character != '\t') {
        return Err("a field value contains no control characters".into());
    }
    Ok((name.into(), value.into()))
}
