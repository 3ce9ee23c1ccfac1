//! TLS as a caller chooses it: whether, whom to trust, as whom.
//!
//! What becomes of the choice for one control connection is in `tls/security.rs`, who is trusted is judged in
//! `tls/trust.rs`, the bytes go through `tls/stream.rs`, and what goes wrong has its words in `tls/fault.rs`. When
//! TLS begins is the business of `connection/secure.rs`. RFC 4217.

mod fault;
mod security;
mod stream;
mod trust;

pub use fault::{CertificateFault, TlsFault};
pub(crate) use security::Security;
pub(crate) use stream::Stream;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest, Sha256};

/// How a session is protected. There is no mode that does without TLS when the server has none: whoever sits in
/// between could then take it away unseen.
///
/// ```
/// use wharf_client::{Options, Tls, TlsMode, Trust};
/// let pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// let trust = Trust::Pinned(vec![pin.parse()?]);
/// let tls = Tls { mode: TlsMode::Explicit, trust, ..Tls::default() };
/// let options = Options { tls, ..Options::default() };
/// # Ok::<(), wharf_client::NotAFingerprint>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether there is TLS, and from when on.
    pub mode: TlsMode,
    /// Whom to trust.
    pub trust: Trust,
    /// The certificate that we show to a server that asks for one.
    pub identity: Option<Identity>,
    /// The versions that we offer.
    pub versions: Versions,
    /// Whether data connections are under TLS as well.
    pub data: DataTls,
    /// Go back to a control connection in clear once the login is done (CCC), for a NAT or firewall that must read which
    /// ports are agreed on. From then on anybody in between can read and change what is said: names of files, and
    /// commands. Data connections stay as [`data`](Self::data) has them.
    pub ccc: bool,
    /// Begin TLS anew on each data connection, in place of resuming that of the control connection: for finding out
    /// what a server demands. Many turn such connections away.
    pub fresh_data: bool,
    /// Write the keys of the session to the file that the environment's SSLKEYLOGFILE names, if it does: for
    /// looking at one's own sessions in a capture.
    pub log_keys: bool,
}

/// Whether there is TLS, and from when on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// There is none; everything can be read and changed on its way.
    #[default]
    Off,
    /// From AUTH TLS on, before anything secret is said. A server that refuses it is left at once.
    Explicit,
    /// From the first byte on.
    Implicit,
}

/// Whether data connections are under TLS, in a session that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataTls {
    /// They are (PROT P). A server that refuses it is left.
    #[default]
    Demanded,
    /// Where the server does not refuse it; else they are in clear. Whoever sits in between cannot make the server
    /// refuse, for it is asked under TLS.
    IfOffered,
    /// They are not (PROT C): files and listings can be read and changed on their way.
    Never,
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whom the system trusts, and the issuers whose certificates are in these PEM files. A server's own
    /// certificate may be in them as well.
    Issuers(Vec<PathBuf>),
    /// The servers that show one of these certificates, whatever else is in it.
    Pinned(Vec<Fingerprint>),
    /// Anybody. Who sits in between can pass for the server.
    Anybody,
}

impl Default for Trust {
    fn default() -> Self {
        Self::Issuers(Vec::new())
    }
}

/// A certificate of ours, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate first, then those of its issuers.
    pub certificate: PathBuf,
    /// The key, which no password protects.
    pub key: PathBuf,
}

/// The versions of TLS that we offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only: one TLS session can then be resumed any number of times.
    Only12,
    /// 1.3 only.
    Only13,
}

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is sha256: and 64 hexadecimal digits, with or without colons between them")]
pub struct NotAFingerprint;

impl Fingerprint {
    /// That of a certificate in DER.
    pub(crate) fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits = text.strip_prefix("sha256:").ok_or(NotAFingerprint)?.replace(':', "");
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| NotAFingerprint)?;
        bytes.try_into().map(Self).map_err(|_| NotAFingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons_and_nothing_else_is_one() {
        let of_abc = Fingerprint::of(b"abc");
        let text = of_abc.to_string();
        assert_eq!(text.parse(), Ok(of_abc));
        assert_eq!(text.to_uppercase().replace("SHA256", "sha256").parse(), Ok(of_abc));
        let pairs: Vec<&str> = (7..text.len()).step_by(2).map(|at| &text[at..at + 2]).collect();
        assert_eq!(format!("sha256:{}", pairs.join(":")).parse(), Ok(of_abc));
        let signed = format!("sha256:+1{}", &text[9..]);
        for bad in ["", "sha256:", &text[7..], &text[..70], &format!("{text}0"), &signed] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint), "{bad}");
        }
    }
}
