//! A client's connection, connected and with its handshake completed.

use crate::deflate;
use crate::exchange::Style;
use crate::options::Target;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A server on this machine that is silent for this long is stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A response head is shorter than this.
const HEAD_BYTES_MAX: usize = 4096;

/// Connections of a large crowd per source address.
const CONNECTIONS_PER_SOURCE: usize = 5_000;

/// Connects and completes the handshake.
pub(crate) fn open(target: &Target, style: Style) -> io::Result<TcpStream> {
    let mut stream = connect(target)?;
    send_request(&mut stream, target, style)?;
    receive_response(&mut stream, target, style)?;
    Ok(stream)
}

/// The same for the `index`th connection of a large crowd, with the smallest buffers that the
/// kernel permits.
pub(crate) fn open_small(target: &Target, index: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, None)?;
    // Before it connects, because the advertised window depends on it.
    socket.set_recv_buffer_size(1)?;
    socket.set_send_buffer_size(1)?;
    if target.address.is_ipv4() {
        // The kernel searches long for a free port once half of an address's ports are taken.
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

/// Requests the upgrade. A server without a protocol sends the request back: it pays for the bytes
/// on the wire too, so that only the handshake itself remains to compare.
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
    // One key is enough: nothing caches between the two ends of a loopback connection.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
    );
    stream.write_all(request.as_bytes())
}

/// Waits until the server has accepted the upgrade.
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
        return Err(io::Error::other("the server does not accept permessage-deflate"));
    }
    if target.is_websocket && !answer.starts_with("HTTP/1.1 101 ") {
        return Err(io::Error::other(format!("the server refused the handshake: {answer}")));
    }
    Ok(())
}
