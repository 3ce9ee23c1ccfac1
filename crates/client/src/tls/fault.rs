//! What can be wrong with TLS, in words, with what helps.
//!
//! Names in a certificate come from the network, so they are escaped where they are shown.

use std::fmt;
use std::io;

use rustls::{CertificateError, InvalidMessage};
use wharf_proto::Text;

use super::Fingerprint;

/// Why TLS could not be begun, or broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// We do not trust the server's certificate.
    #[error("{why}{}", Shown(shown))]
    Certificate {
        /// Why.
        why: CertificateFault,
        /// The certificate's fingerprint.
        shown: Option<Fingerprint>,
    },
    /// The server answers in clear.
    #[error("the server answers in clear")]
    NotTls,
    /// The two have no version or cipher in common.
    #[error("nothing in common with the server: {0}")]
    NothingInCommon(String),
    /// The server broke it off, and said why.
    #[error("the server broke it off: {0}")]
    Refused(String),
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Broken(#[source] io::Error),
    /// It took too long.
    #[error("it was not begun in time")]
    Late,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Why a certificate is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Nobody that we trust has issued it.
    #[error("nobody we trust has issued the server's certificate")]
    UnknownIssuer,
    /// Its time is over.
    #[error("the server's certificate has expired")]
    Expired,
    /// Its time has not come.
    #[error("the server's certificate is not valid yet")]
    NotYetValid,
    /// It is for another host.
    #[error("the server's certificate is for another host{}", Names(names))]
    WrongName {
        /// For which.
        names: Vec<Text>,
    },
    /// It is none of those that we were told to expect.
    #[error("the server's certificate is not the pinned one")]
    NotPinned,
    /// Something else.
    #[error("the server's certificate is of no use: {0}")]
    Other(String),
}

impl TlsFault {
    /// What an error of the stream means; `shown` is the certificate that the server has shown.
    pub(crate) fn of(error: io::Error, shown: Option<Fingerprint>) -> Self {
        use rustls::Error as Tls;
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            None => Self::Broken(plain(error)),
            Some(Tls::InvalidCertificate(why)) => Self::Certificate { why: why.into(), shown },
            Some(Tls::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::NotTls,
            Some(Tls::PeerIncompatible(what)) => Self::NothingInCommon(format!("{what:?}")),
            Some(Tls::AlertReceived(alert)) => Self::Refused(format!("{alert:?}")),
            Some(other) => Self::Other(other.to_string()),
        }
    }

    /// Whether it was the other side, or the network, that ended it.
    pub(crate) fn is_theirs(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Broken(_) | Self::Late => true,
            Self::Certificate { .. } | Self::NotTls | Self::NothingInCommon(_) | Self::Other(_) => {
                false
            }
        }
    }

    /// What could help.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Certificate { why: CertificateFault::NotPinned, .. } => Some(
                "either it was renewed, or somebody sits in between: compare the fingerprint with what the \
                 server's keeper says before you give it to --pin",
            ),
            Self::Certificate { why: CertificateFault::WrongName { .. }, .. } => Some(
                "use the name that is in the certificate, or trust just this certificate with --pin and its \
                 fingerprint, once you have compared it with what the server's keeper says",
            ),
            Self::Certificate {
                why: CertificateFault::Expired | CertificateFault::NotYetValid,
                ..
            } => Some(
                "check the clock here; else the server's keeper has to renew it, and until then --pin with its \
                 fingerprint trusts just this certificate, once you have compared it with what the keeper says",
            ),
            Self::Certificate { .. } => Some(
                "trust its issuer with --ca FILE, or just this certificate with --pin and its fingerprint, \
                 once you have compared it with what the server's keeper says; --insecure trusts anybody",
            ),
            Self::NotTls => Some(
                "ftps:// is for ports where TLS begins at once; ftpes:// begins it with AUTH TLS; in the \
                 midst of a session the server may have failed",
            ),
            Self::Refused(alert) if alert.contains("Certificate") => Some(
                "the server may want a certificate of yours: --client-cert FILE and --client-key FILE",
            ),
            Self::NothingInCommon(_) | Self::Refused(_) => Some(
                "the server may be too old for TLS 1.2, or want what --tls-max or --tls-min forbids",
            ),
            Self::Broken(_) | Self::Late => {
                Some("something between may not let TLS through, or the port is not for TLS")
            }
            Self::Other(_) => None,
        }
    }
}

/// The same without the address of a manual, which is for programmers.
fn plain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the server closed it without close_notify",
        ),
        _ => error,
    }
}

impl From<&CertificateError> for CertificateFault {
    fn from(error: &CertificateError) -> Self {
        use CertificateError as Fault;
        match error {
            Fault::UnknownIssuer => Self::UnknownIssuer,
            Fault::Expired | Fault::ExpiredContext { .. } => Self::Expired,
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Self::NotYetValid,
            Fault::NotValidForName => Self::WrongName { names: Vec::new() },
            Fault::NotValidForNameContext { presented, .. } => {
                Self::WrongName { names: presented.iter().map(|name| named(name)).collect() }
            }
            Fault::ApplicationVerificationFailure => Self::NotPinned,
            other => Self::Other(Text::from(other.to_string()).to_string()),
        }
    }
}

/// A name of a certificate, of which the library tells the kind in its own way: `DnsName("a")`.
fn named(name: &str) -> Text {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').into()
}

struct Shown<'a>(&'a Option<Fingerprint>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(fingerprint) => write!(f, "; its fingerprint is {fingerprint}"),
            None => Ok(()),
        }
    }
}

struct Names<'a>(&'a [Text]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (index, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{name}", if index == 0 { ": " } else { ", " })?;
        }
        f.write_str(if self.0.len() > SHOWN { ", …" } else { "" })
    }
}
