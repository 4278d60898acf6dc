//! Echo on fastwebsockets and hyper, as in its own example: each frame is written at once, because
//! it has no write buffer. It has no permessage-deflate.

use fastwebsockets::{FragmentCollector, OpCode, upgrade};
use halloo_peers::{MESSAGE_BYTES_MAX, Outcome, serve};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use tokio::net::TcpStream;
use tokio::task::{spawn_local, unconstrained};

fn main() -> io::Result<()> {
    serve("ws", serve_one)
}

async fn serve_one(stream: TcpStream) -> Outcome {
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(agree));
    Ok(connection.with_upgrades().await?)
}

async fn agree(
    mut request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, fastwebsockets::WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    spawn_local(unconstrained(async move {
        let _ = echo(upgraded).await;
    }));
    Ok(response)
}

async fn echo(upgraded: upgrade::UpgradeFut) -> Outcome {
    let mut socket = upgraded.await?;
    socket.set_max_message_size(MESSAGE_BYTES_MAX);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}
