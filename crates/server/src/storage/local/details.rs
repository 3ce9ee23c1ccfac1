//! What costs more than a look at an entry: its owner's number, and what somebody has said its bytes are.
//!
//! Labels are kept in extended attributes, under the names that other programs know: `user.mime_type` and
//! `user.charset` (web servers and desktops), `user.xdg.language`. A file without the first is of the media
//! type that its name ends for; charset and language are never guessed.

use super::{Seen, by_descriptor, kind_of};
use rustix::fs::XattrFlags;
use std::os::fd::{BorrowedFd, OwnedFd};
use wharf_proto::listing::{EntryRef, Fact, Kind, Labels};

/// The longest label that is read. A longer one was not meant to be one.
const LONGEST: usize = 256;

/// The labels that there are.
const LABELS: [Fact; 3] = [Fact::MediaType, Fact::Charset, Fact::Lang];

/// The name of the extended attribute that has a label.
pub(super) fn attribute(label: Fact) -> Option<&'static str> {
    match label {
        Fact::MediaType => Some("user.mime_type"),
        Fact::Charset => Some("user.charset"),
        Fact::Lang => Some("user.xdg.language"),
        Fact::Type
        | Fact::Size
        | Fact::Modify
        | Fact::Create
        | Fact::Perm
        | Fact::Unique
        | Fact::UnixMode
        | Fact::UnixOwner
        | Fact::UnixGroup => None,
    }
}

/// The details of one entry.
pub(super) struct Details {
    owner: Vec<u8>,
    group: Vec<u8>,
    labels: Labels,
}

impl Details {
    /// Of what has been seen by this handle, under this name in the tree.
    pub(super) fn of(seen: &Seen, handle: &OwnedFd, name: &[u8]) -> Self {
        let number = |number: u32| number.to_string().into_bytes();
        let is_file = kind_of(seen.mode) == Kind::File;
        let labels = if is_file { labels(handle, name) } else { Labels::NONE };
        Self { owner: number(seen.user), group: number(seen.group), labels }
    }

    /// The entry with its details.
    pub(super) fn told_with<'d>(&'d self, entry: EntryRef<'d>) -> EntryRef<'d> {
        let labels = Labels {
            media_type: self.labels.media_type.as_deref(),
            charset: self.labels.charset.as_deref(),
            lang: self.labels.lang.as_deref(),
        };
        EntryRef { owner: Some(&self.owner), group: Some(&self.group), labels, ..entry }
    }
}

/// Says of one file what is said of another, as far as its file system takes that.
pub(super) fn pass_on(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    for attribute in LABELS.into_iter().filter_map(attribute) {
        let mut value = [0; LONGEST];
        if let Ok(length @ 1..) = rustix::fs::fgetxattr(from, attribute, &mut value)
            && let Some(value) = value.get(..length)
        {
            let _ = rustix::fs::fsetxattr(to, attribute, value, XattrFlags::empty());
        }
    }
}

fn labels(handle: &OwnedFd, name: &[u8]) -> Labels {
    let (file, mut labels) = (by_descriptor(handle), Labels::NONE);
    for label in LABELS {
        let mut value = [0; LONGEST];
        // A file system without such attributes has no labels.
        if let (Some(to), Some(attribute)) = (labels.of_mut(label), attribute(label))
            && let Ok(length @ 1..) = rustix::fs::getxattr(&file, attribute, &mut value)
        {
            *to = value.get(..length).map(<[u8]>::to_vec);
        }
    }
    let by_name = || {
        let guess = mime_guess::from_path(str::from_utf8(name).ok()?);
        Some(guess.first_raw()?.as_bytes().to_vec())
    };
    labels.media_type = labels.media_type.or_else(by_name);
    labels
}
