//! A server that is not halloo: threads of the test, with a closure that decides what each client
//! gets.

use super::peer::{Peer, Wire};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Accepts no more clients after it goes out of scope; its threads end with their clients.
pub(crate) struct Foreign {
    scheme: &'static str,
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Foreign {
    /// Serves each client in its own thread after its opening handshake. The closure also receives
    /// the number of earlier clients.
    pub(crate) fn start(wire: Wire, serve: impl Fn(Peer, usize) + Send + Sync + 'static) -> Self {
        Self::start_bare(wire.scheme(), move |stream, nth| {
            if let Ok(peer) = Peer::accept(stream, wire) {
                serve(peer, nth);
            }
        })
    }

    /// The same from the first byte on: the closure receives the stream itself.
    pub(crate) fn start_bare(
        scheme: &'static str,
        serve: impl Fn(TcpStream, usize) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let is_over = Arc::new(AtomicBool::new(false));
        let (ends, serve) = (Arc::clone(&is_over), Arc::new(serve));
        let acceptor = thread::spawn(move || {
            for (nth, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream, nth));
            }
        });
        Self { scheme, address, is_over, acceptor: Some(acceptor) }
    }

    /// The URL of the server.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The acceptor notices the end when a client connects.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}
