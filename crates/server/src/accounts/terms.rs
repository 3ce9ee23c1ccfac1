//! What an account is held to besides its password: when and from where it may log in, and what it is granted.
//!
//! [`Terms`] hold nothing that makes no sense. How they are written is in `terms/said.rs`, the one way in for
//! the store, the external program and the command line: what cannot be read there is an error, never a
//! default, and so lets nobody in (S22, S23).

mod hours;
mod said;

pub use hours::Hours;
pub use said::{Said, SaidError, print_rights};

use super::{Attempt, Member, Mount, Mounted, Quota, Rates, Rule, Why};
use data_encoding::HEXLOWER_PERMISSIVE;
use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use std::fmt;
use std::str::FromStr;
use wharf_proto::Text;
use wharf_proto::charset::Charset;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Account, Rights};
use wharf_proto::verb::Right;

/// The rights there are, in the order in which they are written.
pub(super) const RIGHTS: [(Right, char, &str); 6] = [
    (Right::Read, 'r', "read"),
    (Right::Write, 'w', "write"),
    (Right::List, 'l', "list"),
    (Right::Delete, 'd', "delete"),
    (Right::Rename, 'n', "rename"),
    (Right::Folders, 'm', "mkdir"),
];

/// What an account is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What may be done.
    pub rights: Rights,
    /// The trees; where none is at the root, it is what is served to all.
    pub mounts: Vec<Mount>,
    /// What may be done beneath names; never more than the rights.
    pub rules: Vec<Rule>,
    /// How much may be stored.
    pub quota: Quota,
    /// How fast bytes may move.
    pub rates: Rates,
    /// How many sessions there may be at once.
    pub sessions: Option<u32>,
    /// From which networks; from all, where there is none.
    pub networks: Vec<IpNet>,
    /// At which times of the day a login is let in; at all, where there is none.
    pub hours: Vec<Hours>,
    /// Whether the control connection must be under TLS.
    pub tls: bool,
    /// Whether data connections need not resume its TLS session.
    pub any_tls_session: bool,
    /// Foreign networks for data connections.
    pub fxp: Vec<IpNet>,
    /// The client certificates that stand for the password.
    pub certificates: Vec<Fingerprint>,
    /// The last day.
    pub expires: Option<Date>,
    /// The charset of names.
    pub charset: Option<Charset>,
}

impl Terms {
    /// Whether this attempt may log in now, its password apart.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, attempt: &Attempt, now: DateTime) -> Result<(), Why> {
        let from = attempt.from.to_canonical();
        let home = |networks: &[IpNet]| {
            networks.is_empty() || networks.iter().any(|network| network.contains(&from))
        };
        let open = |hours: &[Hours]| {
            hours.is_empty() || hours.iter().any(|hours| hours.contains(now.time()))
        };
        if self.tls && !attempt.secured {
            Err(Why::Unsecured)
        } else if !home(&self.networks) {
            Err(Why::Network)
        } else if !open(&self.hours) {
            Err(Why::Hours)
        } else if self.expires.is_some_and(|last| now.date() > last) {
            Err(Why::Expired)
        } else {
            Ok(())
        }
    }

    /// Whether the client has shown a certificate that stands for the password.
    pub fn knows_certificate(&self, attempt: &Attempt) -> bool {
        attempt.certificate.is_some_and(|shown| self.certificates.contains(&shown))
    }

    /// The member of this name.
    pub fn member(&self, name: &Text) -> Member {
        let account = Account {
            charset: self.charset,
            demands_tls: self.tls,
            foreign: self.fxp.clone(),
            ..Account::new(name.clone(), self.rights)
        };
        let mut member = Member::new(account);
        let has_root = self.mounts.iter().any(|mount| mount.at.is_root());
        let served = member.mounts.into_iter().filter(|_| !has_root);
        member.mounts = served.chain(self.mounts.iter().cloned()).collect();
        member.rules.clone_from(&self.rules);
        (member.quota, member.rates, member.sessions) = (self.quota, self.rates, self.sessions);
        member.any_tls_session = self.any_tls_session;
        member
    }
}

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl FromStr for Fingerprint {
    type Err = &'static str;

    /// 64 hexadecimal digits, colons between the bytes or none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "the SHA-256 of a certificate has 64 hexadecimal digits";
        let digits = match text.len() {
            95 if text.bytes().skip(2).step_by(3).all(|byte| byte == b':') => text.replace(':', ""),
            _ => text.to_owned(),
        };
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| wanted)?;
        bytes.try_into().map(Self).map_err(|_| wanted)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

/// A folder of this machine, or `served:/NAME` for one of the tree that is served to all.
fn mounted(text: &str) -> Result<Mounted, &'static str> {
    let wanted = "a folder is named from its root on: /srv/ann, or served:/ann";
    if let Some(name) = text.strip_prefix("served:") {
        return place(name).map(Mounted::Served).map_err(|_| wanted);
    }
    let whole = text.starts_with('/') && !text.contains('\0');
    if whole { Ok(Mounted::Folder(text.into())) } else { Err(wanted) }
}

/// A name in the user's tree.
fn place(text: &str) -> Result<VirtualPath, &'static str> {
    let wanted = "a name in the user's tree begins with a slash and has no .. in it: /pub";
    if !text.starts_with('/') || text.split('/').any(|name| name == "..") {
        return Err(wanted);
    }
    VirtualPath::root().join(text.as_bytes()).map_err(|_| wanted)
}
