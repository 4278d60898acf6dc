//! Echo on sockudo-ws. With `--deflate` it accepts permessage-deflate without context takeover, if
//! offered.

use halloo_peers::{MESSAGE_BYTES_MAX, Outcome, echo, is_asked_for, serve};
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{
    CompressedWebSocketStream, Compression, Config, DeflateConfig, Message, WebSocketStream,
};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Larger than the head of a request.
const HEAD_BYTES: usize = 4096;

fn main() -> io::Result<()> {
    serve("ws", serve_one)
}

async fn serve_one(mut stream: TcpStream) -> Outcome {
    let config = Config::builder()
        .max_payload_length(MESSAGE_BYTES_MAX)
        .max_backpressure(MESSAGE_BYTES_MAX)
        .idle_timeout(0)
        .auto_ping(false)
        .build();
    match shake_hands(&mut stream).await? {
        Some(deflate) => {
            echo(CompressedWebSocketStream::server(stream, config, deflate), is_data).await
        }
        None => echo(WebSocketStream::server(stream, config), is_data).await,
    }
}

/// Responds to the request. Returns the negotiated compression, if any.
async fn shake_hands(
    stream: &mut TcpStream,
) -> Result<Option<DeflateConfig>, Box<dyn std::error::Error>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // The client waits for the response: no input follows the request.
        let Some((request, _)) = parse_request(&head)? else { continue };
        let policy = Compression::Shared.to_deflate_config().filter(|_| is_asked_for("--deflate"));
        let agreed = request
            .extensions
            .zip(policy)
            .and_then(|(offers, policy)| negotiate_server_deflate(offers, &policy));
        let extension = agreed.as_ref().map(|agreed| agreed.to_response_header());
        let accept = generate_accept_key(request.key);
        stream.write_all(&build_response(&accept, None, extension.as_deref())).await?;
        return Ok(agreed.map(|agreed| agreed.config));
    }
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
