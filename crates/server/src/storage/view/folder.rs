//! A folder as a member sees it: with the trees that are mounted in it, without what nothing may be done with,
//! and with the permissions of each name.

use super::View;
use crate::data::permissions_of;
use crate::storage::Folder;
use wharf_proto::listing::{Entry, EntryRef, Kind, Permissions};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Fault, Rights};

/// A folder being listed.
pub(super) struct Listing {
    /// Nothing where there is no folder but only the way to a mount.
    inner: Option<Box<dyn Folder>>,
    /// Of files, of folders, of the rest, where no name says otherwise.
    usual: [Permissions; 3],
    /// The names with rights of their own; hidden where there are none.
    special: Vec<(Vec<u8>, Option<Rights>)>,
    /// The trees mounted here that have not been shown.
    mounts: Vec<Entry>,
}

impl Listing {
    pub(super) fn new(view: &View, path: &VirtualPath, inner: Option<Box<dyn Folder>>) -> Self {
        let mut special = Vec::new();
        for name in view.grants.names_in(path) {
            let Ok(there) = path.join(&name) else { continue };
            let shown = view.grants.leads_on(&there).then(|| view.grants.at(&there));
            special.push((name, shown));
        }
        let mut mounts = Vec::new();
        for name in view.mounts.names_in(path) {
            let there = path.join(&name).ok().filter(|there| view.grants.leads_on(there));
            mounts.extend(there.map(|there| view.mounted(&there)));
            // What the tree below has of that name is not to be reached.
            special.retain(|(known, _)| *known != name);
            special.push((name, None));
        }
        let rights = view.grants.at(path);
        let usual = [Kind::File, Kind::Folder, Kind::Other]
            .map(|kind: Kind<&[u8]>| permissions_of(rights, &kind));
        Self { inner, usual, special, mounts }
    }
}

impl Folder for Listing {
    fn is_folder(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.is_folder())
    }

    fn read(&mut self, each: &mut dyn FnMut(&EntryRef<'_>)) -> Result<bool, Fault> {
        for mount in self.mounts.drain(..) {
            each(&mount.as_ref());
        }
        let Some(inner) = &mut self.inner else { return Ok(false) };
        let ([file, folder, other], special) = (self.usual, &self.special);
        inner.read(&mut |entry| {
            let told = match special.iter().find(|(name, _)| *name == entry.name) {
                Some((_, None)) => return,
                Some((_, Some(rights))) => permissions_of(*rights, &entry.kind),
                None => match entry.kind {
                    Kind::File => file,
                    Kind::Folder => folder,
                    Kind::Link { .. } | Kind::Other => other,
                },
            };
            each(&EntryRef { permissions: Some(told), ..*entry });
        })
    }
}
