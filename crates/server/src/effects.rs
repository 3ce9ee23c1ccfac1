//! From the machine's effects on the tree to calls of the storage, one match.
//!
//! Short actions are carried out on the session's own task. Slow ones (see `TreeAction::is_slow`) run beside
//! it as an [`Errand`], which stops at its next step when its session has gone.

use crate::archive::Archive;
use crate::data::permissions_of;
use crate::digest;
use crate::storage::descent::{Descent, Step};
use crate::storage::{
    Existing, Holder, Look, Source, Storage, Upload, Version, Wanted, complete_for_good,
};
use crate::turns::Awaited;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wharf_proto::Text;
use wharf_proto::charset::Charset;
use wharf_proto::codec::{Coding, LocalError, Outbound};
use wharf_proto::command::Range;
use wharf_proto::listing::{EntryRef, Kind, Unique, unix};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Fault, Outcome, Rights, StoreAt, TreeAction};
use wharf_proto::time::Timestamp;
use wharf_proto::verb::Right;

/// The most entries that STAT lists on the control connection.
const LISTED: usize = 1000;

/// The most folders and files that one DSIZ or SITE RMDIR -r walks through.
const WALKED: usize = 500_000;

/// How much of a file is copied or counted at a time.
const CHUNK: usize = 256 * 1024;

/// The time of day, for listings: the server's one look at the clock.
pub(crate) fn today() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::new(i64::try_from(now.as_secs()).unwrap_or(i64::MAX), now.subsec_nanos())
}

/// Who acts on what.
#[derive(Clone)]
pub(crate) struct Errand {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) holder: Holder,
    pub(crate) rights: Rights,
    /// Whether a folder may be fetched as an archive.
    pub(crate) archives: bool,
    /// Whether what is stored is put on the disk before it is said to be done.
    pub(crate) sync_uploads: bool,
    /// Whether somebody still waits for the outcome.
    pub(crate) awaited: Awaited,
}

impl Errand {
    /// Carries an action out. Which task may wait for that is for [`TreeAction::is_slow`] to say.
    pub(crate) fn act(&self, action: TreeAction) -> Outcome {
        self.try_to_act(action).unwrap_or_else(Outcome::Failed)
    }

    fn try_to_act(&self, action: TreeAction) -> Result<Outcome, Fault> {
        let storage = &*self.storage;
        let done = |result: Result<(), Fault>| result.map(|()| Outcome::Done);
        match action {
            TreeAction::Enter(path) => done(storage.enter(&path)),
            TreeAction::Find(path) => done(storage.find(&path).map(drop)),
            TreeAction::MakeFolder { path, parents: false, umask } => {
                done(storage.make_folder(&path, umask))
            }
            TreeAction::MakeFolder { path, parents: true, umask } => {
                done(self.make_folders(&path, umask))
            }
            TreeAction::RemoveFolder { path, all: false } => done(storage.remove_folder(&path)),
            TreeAction::RemoveFolder { path, all: true } => done(self.remove_all(&path)),
            TreeAction::Delete(path) => done(match storage.delete(&path) {
                // To who began it, an upload that broke off is what the name means.
                Err(Fault::NotFound) => storage.give_up(&path, &self.holder),
                deleted => deleted,
            }),
            TreeAction::Rename { from, to } => done(storage.rename(&from, &to, Existing::Replaced)),
            TreeAction::Copy { from, to, umask } => done(self.copy(&from, &to, umask)),
            TreeAction::Join { target, parts, umask } => done(self.join(&target, &parts, umask)),
            TreeAction::Link { link, target } => done(storage.make_link(&link, &target)),
            TreeAction::SetModified(path, time) => done(storage.set_modified(&path, time)),
            TreeAction::SetMode(path, mode) => done(storage.set_mode(&path, mode)),
            TreeAction::SetLabel(path, label, value) => {
                done(storage.set_label(&path, label, value.as_bytes()))
            }
            TreeAction::Size { path, coded } => {
                let size = match coded {
                    None => storage.size(&path, &self.holder),
                    Some(coding) => self.coded_size(&path, coding),
                };
                size.map(Outcome::Size).map_err(|fault| match fault {
                    // Clients that hear of no file here do not come to ask for it (curl).
                    Fault::NotFound if self.packs(&path) => {
                        Fault::Unsupported(Cannot::SizeOfArchive)
                    }
                    fault => fault,
                })
            }
            TreeAction::FolderSize(path) => self.folder_size(&path).map(Outcome::Size),
            TreeAction::Free(path) => storage.free(&path).map(Outcome::Size),
            TreeAction::Modified(path) => self.modified(&path),
            TreeAction::Facts(path) => self.facts(&path),
            TreeAction::List(path, charset) => self.list(&path, charset),
            TreeAction::Digest(path, algorithm, range) => {
                digest::of(self, &*storage.read_own(&path, &self.holder)?, algorithm, range)
            }
        }
    }

    /// Whether a name of nothing is that of a folder as an archive.
    fn packs(&self, path: &VirtualPath) -> bool {
        let folder =
            Archive::wanted(path).filter(|_| self.archives && self.rights.has(Right::List));
        folder.is_some_and(|(folder, _)| self.storage.enter(&folder).is_ok())
    }

    fn facts(&self, path: &VirtualPath) -> Result<Outcome, Fault> {
        let mut entry = self.storage.facts(path)?;
        // A storage that knows the rights of each name has told them.
        let known = entry.permissions.take();
        entry.permissions = known.or_else(|| Some(permissions_of(self.rights, &entry.kind)));
        Ok(Outcome::Facts(Box::new(entry)))
    }

    fn folder_size(&self, path: &VirtualPath) -> Result<u64, Fault> {
        let mut size = 0_u64;
        self.walk(path, &mut |_, _, bytes| {
            size = size.saturating_add(bytes);
            Ok(())
        })?;
        Ok(size)
    }

    fn make_folders(&self, path: &VirtualPath, umask: Option<u32>) -> Result<(), Fault> {
        let mut at = VirtualPath::root();
        for component in path.components() {
            at = at.join(component).map_err(|_| Fault::Name)?;
            match self.storage.make_folder(&at, umask) {
                Ok(()) => {}
                Err(fault) => self.storage.enter(&at).map_err(|_| fault)?,
            }
        }
        Ok(())
    }

    fn modified(&self, path: &VirtualPath) -> Result<Outcome, Fault> {
        let time = self.storage.facts(path)?.modified;
        time.map(Outcome::Modified).ok_or(Fault::Unsupported(Cannot::TimeUnknown))
    }

    /// How many bytes a file has in this coding.
    fn coded_size(&self, path: &VirtualPath, coding: Coding) -> Result<u64, Fault> {
        let source = self.storage.read(path)?;
        let damaged = |error: LocalError| Fault::System(error.to_string().into());
        let Some(mut outbound) = Outbound::new(coding.representation, &coding.settings) else {
            return Err(Fault::System("no codec for it".into()));
        };
        let (mut wire, mut size) = (Vec::new(), 0);
        self.each_piece(&*source, Range::default(), &mut |bytes| {
            outbound.push(bytes, &mut wire).map_err(damaged)?;
            size += wire.len() as u64;
            wire.clear();
            Ok(())
        })?;
        outbound.finish(&mut wire).map_err(damaged)?;
        Ok(size + wire.len() as u64)
    }

    /// Shows a part of a file to `each`, a piece after the other, as long as somebody waits.
    pub(crate) fn each_piece(
        &self,
        source: &dyn Source,
        range: Range,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut buffer = vec![0; CHUNK];
        let (mut at, end) = (range.start, range.end.unwrap_or(u64::MAX));
        while at < end {
            self.awaited.go_on()?;
            let want = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let n = source.read_at(&mut buffer[..want], at)?;
            if n == 0 {
                break;
            }
            each(&buffer[..n])?;
            at += n as u64;
        }
        Ok(())
    }

    fn list(&self, path: &VirtualPath, charset: Charset) -> Result<Outcome, Fault> {
        let mut folder = self.storage.list(path, Look::default())?;
        let now = today();
        let mut lines = Vec::new();
        while lines.len() < LISTED
            && folder.read(&mut |entry| {
                if lines.len() < LISTED {
                    let mut line = Vec::new();
                    let name = charset.to_wire(entry.name);
                    unix::write_row(&mut line, &EntryRef { name: &name, ..*entry }, now);
                    lines.push(Text::from(line));
                }
            })?
        {}
        Ok(Outcome::Listed { lines, folder: folder.is_folder() })
    }

    fn copy(&self, from: &VirtualPath, to: &VirtualPath, umask: Option<u32>) -> Result<(), Fault> {
        let from = std::slice::from_ref(from);
        self.fill(&self.wanted(to, StoreAt::Start, umask), from, |_| Ok(())).map(drop)
    }

    fn join(
        &self,
        target: &VirtualPath,
        parts: &[VirtualPath],
        umask: Option<u32>,
    ) -> Result<(), Fault> {
        // By what they are and not by how they are spelt: a link must not make a file a part of itself.
        let mut all = Vec::new();
        for part in parts {
            // Before the target grows, and not when it has.
            self.storage.allows(part, Right::Delete)?;
            all.push(self.storage.facts(part)?.unique);
        }
        let at = match self.storage.facts(target) {
            Ok(entry) => {
                all.push(entry.unique);
                StoreAt::End
            }
            // A broken upload of that name is not what the parts are added to.
            Err(Fault::NotFound) => StoreAt::Start,
            Err(fault) => return Err(fault),
        };
        let twice = |(n, one): (usize, &Option<Unique>)| one.is_none() || all[..n].contains(one);
        if all.iter().enumerate().any(twice) {
            return Err(Fault::Name);
        }
        let wanted = self.wanted(target, at, umask);
        let seen = self.fill(&wanted, parts, |seen| self.unchanged(parts, seen))?;
        self.delete_joined(parts, &seen)
    }

    /// Whether the parts are as they were seen.
    fn unchanged(&self, parts: &[VirtualPath], seen: &[Version]) -> Result<(), Fault> {
        parts.iter().zip(seen).try_for_each(|(part, seen)| {
            let now = self.storage.read(part)?.version();
            if now == *seen { Ok(()) } else { Err(Fault::Changed) }
        })
    }

    /// Deletes the parts whose bytes are in the joined file. What has taken the name of one since then is another
    /// file, and stays.
    fn delete_joined(&self, parts: &[VirtualPath], seen: &[Version]) -> Result<(), Fault> {
        parts.iter().zip(seen).try_for_each(|(part, seen)| {
            match self.storage.delete_seen(part, seen) {
                Err(Fault::Changed | Fault::NotFound) => Ok(()),
                deleted => deleted,
            }
        })
    }

    fn wanted<'w>(&'w self, path: &'w VirtualPath, at: StoreAt, umask: Option<u32>) -> Wanted<'w> {
        let there = Existing::Replaced;
        Wanted { path, at, holder: &self.holder, umask, there, in_one_go: true }
    }

    /// Pours files into an upload and completes it, if what they were is right; what cannot be completed leaves
    /// nothing behind.
    fn fill(
        &self,
        wanted: &Wanted<'_>,
        from: &[VirtualPath],
        right: impl FnOnce(&[Version]) -> Result<(), Fault>,
    ) -> Result<Vec<Version>, Fault> {
        let storage = &*self.storage;
        let mut upload = storage.write(wanted)?;
        let poured: Result<Vec<_>, _> =
            from.iter().map(|from| self.pour(from, &mut *upload)).collect();
        match poured.and_then(|seen| right(&seen).map(|()| seen)) {
            Ok(seen) => {
                match self.sync_uploads {
                    true => complete_for_good(storage, upload, &|| self.awaited.go_on())?,
                    false => upload.complete()?,
                }
                Ok(seen)
            }
            Err(fault) => {
                upload.discard();
                Err(fault)
            }
        }
    }

    fn pour(&self, from: &VirtualPath, upload: &mut dyn Upload) -> Result<Version, Fault> {
        let source = self.storage.read(from)?;
        self.each_piece(&*source, Range::default(), &mut |bytes| upload.write(bytes))?;
        Ok(source.version())
    }

    fn remove_all(&self, path: &VirtualPath) -> Result<(), Fault> {
        // An empty folder is gone with this, and a link is refused: what it leads to is not meant.
        match self.storage.remove_folder(path) {
            Err(Fault::NotEmpty) => {}
            other => return other,
        }
        self.walk(path, &mut |path, is_folder, _| match is_folder {
            true => self.storage.remove_folder(path),
            false => self.storage.delete(path),
        })?;
        self.storage.remove_folder(path)
    }

    /// Shows every entry below a folder to `each`, what is in a folder before the folder itself. Links are
    /// not followed.
    fn walk(
        &self,
        root: &VirtualPath,
        each: &mut dyn FnMut(&VirtualPath, bool, u64) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut left = WALKED;
        let mut descent = Descent::from(root.clone());
        while let Some(step) = descent.step()? {
            let path = match step {
                Step::Into(path) => path,
                Step::OutOf(path) => {
                    each(&path, true, 0)?;
                    continue;
                }
            };
            let mut folder = self.storage.list(&path, Look::default())?;
            let mut more = true;
            while more {
                self.awaited.go_on()?;
                let (mut files, mut seen) = (Vec::new(), Ok(()));
                let mut look = |entry: &EntryRef<'_>| -> Result<(), Fault> {
                    left = left.checked_sub(1).ok_or(Fault::Unsupported(Cannot::TooMuch))?;
                    match entry.kind {
                        Kind::Folder => descent.add(entry.name)?,
                        Kind::File | Kind::Link { .. } | Kind::Other => {
                            files.push((entry.name.to_vec(), entry.size.unwrap_or(0)));
                        }
                    }
                    Ok(())
                };
                more = folder.read(&mut |entry| {
                    if seen.is_ok() {
                        seen = look(entry);
                    }
                })?;
                seen?;
                for (name, size) in files {
                    each(&path.join(&name).map_err(|_| Fault::Name)?, false, size)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::local::LocalFolder;
    use crate::turns::Waiter;
    use std::path::Path;

    fn errand(tree: &Path, waiter: &Waiter) -> Errand {
        Errand {
            storage: Arc::new(LocalFolder::open(tree).unwrap()),
            holder: Holder::new(b"bob", None),
            rights: Rights::WRITER,
            archives: true,
            sync_uploads: false,
            awaited: waiter.awaited(),
        }
    }

    fn path(name: &str) -> VirtualPath {
        VirtualPath::root().join(name.as_bytes()).unwrap()
    }

    fn replace(tree: &Path, name: &str, content: &str) {
        std::fs::write(tree.join("new"), content).unwrap();
        std::fs::rename(tree.join("new"), tree.join(name)).unwrap();
    }

    #[test]
    fn a_part_that_was_replaced_before_the_parts_are_joined_ends_that_with_nothing_changed() {
        let (folder, waiter) = (tempfile::tempdir().unwrap(), Waiter::default());
        let (tree, errand) = (folder.path(), errand(folder.path(), &waiter));
        std::fs::write(tree.join("whole"), "0").unwrap();
        std::fs::write(tree.join("a"), "1").unwrap();
        let (whole, part) = (path("whole"), path("a"));
        let wanted = errand.wanted(&whole, StoreAt::End, None);
        let meanwhile = |seen: &[Version]| {
            replace(tree, "a", "2");
            errand.unchanged(std::slice::from_ref(&part), seen)
        };
        let joined = errand.fill(&wanted, std::slice::from_ref(&part), meanwhile);
        assert_eq!(joined, Err(Fault::Changed));
        assert_eq!(std::fs::read(tree.join("whole")).unwrap(), b"0");
        assert_eq!(std::fs::read(tree.join("a")).unwrap(), b"2");
        assert_eq!(std::fs::read_dir(tree).unwrap().count(), 2, "nothing hidden is left");
    }

    #[test]
    fn a_part_that_was_replaced_when_the_parts_had_been_joined_is_not_deleted() {
        let (folder, waiter) = (tempfile::tempdir().unwrap(), Waiter::default());
        let (tree, errand) = (folder.path(), errand(folder.path(), &waiter));
        for name in ["a", "b", "c", "d"] {
            std::fs::write(tree.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("c", tree.join("l")).unwrap();
        let parts = ["a", "b", "l", "d"].map(path);
        let wanted = path("whole");
        let wanted = errand.wanted(&wanted, StoreAt::Start, None);
        let seen = errand.fill(&wanted, &parts, |_| Ok(())).unwrap();
        replace(tree, "b", "new");
        std::fs::remove_file(tree.join("d")).unwrap();
        assert_eq!(errand.delete_joined(&parts, &seen), Ok(()));
        assert_eq!(std::fs::read(tree.join("whole")).unwrap(), b"abcd");
        assert_eq!(std::fs::read(tree.join("b")).unwrap(), b"new");
        assert!(!tree.join("a").exists() && !tree.join("l").exists() && tree.join("c").exists());
    }
    #[test]
    fn a_walk_ends_when_nobody_waits_for_it_any_more_or_the_tree_is_too_deep() {
        let (folder, waiter) = (tempfile::tempdir().unwrap(), Waiter::default());
        let (tree, errand) = (folder.path(), errand(folder.path(), &waiter));
        let deep = |levels: usize| tree.join("r").join(vec!["d"; levels].join("/"));
        std::fs::create_dir_all(deep(256)).unwrap();
        std::fs::write(deep(256).join("f"), "12345").unwrap();
        assert_eq!(errand.folder_size(&path("r")), Ok(5));
        std::fs::create_dir(deep(257)).unwrap();
        let too_much = Err(Fault::Unsupported(Cannot::TooMuch));
        assert_eq!(errand.folder_size(&path("r")), too_much);
        drop(waiter);
        let gone = errand.folder_size(&path("r")).unwrap_err();
        assert_eq!(gone, Fault::Stopped);
    }
}
