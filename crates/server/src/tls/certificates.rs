//! Certificates: read from files, chosen by the name that a client asks for.

use super::{CertificateFiles, ClientCertificates, TlsError, Untimely, hexadecimal, session};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName,
    UnixTime,
};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

/// A certificate with its key, and nothing that does not fit.
#[derive(Clone, Debug)]
pub(super) struct Identity(Arc<CertifiedKey>);

/// The certificates of a server.
#[derive(Debug)]
pub(super) struct Certificates(Vec<Identity>);

impl Identity {
    /// Reads a certificate and its key, and sees whether they belong together.
    pub(super) fn read(files: &CertificateFiles) -> Result<Self, TlsError> {
        let chain = certificates_in(&files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes_of(&files.key)?).map_err(|_| {
            content(&files.key, "holds no private key in PEM, or one under a password")
        })?;
        let identity = CertifiedKey::from_der(chain, key, &session::provider());
        let identity = identity.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => content(
                &files.key,
                format!("is not the key of the certificate in {}", files.certificate.display()),
            ),
            error => content(&files.certificate, format!("cannot be used: {error}")),
        })?;
        Ok(Self(Arc::new(identity)))
    }

    /// A new key, and a certificate for these names that it has signed itself.
    pub(super) fn self_signed(names: Vec<String>) -> Result<Self, TlsError> {
        let broken = |error: rcgen::Error| TlsError::Library(error.to_string());
        let made = rcgen::generate_simple_self_signed(names).map_err(broken)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let chain = vec![made.cert.der().clone()];
        let identity = CertifiedKey::from_der(chain, key.into(), &session::provider())?;
        Ok(Self(Arc::new(identity)))
    }

    /// What of the certificate and of those behind it is too old or too new at this time.
    fn untimely(&self, now: UnixTime) -> impl Iterator<Item = Untimely> {
        self.0.cert.iter().filter_map(move |certificate| untimely(certificate, now))
    }

    /// Whether the certificate is for a host of this name.
    fn is_for(&self, name: &ServerName<'_>) -> bool {
        let first = self.0.end_entity_cert().ok();
        let parsed = first.and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
        parsed.is_some_and(|certificate| verify_server_name(&certificate, name).is_ok())
    }
}

impl Certificates {
    pub(super) fn new(identities: Vec<Identity>) -> Self {
        Self(identities)
    }

    /// The certificate for a host of this name, or the first.
    pub(super) fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let own = name.and_then(|name| self.0.iter().find(|identity| identity.is_for(&name)));
        own.or_else(|| self.0.first()).map(|identity| Arc::clone(&identity.0))
    }

    /// What is too old or too new at this time, with the number of the certificate that it is a part of.
    pub(super) fn untimely(&self, now: UnixTime) -> impl Iterator<Item = (usize, Untimely)> {
        let each = self.0.iter().enumerate();
        each.flat_map(move |(number, one)| one.untimely(now).map(move |what| (number, what)))
    }

    pub(super) fn fingerprint(&self) -> String {
        let first = self.0.first().and_then(|identity| identity.0.end_entity_cert().ok());
        first.map(|certificate| hexadecimal(&Sha256::digest(certificate))).unwrap_or_default()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

/// Whether a certificate is too old or too new. The library looks at the dates before it asks who has issued it, and
/// whom nobody vouches for that is all it can say.
fn untimely(certificate: &CertificateDer<'_>, now: UnixTime) -> Option<Untimely> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let known = session::provider().signature_verification_algorithms.all;
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], now, known) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => Some(Untimely::Expired(not_after.as_secs())),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) => Some(Untimely::NotYet(not_before.as_secs())),
        _ => None,
    }
}

/// Who holds certificates of clients against their issuers.
pub(super) fn verifier(
    clients: &ClientCertificates,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(&clients.issuers)? {
        roots.add(certificate).map_err(|error| {
            content(
                &clients.issuers,
                format!("holds a certificate that is none of an issuer: {error}"),
            )
        })?;
    }
    let mut lists = Vec::new();
    for path in &clients.revoked {
        let bytes = bytes_of(path)?;
        let found =
            CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
        let found = found.ok().filter(|found| !found.is_empty());
        lists.extend(
            found.ok_or_else(|| content(path, "holds no list of revoked certificates in PEM"))?,
        );
    }
    let provider = session::provider();
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = builder.with_crls(lists);
    let builder = if clients.demanded { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| content(&clients.issuers, format!("cannot be used: {error}")))
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes_of(path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| content(path, format!("is broken: {error}")))?;
    if found.is_empty() {
        return Err(content(path, "holds no certificate in PEM"));
    }
    Ok(found)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn content(path: &Path, why: impl Into<String>) -> TlsError {
    TlsError::Content { path: path.to_owned(), why: why.into() }
}
