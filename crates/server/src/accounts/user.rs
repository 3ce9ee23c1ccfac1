//! A user that is about to be kept: whose name, password and terms make sense.

use super::hash::Hash;
use super::{LONGEST_NAME, Said, totp};
use std::fmt;
use std::str::FromStr;
use wharf_proto::server::is_anonymous;

/// A name that an account may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(String);

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or more than 255 bytes.
    #[error("a name has from 1 to 255 bytes")]
    Length,
    /// Control characters, or spaces at an end.
    #[error("a name has no control characters, and no space at its ends")]
    Character,
    /// `anonymous` or `ftp`.
    #[error("this name is that of anonymous access")]
    Anonymous,
}

impl UserName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > LONGEST_NAME {
            Err(NameError::Length)
        } else if name.chars().any(char::is_control) || name.trim() != name {
            Err(NameError::Character)
        } else if is_anonymous(name.as_bytes()) {
            Err(NameError::Anonymous)
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user that is about to be kept.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The password; without one only a certificate lets in.
    pub password: Option<Hash>,
    /// The second factor.
    pub totp: Option<totp::Secret>,
    /// What the account is held to.
    pub said: Said,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_a_log_or_shadow_anonymous_access_are_none() {
        for name in ["", "a\nb", " ann", "ann ", "\u{9b}x", "FTP", "Anonymous", &"x".repeat(256)] {
            assert!(name.parse::<UserName>().is_err(), "{name}");
        }
        for name in ["ann", "ann smith", "ann@example.org", "アン", "ann:x"] {
            assert_eq!(name.parse::<UserName>().unwrap().as_str(), name);
        }
    }
}
