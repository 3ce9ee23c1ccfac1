//! The TLS of one control connection: its settings, and the TLS sessions that its data connections resume.
//!
//! Each control connection has a configuration of its own, because the tickets are kept in it: with a shared one a
//! data connection might show the ticket of another session, and servers turn that away. A ticket of TLS 1.3 is
//! used once, so every connection must be read to the end for the new ones that the server gives.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{ClientSessionMemoryCache, Resumption, TicketRequest};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, KeyLogFile, ProtocolVersion, SupportedProtocolVersion};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wharf_proto::Text;
use wharf_proto::tap::TlsFacts;

use super::trust::{Judge, Shown, certificates};
use super::{Fingerprint, Identity, Stream, Tls, TlsFault, TlsMode, Versions};
use crate::{Error, Options, ProxyFault};

/// How many tickets are kept: as many as rustls keeps of one server.
const TICKETS: usize = 8;
/// How many tickets we ask for when a TLS session begins, and when it is resumed (RFC 9149). Servers that know
/// nothing of it give one or two.
const WANTED: TicketRequest = TicketRequest { new_session_count: 4, resumption_count: 1 };

/// The TLS of one control connection and of its data connections.
pub(crate) struct Security {
    connector: TlsConnector,
    /// The host as the caller has named it. Data connections are to show its certificate too.
    name: ServerName<'static>,
    shown: Shown,
}

impl Security {
    /// What the options want of TLS, if they want any.
    ///
    /// # Errors
    /// `Proxy` where a gateway stands in between, and those of [`new`](Self::new).
    pub(crate) fn wanted(host: &str, options: &Options) -> Result<Option<Self>, Error> {
        if options.tls.mode == TlsMode::Off {
            return Ok(None);
        }
        match options.proxy.as_ref().filter(|proxy| !proxy.is_tunnel()) {
            Some(proxy) => {
                Err(Error::Proxy { proxy: proxy.to_string(), fault: ProxyFault::Listens })
            }
            None => Self::new(host, &options.tls).map(Some),
        }
    }

    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// `Local` for a file that cannot be read or makes no sense, `Tls` for a host that no certificate can be
    /// for.
    fn new(host: &str, tls: &Tls) -> Result<Self, Error> {
        let refused = |fault| Error::Tls { fault, last: Box::default() };
        let shown = Shown::new(Mutex::new(None));
        let provider = Arc::new(ring::default_provider());
        let judge = Judge::new(&tls.trust, Arc::clone(&provider), Arc::clone(&shown))?;
        let config = configure(tls, provider, judge)?
            .map_err(|error| refused(TlsFault::Other(error.to_string())))?;
        // A certificate knows nothing of the zone of an address.
        let bare = host.split_once('%').map_or(host, |(address, _)| address);
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| refused(TlsFault::Other(format!("{host} cannot be in a certificate"))))?;
        Ok(Self { connector: Arc::new(config).into(), name, shown })
    }

    /// Begins TLS on a connection, of which up to `buffer` bytes are received at a time.
    ///
    /// # Errors
    /// Why it could not be begun. The connection has gone then.
    pub(crate) async fn begin(
        &self,
        stream: TcpStream,
        buffer: usize,
    ) -> Result<(Stream, TlsFacts), TlsFault> {
        // rustls reads small pieces; the buffer spares a system call for each.
        let stream = BufReader::with_capacity(buffer, stream);
        match self.connector.connect(self.name.clone(), stream).await {
            Ok(stream) => {
                let facts = self.facts(stream.get_ref().1);
                Ok((Stream::covered(stream), facts))
            }
            Err(error) => Err(TlsFault::of(error, self.shown())),
        }
    }

    fn shown(&self) -> Option<Fingerprint> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn facts(&self, tls: &rustls::ClientConnection) -> TlsFacts {
        let version = match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(_) | None => "TLS",
        };
        let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
        let cipher = suite.and_then(|suite| suite.as_str()).unwrap_or("unknown");
        let resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
        let name = match &self.name {
            ServerName::DnsName(name) => Some(Text::from(name.as_ref())),
            _ => None,
        };
        TlsFacts { version: version.into(), cipher: cipher.into(), resumed, name }
    }
}

/// The settings as rustls takes them; the outer error is that of a file.
fn configure(
    tls: &Tls,
    provider: Arc<CryptoProvider>,
    judge: Judge,
) -> Result<Result<ClientConfig, rustls::Error>, Error> {
    let versions: &[&SupportedProtocolVersion] = match tls.versions {
        Versions::Both => &[&TLS13, &TLS12],
        Versions::Only12 => &[&TLS12],
        Versions::Only13 => &[&TLS13],
    };
    let builder =
        match ClientConfig::builder_with_provider(provider).with_protocol_versions(versions) {
            Ok(builder) => builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)),
            Err(error) => return Ok(Err(error)),
        };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let fault = |_| unusable(key, "it holds no private key in PEM");
            let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(fault)?;
            let chain = certificates(certificate)?;
            let fault = |error: rustls::Error| unusable(key, &error.to_string());
            builder.with_client_auth_cert(chain, secret).map_err(fault)?
        }
    };
    config.resumption = match tls.fresh_data {
        true => Resumption::disabled(),
        false => Resumption::store(Arc::new(ClientSessionMemoryCache::new(TICKETS))),
    };
    config.send_ticket_request = Some(WANTED);
    if tls.log_keys {
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(Ok(config))
}

/// The bytes of a small file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Local { doing: "read", path: path.to_owned(), source })
}

/// The error of a file that can be read and makes no sense.
pub(super) fn unusable(path: &Path, why: &str) -> Error {
    let source = io::Error::new(io::ErrorKind::InvalidData, why);
    Error::Local { doing: "use", path: path.to_owned(), source }
}
