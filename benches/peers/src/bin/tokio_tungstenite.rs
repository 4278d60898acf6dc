//! Echo on tokio-tungstenite. It has no permessage-deflate.

use halloo_peers::{MESSAGE_BYTES_MAX, Outcome, echo, serve};
use std::io;
use tokio::net::TcpStream;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

fn main() -> io::Result<()> {
    serve("ws", serve_one)
}

async fn serve_one(stream: TcpStream) -> Outcome {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let socket = accept_async_with_config(stream, Some(config)).await?;
    echo(socket, |message| message.is_text() || message.is_binary()).await
}
