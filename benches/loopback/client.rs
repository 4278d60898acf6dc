//! A client's connection: connected, and the handshake done.

use crate::deflate;
use crate::exchange::Style;
use crate::options::Target;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// No server on this machine is silent for so long unless it is stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A response head is shorter than this.
const HEAD_BYTES_MAX: usize = 4096;

/// Connections of a large crowd from one source address.
const CONNECTIONS_PER_SOURCE: usize = 5_000;

/// Connects and shakes hands.
pub(crate) fn open(target: &Target, style: Style) -> io::Result<TcpStream> {
    let mut stream = connect(target)?;
    send_request(&mut stream, target, style)?;
    receive_response(&mut stream, target, style)?;
    Ok(stream)
}

/// The same for the `index`th of a large crowd, with buffers in the kernel as small as it lets them be.
pub(crate) fn open_small(target: &Target, index: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, None)?;
    // Before it connects: the window that it offers follows from it.
    socket.set_recv_buffer_size(1)?;
    socket.set_send_buffer_size(1)?;
    if target.address.is_ipv4() {
        // The kernel looks long for a free port where half of an address's ports are taken.
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index / CONNECTIONS_PER_SOURCE) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    socket.connect(&target.address.into())?;
    let mut stream = prepared(socket.into())?;
    send_request(&mut stream, target, Style::default())?;
    receive_response(&mut stream, target, Style::default())?;
    Ok(stream)
}

pub(crate) fn connect(target: &Target) -> io::Result<TcpStream> {
    prepared(TcpStream::connect(target.address)?)
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Asks for the upgrade. A server without a protocol sends the request back: it pays for what goes over the
/// wire too, and only what a handshake means is left to compare.
pub(crate) fn send_request(
    stream: &mut TcpStream,
    target: &Target,
    style: Style,
) -> io::Result<()> {
    let Target { address, path, .. } = target;
    let extensions = if style.deflate {
        format!("Sec-WebSocket-Extensions: {}\r\n", deflate::OFFER)
    } else {
        String::new()
    };
    // One key serves all: nothing caches between the two ends of a loopback.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
    );
    stream.write_all(request.as_bytes())
}

/// Waits until the server has agreed.
pub(crate) fn receive_response(
    stream: &mut TcpStream,
    target: &Target,
    style: Style,
) -> io::Result<()> {
    let mut head = [0; HEAD_BYTES_MAX];
    let mut len = 0;
    while !head[..len].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[len..])? {
            0 => return Err(io::Error::other("the server ended the handshake")),
            count => len += count,
        }
    }
    let answer = String::from_utf8_lossy(&head[..len]);
    if target.is_websocket && style.deflate && !answer.contains("permessage-deflate") {
        return Err(io::Error::other("the server does not take permessage-deflate"));
    }
    if target.is_websocket && !answer.starts_with("HTTP/1.1 101 ") {
        return Err(io::Error::other(format!("the server refused the handshake: {answer}")));
    }
    Ok(())
}
