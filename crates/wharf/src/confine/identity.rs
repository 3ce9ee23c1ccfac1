//! Whom the process is to become: names and numbers, looked up before anything is done.
//!
//! What cannot be found is an error and never somebody else: a misread name must not leave the server as root.
//! This looks up and changes nothing (that is `privileges.rs`).

use std::ffi::CString;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context as _;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// The group of nobody, for an owner without an entry whose folder belongs to root's group.
const NOGROUP: u32 = 65_534;

/// A user with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// How it is called; its number where it has no name.
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The other groups.
    pub(super) groups: Vec<u32>,
}

impl Identity {
    /// The owner of a folder, in its own group alone.
    pub(super) fn owner_of(folder: &Path) -> anyhow::Result<Self> {
        let seen = std::fs::metadata(folder)
            .with_context(|| format!("cannot see who owns {}", folder.display()))?;
        let user = User::from_uid(Uid::from_raw(seen.uid()))
            .with_context(|| format!("cannot look up user {}", seen.uid()))?;
        Ok(match user {
            Some(user) => Self::of(&user),
            None => {
                let gid = if seen.gid() == 0 { NOGROUP } else { seen.gid() };
                Self { name: seen.uid().to_string(), uid: seen.uid(), gid, groups: Vec::new() }
            }
        })
    }

    pub(super) fn is_root(&self) -> bool {
        self.uid == 0
    }

    fn of(user: &User) -> Self {
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        Self { name: user.name.clone(), uid, gid, groups: Vec::new() }
    }
}

impl FromStr for Identity {
    type Err = String;

    /// Reads `USER` or `USER:GROUP`, names or numbers. A user alone has all its groups; with a group, only that.
    fn from_str(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group_named(group)?)),
            None => (text, None),
        };
        let known = user_named(user)?;
        match (known, group, number(user)) {
            (Some(known), Some(gid), _) => Ok(Self { gid, ..Self::of(&known) }),
            (Some(known), None, _) => {
                let groups = groups_of(&known)?;
                Ok(Self { groups, ..Self::of(&known) })
            }
            (None, Some(gid), Some(uid)) => {
                Ok(Self { name: user.to_owned(), uid, gid, groups: Vec::new() })
            }
            (None, None, Some(uid)) => Err(format!(
                "user {uid} has no entry here, so its group is wanted too: {uid}:GROUP"
            )),
            (None, _, None) => Err(format!("there is no user `{user}`")),
        }
    }
}

/// The user of this name, or of this number.
fn user_named(name: &str) -> Result<Option<User>, String> {
    let failed = |error| format!("cannot look up user `{name}`: {error}");
    match (User::from_name(name).map_err(failed)?, number(name)) {
        (None, Some(uid)) => User::from_uid(Uid::from_raw(uid)).map_err(failed),
        (found, _) => Ok(found),
    }
}

/// The number of the group of this name, or the number that it is.
fn group_named(name: &str) -> Result<u32, String> {
    let failed = |error| format!("cannot look up group `{name}`: {error}");
    match Group::from_name(name).map_err(failed)? {
        Some(group) => Ok(group.gid.as_raw()),
        None => number(name).ok_or_else(|| format!("there is no group `{name}`")),
    }
}

fn groups_of(user: &User) -> Result<Vec<u32>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("cannot look up the groups of `{}`: {error}", user.name)
    };
    let name = CString::new(user.name.as_str()).map_err(|error| failed(&error))?;
    let groups = getgrouplist(&name, user.gid).map_err(|error| failed(&error))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

/// Digits, and not the number that means "leave it as it is" to the system.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_and_a_group_stands_alone() {
        let root: Identity = "root".parse().unwrap();
        assert!(root.is_root() && root.gid == 0 && root.name == "root");
        assert_eq!("0".parse::<Identity>(), Ok(root));
        let narrow: Identity = "root:4711".parse().unwrap();
        assert_eq!((narrow.gid, narrow.groups), (4711, vec![]));
        let unnamed: Identity = "3999999999:3999999998".parse().unwrap();
        assert_eq!((unnamed.uid, unnamed.gid), (3_999_999_999, 3_999_999_998));
    }

    #[test]
    fn s22_what_is_nobody_here_is_an_error_and_never_root() {
        for text in [
            "",
            ":",
            "no-such-user",
            "no-such-user:0",
            "+0",
            "-1",
            "0x0",
            " 0",
            "4294967295:0",
            "4294967296",
            "3999999999",
            "root:",
            "root:no-such-group",
            "root:4294967295",
            "ro\0ot",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_owner_of_a_folder_is_found_with_a_name_where_it_has_one() {
        let owner = Identity::owner_of(Path::new("/")).unwrap();
        assert!(owner.is_root() && owner.groups.is_empty(), "{owner:?}");
        assert!(Identity::owner_of(Path::new("/no/such/folder")).is_err());
    }
}
