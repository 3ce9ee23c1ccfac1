//! A server with TLS, and a client made of rustls and bare sockets.

use crate::raw::Running;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use wharf_server::Config;
use wharf_server::tls::{Source, Tls};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that offers TLS, with a certificate of its own making.
pub(crate) fn server(adjust: impl FnOnce(&mut Config)) -> Running {
    Running::with(|config| {
        let names = vec!["localhost".to_owned()];
        config.tls = Some(Arc::new(Tls::load(Source::SelfSigned(names), None).unwrap()));
        // Whoever was turned away may be told so at once: who comes later has tests of its own.
        config.own_time = Duration::ZERO;
        adjust(config);
    })
}

/// What a client offers: one of the versions, or both.
pub(crate) fn config(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(32)));
    config
}

/// A stream under TLS.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Begins TLS, and holds the handshake.
pub(crate) fn begin(config: &Arc<ClientConfig>, socket: TcpStream) -> io::Result<Stream> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut socket = socket;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(tls, socket))
}

/// A client under TLS.
pub(crate) struct Covered {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) lines: BufReader<Stream>,
}

impl Covered {
    /// AUTH TLS.
    pub(crate) fn connect(at: SocketAddr, config: ClientConfig) -> Self {
        let mut socket = socket(at);
        assert!(plain_line(&mut socket).starts_with("220 "));
        socket.write_all(b"AUTH TLS\r\n").unwrap();
        assert!(plain_line(&mut socket).starts_with("234 "));
        Self::over(socket, config)
    }

    pub(crate) fn over(socket: TcpStream, config: ClientConfig) -> Self {
        let config = Arc::new(config);
        let stream = begin(&config, socket).unwrap();
        Self { config, lines: BufReader::new(stream) }
    }

    /// `bob`, with data connections under TLS.
    pub(crate) fn bob(at: SocketAddr, config: ClientConfig) -> Self {
        let mut covered = Self::connect(at, config);
        covered.log_in();
        covered
    }

    pub(crate) fn log_in(&mut self) {
        for (line, code) in
            [("USER bob", 331), ("PASS secret", 230), ("PBSZ 0", 200), ("PROT P", 200)]
        {
            self.command(line, code);
        }
        self.command("TYPE I", 200);
    }

    pub(crate) fn send(&mut self, line: &str) {
        write!(self.lines.get_mut(), "{line}\r\n").unwrap();
    }

    /// The last line of a reply.
    pub(crate) fn reply(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            self.lines.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') && !line.starts_with(' ') {
                break;
            }
        }
        line
    }

    pub(crate) fn expect(&mut self, code: u16) -> String {
        let line = self.reply();
        assert!(line.starts_with(&format!("{code} ")), "{code} was due: {line}");
        line
    }

    pub(crate) fn command(&mut self, line: &str, code: u16) -> String {
        self.send(line);
        self.expect(code)
    }

    /// EPSV, and a connection to its port that is not under TLS yet.
    pub(crate) fn passive(&mut self) -> TcpStream {
        let reply = self.command("EPSV", 229);
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        let mut at = self.lines.get_ref().sock.peer_addr().unwrap();
        at.set_port(port);
        socket(at)
    }

    /// A download; whether its data connection resumed the TLS session, and the bytes.
    pub(crate) fn fetch(&mut self, command: &str) -> (bool, Vec<u8>) {
        let socket = self.passive();
        self.command(command, 125);
        let mut data = begin(&self.config, socket).unwrap();
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        let resumed = is_resumed(&data);
        drop(data);
        self.expect(226);
        (resumed, bytes)
    }

    /// An upload whose end is said in order.
    pub(crate) fn store(&mut self, command: &str, bytes: &[u8]) {
        let socket = self.passive();
        self.command(command, 125);
        let mut data = begin(&self.config, socket).unwrap();
        data.write_all(bytes).unwrap();
        data.conn.send_close_notify();
        data.flush().unwrap();
        // It ends when the server has answered with its own end.
        let _ = data.read_to_end(&mut Vec::new());
        drop(data);
        self.expect(226);
    }
}

pub(crate) fn is_resumed(stream: &Stream) -> bool {
    stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
}

pub(crate) fn socket(at: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(at).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A line in clear, and not a byte more.
pub(crate) fn plain_line(socket: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && socket.read(&mut byte).unwrap() > 0 {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Trusts every certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
