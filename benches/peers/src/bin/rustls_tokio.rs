//! Raw echo over TLS: the cost of a server that uses rustls without a protocol on top. The
//! certificate is made at the start and self-signed.

use halloo_peers::{Outcome, serve};
use std::error::Error;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The largest payload of a TLS record (RFC 8446, section 5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let config = self_signed().map_err(|error| io::Error::other(error.to_string()))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve("tls", move |stream| serve_one(acceptor.clone(), stream))
}

fn self_signed() -> Result<ServerConfig, Box<dyn Error>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(config.with_single_cert(vec![made.cert.der().clone()], key)?)
}

async fn serve_one(acceptor: TlsAcceptor, stream: TcpStream) -> Outcome {
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = vec![0; RECORD_BYTES_MAX];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            stream.shutdown().await?;
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
        stream.flush().await?;
    }
}
