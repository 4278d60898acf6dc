//! The flags of every command that connects to a server, and the sentence for a server that does not let it.

use super::Failure;
use super::auth::AuthArgs;
use super::redact;
use super::tls::TlsClientArgs;
use crate::net::{Address, Endpoint, System};
use crate::proto::handshake::Offer;
use crate::proto::http::is_token;
use crate::proto::{CloseCode, Config, End, Error, Role, TlsFailure};
use clap::Args;
use std::fmt::Display;

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct ClientArgs {
    /// The server: ws://, tcp:// or line:// HOST:PORT, with TLS wss://, tls:// or line+tls://, or ws+unix:,
    /// unix: or line+unix: and a path
    #[arg(value_name = "URL")]
    pub(super) url: Address,
    #[command(flatten)]
    auth: AuthArgs,
    /// Add a field to the upgrade request, as in 'Origin: http://localhost' (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Offer this subprotocol (repeatable, the preferred one first)
    #[arg(long, value_name = "NAME", value_parser = subprotocol)]
    subprotocol: Vec<String>,
    #[command(flatten)]
    tls: TlsClientArgs,
}

impl ClientArgs {
    /// What a session is told, with the keys read.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        Ok(Config {
            auth: self.auth.load()?,
            offer: Offer {
                target: self.url.path.clone().unwrap_or_else(|| "/".into()),
                host: self.url.host_field(),
                subprotocols: self.subprotocol.clone(),
                headers: self.header.clone(),
            },
            ..Config::new(Role::Client, self.url.framing)
        })
    }

    /// The command as it can be typed again, without its secrets.
    pub(super) fn command(&self) -> String {
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
    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>, Failure> {
        let endpoints = self.url.resolve().map_err(|error| {
            Failure::Runtime(format!("cannot resolve {}: {error}", self.shown_url()))
        })?;
        match endpoints.is_empty() {
            true => Err(Failure::Runtime(self.cannot_connect(&"the name has no address"))),
            false => Ok(endpoints),
        }
    }

    /// A network that can connect to the server.
    pub(super) fn network(&self) -> Result<System, Failure> {
        let mut network = System::new()?;
        self.tls.set_up(&mut network, &self.url)?;
        Ok(network)
    }

    /// Why there is no connection, though the system was asked for one.
    pub(super) fn cannot_connect(&self, why: &dyn Display) -> String {
        format!("cannot connect to {}: {why}", self.shown_url())
    }

    /// The URL without its secrets.
    pub(super) fn shown_url(&self) -> String {
        redact::url(&self.url.to_string())
    }

    /// Why a connection has ended that was needed, and what may help. `was_open` says whether it had got
    /// through its handshakes, `was_answered` whether a message had come.
    pub(super) fn why_ended(&self, end: End, was_open: bool, was_answered: bool) -> String {
        let url = self.shown_url();
        match end {
            End::Refused | End::TimedOut | End::Transport if !was_open => self.cannot_connect(&end),
            End::Failed(Error::HandshakeTimeout) => {
                format!("{url} did not answer the upgrade request in time")
            }
            End::Failed(Error::HandshakeTruncated) => {
                format!("{url} ended the connection in the opening handshake")
            }
            End::Failed(Error::AuthTimeout) => format!("{url} sent no challenge in time"),
            End::Failed(Error::AuthTruncated) => {
                format!("{url} ended the connection before its challenge was complete")
            }
            End::Peer if self.auth.is_on() && !was_answered => format!(
                "{url} ended the connection without a reply: \
                 if it should reply, check the key, --auth-hash and --auth-encoding"
            ),
            End::Peer => format!("{url} ended the connection without a reply"),
            End::Tls(TlsFailure::UnknownIssuer) => format!(
                "{url}: {end}: name its authority with --cacert, or believe it with --insecure"
            ),
            End::PeerWithCode(CloseCode::POLICY_VIOLATION) if self.auth.is_on() => {
                format!(
                    "{url} closed with code 1008: check the key, --auth-hash and --auth-encoding"
                )
            }
            End::PeerWithCode(code) => format!("{url} closed with code {code}"),
            _ => format!("{url}: {end}"),
        }
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

fn subprotocol(text: &str) -> Result<String, String> {
    let message = "a subprotocol is letters, digits and !#$%&'*+-.^_`|~";
    is_token(text.as_bytes()).then(|| text.into()).ok_or_else(|| message.into())
}
