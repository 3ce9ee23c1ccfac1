//! TLS of one session: what binds its data connections to its control connection.
//!
//! Each session has a store of TLS sessions of its own. What it holds was given out on this control connection,
//! or on data connections that had resumed it; so a data connection that resumes something from it comes from
//! the same client (TLS 1.2 by session id, TLS 1.3 by ticket). A stranger's data connection, who came to the port
//! first, begins a TLS session of its own, and is told apart by that. What a data connection is given out is
//! held back ([`Held`]) until that is known, so that a stranger has nothing to resume at the next try.
//!
//! A ticket is not used up: clients of OpenSSL show the same one on every data connection. That would let early
//! data be replayed, which is never accepted here.

use super::{State, Tls, certificates::Certificates};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, KeyLog, ServerConfig, SignatureScheme};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How many TLS sessions a store keeps besides those of the control connection: clients use the latest.
const KEPT: usize = 16;

/// How many there are of the control connection, at most: one in TLS 1.2, a ticket or two in TLS 1.3.
const FIRST: usize = 4;

/// The cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&PROVIDER)
}

/// What a session has of TLS.
pub(crate) struct SessionTls {
    control: Arc<ServerConfig>,
    /// What the configuration of each data connection begins with.
    data: ServerConfig,
    store: Arc<Store>,
}

impl SessionTls {
    /// For a control connection that begins TLS now. `host`: what the client has asked for by HOST, which
    /// counts where it asks for no name in TLS.
    pub(crate) fn new(tls: &Tls, host: Option<&str>) -> Self {
        let State { certificates, base } = &*tls.state();
        let mut control = base.clone();
        let store = Arc::new(Store::default());
        control.session_storage = Arc::clone(&store) as Arc<dyn StoresServerSessions>;
        if let Some(host) = host {
            let certificates = Arc::clone(certificates);
            control.cert_resolver = Arc::new(Hosted { certificates, host: host.to_owned() });
        }
        if let Some(keys) = tls.keys.get() {
            control.key_log = Arc::clone(keys) as Arc<dyn KeyLog>;
        }
        control.alpn_protocols = vec![b"ftp".to_vec()];
        let mut data = control.clone();
        // The name for data connections is usual, and in no registry.
        data.alpn_protocols.push(b"ftp-data".to_vec());
        // For clients that use a ticket once, one for the next data connection.
        data.send_tls13_tickets = 1;
        Self { control: Arc::new(control), data, store }
    }

    pub(super) fn control(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.control)
    }

    /// For one data connection, with what is held of it.
    pub(super) fn data(&self) -> (Arc<ServerConfig>, Arc<Held>) {
        let held = Arc::new(Held { store: Arc::clone(&self.store), given: Mutex::default() });
        let mut config = self.data.clone();
        config.session_storage = Arc::clone(&held) as Arc<dyn StoresServerSessions>;
        (Arc::new(config), held)
    }

    /// For a data connection on which we are the client, the other end being another server.
    pub(super) fn as_client(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let verifier = Arc::new(AnyServer(provider()));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.key_log = Arc::clone(&self.control.key_log);
        Ok(Arc::new(config))
    }
}

/// The certificate for the host that the client has named by HOST.
#[derive(Debug)]
struct Hosted {
    certificates: Arc<Certificates>,
    host: String,
}

impl ResolvesServerCert for Hosted {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificates.choose(Some(hello.server_name().unwrap_or(&self.host)))
    }
}

/// The TLS sessions that may be resumed, each under its key.
#[derive(Debug, Default)]
struct Store(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Those of the control connection, which are never forgotten: a client may use nothing else for hours.
    first: Vec<(Vec<u8>, Vec<u8>)>,
    latest: VecDeque<(Vec<u8>, Vec<u8>)>,
}

impl StoresServerSessions for Store {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.first.len() < FIRST {
            kept.first.push((key, value));
        } else {
            kept.latest.truncate(KEPT - 1);
            kept.latest.push_front((key, value));
        }
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = kept.latest.iter().chain(&kept.first);
        all.find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// The TLS sessions that one data connection has been given, which nobody can resume before [`Held::keep`].
#[derive(Debug)]
pub(crate) struct Held {
    store: Arc<Store>,
    given: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Held {
    /// The connection has proven to be the client's own: what it was given is good for the next one.
    pub(crate) fn keep(&self) {
        let given = std::mem::take(&mut *self.given.lock().unwrap_or_else(PoisonError::into_inner));
        for (key, value) in given {
            self.store.put(key, value);
        }
    }
}

impl StoresServerSessions for Held {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).push((key, value));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// Takes any certificate: between two servers nobody knows which one the other should have. Who may ask for
/// that, and to which networks, is decided before.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_session_can_be_resumed_more_than_once() {
        let store = Store::default();
        assert!(store.put(vec![1], vec![2]));
        assert_eq!(store.take(&[1]), Some(vec![2]));
        assert_eq!(store.take(&[1]), Some(vec![2]));
        assert_eq!(store.take(&[2]), None);
    }

    #[test]
    fn what_a_data_connection_is_given_can_be_resumed_when_it_is_kept_and_not_before() {
        let store = Arc::new(Store::default());
        let held = |store: &Arc<Store>| Held { store: Arc::clone(store), given: Mutex::default() };
        let (own, strange) = (held(&store), held(&store));
        assert!(own.put(vec![1], vec![2]) && strange.put(vec![3], vec![4]));
        assert_eq!((own.get(&[1]), store.get(&[1])), (None, None));
        own.keep();
        assert_eq!((strange.take(&[1]), store.get(&[1])), (Some(vec![2]), Some(vec![2])));
        drop(strange);
        assert_eq!(store.get(&[3]), None);
    }

    #[test]
    fn the_sessions_of_the_control_connection_outlive_any_number_of_others() {
        let store = Store::default();
        for number in 0..200_u8 {
            store.put(vec![number], vec![number]);
        }
        let kept: Vec<u8> = (0..200).filter(|number| store.get(&[*number]).is_some()).collect();
        assert_eq!(kept, (0..4).chain(184..200).collect::<Vec<u8>>());
    }
}
