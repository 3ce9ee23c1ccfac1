//! Listing a local folder: entries as the kernel gives them, a batch at a time.
//!
//! Memory does not grow with the folder: one buffer of names, and the facts of one entry.

use super::super::Folder;
use super::{LocalFolder, entry_of, fault, kind_of, partial};
use rustix::fs::{AtFlags, OFlags, RawDir, Stat};
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
    /// The tree and the folder's path in it, where links are to be followed.
    links: Option<(LocalFolder, VirtualPath)>,
    names: Vec<MaybeUninit<u8>>,
}

impl Listing {
    pub(super) fn new(handle: OwnedFd, links: Option<(LocalFolder, VirtualPath)>) -> Self {
        Self { handle, links, names: Vec::new() }
    }
}

impl Folder for Listing {
    fn is_folder(&self) -> bool {
        true
    }

    fn read(&mut self, each: &mut dyn FnMut(&EntryRef<'_>)) -> Result<bool, Fault> {
        self.names.resize(BATCH, MaybeUninit::uninit());
        let mut batch = RawDir::new(&self.handle, &mut self.names);
        let mut any = false;
        while let Some(entry) = batch.next() {
            any = true;
            let name = entry.map_err(fault)?.file_name().to_bytes().to_vec();
            show(&self.handle, self.links.as_ref(), &name, each);
            if batch.is_buffer_empty() {
                break;
            }
        }
        Ok(any)
    }
}

/// Shows one entry, unless it is not there any more or not to be seen.
fn show(
    folder: &OwnedFd,
    links: Option<&(LocalFolder, VirtualPath)>,
    name: &[u8],
    each: &mut dyn FnMut(&EntryRef<'_>),
) {
    if name == b"." || name == b".." {
        return;
    }
    let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { return };
    if partial::is_reserved(name) {
        return partial::remove_if_expired(folder, name, &stat);
    }
    match kind_of(&stat) {
        Kind::Link { .. } => show_link(folder, links, name, &stat, each),
        kind @ (Kind::File | Kind::Folder | Kind::Other) => each(&entry_of(name, &stat, kind)),
    }
}

fn show_link(
    folder: &OwnedFd,
    links: Option<&(LocalFolder, VirtualPath)>,
    name: &[u8],
    link: &Stat,
    each: &mut dyn FnMut(&EntryRef<'_>),
) {
    let behind = links.and_then(|(tree, path)| {
        let handle = tree.open_path(&path.join(name).ok()?, OFlags::PATH).ok()?;
        rustix::fs::fstat(handle).ok()
    });
    if let Some(stat) = behind {
        return each(&entry_of(name, &stat, kind_of(&stat)));
    }
    let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok();
    let target = target.as_ref().map(|target| target.to_bytes());
    each(&entry_of(name, link, Kind::Link { target }));
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
        let kind = match &entry.kind {
            Kind::File => Kind::File,
            Kind::Folder => Kind::Folder,
            Kind::Link { target } => Kind::Link { target: target.as_deref() },
            Kind::Other => Kind::Other,
        };
        let mut shown = Entry::new(entry.name.as_slice(), kind);
        (shown.size, shown.modified, shown.mode) = (entry.size, entry.modified, entry.mode);
        shown.links = entry.links;
        each(&shown);
        Ok(true)
    }
}
