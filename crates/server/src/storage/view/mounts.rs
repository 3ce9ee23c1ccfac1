//! The trees that a member sees, and where: a name leads to the one with the longest name above it.

use crate::accounts::{Member, Mounted};
use crate::storage::local::{LocalFolder, io_fault};
use crate::storage::{Links, Storage};
use std::sync::Arc;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::Fault;

/// The trees of a member.
pub(super) struct Mounts(
    /// The longest names first.
    Vec<Mount>,
);

/// A tree at a name.
pub(super) struct Mount {
    at: VirtualPath,
    /// Why it cannot be had, where it cannot.
    tree: Result<Arc<dyn Storage>, Fault>,
    /// Whether what is in it counts for the member's quota.
    pub(super) counts: bool,
}

/// A name in the tree to which it belongs.
pub(super) struct Place<'m> {
    pub(super) mount: &'m Mount,
    pub(super) tree: &'m Arc<dyn Storage>,
    pub(super) path: VirtualPath,
}

impl Mounts {
    /// Opens the trees of a member, where `served` is what the server shows to all. `counts` says of a name
    /// whether its tree counts for the quota.
    ///
    /// # Errors
    /// [`Fault`], where the tree at the root cannot be had. Any other is told when it is asked for.
    pub(super) fn open(
        member: &Member,
        served: &Arc<dyn Storage>,
        links: Links,
        counts: impl Fn(&VirtualPath) -> bool,
    ) -> Result<Self, Fault> {
        let open = |what: &Mounted| match what {
            Mounted::Served(path) => served.subtree(path, links),
            Mounted::Folder(path) => {
                let folder = LocalFolder::open(path).map_err(|error| io_fault(&error))?;
                folder.subtree(&VirtualPath::root(), links)
            }
        };
        let mut mounts = Vec::new();
        for mount in &member.mounts {
            let tree = open(&mount.what);
            if let Err(fault) = &tree {
                let (name, at) = (&member.account.name, &mount.at);
                tracing::warn!(%name, %at, ?fault, "a mount cannot be opened");
            }
            mounts.push(Mount { at: mount.at.clone(), tree, counts: counts(&mount.at) });
        }
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.at.as_bytes().len()));
        let mounts = Self(mounts);
        mounts.place(&VirtualPath::root()).map(drop)?;
        Ok(mounts)
    }

    /// Where a name is.
    ///
    /// # Errors
    /// [`Fault`], where its tree cannot be had.
    pub(super) fn place(&self, path: &VirtualPath) -> Result<Place<'_>, Fault> {
        let of = |mount| -> Option<(&Mount, VirtualPath)> {
            let mount: &Mount = mount;
            Some((mount, path.beneath(&mount.at)?))
        };
        let (mount, path) = self.0.iter().find_map(of).ok_or(Fault::NotFound)?;
        let tree = mount.tree.as_ref().map_err(Clone::clone)?;
        Ok(Place { mount, tree, path })
    }

    /// Whether a tree is at this name or at one beneath it: then it can be neither made nor taken away.
    pub(super) fn hold(&self, path: &VirtualPath) -> bool {
        self.0.iter().any(|mount| mount.at.beneath(path).is_some())
    }

    /// The names in this folder at which there are trees, or on the way to them.
    pub(super) fn names_in(&self, folder: &VirtualPath) -> Vec<Vec<u8>> {
        super::names_towards(self.0.iter().map(|mount| &mount.at), folder)
    }

    /// The trees that count for the quota.
    pub(super) fn counted(&self) -> impl Iterator<Item = Result<&Arc<dyn Storage>, Fault>> {
        let counted = self.0.iter().filter(|mount| mount.counts);
        counted.map(|mount| mount.tree.as_ref().map_err(Clone::clone))
    }
}

impl Place<'_> {
    /// The name, as the member knows it, of a name in the same tree.
    pub(super) fn name_of(&self, inner: &VirtualPath) -> Result<VirtualPath, Fault> {
        self.mount.at.join(inner.relative()).map_err(|_| Fault::Name)
    }

    /// Whether another name is in the same tree.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        std::ptr::eq(self.mount, other.mount)
    }
}
