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
    members: Vec<Member>,
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

    /// Lets this member in, with this password and all that is granted.
    #[must_use]
    pub fn with_member(mut self, member: Member, password: &str) -> Self {
        let Account { name, rights, charset, .. } = member.account.clone();
        let password = digest(password.as_bytes());
        self.users.push(User { name: name.as_bytes().to_vec(), password, rights, charset });
        self.members.push(member);
        self
    }

    /// What is granted to an account that has logged in.
    pub fn member(&self, account: Account) -> Member {
        let known = self.members.iter().find(|member| member.account == account);
        known.cloned().unwrap_or_else(|| Member::new(account))
    }

    /// Whether anybody can log in at all.
    pub fn is_empty(&self) -> bool {
        self.anonymous.is_none() && self.users.is_empty()
    }

    /// The account of this name and password, if they are right.
    pub fn verify(&self, name: &Text, password: &Secret) -> Option<Account> {
        let given = digest(password.reveal());
        let user = self.users.iter().find(|user| user.name == name.as_bytes());
        let unknown = [0; 32];
        let right = user.map_or(&unknown, |user| &user.password).ct_eq(&given);
        if let Some(user) = user {
            let account = Account {
                name: name.clone(),
                anonymous: false,
                rights: user.rights,
                charset: user.charset,
            };
            return bool::from(right).then_some(account);
        }
        let lower = name.as_bytes().to_ascii_lowercase();
        let rights =
            self.anonymous.filter(|_| matches!(lower.as_slice(), b"anonymous" | b"ftp"))?;
        Some(Account { name: Text::from("anonymous"), anonymous: true, rights, charset: None })
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
}
