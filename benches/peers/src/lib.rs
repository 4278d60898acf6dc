//! What the echo servers share: where they listen, what they say then, and how they answer a batch.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// How a connection ended. Nobody reads it: a client that is not answered notices.
pub type Outcome = Result<(), Box<dyn Error>>;

/// The largest message that a server takes, in bytes. No workload comes near.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// Connections that may wait to be accepted: more than a storm of connects brings at once.
const BACKLOG: i32 = 4096;

/// Serves `talk` on the address of the command line, in one thread, for ever.
///
/// # Errors
/// If the address cannot be understood or listened on.
pub fn serve<F, Talk>(scheme: &str, talk: F) -> io::Result<()>
where
    F: Fn(TcpStream) -> Talk,
    Talk: Future<Output = Outcome> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = listen(scheme)?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let talk = talk(stream);
            // No budget: it would cost the runtime's users time that the loop here does not need.
            tokio::task::spawn_local(tokio::task::unconstrained(async move {
                let _ = talk.await;
            }));
        }
    })
}

/// Listens on the address of the command line, without blocking, and says where.
///
/// # Errors
/// If the address cannot be understood or listened on.
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

/// Whether an option stands on the command line behind the address.
pub fn is_asked_for(option: &str) -> bool {
    std::env::args().skip(2).any(|argument| argument == option)
}

/// Sends every message back for which `is_data` holds. What came together leaves together: the answers are
/// flushed when no further message is at hand.
///
/// # Errors
/// What the connection ended with.
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
