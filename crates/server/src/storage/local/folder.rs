//! Listing a local folder: entries as the kernel gives them, a batch at a time.
//!
//! Memory does not grow with the folder: one buffer of names, and the facts of one entry.

use super::super::{Folder, Look};
use super::details::Details;
use super::{LocalFolder, Seen, fault, kind_of, partial};
use rustix::fs::{Mode, OFlags, RawDir};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use wharf_proto::listing::{Entry, EntryRef, Kind};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::Fault;

/// How many bytes of names are asked for at once.
const BATCH: usize = 32 * 1024;

/// A folder open for listing.
pub(super) struct Listing {
    handle: OwnedFd,
    /// The tree and the folder's path in it.
    tree: (LocalFolder, VirtualPath),
    look: Look,
    names: Vec<MaybeUninit<u8>>,
}

impl Listing {
    pub(super) fn new(handle: OwnedFd, tree: (LocalFolder, VirtualPath), look: Look) -> Self {
        Self { handle, tree, look, names: Vec::new() }
    }

    /// Shows one entry, unless it is not there any more or not to be seen.
    fn show(&self, name: &[u8], each: &mut dyn FnMut(&EntryRef<'_>)) {
        if name == b"." || name == b".." {
            return;
        }
        if self.look == Look::Names && !partial::is_reserved(name) {
            return each(&EntryRef::new(name, Kind::Other));
        }
        let Ok(seen) = Seen::named(&self.handle, name) else { return };
        if partial::is_reserved(name) {
            return partial::remove_if_expired(&self.handle, name, seen.modified);
        }
        match kind_of(seen.mode) {
            Kind::Link { .. } => match self.behind(name) {
                Some((handle, behind)) => {
                    let kind = kind_of(behind.mode);
                    self.tell(&behind, name, kind, || Some(handle), each);
                }
                None => {
                    let target = rustix::fs::readlinkat(&self.handle, name, Vec::new()).ok();
                    let target = target.as_ref().map(|target| target.to_bytes());
                    self.tell(&seen, name, Kind::Link { target }, || self.handle_of(name), each);
                }
            },
            kind @ (Kind::File | Kind::Folder | Kind::Other) => {
                self.tell(&seen, name, kind, || self.handle_of(name), each);
            }
        }
    }

    /// What a link leads to, where that is told and inside the tree.
    fn behind(&self, name: &[u8]) -> Option<(OwnedFd, Seen)> {
        let Look::Facts { .. } = self.look else { return None };
        let (tree, path) = &self.tree;
        let handle = tree.open_path(&path.join(name).ok()?, OFlags::PATH).ok()?;
        let seen = Seen::behind(&handle).ok()?;
        Some((handle, seen))
    }

    fn handle_of(&self, name: &[u8]) -> Option<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.handle, name, flags, Mode::empty()).ok()
    }

    fn tell(
        &self,
        seen: &Seen,
        name: &[u8],
        kind: Kind<&[u8]>,
        handle: impl FnOnce() -> Option<OwnedFd>,
        each: &mut dyn FnMut(&EntryRef<'_>),
    ) {
        let entry = seen.entry(name, kind);
        let details = self.look == Look::Facts { details: true };
        match if details { handle() } else { None } {
            Some(handle) => each(&Details::of(seen, &handle, name).told_with(entry)),
            None => each(&entry),
        }
    }
}

impl Folder for Listing {
    fn is_folder(&self) -> bool {
        true
    }

    fn read(&mut self, each: &mut dyn FnMut(&EntryRef<'_>)) -> Result<bool, Fault> {
        let mut names = std::mem::take(&mut self.names);
        names.resize(BATCH, MaybeUninit::uninit());
        let mut batch = RawDir::new(&self.handle, &mut names);
        let mut any = false;
        while let Some(entry) = batch.next() {
            any = true;
            self.show(entry.map_err(fault)?.file_name().to_bytes(), each);
            if batch.is_buffer_empty() {
                break;
            }
        }
        self.names = names;
        Ok(any)
    }
}

/// One file, listed as if it were alone in its folder.
pub(super) struct Single(Option<Entry>);

impl Single {
    pub(super) fn new(entry: Entry) -> Self {
        Self(Some(entry))
    }
}

impl Folder for Single {
    fn is_folder(&self) -> bool {
        false
    }

    fn read(&mut self, each: &mut dyn FnMut(&EntryRef<'_>)) -> Result<bool, Fault> {
        let Some(entry) = self.0.take() else { return Ok(false) };
        each(&entry.as_ref());
        Ok(true)
    }
}
