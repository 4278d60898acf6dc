//! The system's streams: TCP, Unix, and TLS over TCP.

use super::tls::TlsStream;
use crate::net::network::Stream;
use mio::net::{TcpStream, UnixStream};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

/// The socket of one connection.
#[derive(Debug)]
pub enum SystemStream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<TlsStream>),
}

impl SystemStream {
    pub(in crate::net) fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
            Self::Tls(stream) => stream.socket_mut(),
        }
    }
}

impl Stream for SystemStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => write_parts(stream, parts),
            Self::Unix(stream) => write_parts(stream, parts),
            Self::Tls(stream) => stream.write(parts),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tls(stream) => stream.shutdown_write(),
        }
    }

    fn owes_close_notify(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            Self::Tls(stream) => stream.owes_close_notify(),
        }
    }

    fn is_established(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Tls(stream) => stream.is_established(),
        }
    }

    fn may_hold_input(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            Self::Tls(stream) => stream.may_hold_input(),
        }
    }

    fn is_inside_record(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            Self::Tls(stream) => stream.is_inside_record(),
        }
    }

    fn held_bytes(&self) -> usize {
        match self {
            Self::Tcp(_) | Self::Unix(_) => 0,
            Self::Tls(stream) => stream.held_bytes(),
        }
    }

    fn unsent_bytes_max(&self) -> usize {
        match self {
            Self::Tcp(_) | Self::Unix(_) => 0,
            Self::Tls(stream) => stream.unsent_bytes_max(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn write_parts(stream: &mut impl Write, parts: [&[u8]; 2]) -> io::Result<usize> {
    match parts {
        [first, []] => stream.write(first),
        [[], second] => stream.write(second),
        [first, second] => stream.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]),
    }
}
