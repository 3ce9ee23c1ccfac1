//! What the settings say of TLS: which certificates, where to listen, what is wanted of clients.

use super::file::{self, File};
use super::place::Mistake;
use crate::args::serve::ServeArgs;
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::Spanned;
use wharf_proto::server::TlsPolicy;
use wharf_server::Config;
use wharf_server::tls::{CertificateFiles, ClientCertificates, Source};

/// The certificates of a server that offers TLS.
pub(super) struct Wanted {
    pub(super) source: Source,
    pub(super) clients: Option<ClientCertificates>,
    /// Where keys are written.
    pub(super) key_log: Option<PathBuf>,
}

impl Wanted {
    /// The folders of all files: a file that is renewed is most often another one under the same name.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let files = wharf_server::tls::files(&self.source, self.clients.as_ref());
        let mut folders: Vec<_> = files.iter().flat_map(|file| super::folders_of(file)).collect();
        folders.sort_unstable();
        folders.dedup();
        folders
    }
}

/// Which certificates are wanted; the command line comes before the file.
pub(super) fn wanted(file: &File, arguments: &ServeArgs) -> Result<Option<Wanted>, Mistake> {
    let said = file.tls.as_ref();
    let clients = said.and_then(|tls| tls.get_ref().clients.as_ref()).map(|clients| {
        let file::Clients { issuers, revoked, demanded } = &**clients;
        let revoked = revoked.iter().map(path_of).collect();
        ClientCertificates { issuers: path_of(issuers), revoked, demanded: *demanded }
    });
    let typed = arguments.tls_cert.clone().zip(arguments.tls_key.clone());
    let source = match (typed, said) {
        (Some((certificate, key)), _) => {
            Some(Source::Files(vec![CertificateFiles { certificate, key }]))
        }
        (None, _) if arguments.tls_self_signed => Some(self_signed()),
        (None, Some(tls)) => Some(of_file(tls.get_ref(), &tls.span())?),
        (None, None) => None,
    };
    let said = said.and_then(|tls| tls.get_ref().key_log.as_ref());
    let key_log = arguments.tls_key_log.clone().or_else(|| said.map(path_of));
    match source {
        None if key_log.is_some() => Err(Mistake::typed(
            "--tls-key-log needs a certificate: --tls-cert and --tls-key, or --tls-self-signed",
        )),
        source => Ok(source.map(|source| Wanted { source, clients, key_log })),
    }
}

fn path_of(path: &Spanned<PathBuf>) -> PathBuf {
    path.get_ref().clone()
}

fn of_file(tls: &file::Tls, place: &std::ops::Range<usize>) -> Result<Source, Mistake> {
    let pair = |files: &file::Certificate| CertificateFiles {
        certificate: path_of(&files.chain),
        key: path_of(&files.key),
    };
    let files: Vec<_> = tls.certificate.iter().map(|files| pair(files)).collect();
    match (tls.self_signed, files.is_empty()) {
        (true, true) => Ok(self_signed()),
        (false, false) => Ok(Source::Files(files)),
        (true, false) => Err(Mistake::at(
            place.clone(),
            "self-signed = true and certificates exclude each other",
        )),
        (false, true) => Err(Mistake::at(
            place.clone(),
            "TLS needs a certificate: [[tls.certificate]] with chain and key, or self-signed = true",
        )),
    }
}

/// For the names by which this machine is reached from itself, and by others in its own network.
fn self_signed() -> Source {
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_name = |name: &String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    };
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut names = Vec::from(names);
    names.extend(Some(own).filter(|name| is_name(name) && name != "localhost"));
    Source::SelfSigned(names)
}

/// Where to listen for clients that begin with TLS; a mistake where there is none to begin with.
pub(super) fn implicit(
    file: &File,
    arguments: &ServeArgs,
    offered: bool,
) -> Result<Vec<SocketAddr>, Mistake> {
    if !arguments.implicit_tls.is_empty() && !offered {
        return Err(Mistake::typed(
            "--implicit-tls needs a certificate: --tls-cert and --tls-key, or --tls-self-signed",
        ));
    }
    let said = file.tls.as_ref().map(|tls| tls.get_ref().implicit.clone()).unwrap_or_default();
    Ok(if arguments.implicit_tls.is_empty() { said } else { arguments.implicit_tls.clone() })
}

/// What is wanted of clients.
pub(super) fn demand(tls: &file::Tls, config: &mut Config) {
    config.policy.tls = Some(TlsPolicy {
        clear_passwords: tls.clear_passwords,
        clear_data: tls.clear_data,
        ccc: tls.ccc,
    });
    config.listen_clear.clone_from(&tls.clear);
    config.any_tls_session = tls.any_session;
}
