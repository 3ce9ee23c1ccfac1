//! Terms as they are written: by the store, by an external program in JSON, and on the command line.

use super::{Terms, mounted, place};
use crate::accounts::{Mount, Quota, Rates, Rule};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::str::FromStr;
use wharf_proto::charset::Charset;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::Rights;

/// What is said of an account, as it is written. A key that is not there bounds nothing, and where nothing is
/// said of rights, all are granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Said {
    /// The folder at the root: `/srv/ann`, or `served:/ann` in the tree that is served to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Folders at other names: `/pub=/srv/pub`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<String>,
    /// Letters of `rwldnm`, or words with commas between them; `all`, `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// Rights beneath names: `/pub=rl`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The most bytes in files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
    /// The most files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_files: Option<u64>,
    /// Bytes a second from the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_up: Option<u64>,
    /// Bytes a second to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_down: Option<u64>,
    /// The most sessions at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// Networks, or addresses, to come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Hours to log in at: `08:00-18:00`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<String>,
    /// Whether TLS is demanded.
    #[serde(skip_serializing_if = "is_not")]
    pub tls: bool,
    /// Whether data connections may have a TLS session of their own.
    #[serde(skip_serializing_if = "is_not")]
    pub any_tls_session: bool,
    /// Foreign networks for data connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fxp: Vec<String>,
    /// The SHA-256 of certificates that stand for the password.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// The last day: `2027-12-31`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The charset of names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
}

/// What is said makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} \"{}\": {reason}", value.escape_debug())]
pub struct SaidError {
    /// Under which key.
    pub key: &'static str,
    /// What is said.
    pub value: String,
    /// Why it makes no sense.
    pub reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_not(said: &bool) -> bool {
    !said
}

impl TryFrom<&Said> for Terms {
    type Error = SaidError;

    fn try_from(said: &Said) -> Result<Self, SaidError> {
        let home = said.home.iter().map(|home| {
            let what = mounted(home).map_err(|reason| error("home", home, &reason))?;
            Ok(Mount { at: VirtualPath::root(), what })
        });
        let mounts = said.mounts.iter().map(|text| mount(text));
        let mounts = home.chain(mounts).collect::<Result<Vec<_>, _>>()?;
        let twice = |(n, mount): &(usize, &Mount)| mounts[..*n].iter().any(|m| m.at == mount.at);
        if let Some((_, mount)) = mounts.iter().enumerate().find(twice) {
            return Err(error(
                "mounts",
                &mount.at.to_string(),
                &"there are two mounts at this name",
            ));
        }
        let rights = said.rights.as_deref().unwrap_or("all");
        let rights = parse_rights(rights).map_err(|reason| error("rights", rights, &reason))?;
        let rules = said.rules.iter().map(|text| rule(text, rights)).collect::<Result<_, _>>()?;
        let expires = said.expires.as_ref().map(|day| one("expires", day)).transpose()?;
        let charset = said.charset.as_ref().map(|name| {
            Charset::named(name).ok_or_else(|| error("charset", name, &"there is no such charset"))
        });
        if said.sessions == Some(0) {
            return Err(error("sessions", "0", &"at least one is wanted; or disable the user"));
        }
        for (key, rate) in [("rate-up", said.rate_up), ("rate-down", said.rate_down)] {
            if rate == Some(0) {
                return Err(error(key, "0", &"at least one byte a second is wanted"));
            }
        }
        Ok(Self {
            rights,
            mounts,
            rules,
            quota: Quota { bytes: said.quota_bytes, files: said.quota_files },
            rates: Rates { up: said.rate_up, down: said.rate_down },
            sessions: said.sessions,
            networks: networks("networks", &said.networks)?,
            hours: said.hours.iter().map(|text| one("hours", text)).collect::<Result<_, _>>()?,
            tls: said.tls,
            any_tls_session: said.any_tls_session,
            fxp: networks("fxp", &said.fxp)?,
            certificates: each("certificates", &said.certificates)?,
            expires,
            charset: charset.transpose()?,
        })
    }
}

fn error(key: &'static str, value: &str, reason: &dyn Display) -> SaidError {
    SaidError { key, value: value.to_owned(), reason: reason.to_string() }
}

fn one<T: FromStr<Err: Display>>(key: &'static str, text: &str) -> Result<T, SaidError> {
    text.parse().map_err(|reason| error(key, text, &reason))
}

fn each<T: FromStr<Err: Display>>(key: &'static str, all: &[String]) -> Result<Vec<T>, SaidError> {
    all.iter().map(|text| one(key, text)).collect()
}

/// Networks; an address alone is the network of itself.
fn networks(key: &'static str, all: &[String]) -> Result<Vec<ipnet::IpNet>, SaidError> {
    let network = |text: &String| {
        crate::network(text).ok_or_else(|| error(key, text, &"a network is wanted: 192.0.2.0/24"))
    };
    all.iter().map(network).collect()
}

fn mount(text: &str) -> Result<Mount, SaidError> {
    let reason = |reason: &str| error("mounts", text, &reason);
    let (at, folder) = text.split_once('=').ok_or_else(|| reason("/pub=/srv/pub is wanted"))?;
    Ok(Mount { at: place(at).map_err(reason)?, what: mounted(folder).map_err(reason)? })
}

fn rule(text: &str, most: Rights) -> Result<Rule, SaidError> {
    let reason = |reason: &str| error("rules", text, &reason);
    let (beneath, rights) = text.rsplit_once('=').ok_or_else(|| reason("/pub=rl is wanted"))?;
    let rule = Rule {
        beneath: place(beneath).map_err(reason)?,
        rights: parse_rights(rights).map_err(reason)?,
    };
    match most.covers(rule.rights) {
        true => Ok(rule),
        false => Err(reason("a rule grants no more than the rights of the account")),
    }
}

fn parse_rights(text: &str) -> Result<Rights, &'static str> {
    let wanted = "rights are letters of rwldnm, or read,write,list,delete,rename,mkdir, all, none";
    let each = |known: &dyn Fn(char, &str) -> bool| {
        super::RIGHTS
            .iter()
            .find(|(_, letter, word)| known(*letter, word))
            .map(|(right, ..)| *right)
    };
    let sum = |rights: Option<Rights>, right: Option<_>| Some(rights?.with(right?));
    let none = Some(Rights::NONE);
    let rights = match text {
        "none" => none,
        "all" => Some(Rights::WRITER),
        "" => None,
        _ => {
            let words = text.split(',').map(|said| each(&|_, word| word == said));
            let letters = text.chars().map(|said| each(&|letter, _| letter == said));
            words.fold(none, sum).or_else(|| letters.fold(none, sum))
        }
    };
    rights.ok_or(wanted)
}

/// Rights in letters.
pub fn print_rights(rights: Rights) -> String {
    let letters = super::RIGHTS.iter().filter(|(right, ..)| rights.has(*right));
    let letters: String = letters.map(|(_, letter, _)| *letter).collect();
    if letters.is_empty() { "none".to_owned() } else { letters }
}

#[cfg(test)]
mod tests;
