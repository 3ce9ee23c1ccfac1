//! TLS on the server: what it needs, and what each session has of it.
//!
//! [`Tls`] holds the certificates of the server, and can read them anew while sessions run. Every session has a
//! store of TLS sessions of its own (`tls/session.rs`), so that a data connection which resumes one proves whose
//! it is. How bytes go through TLS is in `tls/stream.rs`, and when it begins and ends the machine decides.
//! RFC 4217, RFC 8446, RFC 5246.

mod certificates;
mod keys;
mod session;
mod stream;

pub use keys::KeyLog;
pub(crate) use session::{Held, SessionTls};
pub(crate) use stream::TlsStream;

use certificates::{Certificates, Identity};
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use std::fmt::{self, Write as _};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;

/// A certificate with what leads up to its issuer, and its key: both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate first, then those of its issuers.
    pub certificate: PathBuf,
    /// The key, which no password protects.
    pub key: PathBuf,
}

/// Certificates of clients: who may have issued them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificates {
    /// The certificates of the issuers, in PEM.
    pub issuers: PathBuf,
    /// Lists of those that were revoked, in PEM.
    pub revoked: Vec<PathBuf>,
    /// Whether a client without a certificate is turned away.
    pub demanded: bool,
}

/// Where the certificates of a server come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From files, which may change while the server runs. Which one a client sees depends on the name that it
    /// asks for; the first is for all others.
    Files(Vec<CertificateFiles>),
    /// Made on the spot for these names, and signed by nobody: for trying things.
    SelfSigned(Vec<String>),
}

/// TLS for a server.
///
/// ```no_run
/// use wharf_server::tls::{Source, Tls};
/// let tls = Tls::load(Source::SelfSigned(vec!["localhost".to_owned()]), None)?;
/// println!("fingerprint {}", tls.fingerprint());
/// # Ok::<(), wharf_server::tls::TlsError>(())
/// ```
#[derive(Debug)]
pub struct Tls {
    source: Source,
    clients: Option<ClientCertificates>,
    keys: OnceLock<Arc<KeyLog>>,
    state: RwLock<Arc<State>>,
}

/// What has been read.
#[derive(Debug)]
pub(crate) struct State {
    certificates: Arc<Certificates>,
    /// What every session's configuration begins with.
    base: ServerConfig,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// No certificate was named.
    #[error("TLS needs a certificate")]
    None,
    /// The library says no.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

/// What is wrong with a certificate by the clock alone. Clients refuse it; one that pins it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untimely {
    /// It has expired: at this time, in seconds since 1970.
    Expired(u64),
    /// It is not valid before this time, in seconds since 1970.
    NotYet(u64),
}

impl fmt::Display for Untimely {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, at) = match self {
            Self::Expired(at) => ("has expired on", at),
            Self::NotYet(at) => ("is not valid before", at),
        };
        let date = i64::try_from(*at).ok().and_then(|at| Timestamp::from_second(at).ok());
        match date {
            Some(date) => write!(f, "{words} {}", date.strftime("%Y-%m-%d %H:%M:%S UTC")),
            None => write!(f, "{words} a time beyond the calendar"),
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl Tls {
    /// Reads or makes the certificates.
    ///
    /// # Errors
    /// [`TlsError`], with the file that is to blame.
    pub fn load(source: Source, clients: Option<ClientCertificates>) -> Result<Self, TlsError> {
        let identities = match &source {
            Source::Files(files) => identities(files)?,
            Source::SelfSigned(names) => vec![Identity::self_signed(names.clone())?],
        };
        let state = State::new(identities, clients.as_ref())?;
        let state = RwLock::new(Arc::new(state));
        Ok(Self { source, clients, keys: OnceLock::new(), state })
    }

    /// Has the keys of all sessions from now on written down, those of their data connections too. Where to is decided
    /// once: a second call changes nothing.
    pub fn log_keys(&self, log: KeyLog) {
        self.keys.get_or_init(|| Arc::new(log));
    }

    /// Reads the files anew, for sessions from now on. Those that run keep what they have; so does the server,
    /// where something is wrong with the new files.
    ///
    /// # Errors
    /// [`TlsError`], with the file that is to blame.
    pub fn reload(&self) -> Result<(), TlsError> {
        let identities = match &self.source {
            Source::Files(files) => identities(files)?,
            // Nobody could have trusted it but by its fingerprint, so it stays.
            Source::SelfSigned(_) => return Ok(()),
        };
        let state = Arc::new(State::new(identities, self.clients.as_ref())?);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    /// The files that [`Tls::reload`] reads.
    pub fn files(&self) -> Vec<PathBuf> {
        files(&self.source, self.clients.as_ref())
    }

    /// The certificates that are too old or too new at this time, or lead up to their issuer by one that is, each with
    /// the file that it was read from. A server works with them, but few clients will.
    pub fn untimely(&self, now: SystemTime) -> Vec<(PathBuf, Untimely)> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let state = self.state();
        let found = state.certificates.untimely(UnixTime::since_unix_epoch(since));
        let named = |(number, what): (usize, _)| match &self.source {
            Source::Files(files) => Some((files.get(number)?.certificate.clone(), what)),
            // Made for longer than anything lasts.
            Source::SelfSigned(_) => None,
        };
        found.filter_map(named).collect()
    }

    /// The SHA-256 of the first certificate, as people compare it: `ab:cd:...`.
    pub fn fingerprint(&self) -> String {
        self.state().certificates.fingerprint()
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The files that these settings name.
pub fn files(source: &Source, clients: Option<&ClientCertificates>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Source::Files(files) = source {
        paths.extend(files.iter().flat_map(|f| [f.certificate.clone(), f.key.clone()]));
    }
    if let Some(clients) = clients {
        paths.push(clients.issuers.clone());
        paths.extend(clients.revoked.iter().cloned());
    }
    paths
}

fn identities(files: &[CertificateFiles]) -> Result<Vec<Identity>, TlsError> {
    if files.is_empty() {
        return Err(TlsError::None);
    }
    files.iter().map(Identity::read).collect()
}

impl State {
    fn new(
        identities: Vec<Identity>,
        clients: Option<&ClientCertificates>,
    ) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::new(identities));
        let builder = ServerConfig::builder_with_provider(session::provider());
        let builder = builder.with_safe_default_protocol_versions()?;
        let resolver = Arc::clone(&certificates);
        let base = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let verifier: Arc<dyn ClientCertVerifier> = certificates::verifier(clients)?;
                builder.with_client_cert_verifier(verifier)
            }
        }
        .with_cert_resolver(resolver);
        Ok(Self { certificates, base })
    }
}

/// `ab:cd:...`.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (n, byte) in bytes.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{byte:02x}", if n > 0 { ":" } else { "" });
    }
    text
}
