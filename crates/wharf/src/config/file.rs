//! What a configuration file may say, a struct a table and a field a key.
//!
//! Values are parsed into types that cannot be wrong, so that each mistake is found at its place in the
//! file. Defaults are not here: they are the server's own.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::{Deref, Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;
use wharf_proto::charset::Charset;
use wharf_proto::codec::CodePage;
#[cfg(feature = "pam")]
use wharf_server::accounts::{Said, Terms, terms::SaidError};

use super::guard::Guard;
use super::place::Mistake;
use super::public::PublicAddress;
use crate::args::serve::{LogFormat, port_range};
use crate::confine::Identity;

/// The file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) folder: Option<Spanned<PathBuf>>,
    pub(super) listen: Option<Listen>,
    pub(super) writable: bool,
    pub(super) anonymous: Option<Spanned<Anonymous>>,
    #[cfg(feature = "sqlite")]
    pub(super) users: Option<Spanned<PathBuf>>,
    pub(super) accounts: Table<AccountSources>,
    pub(super) passive_ports: Option<Ports>,
    pub(super) public_address: Option<Spanned<PublicAddress>>,
    pub(super) fxp: Vec<Network>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) quiet: bool,
    pub(super) tap: Option<Spanned<PathBuf>>,
    // The rule for names would write `complete-with250`.
    #[serde(rename = "complete-with-250")]
    pub(super) complete_with_250: bool,
    pub(super) greeting: Option<String>,
    pub(super) charset: Option<CharsetName>,
    pub(super) code_page: Option<CodePageName>,
    pub(super) marker_bytes: Option<u64>,
    pub(super) archives: bool,
    pub(super) sync_uploads: bool,
    pub(super) pseudo_file_systems: bool,
    pub(super) user: Vec<Table<User>>,
    pub(super) host: Vec<Table<Host>>,
    pub(super) limits: Table<Limits>,
    pub(super) tls: Option<Spanned<Table<Tls>>>,
    pub(super) process: Table<Process>,
    pub(super) guard: Table<Guard>,
}

/// `[[user]]`: somebody who may read and write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct User {
    name: Spanned<Name>,
    pub(super) password: String,
    pub(super) charset: Option<CharsetName>,
}

/// `[anonymous]`: those without an account. `anonymous = false` says in short that they are not let in.
pub(super) struct Anonymous(AnonymousTable);

/// Its keys.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AnonymousTable {
    pub(super) allowed: Option<bool>,
    pub(super) folder: Option<Spanned<PathBuf>>,
    pub(super) drop_box: bool,
}

impl Deref for Anonymous {
    type Target = AnonymousTable;

    fn deref(&self) -> &AnonymousTable {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Anonymous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnonymousVisitor).map(Self)
    }
}

struct AnonymousVisitor;

impl<'de> Visitor<'de> for AnonymousVisitor {
    type Value = AnonymousTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a table")
    }

    fn visit_bool<E: serde::de::Error>(self, allowed: bool) -> Result<AnonymousTable, E> {
        Ok(AnonymousTable { allowed: Some(allowed), ..AnonymousTable::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AnonymousTable, A::Error> {
        AnonymousTable::deserialize(MapAccessDeserializer::new(map))
    }
}

/// `[accounts]`: who else knows users.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AccountSources {
    #[cfg(feature = "pam")]
    pub(super) pam: Option<Table<PamTable>>,
    pub(super) program: Option<Table<ProgramTable>>,
}

impl AccountSources {
    /// Whether there are any.
    pub(super) fn is_any(&self) -> bool {
        self.runs_foreign_code().is_some()
    }

    /// Which of them runs what is not ours, with files and calls of its own.
    pub(super) fn runs_foreign_code(&self) -> Option<&'static str> {
        #[cfg(feature = "pam")]
        if self.pam.is_some() {
            return Some("[accounts.pam], which loads modules");
        }
        self.program.as_ref().map(|_| "[accounts.program], which runs a program")
    }
}

/// `[accounts.pam]`: the accounts of the system.
#[cfg(feature = "pam")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PamTable {
    /// The file in `/etc/pam.d`.
    pub(super) service: String,
    pub(super) grants: Grants,
}

/// What is granted to users of a source that knows nothing of FTP; the keys are those of an account program's answer.
#[cfg(feature = "pam")]
#[derive(Clone, Deserialize)]
#[serde(try_from = "Said")]
pub(super) struct Grants(pub(super) Terms);

#[cfg(feature = "pam")]
impl TryFrom<Said> for Grants {
    type Error = SaidError;

    fn try_from(said: Said) -> Result<Self, SaidError> {
        Terms::try_from(&said).map(Self)
    }
}

/// `[accounts.program]`: a program that is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProgramTable {
    pub(super) command: ProgramCommand,
    pub(super) seconds: Option<Seconds>,
}

/// A program, named from the root on, and its arguments.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct ProgramCommand {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl TryFrom<Vec<String>> for ProgramCommand {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        match words.split_first() {
            // What another program of that name might be, nobody shall have to know.
            Some((path, arguments)) if path.starts_with('/') => {
                Ok(Self { path: path.into(), arguments: arguments.to_vec() })
            }
            Some(_) | None => Err("a program is wanted, named from the root on, and its arguments"),
        }
    }
}

/// `[[host]]`: another tree, for clients that ask for it with HOST.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) folder: Spanned<PathBuf>,
    pub(super) greeting: Option<String>,
}

/// `[tls]`: certificates, and what is wanted of clients.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Tls {
    pub(super) self_signed: bool,
    pub(super) certificate: Vec<Table<Certificate>>,
    pub(super) implicit: Vec<SocketAddr>,
    pub(super) clear: Vec<SocketAddr>,
    pub(super) clear_passwords: bool,
    pub(super) clear_data: bool,
    pub(super) ccc: bool,
    pub(super) any_session: bool,
    pub(super) key_log: Option<Spanned<PathBuf>>,
    pub(super) clients: Option<Table<Clients>>,
}

/// `[[tls.certificate]]`: one of the certificates that clients choose from by the name they ask for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Certificate {
    pub(super) chain: Spanned<PathBuf>,
    pub(super) key: Spanned<PathBuf>,
}

/// `[tls.clients]`: certificates that clients may show.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Clients {
    pub(super) issuers: Spanned<PathBuf>,
    #[serde(default)]
    pub(super) revoked: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) demanded: bool,
}

/// `[limits]`: how much of everything, and how long.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    pub(super) sessions: Option<Count>,
    pub(super) reserve: Option<u32>,
    pub(super) sessions_per_address: Option<Count>,
    pub(super) strangers_per_address: Option<Count>,
    pub(super) listeners_per_address: Option<Count>,
    pub(super) login_seconds: Option<Seconds>,
    pub(super) idle_seconds: Option<Seconds>,
    pub(super) data_idle_seconds: Option<Seconds>,
}

/// `[process]`: what the process gives up when its ports are open.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Process {
    pub(super) run_as: Option<Spanned<RunAs>>,
    pub(super) drop_privileges: Option<bool>,
    pub(super) landlock: Option<bool>,
    pub(super) seccomp: Option<bool>,
}

impl File {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let file: Self = toml::from_str(text)?;
        let mut names = file.user.iter().enumerate();
        let twice = names.find(|(n, user)| file.user[..*n].iter().any(|u| u.name() == user.name()));
        match twice {
            Some((_, user)) => Err(Mistake::at(user.name.span(), "this user is there already")),
            None => Ok(file),
        }
    }

    /// With its paths, which are meant as seen from the folder that the file lies in.
    pub(super) fn beneath(mut self, base: &Path) -> Self {
        for path in self.paths() {
            *path.get_mut() = base.join(path.get_ref());
        }
        self
    }

    /// The paths, and where each stands.
    pub(super) fn places(&mut self) -> Vec<(PathBuf, Range<usize>)> {
        self.paths().map(|path| (path.get_ref().clone(), path.span())).collect()
    }

    /// Whatever is opened by its path.
    fn paths(&mut self) -> impl Iterator<Item = &mut Spanned<PathBuf>> {
        #[cfg(feature = "sqlite")]
        let users = self.users.as_mut();
        #[cfg(not(feature = "sqlite"))]
        let users = None;
        let anonymous = self.anonymous.iter_mut().filter_map(|it| it.get_mut().0.folder.as_mut());
        let hosts = self.host.iter_mut().map(|host| &mut host.0.folder);
        let tls = self.tls.iter_mut().flat_map(|tls| tls.get_mut().0.paths());
        let own = self.folder.iter_mut().chain(&mut self.tap).chain(users);
        own.chain(anonymous).chain(hosts).chain(tls)
    }
}

impl Tls {
    fn paths(&mut self) -> impl Iterator<Item = &mut Spanned<PathBuf>> {
        let certificates = self.certificate.iter_mut();
        let certificates = certificates.flat_map(|files| [&mut files.0.chain, &mut files.0.key]);
        let clients = self.clients.iter_mut();
        let lists = clients.flat_map(|c| [&mut c.0.issuers].into_iter().chain(&mut c.0.revoked));
        certificates.chain(lists).chain(&mut self.key_log)
    }
}

impl User {
    pub(super) fn name(&self) -> &str {
        &self.name.get_ref().0
    }
}

/// A table of keys. Without this a list would do as well, its values taken in the order of the fields.
#[derive(Default)]
pub(super) struct Table<T>(T);

impl<T> Deref for Table<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData)).map(Self)
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A charset by its name.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct CharsetName(pub(crate) Charset);

impl TryFrom<String> for CharsetName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let known = Charset::named(&name).map(Self);
        known.ok_or(
            "no such charset: \"utf-8\", \"shift_jis\", \"euc-jp\", \"gbk\", \"windows-1252\"...",
        )
    }
}

/// A code page of EBCDIC by its number.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct CodePageName(pub(super) CodePage);

impl TryFrom<String> for CodePageName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        CodePage::parse(&name).map(Self).ok_or("the code pages are \"1047\", \"037\" and \"500\"")
    }
}

/// A network, or an address that is one by itself.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Network(pub(super) IpNet);

impl Network {
    /// All there are.
    pub(super) fn everywhere() -> Vec<Self> {
        vec![Self(Ipv4Net::default().into()), Self(Ipv6Net::default().into())]
    }
}

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wanted = "a network is wanted: \"10.0.0.0/8\", \"2001:db8::/32\"";
        wharf_server::network(&text).map(Self).ok_or(wanted)
    }
}

/// Where to listen: somewhere.
#[derive(Deserialize)]
#[serde(try_from = "Vec<SocketAddr>")]
pub(super) struct Listen(Vec<SocketAddr>);

impl TryFrom<Vec<SocketAddr>> for Listen {
    type Error = &'static str;

    fn try_from(addresses: Vec<SocketAddr>) -> Result<Self, Self::Error> {
        if addresses.is_empty() {
            Err("an address is wanted: [\"[::]:21\"]")
        } else {
            Ok(Self(addresses))
        }
    }
}

impl From<Listen> for Vec<SocketAddr> {
    fn from(listen: Listen) -> Self {
        listen.0
    }
}

/// Ports, as `--passive-ports` takes them.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ports(RangeInclusive<u16>);

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        port_range(&text).map(Self)
    }
}

impl From<RangeInclusive<u16>> for Ports {
    fn from(ports: RangeInclusive<u16>) -> Self {
        Self(ports)
    }
}

impl From<Ports> for RangeInclusive<u16> {
    fn from(ports: Ports) -> Self {
        ports.0
    }
}

/// The name of a user.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.is_empty() { Err("a name is wanted") } else { Ok(Self(name)) }
    }
}

/// The user whom the process becomes. It is looked up here, so that one who is not there is found in the file.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RunAs(pub(super) Identity);

impl TryFrom<String> for RunAs {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

/// How many: at least one.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Count(NonZeroU32);

impl TryFrom<i64> for Count {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let count = u32::try_from(number).ok().and_then(NonZeroU32::new);
        count.map(Self).ok_or_else(|| format!("a whole number from 1 to {} is wanted", u32::MAX))
    }
}

impl From<Count> for NonZeroU32 {
    fn from(count: Count) -> Self {
        count.0
    }
}

impl From<Count> for u32 {
    fn from(count: Count) -> Self {
        count.0.into()
    }
}

/// A time that passes.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Seconds(Count);

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(u32::from(seconds.0).into())
    }
}
