//! Who is trusted: the judge of a server's certificate.
//!
//! It remembers the fingerprint of what was shown, so that an error can tell it. Whether the server holds the key of
//! its certificate is checked whatever the trust. Revocation is not looked into.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::security::{read, unusable};
use super::{Fingerprint, Trust};
use crate::Error;

/// What the server has shown last.
pub(super) type Shown = Arc<Mutex<Option<Fingerprint>>>;

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct Judge {
    standard: Standard,
    provider: Arc<CryptoProvider>,
    shown: Shown,
}

#[derive(Debug)]
enum Standard {
    Issuers {
        /// `None` where there is nobody to trust.
        verifier: Option<Arc<WebPkiServerVerifier>>,
        /// What the caller's files hold.
        named: Vec<CertificateDer<'static>>,
    },
    Pinned(Vec<Fingerprint>),
    Anybody,
}

impl Judge {
    /// A judge of this kind.
    ///
    /// # Errors
    /// `Local` for a file that cannot be read or holds no certificate.
    pub(super) fn new(
        trust: &Trust,
        provider: Arc<CryptoProvider>,
        shown: Shown,
    ) -> Result<Self, Error> {
        let standard = match trust {
            Trust::Issuers(files) => issuers(files, &provider)?,
            Trust::Pinned(pins) => Standard::Pinned(pins.clone()),
            Trust::Anybody => Standard::Anybody,
        };
        Ok(Self { standard, provider, shown })
    }
}

/// Whom the system trusts, read when somebody first asks: each session of many would read a hundred files again.
fn system() -> &'static RootCertStore {
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "among the certificates that the system trusts");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        roots
    })
}

fn issuers(files: &[PathBuf], provider: &Arc<CryptoProvider>) -> Result<Standard, Error> {
    let mut roots = system().clone();
    let mut named = Vec::new();
    for file in files {
        let certificates = certificates(file)?;
        for certificate in &certificates {
            let fault = |_| unusable(file, "it holds something that is no certificate");
            roots.add(certificate.clone()).map_err(fault)?;
        }
        named.extend(certificates);
    }
    // It fails where there is no root at all; then nobody is trusted.
    let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    Ok(Standard::Issuers { verifier: builder.build().ok(), named })
}

/// The certificates in a PEM file, of which there must be one at least.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(unusable(file, "it holds no certificate in PEM")),
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let fingerprint = Fingerprint::of(end_entity);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        match &self.standard {
            Standard::Anybody => Ok(ServerCertVerified::assertion()),
            Standard::Pinned(pins) if pins.contains(&fingerprint) => {
                Ok(ServerCertVerified::assertion())
            }
            Standard::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Standard::Issuers { verifier: None, .. } => Err(CertificateError::UnknownIssuer.into()),
            Standard::Issuers { verifier: Some(verifier), named } => {
                match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                    // Many people make themselves a certificate that says of itself that it is an
                    // issuer's. It is no server's by the rules, but the caller has named this very one;
                    // its dates have been looked at before.
                    Err(TlsError::InvalidCertificate(CertificateError::Other(_)))
                        if named.iter().any(|known| known == end_entity) =>
                    {
                        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                        Ok(ServerCertVerified::assertion())
                    }
                    // Of such a one that nobody has named there is more to say than that it is no server's.
                    Err(TlsError::InvalidCertificate(CertificateError::Other(why)))
                        if why.to_string().contains("CaUsedAsEndEntity") =>
                    {
                        Err(CertificateError::UnknownIssuer.into())
                    }
                    verdict => verdict,
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
