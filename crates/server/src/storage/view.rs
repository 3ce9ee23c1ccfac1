//! A member's view of the tree: what is mounted where, what may be done there, and how much may be stored.
//!
//! It is a storage itself, so that whatever a verb does to the tree goes through it, by whichever name the verb
//! asks: here every call needs the right of the very path. Where there is no rule that gives a right there is
//! none.
//!
//! | call | needs |
//! | --- | --- |
//! | facts, size, list | List |
//! | read | Read |
//! | write | Write; to change a file that is there, List, Read or Delete as well |
//! | set times, modes and labels | the same as to change a file |
//! | find | Rename |
//! | rename | Rename at both names; to replace, Delete or what changing a file needs |
//! | delete, remove a folder | Delete |
//! | make a folder; a link | Folders; Write |
//! | free | List or Write |
//! | enter | any right, there or beneath |
//!
//! A rename gives nobody more: the right to do with the thing under its new name what could not be done under
//! the old one is refused, and so are folders in which names have rules of their own. Between trees nothing is
//! renamed. Where there are rules no link is followed, since a name must then be what it says.
//!
//! What the account's rights over all allow, and no more, has been decided before (`Session::refusal`).

mod folder;
mod grants;
mod mounts;
#[cfg(test)]
mod tests;
mod upload;

use super::quota::Ledger;
use super::{
    Existing, Folder, Holder, Links, Look, Source, Storage, Upload, Usage, Version, Wanted,
};
use crate::accounts::{Member, Mount, Mounted};
use folder::Listing;
use grants::{Grants, changes_files, renamed_over};
use mounts::{Mounts, Place};
use std::sync::Arc;
use upload::{Meter, Stored, usage_of};
use wharf_proto::listing::{Entry, Fact, Kind};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Fault, Rights, StoreAt};
use wharf_proto::time::Timestamp;
use wharf_proto::verb::Right;

/// What may be done with a folder that is there because a tree is mounted at it or beneath it.
const FIXED: Rights = Rights::READER.with(Right::Write).with(Right::Folders);

/// A member's view.
pub(crate) struct View {
    grants: Grants,
    mounts: Mounts,
    /// Where there is a quota.
    ledger: Option<Arc<Ledger>>,
}

impl View {
    /// What this member sees of `served`, which is shown to all; that itself, where nothing is to be held to.
    /// The ledger is for members with a quota.
    ///
    /// # Errors
    /// [`Fault`], where the tree at the member's root cannot be had.
    pub(crate) fn of(
        member: &Member,
        served: &Arc<dyn Storage>,
        ledger: Option<Arc<Ledger>>,
    ) -> Result<Arc<dyn Storage>, Fault> {
        let grants = Grants::of(member);
        if ledger.is_none() && grants.are_flat() && sees_what_is_served(member) {
            return Ok(Arc::clone(served));
        }
        let links = if grants.has_rules() { Links::Refused } else { Links::Followed };
        let mounts = Mounts::open(member, served, links, |at| grants.write_at(at))?;
        Ok(Arc::new(Self { grants, mounts, ledger }))
    }

    fn need(&self, path: &VirtualPath, right: Right) -> Result<Place<'_>, Fault> {
        self.need_that(path, |rights| rights.has(right))
    }

    fn need_that(
        &self,
        path: &VirtualPath,
        enough: impl Fn(Rights) -> bool,
    ) -> Result<Place<'_>, Fault> {
        match enough(self.grants.at(path)) {
            true => self.mounts.place(path),
            false => Err(Fault::Denied),
        }
    }

    /// What is made or taken away must not be what a mount hangs on.
    fn loose(&self, path: &VirtualPath, otherwise: Fault) -> Result<(), Fault> {
        if self.mounts.hold(path) { Err(otherwise) } else { Ok(()) }
    }

    /// The facts of a name at which a tree is mounted, or on the way to one.
    fn mounted(&self, path: &VirtualPath) -> Entry {
        let name = path.name().unwrap_or(b"/");
        let entry = self.mounts.place(path).and_then(|place| place.tree.facts(&place.path));
        let mut entry = match entry {
            Ok(entry) if entry.kind == Kind::Folder => entry,
            _ => Entry::new(name.to_vec(), Kind::Folder),
        };
        entry.name = name.to_vec();
        let rights = self.grants.at(path).within(FIXED);
        entry.permissions = Some(crate::data::permissions_of(rights, &entry.kind));
        entry
    }

    /// The ledger, where what is in this tree is booked in it.
    fn ledger_for(&self, place: &Place<'_>) -> Option<&Arc<Ledger>> {
        self.ledger.as_ref().filter(|_| place.mount.counts)
    }

    fn delete_by(
        &self,
        path: &VirtualPath,
        delete: impl FnOnce(&Place<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let place = self.need(path, Right::Delete)?;
        self.loose(path, Fault::Denied)?;
        let Some(ledger) = self.ledger_for(&place) else { return delete(&place) };
        let mut books = ledger.books();
        let gone = usage_of(place.tree.find(&place.path).ok().as_ref());
        delete(&place)?;
        books.book(gone, Usage::default());
        Ok(())
    }

    fn rename_in(&self, from: &Place<'_>, to: &Place<'_>, there: Existing) -> Result<(), Fault> {
        let rename = || from.tree.rename(&from.path, &to.path, there);
        let Some(ledger) = self.ledger_for(from) else { return rename() };
        let mut books = ledger.books();
        let (this, old) = (from.tree.find(&from.path), from.tree.find(&to.path).ok());
        rename()?;
        // Two names of one file both stay.
        let replaced = old.filter(|old| this.is_ok_and(|this| this.unique != old.unique));
        books.book(usage_of(replaced.as_ref()), Usage::default());
        Ok(())
    }
}

impl Storage for View {
    fn facts(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        if self.mounts.hold(path) {
            return match self.grants.at(path).has(Right::List) {
                true => Ok(self.mounted(path)),
                false => Err(Fault::Denied),
            };
        }
        let place = self.need(path, Right::List)?;
        let mut entry = place.tree.facts(&place.path)?;
        entry.permissions = Some(crate::data::permissions_of(self.grants.at(path), &entry.kind));
        Ok(entry)
    }

    fn enter(&self, path: &VirtualPath) -> Result<(), Fault> {
        if !self.grants.leads_on(path) {
            return Err(Fault::Denied);
        }
        let place = self.mounts.place(path)?;
        match place.tree.enter(&place.path) {
            Err(Fault::NotFound | Fault::NotAFolder) if self.mounts.hold(path) => Ok(()),
            // Who may not see what there is shall not find it out by trying.
            Err(Fault::NotFound | Fault::NotAFolder) if !self.grants.at(path).has(Right::List) => {
                Err(Fault::Denied)
            }
            entered => entered,
        }
    }

    fn find(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        let place = self.need(path, Right::Rename)?;
        self.loose(path, Fault::Denied)?;
        place.tree.find(&place.path)
    }

    fn make_folder(&self, path: &VirtualPath, umask: Option<u32>) -> Result<(), Fault> {
        let place = self.need(path, Right::Folders)?;
        self.loose(path, Fault::Exists)?;
        place.tree.make_folder(&place.path, umask)
    }

    fn make_link(&self, link: &VirtualPath, target: &VirtualPath) -> Result<(), Fault> {
        let (from, to) = (self.need(link, Right::Write)?, self.mounts.place(target)?);
        self.loose(link, Fault::Exists)?;
        if !from.is_beside(&to) {
            return Err(Fault::Unsupported(Cannot::BetweenTrees));
        }
        from.tree.make_link(&from.path, &to.path)
    }

    fn set_modified(&self, path: &VirtualPath, time: Timestamp) -> Result<(), Fault> {
        let place = self.need_that(path, changes_files)?;
        place.tree.set_modified(&place.path, time)
    }

    fn set_mode(&self, path: &VirtualPath, mode: u32) -> Result<(), Fault> {
        let place = self.need_that(path, changes_files)?;
        place.tree.set_mode(&place.path, mode)
    }

    fn set_label(&self, path: &VirtualPath, label: Fact, value: &[u8]) -> Result<(), Fault> {
        let place = self.need_that(path, changes_files)?;
        place.tree.set_label(&place.path, label, value)
    }

    fn free(&self, path: &VirtualPath) -> Result<u64, Fault> {
        let either = |rights: Rights| rights.has(Right::List) || rights.has(Right::Write);
        let place = self.need_that(path, either)?;
        let free = place.tree.free(&place.path)?;
        match self.ledger_for(&place) {
            Some(ledger) => Ok(free.min(ledger.room()?)),
            None => Ok(free),
        }
    }

    fn remove_folder(&self, path: &VirtualPath) -> Result<(), Fault> {
        let place = self.need(path, Right::Delete)?;
        self.loose(path, Fault::Denied)?;
        place.tree.remove_folder(&place.path)
    }

    fn delete(&self, path: &VirtualPath) -> Result<(), Fault> {
        self.delete_by(path, |place| place.tree.delete(&place.path))
    }

    fn give_up(&self, path: &VirtualPath, holder: &Holder) -> Result<(), Fault> {
        let place = self.need(path, Right::Delete)?;
        let Some(ledger) = self.ledger_for(&place) else {
            return place.tree.give_up(&place.path, holder);
        };
        let mut books = ledger.books();
        let bytes = place.tree.size(&place.path, holder)?;
        place.tree.give_up(&place.path, holder)?;
        books.book(Usage { bytes, files: 1 }, Usage::default());
        Ok(())
    }

    fn delete_seen(&self, path: &VirtualPath, seen: &Version) -> Result<(), Fault> {
        self.delete_by(path, |place| place.tree.delete_seen(&place.path, seen))
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath, there: Existing) -> Result<(), Fault> {
        let (old, new) = (self.need(from, Right::Rename)?, self.need(to, Right::Rename)?);
        self.loose(from, Fault::Denied)?;
        self.loose(to, Fault::Denied)?;
        let (before, after) = (self.grants.at(from), self.grants.at(to));
        if after.within(before) != after
            || self.grants.is_divided(from)
            || self.grants.is_divided(to)
        {
            return Err(Fault::Denied);
        }
        if !old.is_beside(&new) {
            return Err(Fault::Unsupported(Cannot::BetweenTrees));
        }
        let there = match renamed_over(after) {
            Existing::Replaced => there,
            Existing::Kept => Existing::Kept,
        };
        self.rename_in(&old, &new, there)
    }

    fn read(&self, path: &VirtualPath) -> Result<Box<dyn Source>, Fault> {
        let place = self.need(path, Right::Read)?;
        place.tree.read(&place.path)
    }

    fn read_own(&self, path: &VirtualPath, holder: &Holder) -> Result<Box<dyn Source>, Fault> {
        let place = self.need(path, Right::Read)?;
        place.tree.read_own(&place.path, holder)
    }

    fn size(&self, path: &VirtualPath, holder: &Holder) -> Result<u64, Fault> {
        let place = self.need(path, Right::List)?;
        place.tree.size(&place.path, holder)
    }

    fn write(&self, wanted: &Wanted<'_>) -> Result<Box<dyn Upload>, Fault> {
        let new_name = wanted.at == StoreAt::NewName;
        // The name that will be found has no rule and no mount of its own, whatever the wanted one has.
        let ruled = if new_name { wanted.path.parent() } else { wanted.path.clone() };
        let place = self.need(&ruled, Right::Write)?;
        let path = match wanted.path.name() {
            Some(name) if new_name => place.path.join(name).map_err(|_| Fault::Name)?,
            Some(_) | None => place.path.clone(),
        };
        if !new_name {
            self.loose(wanted.path, Fault::NotAFile)?;
        }
        let there = match changes_files(self.grants.at(&ruled)) {
            true => wanted.there,
            false => Existing::Kept,
        };
        let upload = place.tree.write(&Wanted { path: &path, there, ..*wanted })?;
        let name = place.name_of(upload.path())?;
        let meter = match self.ledger_for(&place) {
            Some(ledger) => {
                let (ledger, tree) = (Arc::clone(ledger), Arc::clone(place.tree));
                Some(Meter::open(ledger, tree, &*upload, wanted.in_one_go)?)
            }
            None => None,
        };
        Ok(Box::new(Stored::new(name, upload, meter)))
    }

    fn allows(&self, path: &VirtualPath, right: Right) -> Result<(), Fault> {
        self.need(path, right).map(drop)
    }

    fn sync_folder(&self, path: &VirtualPath) -> Result<(), Fault> {
        let place = self.mounts.place(path)?;
        place.tree.sync_folder(&place.path)
    }

    fn list(&self, path: &VirtualPath, look: Look) -> Result<Box<dyn Folder>, Fault> {
        if !self.grants.at(path).has(Right::List) {
            return Err(Fault::Denied);
        }
        let listed = self.mounts.place(path).and_then(|place| place.tree.list(&place.path, look));
        let inner = match listed {
            Ok(folder) if folder.is_folder() || !self.mounts.hold(path) => Some(folder),
            Err(fault) if !(self.mounts.hold(path) && fault == Fault::NotFound) => {
                return Err(fault);
            }
            Ok(_) | Err(_) => None,
        };
        Ok(Box::new(Listing::new(self, path, inner)))
    }

    /// A view is what somebody sees, and not what is mounted for others.
    fn subtree(&self, _: &VirtualPath, _: Links) -> Result<Arc<dyn Storage>, Fault> {
        Err(Fault::Unsupported(Cannot::Storage))
    }

    fn usage(&self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<Usage, Fault> {
        let mut all = Usage::default();
        for tree in self.mounts.counted() {
            all = all + tree?.usage(go_on)?;
        }
        Ok(all)
    }
}

/// The names in this folder that are among these, or on the way to them, each once and in order.
fn names_towards<'p>(
    paths: impl Iterator<Item = &'p VirtualPath>,
    folder: &VirtualPath,
) -> Vec<Vec<u8>> {
    let below = paths.filter_map(|path| path.beneath(folder));
    let mut names: Vec<Vec<u8>> =
        below.filter_map(|path| Some(path.components().next()?.to_vec())).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether the member has one tree, and that is what is served to all.
fn sees_what_is_served(member: &Member) -> bool {
    let root = VirtualPath::root();
    matches!(member.mounts.as_slice(), [Mount { at, what: Mounted::Served(path) }]
        if *at == root && *path == root)
}
