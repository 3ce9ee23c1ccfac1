//! Listing a local folder: entries as the kernel gives them, a batch at a time.
//!
//! Memory does not grow with the folder: one buffer of names, and the facts of one entry.

use super::super::Folder;
use super::{LocalFolder, Seen, fault, kind_of, partial};
use rustix::fs::{OFlags, RawDir};
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
    let Ok(seen) = Seen::named(folder, name) else { return };
    if partial::is_reserved(name) {
        return partial::remove_if_expired(folder, name, seen.modified);
    }
    match kind_of(seen.mode) {
        Kind::Link { .. } => show_link(folder, links, name, &seen, each),
        kind @ (Kind::File | Kind::Folder | Kind::Other) => each(&seen.entry(name, kind)),
    }
}

fn show_link(
    folder: &OwnedFd,
    links: Option<&(LocalFolder, VirtualPath)>,
    name: &[u8],
    link: &Seen,
    each: &mut dyn FnMut(&EntryRef<'_>),
) {
    let behind = links.and_then(|(tree, path)| {
        let handle = tree.open_path(&path.join(name).ok()?, OFlags::PATH).ok()?;
        Seen::behind(&handle).ok()
    });
    if let Some(seen) = behind {
        return each(&seen.entry(name, kind_of(seen.mode)));
    }
    let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok();
    let target = target.as_ref().map(|target| target.to_bytes());
    each(&link.entry(name, Kind::Link { target }));
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
