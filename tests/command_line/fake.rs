//! Scripted servers that misbehave as a test demands.

use halloo::proto::handshake::{self, Policy};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// A server's frame with FIN set: a whole message or a Close.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, payload.len() as u8], payload].concat()
}

/// A Close frame with a code and a reason.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(8, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Starts a server that serves one client after the other with `script` and then closes.
pub(crate) fn serve(scheme: &str, script: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("{scheme}://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            stream.set_nodelay(true).expect("an option of TCP");
            script(&mut stream);
            // Wait until the client has closed, so that no reset overtakes the output.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    url
}

/// Like [`serve`], for a script that returns a value.
pub(crate) fn serve_and_report<T: Send + 'static>(
    scheme: &str,
    script: impl Fn(&mut TcpStream) -> T + Send + 'static,
) -> (String, Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    let url = serve(scheme, move |stream| {
        let _ = sender.send(script(stream));
    });
    (url, receiver)
}

/// Reads a request head, and returns the response that accepts the upgrade.
pub(crate) fn upgrade(stream: &mut TcpStream) -> Vec<u8> {
    let head = read_head(stream);
    handshake::accept(&head, &Policy::default(), None).expect("our client's request is valid").0
}

/// Reads up to and including an empty line.
pub(crate) fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        head.push(byte[0]);
    }
    head
}

/// Writes, whether or not the client is still connected.
pub(crate) fn write(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Reads once; returns nothing at the end.
pub(crate) fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = vec![0; 64 * 1024];
    let count = stream.read(&mut buffer).unwrap_or(0);
    buffer.truncate(count);
    buffer
}

pub(crate) fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
