//! The flags of every command that connects to a server, and the sentence for a server that does not let it.

use super::auth::{self, AuthArgs};
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
#[command(mut_arg("auth_key_file", |arg| arg.help(auth::CLIENT_HELP)))]
pub(in crate::cli) struct ClientArgs {
    /// The server: ws://, tcp:// or line:// HOST:PORT, with TLS wss://, tls:// or line+tls://, or ws+unix:,
    /// unix: or line+unix: and a path; HOST:PORT or PORT alone is ws://
    #[arg(value_name = "URL", value_parser = connect_address)]
    pub(in crate::cli) url: Address,
    #[command(flatten)]
    auth: AuthArgs,
    /// Send this field in the upgrade request, as in 'Origin: http://localhost', in place of one of the same name
    /// (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Offer this subprotocol (repeatable, the preferred one first)
    #[arg(long, value_name = "NAME", value_parser = subprotocol)]
    subprotocol: Vec<String>,
    /// Give up a connection that is not ready after this time: name, TCP, TLS, upgrade and authentication
    /// together
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(in crate::cli) connect_timeout: Duration,
    #[command(flatten)]
    tls: TlsClientArgs,
}

impl ClientArgs {
    /// What a session is told, with the keys read.
    pub(in crate::cli) fn config(&self) -> Result<Config, Failure> {
        let mut config = self.url.client_config();
        config.auth = self.auth.load()?;
        config.offer.subprotocols = self.subprotocol.clone();
        // A field that was given takes the place of the URL's.
        let from_url = std::mem::replace(&mut config.offer.headers, self.header.clone());
        let is_given = |name: &str| self.header.iter().any(|it| it.0.eq_ignore_ascii_case(name));
        config.offer.headers.extend(from_url.into_iter().filter(|(name, _)| !is_given(name)));
        Ok(config)
    }

    /// The command as it can be typed again, without its secrets.
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

    /// Where the server may be.
    pub(in crate::cli) fn endpoints(&self) -> Result<Vec<Endpoint>, Failure> {
        let endpoints = self.url.resolve().map_err(|error| {
            Failure::Runtime(format!("cannot resolve {}: {error}", self.shown_url()))
        })?;
        match endpoints.is_empty() {
            true => Err(Failure::Runtime(self.cannot_connect(&"the name has no address"))),
            false => Ok(endpoints),
        }
    }

    /// A network that can connect to the server.
    pub(in crate::cli) fn network(&self) -> Result<System, Failure> {
        let mut network = System::new()?;
        self.tls.set_up(&mut network, &self.url)?;
        Ok(network)
    }

    /// Why there is no connection, though the system was asked for one.
    pub(in crate::cli) fn cannot_connect(&self, why: &dyn Display) -> String {
        format!("cannot connect to {}: {why}", self.shown_url())
    }

    /// The URL without its secrets.
    pub(in crate::cli) fn shown_url(&self) -> String {
        redact::url(&self.url.to_string())
    }

    /// Why a connection has ended that was needed, and what may help.
    pub(in crate::cli) fn explain(&self, ended: &Ended<'_>) -> String {
        ended.explain(&self.url, self.auth.is_on(), self.connect_timeout)
    }

    /// Whether a key was given.
    pub(in crate::cli) fn has_key(&self) -> bool {
        self.auth.is_on()
    }
}

/// A field as it is typed, `Name: value`. Nothing in it may end the line it goes into.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'Name: value'")?;
    let value = value.trim_matches([' ', '\t']);
    if !is_token(name.as_bytes()) {
        return Err("the name of a field is letters, digits and !#$%&'*+-.^_`|~".into());
    }
    if value.chars().any(|character| character.is_control() && character != '\t') {
        return Err("the value of a field has no control characters".into());
    }
    Ok((name.into(), value.into()))
}
