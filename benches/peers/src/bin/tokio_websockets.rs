//! Echo on tokio-websockets. It has no permessage-deflate.

use halloo_peers::{Outcome, echo, serve};
use std::io;
use tokio::net::TcpStream;
use tokio_websockets::{Config, Limits, ServerBuilder};

fn main() -> io::Result<()> {
    serve("ws", serve_one)
}

async fn serve_one(stream: TcpStream) -> Outcome {
    let config = Config::default().frame_size(usize::MAX);
    let server = ServerBuilder::new().config(config).limits(Limits::unlimited());
    let (_request, socket) = server.accept(stream).await?;
    echo(socket, |message| message.is_text() || message.is_binary()).await
}
