//! What there is to do in a tree, piece by piece: folders to be listed or made, files to be moved, names to go.
//!
//! Every piece can be done by any session, and done again by another one when the first breaks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_proto::Text;
use wharf_proto::listing::Precision;
use wharf_proto::time::Timestamp;

use super::Deed;
use crate::Error;
use crate::spool::Spool;

/// Files of more bytes are moved one at a time, by a session of their own where there is one, so that they can be gone
/// on with.
pub(crate) const LIGHT: u64 = 1 << 20;
/// How deep a tree is followed.
pub(crate) const DEEPEST: usize = 100;

/// A folder of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Its path on the server, empty for the one that the login leads to.
    pub(crate) remote: Text,
    /// Its path below the top of the tree, empty for the top.
    pub(crate) below: Text,
    /// How many folders are above it in the tree.
    pub(crate) depth: usize,
}

impl Folder {
    /// The folders among these paths below it, which have a slash at their end, and the files.
    pub(crate) fn picked<'t>(
        self: &Arc<Self>,
        below: impl Iterator<Item = &'t Text>,
    ) -> (Vec<Arc<Self>>, Vec<Item>) {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for path in below {
            let path = path.as_bytes();
            match path.strip_suffix(b"/") {
                Some(b"") => folders.push(Arc::clone(self)),
                Some(folder) => folders.push(Arc::new(self.folder(folder))),
                None => files.push(self.file(path)),
            }
        }
        (folders, files)
    }

    /// The top of a tree.
    pub(crate) fn top(remote: &Text) -> Self {
        let path = remote.as_bytes();
        let kept = path.strip_suffix(b"/").filter(|kept| !kept.is_empty()).unwrap_or(path);
        Self { remote: kept.into(), below: Text::default(), depth: 0 }
    }

    /// A folder in it.
    pub(crate) fn folder(&self, name: &[u8]) -> Self {
        let (remote, below) = (join(&self.remote, name), join(&self.below, name));
        Self { remote, below, depth: self.depth + 1 }
    }

    /// A file in it, of which nothing is known yet.
    pub(crate) fn file(&self, name: &[u8]) -> Item {
        Item {
            remote: join(&self.remote, name),
            below: join(&self.below, name),
            size: None,
            modified: None,
            precision: Precision::Second,
            mode: None,
            tries: 0,
            alone: false,
            has_old: false,
        }
    }
}

/// A file of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its path on the server.
    pub(crate) remote: Text,
    /// Its path below the top of the tree.
    pub(crate) below: Text,
    /// Its size, as far as somebody has said.
    pub(crate) size: Option<u64>,
    /// When it was modified.
    pub(crate) modified: Option<Timestamp>,
    /// How exactly that is known.
    pub(crate) precision: Precision,
    /// Its permission bits.
    pub(crate) mode: Option<u32>,
    /// How often it was tried in vain.
    pub(crate) tries: u8,
    /// Whether it is to have a data connection of its own.
    pub(crate) alone: bool,
    /// Whether an upload that broke off has left an old version of it aside, on the server that it goes to.
    pub(crate) has_old: bool,
}

impl Item {
    /// Whether it is moved through memory.
    pub(crate) fn is_light(&self) -> bool {
        self.size.is_some_and(|size| size <= LIGHT)
    }
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// List a folder of the server.
    List(Arc<Folder>),
    /// Make a folder on the server.
    Make(Arc<Folder>),
    /// Fetch a file.
    Fetch(Item),
    /// Store a file.
    Store(Item),
    /// List a folder of the server that a tree is copied to.
    Look(Arc<Folder>),
    /// Copy a file to that server.
    Copy(Item),
    /// Find out by digests whether a file is the same on both sides.
    Check(Item),
    /// Delete a file on the server.
    Delete(Item),
    /// Remove an empty folder on the server.
    Remove(Arc<Folder>),
}

impl Work {
    /// Where it is, below the top.
    pub(crate) fn below(&self) -> &Text {
        match self {
            Self::List(folder) | Self::Look(folder) | Self::Make(folder) | Self::Remove(folder) => {
                &folder.below
            }
            Self::Fetch(item)
            | Self::Store(item)
            | Self::Copy(item)
            | Self::Check(item)
            | Self::Delete(item) => &item.below,
        }
    }

    /// The file, if it is about one.
    pub(crate) fn item(&mut self) -> Option<&mut Item> {
        match self {
            Self::Fetch(item)
            | Self::Store(item)
            | Self::Copy(item)
            | Self::Check(item)
            | Self::Delete(item) => Some(item),
            Self::List(_) | Self::Look(_) | Self::Make(_) | Self::Remove(_) => None,
        }
    }

    /// Whether it wants a session to itself.
    pub(crate) fn is_heavy(&self) -> bool {
        match self {
            Self::Fetch(item) | Self::Store(item) => !item.is_light() || item.alone,
            // It goes over a data connection of its own, between two servers.
            Self::Copy(_) => true,
            // Its digest is made here meanwhile.
            Self::Check(_) => true,
            Self::List(_) | Self::Look(_) | Self::Make(_) | Self::Delete(_) | Self::Remove(_) => {
                false
            }
        }
    }
}

/// What came of a piece of work that others wait for.
#[derive(Debug)]
pub(crate) enum Found {
    /// The listing of a folder.
    Listing(Spool),
    /// Whether a file is the same on both sides; nothing where the server does not say.
    Same(Option<bool>),
    /// It is done.
    Done,
    /// The server does not make a folder: it may be there already.
    Refused(Error),
    /// It could not be done.
    Nothing,
}

/// What a session may do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// This.
    Work(Work),
    /// Nothing now; what others do may bring more.
    Wait,
    /// Only heavy work, which was not asked for.
    Heavy,
    /// Nothing any more.
    Over,
}

/// What there is to do, in its order. It is asked for one piece after the other, so a tree of any size costs little
/// memory.
pub(crate) trait Agenda: Send {
    /// The next piece of work; `heavy`: whether it may be heavy.
    fn next(&mut self, heavy: bool) -> Next;
    /// Takes what came of a piece.
    fn found(&mut self, work: &Work, found: Found);
    /// What is to be told since it was last asked.
    fn complaints(&mut self) -> Vec<Complaint>;
    /// How many files were passed over since it was last asked, because they are the same on both sides.
    fn same(&mut self) -> u64;
    /// Whether it has stopped in the midst, after many things on this machine, so that these are told before it is asked
    /// again.
    fn is_amid(&self) -> bool {
        false
    }
    /// Hears whether the server can be told the times of files.
    fn learn_keeps_times(&mut self, keeps_times: bool);
    /// Hears that the server refused to list a folder; whether that is as it may be, and dealt with.
    fn is_absent(&mut self, _: &Work, _: &Error) -> bool {
        false
    }
}

/// What an agenda has to tell.
#[derive(Debug)]
pub(crate) enum Complaint {
    /// Something is left out, though it is in the tree.
    LeftOut {
        /// Where, below the top.
        below: Text,
        /// Why.
        why: String,
        /// Whether something is wrong with it; else it is of a kind that is not moved.
        is_fault: bool,
    },
    /// Something could not be done.
    Failed {
        /// Where, below the top.
        below: Text,
        /// What was to be done.
        deed: Deed,
        /// Why not.
        error: Error,
    },
    /// A file is the same on both sides.
    Same(Text),
    /// Something was done on this machine.
    Done {
        /// Where, below the top.
        below: Text,
        /// What.
        deed: Deed,
    },
    /// Something that is worth knowing.
    Note(&'static str),
}

impl Complaint {
    /// Something is wrong.
    pub(crate) fn fault(below: &Text, why: impl ToString) -> Self {
        Self::LeftOut { below: below.clone(), why: why.to_string(), is_fault: true }
    }

    /// It is of a kind that is not moved.
    pub(crate) fn remark(below: &Text, why: impl ToString) -> Self {
        Self::LeftOut { below: below.clone(), why: why.to_string(), is_fault: false }
    }

    /// It could not be done.
    pub(crate) fn failed(below: &Text, deed: Deed, error: Error) -> Self {
        Self::Failed { below: below.clone(), deed, error }
    }

    /// A folder was not made, and is not there either: what was said to MKD is why.
    pub(crate) fn unmade(below: &Text, path: &Text, refused: Error, listed: &Error) -> Self {
        Self::failed(below, Deed::Make, refused.of_unmade(path, listed))
    }

    /// So many files below a folder that is not there are not stored.
    pub(crate) fn homeless(below: &Text, files: u64) -> Self {
        let plural = if files == 1 { "" } else { "s" };
        Self::remark(below, format_args!("{files} file{plural} in it, for want of the folder"))
    }
}

/// A path and a name in it.
pub(crate) fn join(folder: &Text, name: &[u8]) -> Text {
    let folder = folder.as_bytes();
    let slash: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, slash, name].concat().into()
}

/// The path on this machine of what is at `below` of the tree whose top is `root`.
pub(crate) fn local_path(root: &Path, below: &Text) -> PathBuf {
    if below.is_empty() { root.to_owned() } else { root.join(OsStr::from_bytes(below.as_bytes())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_top_are_joined_with_one_slash_each() {
        for (top, file) in
            [("", "a"), ("pub", "pub/a"), ("pub/", "pub/a"), ("/", "/a"), ("/x", "/x/a")]
        {
            let folder = Folder::top(&top.into());
            assert_eq!(folder.file(b"a").remote.to_string(), file, "{top}");
            assert_eq!(folder.folder(b"b").file(b"c").below.to_string(), "b/c");
        }
    }
}
