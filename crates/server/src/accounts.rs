//! Who may log in, and as what.
//!
//! For now the accounts given on the command line and anonymous access; a user store comes with the
//! accounts' own issue. Passwords are compared as digests in constant time, and an unknown name costs the
//! same work as a wrong password, so that names cannot be told apart by time (RFC 2577 section 5).

mod member;

pub use member::{Member, Mount, Mounted, Quota, Rates, Rule};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use wharf_proto::charset::Charset;
use wharf_proto::server::{Account, Rights};
use wharf_proto::{Secret, Text};

/// The accounts of a server.
#[derive(Clone, Default)]
pub struct Accounts {
    anonymous: Option<Rights>,
    users: Vec<User>,
}

#[derive(Clone)]
struct User {
    name: Vec<u8>,
    password: [u8; 32],
    rights: Rights,
    charset: Option<Charset>,
}

impl Accounts {
    /// No accounts: nobody can log in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets anonymous users in (names `anonymous` and `ftp`, any password), with these rights.
    #[must_use]
    pub fn with_anonymous(mut self, rights: Rights) -> Self {
        self.anonymous = Some(rights);
        self
    }

    /// Lets this user in, with these rights.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str, rights: Rights) -> Self {
        let password = digest(password.as_bytes());
        self.users.push(User { name: name.as_bytes().to_vec(), password, rights, charset: None });
        self
    }

    /// Shows the user that was added last its names in this charset, in place of the server's.
    #[must_use]
    pub fn in_charset(mut self, charset: Charset) -> Self {
        if let Some(user) = self.users.last_mut() {
            user.charset = Some(charset);
        }
        self
    }

    /// Whether anybody can log in at all.
    pub fn is_empty(&self) -> bool {
        self.anonymous.is_none() && self.users.is_empty()
    }

    /// What anonymous users may do, where they are let in.
    pub fn anonymous(&self) -> Option<Rights> {
        self.anonymous
    }

    /// Who else may log in, and what each may do.
    pub fn users(&self) -> impl Iterator<Item = (Text, Rights)> {
        self.users.iter().map(|user| (Text::from(user.name.as_slice()), user.rights))
    }

    /// Whether anybody may change what is served.
    pub fn may_change(&self) -> bool {
        let users = self.users.iter().map(|user| user.rights);
        self.anonymous.into_iter().chain(users).any(|rights| !Rights::READER.covers(rights))
    }

    /// The account of this name and password, if they are right.
    pub fn verify(&self, name: &Text, password: &Secret) -> Option<Account> {
        let given = digest(password.reveal());
        let user = self.users.iter().find(|user| user.name == name.as_bytes());
        let unknown = [0; 32];
        let right = user.map_or(&unknown, |user| &user.password).ct_eq(&given);
        if let Some(user) = user {
            let account =
                Account { charset: user.charset, ..Account::new(name.clone(), user.rights) };
            return bool::from(right).then_some(account);
        }
        let lower = name.as_bytes().to_ascii_lowercase();
        let rights =
            self.anonymous.filter(|_| matches!(lower.as_slice(), b"anonymous" | b"ftp"))?;
        Some(Account { anonymous: true, ..Account::new("anonymous".into(), rights) })
    }
}

fn digest(password: &[u8]) -> [u8; 32] {
    Sha256::digest(password).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(accounts: &Accounts, name: &str, password: &str) -> Option<Account> {
        accounts.verify(&name.into(), &Secret::new(password.as_bytes().to_vec()))
    }

    #[test]
    fn a_user_comes_in_with_the_right_password_only() {
        let accounts = Accounts::new().with_user("bob", "secret", Rights::WRITER);
        assert!(verify(&accounts, "bob", "secret").is_some());
        for (name, password) in
            [("bob", "Secret"), ("bob", ""), ("eve", "secret"), ("anonymous", "x")]
        {
            assert_eq!(verify(&accounts, name, password), None, "{name} {password}");
        }
    }

    #[test]
    fn anonymous_comes_in_with_any_password_and_reads_only() {
        let accounts = Accounts::new().with_anonymous(Rights::READER);
        let account = verify(&accounts, "FTP", "me@example.org").unwrap();
        assert!(account.anonymous && account.rights == Rights::READER);
    }

    #[test]
    fn accounts_tell_who_may_log_in_and_whether_anything_can_be_changed() {
        let readers = Accounts::new().with_anonymous(Rights::READER);
        assert!(!readers.may_change() && readers.users().next().is_none());
        let both = readers.with_user("bob", "secret", Rights::WRITER);
        assert!(both.may_change() && both.anonymous() == Some(Rights::READER));
        let users: Vec<_> = both.users().collect();
        assert_eq!(users, [(Text::from("bob"), Rights::WRITER)]);
    }
}
