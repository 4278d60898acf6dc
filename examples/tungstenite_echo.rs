//! An echo server on the library `tungstenite`, for one test run: a thread per connection, no
//! compression. It exits when its last client has closed.

// tests/clients/run.py reads its output.
#![allow(clippy::print_stdout)]

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tungstenite::Error;

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening {}", listener.local_addr()?.port());
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let (stream, clients) = (stream?, Arc::clone(&clients));
        clients.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            match echo(stream) {
                Ok(()) | Err(Error::ConnectionClosed) => println!("closed 1000"),
                Err(error) => println!("failed: {error}"),
            }
            if clients.fetch_sub(1, Ordering::SeqCst) == 1 {
                std::process::exit(0);
            }
        });
    }
    Ok(())
}

fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = tungstenite::accept(stream).map_err(|error| match error {
        tungstenite::HandshakeError::Failure(error) => error,
        tungstenite::HandshakeError::Interrupted(_) => Error::ConnectionClosed,
    })?;
    println!("deflate false");
    loop {
        let message = socket.read()?;
        if message.is_text() || message.is_binary() {
            socket.send(message)?;
        }
    }
}
