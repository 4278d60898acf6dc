//! Replaces TLS in a build without it: types that have no values.

use crate::net::network::Stream;
use mio::net::TcpStream;
use std::io;

/// A TLS connection; none exists.
#[derive(Debug)]
pub enum TlsStream {}

/// The server's side; no value exists.
#[derive(Debug, Clone)]
pub enum Acceptor {}

/// The client's side; no value exists.
#[derive(Debug, Clone)]
pub enum Connector {}

impl Acceptor {
    pub(in crate::net) fn accept(&self, _socket: TcpStream) -> io::Result<TlsStream> {
        match *self {}
    }
}

impl Connector {
    pub(in crate::net) fn connect(&self, _socket: TcpStream, _name: &str) -> io::Result<TlsStream> {
        match *self {}
    }
}

impl TlsStream {
    pub(in crate::net) fn socket_mut(&mut self) -> &mut TcpStream {
        match *self {}
    }
}

impl Stream for TlsStream {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    fn write(&mut self, _parts: [&[u8]; 2]) -> io::Result<usize> {
        match *self {}
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        match *self {}
    }
}
