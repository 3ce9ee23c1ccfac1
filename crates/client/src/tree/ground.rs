//! The ground: the folder on this machine in which a tree stands. Nothing of a tree is ever written outside it.
//!
//! Names come from a server, so each must be a plain one, and no folder on the way to a file may be a symbolic link,
//! be it one that was there before or one that the server had us make. The top itself may be one: who named it knows
//! it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use wharf_proto::Text;
use wharf_proto::listing::{Precision, names};
use wharf_proto::time::Timestamp;

use super::work::{Item, local_path};
use crate::Error;
use crate::files::local;

/// How many folders are remembered to be what they should.
const REMEMBERED: usize = 4096;
/// How many links one may lead through, as for the kernel.
const MOST_LINKS: usize = 40;

/// A folder on this machine.
#[derive(Debug)]
pub(crate) struct Ground {
    root: PathBuf,
    /// Folders, by their path below the top, that are there and are no links.
    sure: Mutex<HashSet<Text>>,
}

impl Ground {
    /// The ground at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), sure: Mutex::default() }
    }

    /// Its top.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of what is at `below`, once the folders on the way are made.
    ///
    /// # Errors
    /// `Local` where one of them is no folder, or cannot be made.
    pub(crate) fn place(&self, below: &Text) -> Result<PathBuf, Error> {
        let path = local_path(&self.root, below);
        let bytes = below.as_bytes();
        let folder =
            bytes.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |at| &bytes[..at]);
        self.make(&folder.into())?;
        let name = bytes.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if !names::is_plain(name) || bytes.starts_with(b"/") {
            return Err(unfit(&path));
        }
        Ok(path)
    }

    /// Whether a link at `below` to `target` leads to a place in the tree, by way of the links that are here.
    pub(crate) fn holds(&self, below: &Text, target: &[u8]) -> bool {
        let names = |path: &[u8]| -> Vec<Vec<u8>> {
            path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect()
        };
        let mut at = self.root.clone();
        // The folders above it are none; what is to be gone through comes last first.
        let mut ahead = names(target);
        ahead.extend(names(below.as_bytes()).into_iter().skip(1));
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            match name.as_slice() {
                b"" | b"." => {}
                b".." if at == self.root => return false,
                b".." => drop(at.pop()),
                name => {
                    at.push(OsStr::from_bytes(name));
                    let Ok(next) = fs::read_link(&at) else { continue };
                    let next = next.into_os_string().into_vec();
                    links += 1;
                    if next.starts_with(b"/") || links > MOST_LINKS {
                        return false;
                    }
                    at.pop();
                    ahead.extend(names(&next));
                }
            }
        }
        true
    }

    /// Makes the folder at `below`, with those above it.
    ///
    /// # Errors
    /// `Local`.
    pub(crate) fn make(&self, below: &Text) -> Result<(), Error> {
        if self.sure.lock().unwrap_or_else(PoisonError::into_inner).contains(below) {
            return Ok(());
        }
        if below.is_empty() {
            fs::create_dir_all(&self.root).map_err(local("make the folder", &self.root))?;
        } else {
            let mut path = self.root.clone();
            fs::create_dir_all(&path).map_err(local("make the folder", &path))?;
            for name in below.as_bytes().split(|byte| *byte == b'/') {
                if !names::is_plain(name) {
                    return Err(unfit(&path));
                }
                path = local_path(&path, &name.into());
                step_into(&path)?;
            }
        }
        let mut sure = self.sure.lock().unwrap_or_else(PoisonError::into_inner);
        if sure.len() >= REMEMBERED {
            sure.clear();
        }
        sure.insert(below.clone());
        Ok(())
    }

    /// Whether the file at the place of `item` is of its size and time already.
    pub(crate) fn has(&self, item: &Item) -> bool {
        let path = local_path(&self.root, &item.below);
        let Ok(found) = fs::symlink_metadata(path) else { return false };
        let (Some(size), Some(modified)) = (item.size, item.modified) else { return false };
        let second = Timestamp::new(found.mtime(), 0);
        found.is_file() && found.len() == size && item.precision.allows(modified, second)
    }
}

/// Whether a time is later than the one that was `told`, whatever that is in what it is known to lie in.
pub(crate) fn is_after(time: Timestamp, told: Timestamp, precision: Precision) -> bool {
    time > told && !precision.allows(told, time)
}

/// Makes a folder unless it is there, and no link.
fn step_into(path: &Path) -> Result<(), Error> {
    match fs::create_dir(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path).map_err(local("open", path))?;
            if found.is_dir() {
                return Ok(());
            }
            let link = "it is a symbolic link, and might lead anywhere";
            let why = if found.is_symlink() { link } else { "it is no folder" };
            Err(local("write into", path)(io::Error::other(why)))
        }
        Err(error) => Err(local("make the folder", path)(error)),
    }
}

fn unfit(path: &Path) -> Error {
    local("write into", path)(io::Error::other("the name is none that a file can have"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_on_the_way_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let root = folder.path().join("new/top");
        let ground = Ground::new(&root);
        assert_eq!(ground.place(&"a/b/c".into()).unwrap(), root.join("a/b/c"));
        assert!(root.join("a/b").is_dir());
        std::os::unix::fs::symlink(outside.path(), root.join("link")).unwrap();
        ground.place(&"link/x".into()).unwrap_err();
        fs::write(root.join("file"), b"").unwrap();
        ground.place(&"file/x".into()).unwrap_err();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_is_held_where_those_that_it_leads_through_stay_in_the_tree() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("top");
        let ground = Ground::new(&root);
        ground.make(&"a/b".into()).unwrap();
        for (link, target) in [
            ("a/b/up", "../../x"),
            ("out", "a/b/../../../x"),
            ("away", "/etc"),
            ("round", "round"),
            ("lost", "not/there"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        for (below, target, held) in [
            ("l", "a/b/up/y", true),
            ("a/l", "../lost/z", true),
            ("l", "a/b/up/../../y", false),
            ("l", "out/y", false),
            ("a/b/l", "../../away", false),
            ("l", "round", false),
            ("l", "..", false),
        ] {
            assert_eq!(ground.holds(&below.into(), target.as_bytes()), held, "{below} -> {target}");
        }
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground::new(folder.path());
        for below in ["..", "../x", "a/../../x", "/etc/x", "/x", "", "a//x", "a/.."] {
            assert!(ground.place(&below.into()).is_err(), "{below}");
        }
    }

    #[test]
    fn a_file_is_there_when_its_size_and_its_time_agree() {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground::new(folder.path());
        let file = fs::File::create(folder.path().join("x")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_000_000_500))
            .unwrap();
        let top = super::super::work::Folder::top(&"".into());
        let item =
            Item { size: Some(0), modified: Some(Timestamp::new(1_000_000, 0)), ..top.file(b"x") };
        assert!(ground.has(&item));
        assert!(!ground.has(&Item { size: Some(1), ..item.clone() }));
        assert!(
            !ground.has(&Item { modified: Some(Timestamp::new(1_000_001, 0)), ..item.clone() })
        );
        let minute = Item {
            modified: Some(Timestamp::new(999_900, 0)),
            precision: Precision::Minute,
            ..item
        };
        assert!(!ground.has(&minute));
        let minute = Item { modified: Some(Timestamp::new(1_000_000 / 60 * 60, 0)), ..minute };
        assert!(ground.has(&minute));
    }
}
