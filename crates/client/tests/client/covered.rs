//! A scripted server under TLS, made of rustls and bare sockets, and certificates of every kind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use wharf_client::{Options, Tls, TlsMode, Trust};
use wharf_testkit::scripted::{Data, Host, Peer, Scripted};

use crate::support::options;

/// A certificate and its key.
pub(crate) struct Papers {
    pub(crate) certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Papers {
    /// For this name, signed by nobody else.
    pub(crate) fn self_signed(name: &str, is_ca: IsCa) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    /// What a client trusts that trusts this very certificate.
    pub(crate) fn pinned(&self) -> Trust {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(self.certificate.der());
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Trust::Pinned(vec![format!("sha256:{digits}").parse().unwrap()])
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// A server that shows it.
    pub(crate) fn server(&self) -> ServerConfig {
        self.server_asking(None)
    }

    /// A server that shows it, and demands a certificate of this client.
    pub(crate) fn server_asking(&self, client: Option<&CertificateDer<'static>>) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client.clone()).unwrap();
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        builder.with_single_cert(vec![self.certificate.der().clone()], key).unwrap()
    }
}

/// Who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for this name, valid from the one year to the other.
    pub(crate) fn issue(&self, name: &str, years: (i32, i32)) -> Papers {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        Papers { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }
}

/// A folder for PEM files.
pub(crate) struct Shelf(TempDir);

impl Shelf {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, pem: &str) -> std::path::PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }
}

/// Options of TLS begun by AUTH TLS.
pub(crate) fn explicit(trust: Trust) -> Options {
    Options { tls: Tls { mode: TlsMode::Explicit, trust, ..Tls::default() }, ..options() }
}

/// A server whose one session is under TLS from AUTH on, an anonymous user being logged in, data protected.
pub(crate) fn logged_in(
    config: ServerConfig,
    script: impl FnOnce(&mut Covered) + Send + 'static,
) -> Scripted {
    Scripted::sessions(move |host| {
        let mut peer = Covered::auth(host, config);
        peer.login();
        script(&mut peer);
    })
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// The server's side of a control connection under TLS.
pub(crate) struct Covered {
    config: Arc<ServerConfig>,
    lines: BufReader<Stream>,
    plain: TcpStream,
}

impl Covered {
    /// Greets, grants AUTH TLS and holds the handshake.
    pub(crate) fn auth(host: &Host, config: ServerConfig) -> Self {
        let mut peer = host.accept();
        peer.say("220 ready");
        peer.answer("AUTH TLS", "234 go on");
        Self::over(peer, config)
    }

    /// Holds the handshake at once.
    pub(crate) fn over(peer: Peer, config: ServerConfig) -> Self {
        Self::try_over(peer, config).unwrap()
    }

    /// The same, with a client that may break it off.
    pub(crate) fn try_over(peer: Peer, config: ServerConfig) -> Option<Self> {
        let config = Arc::new(config);
        let plain = peer.into_stream();
        let stream = begin(&config, plain.try_clone().unwrap()).ok()?;
        Some(Self { config, lines: BufReader::new(stream), plain })
    }

    /// PBSZ, PROT and an anonymous login.
    pub(crate) fn login(&mut self) {
        self.answer("PBSZ 0", "200 ok");
        self.answer("PROT P", "200 ok");
        self.answer("USER anonymous", "331 password");
        self.answer("PASS anonymous@", "230 in");
    }

    pub(crate) fn say(&mut self, reply: &str) {
        let lines: String = reply.lines().map(|line| format!("{line}\r\n")).collect();
        self.lines.get_mut().write_all(lines.as_bytes()).unwrap();
    }

    pub(crate) fn expect(&mut self, command: &str) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{command}\r\n"));
    }

    pub(crate) fn answer(&mut self, command: &str, reply: &str) {
        self.expect(command);
        self.say(reply);
    }

    /// Awaits the client's end of TLS, ends it too, and goes on in clear.
    pub(crate) fn uncover(self) -> BufReader<TcpStream> {
        let mut stream = self.lines.into_inner();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the client ends TLS and not the connection");
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        BufReader::new(stream.sock)
    }

    /// Ends TLS, and not the connection.
    pub(crate) fn end_tls(&mut self) {
        let stream = self.lines.get_mut();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    }

    /// Awaits the end of the connection, which TLS says.
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.escape_ascii().to_string(), "");
    }

    /// Awaits the end of the connection, however it comes.
    pub(crate) fn expect_any_end(&mut self) {
        let _ = self.lines.read_to_end(&mut Vec::new());
    }

    /// Awaits a command, if one comes, and ends the session.
    pub(crate) fn end_when_asked(&mut self) {
        if self.lines.read_line(&mut String::new()).is_ok_and(|count| count > 0) {
            self.say("421 that is all");
        }
    }

    /// Awaits EPSV and grants it.
    pub(crate) fn epsv(&mut self) -> Data {
        self.expect("EPSV");
        let ip = self.plain.local_addr().unwrap().ip();
        let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
        self.say(&format!("229 here (|||{}|)", listener.local_addr().unwrap().port()));
        Data::Accept(listener)
    }

    /// Opens a data connection and holds the handshake.
    pub(crate) fn open(&self, data: &Data) -> Stream {
        begin(&self.config, data.open()).unwrap()
    }

    /// Serves `x`, which is `one`, to its end.
    pub(crate) fn serve_one(&mut self) {
        let data = self.epsv();
        self.answer("RETR x", "150 opening");
        let mut stream = self.open(&data);
        stream.write_all(b"one").unwrap();
        end(stream);
        self.say("226 done");
    }

    /// The answers to what a fetch of `x` asks first.
    pub(crate) fn tell_size(&mut self, size: usize) {
        self.answer("TYPE I", "200 ok");
        self.answer("SIZE x", &format!("213 {size}"));
    }
}

/// Holds a handshake.
pub(crate) fn begin(config: &Arc<ServerConfig>, stream: TcpStream) -> std::io::Result<Stream> {
    let mut tls = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = stream;
    stream.set_nodelay(true)?;
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut stream) {
            // The client shall get the alert.
            let _ = tls.write_tls(&mut stream);
            return Err(error);
        }
    }
    Ok(StreamOwned::new(tls, stream))
}

/// Says that nothing follows, and awaits that the client says the same and closes.
pub(crate) fn end(mut stream: Stream) {
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a client says that it ends");
}

/// Ends the connection as anybody in between could.
pub(crate) fn cut(mut stream: Stream) {
    stream.flush().unwrap();
    stream.sock.shutdown(Shutdown::Write).unwrap();
    let _ = stream.sock.read(&mut [0; 64]);
}

/// Holds a handshake that the client is to break off.
pub(crate) fn rejected(host: &Host, config: ServerConfig) {
    let mut peer = host.accept();
    peer.say("220 ready");
    peer.answer("AUTH TLS", "234 go on");
    let config = Arc::new(config);
    if let Ok(mut stream) = begin(&config, peer.into_stream()) {
        // In TLS 1.3 the server is ready first.
        assert!(stream.read(&mut [0; 64]).is_err());
    }
}
