//! Who may log in, and as what.
//!
//! [`Accounts`] are those of a server: users that are given when it starts, anonymous access, and sources that
//! are asked in turn ([`Source`]: the store, PAM, an external program). What an account is held to is in
//! `accounts/terms.rs`, what it comes to in `accounts/member.rs`. An unknown name costs the same work as a
//! wrong password, so that names cannot be told apart by time (RFC 2577 section 5), and all refusals look the
//! same to the client.

pub mod hash;
pub mod import;
mod member;
#[cfg(feature = "pam")]
pub mod pam;
pub mod program;
#[cfg(feature = "sqlite")]
pub mod store;
pub mod terms;
pub mod totp;
pub mod user;

pub use member::{Member, Mount, Mounted, Quota, Rates, Rule};
pub use terms::{Fingerprint, Said, Terms};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use wharf_proto::charset::Charset;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Account, Rights, is_anonymous};
use wharf_proto::{Secret, Text};

/// The longest name that is looked up.
const LONGEST_NAME: usize = 255;

/// Somebody who wants to log in.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The name that USER gave.
    pub name: Text,
    /// The word that PASS gave.
    pub password: Secret,
    /// The word that ACCT gave: the code of a second factor.
    pub code: Option<Secret>,
    /// From where.
    pub from: IpAddr,
    /// Whether the control connection is under TLS.
    pub secured: bool,
    /// The certificate that the client has shown and proven to hold.
    pub certificate: Option<Fingerprint>,
}

impl Attempt {
    /// An attempt from nowhere, in clear text.
    pub fn new(name: Text, password: Secret) -> Self {
        let from = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        Self { name, password, code: None, from, secured: false, certificate: None }
    }

    /// The e-mail address that an anonymous client gives for a password, for the log. A word without an at
    /// sign is none, and may be a real password, typed by mistake.
    pub fn email(&self) -> Option<Text> {
        let word = self.password.reveal();
        word.contains(&b'@').then(|| Text::from(word))
    }
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is who it is.
    In(Box<Member>),
    /// No. Why is for the log; the client never learns it.
    Refused(Why),
    /// Name and password are right, and a second factor is wanted with them.
    WantsCode,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such name.
    Unknown,
    /// The password is wrong, or there is none.
    Password,
    /// The code is wrong, or has been used.
    Code,
    /// Name or password are too long to be looked at.
    TooLong,
    /// The account is disabled.
    Disabled,
    /// Its time is over.
    Expired,
    /// Not from there.
    Network,
    /// Not at this time of the day.
    Hours,
    /// TLS is demanded.
    Unsecured,
    /// What is known of the account cannot be read, or its source cannot be asked.
    Broken(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no such name",
            Self::Password => "wrong password",
            Self::Code => "wrong or used code",
            Self::TooLong => "name or password too long",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Network => "not from there",
            Self::Hours => "not at this hour",
            Self::Unsecured => "without TLS",
            Self::Broken(reason) => reason,
        })
    }
}

/// A source of accounts.
pub trait Source: Send + Sync {
    /// Whether this is who it says, and what is granted. It may take long: it is called on a thread that may
    /// wait. Where the name is not known here, [`Why::Unknown`] and no work: others are asked then. For all
    /// other refusals it has done the work of verifying a password.
    fn verify(&self, attempt: &Attempt) -> Verdict;

    /// Whether the certificate that the client has shown is enough to be who it says; its password has not been asked
    /// for, and none is tried, so nothing may be counted as a failure. Called as [`Self::verify`] is. A source that
    /// knows no certificates leaves it as it is: [`Why::Unknown`].
    fn recognise(&self, _attempt: &Attempt) -> Verdict {
        Verdict::Refused(Why::Unknown)
    }

    /// Those whom it can name before they come: for whoever wants to know what is open to whom.
    fn known(&self) -> Vec<Known> {
        Vec::new()
    }
}

/// Somebody who can be named before they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What is granted.
    pub member: Member,
    /// What a login is held to, where anything is said of it.
    pub terms: Option<Terms>,
    /// Whether there is a password.
    pub password: bool,
    /// Whether the code of a second factor is wanted besides.
    pub totp: bool,
}

impl Known {
    /// Somebody of whom nothing but a password is wanted.
    fn by_password(member: Member) -> Self {
        Self { member, terms: None, password: true, totp: false }
    }
}

/// The accounts of a server.
#[derive(Clone, Default)]
pub struct Accounts {
    anonymous: Option<Anonymous>,
    users: Vec<User>,
    sources: Vec<Arc<dyn Source>>,
}

#[derive(Clone)]
struct Anonymous {
    rights: Rights,
    folder: Option<PathBuf>,
}

#[derive(Clone)]
struct User {
    member: Member,
    password: [u8; 32],
}

impl Accounts {
    /// No accounts: nobody can log in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets anonymous users in (names `anonymous` and `ftp`, any password), with these rights.
    #[must_use]
    pub fn with_anonymous(mut self, rights: Rights) -> Self {
        self.anonymous = Some(Anonymous { rights, folder: None });
        self
    }

    /// Shows anonymous users this folder of the machine, in place of what is served to all.
    #[must_use]
    pub fn anonymous_in(mut self, folder: PathBuf) -> Self {
        if let Some(anonymous) = &mut self.anonymous {
            anonymous.folder = Some(folder);
        }
        self
    }

    /// Lets this user in, with these rights. The password is kept as a digest: this is for trying things.
    #[must_use]
    pub fn with_user(self, name: &str, password: &str, rights: Rights) -> Self {
        self.with_member(Member::new(Account::new(name.into(), rights)), password)
    }

    /// Shows the user that was added last its names in this charset, in place of the server's.
    #[must_use]
    pub fn in_charset(mut self, charset: Charset) -> Self {
        if let Some(user) = self.users.last_mut() {
            user.member.account.charset = Some(charset);
        }
        self
    }

    /// Lets this member in, with this password and all that is granted.
    #[must_use]
    pub fn with_member(mut self, member: Member, password: &str) -> Self {
        self.users.push(User { member, password: digest(password.as_bytes()) });
        self
    }

    /// Asks this source as well, behind those that there are.
    #[must_use]
    pub fn with_source(mut self, source: Arc<dyn Source>) -> Self {
        self.sources.push(source);
        self
    }

    /// What anonymous users may do, where they are let in.
    pub fn anonymous(&self) -> Option<Rights> {
        self.anonymous.as_ref().map(|anonymous| anonymous.rights)
    }

    /// All who can be named before they come, anonymous users first.
    pub fn known(&self) -> Vec<Known> {
        let anonymous = self.anonymous.iter().map(Anonymous::member);
        let given = self.users.iter().map(|user| user.member.clone());
        let sources = self.sources.iter().flat_map(|source| source.known());
        anonymous.chain(given).map(Known::by_password).chain(sources).collect()
    }

    /// What is granted to them.
    pub fn members(&self) -> Vec<Member> {
        self.known().into_iter().map(|known| known.member).collect()
    }

    /// Whether there may be others, whom nobody can name before they come.
    pub fn has_sources(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether anybody may change what is served; somebody may, where not all can be named.
    pub fn may_change(&self) -> bool {
        let changes = |member: &Member| !Rights::READER.covers(member.account.rights);
        self.has_sources() || self.members().iter().any(changes)
    }

    /// Whether anybody can log in at all.
    pub fn is_empty(&self) -> bool {
        self.anonymous.is_none() && self.users.is_empty() && self.sources.is_empty()
    }

    /// The verdict, where it takes no slow work; otherwise [`Self::verify`] has it.
    pub fn verify_at_once(&self, attempt: &Attempt) -> Option<Verdict> {
        if attempt.name.as_bytes().len() > LONGEST_NAME
            || attempt.password.reveal().len() > hash::LONGEST_PASSWORD
        {
            return Some(Verdict::Refused(Why::TooLong));
        }
        let refused = match self.given(attempt) {
            Ok(member) => return Some(Verdict::In(Box::new(member))),
            Err(why) => why,
        };
        self.sources.is_empty().then_some(Verdict::Refused(refused))
    }

    /// The verdict. Slow: for a thread that may wait.
    pub fn verify(&self, attempt: &Attempt) -> Verdict {
        if let Some(verdict) = self.verify_at_once(attempt) {
            return verdict;
        }
        self.ask(attempt, |source| source.verify(attempt))
    }

    /// The verdict on a name and a certificate alone, before a password is asked for. Slow, as [`Self::verify`] is.
    pub fn recognise(&self, attempt: &Attempt) -> Verdict {
        if attempt.name.as_bytes().len() > LONGEST_NAME {
            return Verdict::Refused(Why::TooLong);
        }
        self.ask(attempt, |source| source.recognise(attempt))
    }

    /// Asks the sources in their order. Nobody learns by the time it takes whether a name is known.
    fn ask(&self, attempt: &Attempt, how: impl Fn(&dyn Source) -> Verdict) -> Verdict {
        // A name that was given with the start is nobody else's.
        let mut verdict = Verdict::Refused(Why::Password);
        if !self.users.iter().any(|user| user.member.account.name == attempt.name) {
            verdict = Verdict::Refused(Why::Unknown);
            for source in &self.sources {
                verdict = how(&**source);
                if verdict != Verdict::Refused(Why::Unknown) {
                    return verdict;
                }
            }
        }
        hash::waste(attempt.password.reveal());
        verdict
    }

    /// Whoever is let in without asking a source.
    fn given(&self, attempt: &Attempt) -> Result<Member, Why> {
        let name = attempt.name.as_bytes();
        let given = digest(attempt.password.reveal());
        let user = self.users.iter().find(|user| user.member.account.name.as_bytes() == name);
        let unknown = [0; 32];
        let right = user.map_or(&unknown, |user| &user.password).ct_eq(&given);
        if let Some(user) = user {
            return if right.into() { Ok(user.member.clone()) } else { Err(Why::Password) };
        }
        match &self.anonymous {
            Some(anonymous) if is_anonymous(name) => Ok(anonymous.member()),
            _ => Err(Why::Unknown),
        }
    }
}

impl Anonymous {
    fn member(&self) -> Member {
        let name = Text::from("anonymous");
        let account = Account { anonymous: true, ..Account::new(name, self.rights) };
        let mut member = Member::new(account);
        if let Some(folder) = &self.folder {
            let what = Mounted::Folder(folder.clone());
            member.mounts = vec![Mount { at: VirtualPath::root(), what }];
        }
        member
    }
}

fn digest(password: &[u8]) -> [u8; 32] {
    Sha256::digest(password).into()
}

/// What the clock of this place shows now.
fn now() -> DateTime {
    local(crate::effects::today().seconds())
}

/// What the clock of this place shows so many seconds after the beginning of 1970.
fn local(seconds: i64) -> DateTime {
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.to_zoned(TimeZone::system()).datetime()
}

#[cfg(test)]
mod tests;
