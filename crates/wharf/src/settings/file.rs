//! The tables and keys of the client's settings, which `docs/client.md` explains.
//!
//! Values are parsed into types that cannot be wrong, so that each mistake is found at its place in the text.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;
use wharf_client::{Address, Fingerprint, Proxy};
use wharf_proto::Secret;

use crate::config::file::CharsetName;
use crate::config::place::Mistake;

/// The file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    /// Addresses by their names.
    pub(super) bookmarks: BTreeMap<String, Bookmark>,
    /// Commands of the shell by their other names.
    pub(super) alias: BTreeMap<String, String>,
    /// What holds for all hosts.
    pub(super) all: HostSettings,
    /// What holds for one.
    pub(super) host: BTreeMap<String, HostSettings>,
}

impl File {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let mut file: Self = toml::from_str(text)?;
        // Names of hosts have no capitals.
        file.host = file.host.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect();
        Ok(file)
    }
}

/// What holds for a host.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HostSettings {
    pub(super) mode: Option<Mode>,
    pub(super) plain: Option<bool>,
    pub(super) timeout: Option<NonZeroU64>,
    pub(super) atomic: Option<bool>,
    pub(super) jobs: Option<NonZeroUsize>,
    pub(super) charset: Option<CharsetName>,
    pub(super) proxy: Option<ProxyUrl>,
    pub(super) data_address: Option<DataHost>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
    pub(crate) tls: Option<bool>,
    pub(crate) ca: Vec<PathBuf>,
    pub(crate) pin: Vec<Pin>,
    pub(crate) clear_data: Option<bool>,
    pub(crate) prot_fallback: Option<bool>,
    pub(crate) ccc: Option<bool>,
}

/// Who opens the data connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    Active,
    Passive,
}

/// Which host a 227 is believed to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DataHost {
    Server,
    Named,
}

/// An address.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Bookmark(pub(super) Address);

impl TryFrom<String> for Bookmark {
    type Error = wharf_client::AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A proxy.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ProxyUrl(pub(super) Proxy);

impl TryFrom<String> for ProxyUrl {
    type Error = wharf_client::ProxyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A password.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Password(pub(super) Secret);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(Secret::new(text.into_bytes()))
    }
}

/// The fingerprint of a certificate.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pin(pub(crate) Fingerprint);

impl TryFrom<String> for Pin {
    type Error = wharf_client::NotAFingerprint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}
