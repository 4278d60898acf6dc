//! The system's streams: TCP and Unix.

use super::network::Stream;
use mio::net::{TcpStream, UnixStream};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

/// A socket of one connection.
#[derive(Debug)]
pub enum SystemStream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl SystemStream {
    pub(super) fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }
}

impl Stream for SystemStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => write_parts(stream, parts),
            Self::Unix(stream) => write_parts(stream, parts),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
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
