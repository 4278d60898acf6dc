//! Shared by the echo servers: listening, printing the address, and echoing a batch.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// How a connection ended. The value is not used: a client without an echo notices.
pub type Outcome = Result<(), Box<dyn Error>>;

/// The largest message that a server accepts, in bytes, far above those of any workload.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// The listen backlog: more connections than a burst of connects brings at once.
const BACKLOG: i32 = 4096;

/// Serves `serve_one` on the address of the command line, in one thread, for ever.
///
/// # Errors
/// If the address cannot be parsed or bound.
pub fn serve<F, Served>(scheme: &str, serve_one: F) -> io::Result<()>
where
    F: Fn(TcpStream) -> Served,
    Served: Future<Output = Outcome> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = listen(scheme)?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let served = serve_one(stream);
            // No budget: it would cost the runtime's users time that this loop does not need.
            tokio::task::spawn_local(tokio::task::unconstrained(async move {
                let _ = served.await;
            }));
        }
    })
}

/// Listens on the address of the command line, non-blocking, and prints its URL.
///
/// # Errors
/// If the address cannot be parsed or bound.
pub fn listen(scheme: &str) -> io::Result<std::net::TcpListener> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = std::net::TcpListener::from(socket);
    let mut stdout = io::stdout();
    writeln!(stdout, "listening {scheme}://{}/", listener.local_addr()?)?;
    stdout.flush()?;
    Ok(listener)
}

/// Whether an option follows the address on the command line.
pub fn is_asked_for(option: &str) -> bool {
    std::env::args().skip(2).any(|argument| argument == option)
}

/// Echoes every message for which `is_data` holds. Messages that arrived together are echoed
/// together: responses are flushed when no further message is available.
///
/// # Errors
/// The error that ended the connection.
pub async fn echo<S, Message, E>(mut socket: S, is_data: impl Fn(&Message) -> bool) -> Outcome
where
    S: Stream<Item = Result<Message, E>> + Sink<Message, Error = E> + Unpin,
    E: Error + 'static,
{
    loop {
        let message = match socket.next().now_or_never() {
            Some(message) => message,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        let Some(message) = message else { return Ok(()) };
        let message = message?;
        if is_data(&message) {
            socket.feed(message).await?;
        }
    }
}
