//! A blocking TLS client on rustls itself, independent of the server's own TLS code.

use super::authority::{Authority, Issued};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    SupportedProtocolVersion,
};
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest time that a read or a write may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Both supported versions.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// One TLS connection.
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    tls: RefCell<ClientConnection>,
}

/// A configuration that trusts the shared authority, as a base for others.
pub(crate) fn config() -> ClientConfig {
    config_of(&VERSIONS, None)
}

/// A configuration with one of these versions only, and with this identity if the server requests
/// one.
pub(crate) fn config_of(
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&Issued>,
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the versions are supported")
        .with_root_certificates(Authority::shared().roots());
    match identity {
        None => builder.with_no_client_auth(),
        Some(issued) => builder
            .with_client_auth_cert(issued.chain(), issued.key())
            .expect("the key fits its certificate"),
    }
}

/// The socket to a URL's host and port.
pub(crate) fn tcp(url: &str) -> TcpStream {
    let (_, rest) = url.split_once("://").expect("a URL with a host");
    let authority = rest.split('/').next().unwrap_or_default();
    let tcp = TcpStream::connect(authority).expect("the server listens");
    tcp.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    tcp.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
    // A write must leave at once, as one segment if it is small.
    tcp.set_nodelay(true).expect("it is a socket");
    tcp
}

/// TLS that has sent nothing yet, for a server on this machine.
pub(crate) fn tls(config: ClientConfig) -> ClientConnection {
    let name = ServerName::try_from("127.0.0.1").expect("it is an address");
    ClientConnection::new(Arc::new(config), name).expect("the configuration is valid")
}

impl Stream {
    /// Connects and trusts the shared authority.
    pub(crate) fn connect(url: &str) -> io::Result<Self> {
        Self::connect_with(url, config())
    }

    /// Connects and completes the TLS handshake.
    pub(crate) fn connect_with(url: &str, config: ClientConfig) -> io::Result<Self> {
        let mut stream = Self::new(tcp(url), tls(config));
        stream.shake_hands()?;
        Ok(stream)
    }

    /// Takes over a socket and TLS in any state.
    pub(crate) fn new(tcp: TcpStream, tls: ClientConnection) -> Self {
        Self { tcp, tls: RefCell::new(tls) }
    }

    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        self.send_ciphertext()?;
        while self.tls.borrow().is_handshaking() {
            if self.receive()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.send_ciphertext()?;
        }
        Ok(())
    }

    /// The underlying socket.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    pub(crate) fn tls(&mut self) -> &mut ClientConnection {
        self.tls.get_mut()
    }

    /// Sends close_notify; it can still read.
    pub(crate) fn finish_output(&self) -> io::Result<()> {
        self.tls.borrow_mut().send_close_notify();
        self.send_ciphertext()
    }

    /// Encrypts this plaintext into records without sending them.
    pub(crate) fn ciphertext(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let tls = self.tls.get_mut();
        tls.set_buffer_limit(None);
        tls.writer().write_all(plaintext).expect("the buffer has no limit");
        unsent(tls)
    }

    /// The socket ends with a FIN: a reset would be an error.
    #[track_caller]
    pub(crate) fn expect_fin(&self) {
        let left = (&self.tcp).read(&mut [0; 64]);
        assert!(matches!(left, Ok(0)), "FIN is due, not {left:?}");
    }

    /// Writes and reads at the same time, until `count` bytes have arrived.
    #[track_caller]
    pub(crate) fn exchange(&mut self, output: &[u8], count: usize) -> Vec<u8> {
        self.exchange_then(output, count, |_| {})
    }

    /// The same, with close_notify directly after the output.
    #[track_caller]
    pub(crate) fn exchange_and_finish(&mut self, output: &[u8], count: usize) -> Vec<u8> {
        self.exchange_then(output, count, |tls| tls.send_close_notify())
    }

    #[track_caller]
    fn exchange_then(
        &mut self,
        mut output: &[u8],
        count: usize,
        then: impl Fn(&mut ClientConnection),
    ) -> Vec<u8> {
        let until = Instant::now() + PATIENCE;
        self.tcp.set_nonblocking(true).expect("it is a socket");
        let mut input = vec![0; count];
        let mut filled = 0;
        while filled < count {
            let tls = self.tls.get_mut();
            let taken = match output {
                [] => 0,
                _ => tls.writer().write(output).expect("TLS accepts input up to its limit"),
            };
            output = &output[taken..];
            if output.is_empty() && taken > 0 {
                then(tls);
            }
            let sent = if tls.wants_write() { ready(tls.write_tls(&mut self.tcp)) } else { 0 };
            let came = ready(tls.read_tls(&mut self.tcp));
            tls.process_new_packets().expect("the server's TLS is valid");
            filled += ready(tls.reader().read(&mut input[filled..]));
            if taken + sent + came == 0 {
                assert!(Instant::now() < until, "{filled} of {count} bytes have arrived");
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        assert!(output.is_empty(), "the echo came before its message");
        self.tcp.set_nonblocking(false).expect("it is a socket");
        input
    }

    fn send_ciphertext(&self) -> io::Result<()> {
        let mut tls = self.tls.borrow_mut();
        while tls.wants_write() {
            tls.write_tls(&mut &self.tcp)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<usize> {
        let tls = self.tls.get_mut();
        let count = tls.read_tls(&mut self.tcp)?;
        let result = tls.process_new_packets();
        let _ = self.send_ciphertext();
        result.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(count)
    }
}

/// All pending TLS output, taken from the session.
pub(crate) fn unsent(tls: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes).expect("a vector accepts everything");
    }
    bytes
}

#[track_caller]
fn ready(result: io::Result<usize>) -> usize {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        other => other.expect("the connection is open"),
    }
}

impl Read for Stream {
    /// 0 only after close_notify: an end of the socket without it is an error.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.get_mut().reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => _ = self.receive()?,
                other => return other,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.tls.get_mut().writer().write(bytes)?;
        self.send_ciphertext()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Accepts any certificate.
#[derive(Debug)]
pub(crate) struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
