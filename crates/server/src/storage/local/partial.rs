//! Uploads: what comes goes into a hidden file beside the target, and takes the target's name when it is
//! complete.
//!
//! The hidden file's name is made of the holder, the target's name and the very file that has that name, if any. So
//! only the same holder finds it again to go on with (SIZE, HASH and its like, REST, APPE), and only as long as what it
//! was to replace is there as it was: an upload that broke off is then what the target is for its holder, and two
//! versions are never mixed. Where others have stored something meanwhile, it is that. RETR and listings, and all
//! others, see the file that is whole.
//!
//! It is locked while it is written; a second writer is turned away. One that nobody has gone on with for a day is
//! removed when its folder is next listed, or by its holder (DELE of a name that nothing has). That holds where the disk
//! was full too: what has come is not sent again. What is made in one go (COPY, COMB) has a name that nobody finds again.

use super::super::{Before, Existing, Holder, Source, Upload, Version, Wanted};
use super::{LocalFile, LocalFolder, details, fault, io_fault, modified_of, names, size_of};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wharf_proto::codec::Marker;
use wharf_proto::listing::Unique;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Fault, StoreAt};
use wharf_proto::time::Timestamp;

const PREFIX: &[u8] = b".wharf-";
const SUFFIX: &[u8] = b".part";

/// How long an unfinished upload is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of an old version is copied at a time where the kernel cannot share its blocks.
const COPY: usize = 256 * 1024;

/// Whether a name is one of ours, and so no client's to use or to see.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes an unfinished upload that nobody has gone on with in time, unless somebody is about to.
pub(super) fn remove_if_expired(folder: &OwnedFd, name: &[u8], written: Timestamp) {
    if has_expired(written) {
        // It may have gone already, or somebody is about to go on with it; then there is nothing to do.
        let _ = remove_where(folder, name, is_expired);
    }
}

fn is_expired(stat: &Stat) -> bool {
    has_expired(modified_of(stat))
}

fn has_expired(written: Timestamp) -> bool {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let written = Duration::from_secs(u64::try_from(written.seconds()).unwrap_or(0));
    age.saturating_sub(written) > KEPT
}

/// The name of the holder's upload to a name that `over` has.
fn name_of(target: &[u8], holder: &Holder, over: Option<&Version>) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in [holder.as_bytes(), target] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    if let Some(Version { unique, size, modified }) = over {
        // Not the device, whose number may be another one after a restart of the machine.
        if let Unique::Node { inode, .. } = unique {
            digest.update(inode.to_be_bytes());
        }
        digest.update(size.to_be_bytes());
        digest.update(modified.seconds().to_be_bytes());
        digest.update(modified.nanos().to_be_bytes());
    }
    hidden(&digest.finalize()[..16])
}

/// A name that nobody finds again.
fn by_chance() -> Vec<u8> {
    let chance = RandomState::new();
    hidden(&[chance.hash_one(0), chance.hash_one(1)].map(u64::to_be_bytes).concat())
}

fn hidden(bytes: &[u8]) -> Vec<u8> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [PREFIX, hex.as_bytes(), SUFFIX].concat()
}

/// The holder's unfinished upload to a name that `over` has, to be read, if there is one. While it is being
/// written, it is not what stands for a file that is whole.
pub(super) fn open(
    folder: BorrowedFd<'_>,
    target: &[u8],
    holder: &Holder,
    over: Option<&Version>,
) -> Option<LocalFile> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file =
        rustix::fs::openat(folder, name_of(target, holder, over), flags, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    let rests = || {
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_ok();
        locked && rustix::fs::flock(&file, FlockOperation::Unlock).is_ok()
    };
    (is_file && !is_expired(&stat) && (over.is_none() || stat.st_size > 0 && rests()))
        .then(|| LocalFile::new(file, &stat))
}

/// Removes the holder's unfinished upload to a name that nothing has.
///
/// # Errors
/// [`Fault::NotFound`] where there is none, [`Fault::Busy`] while it is written.
pub(super) fn remove(folder: &OwnedFd, target: &[u8], holder: &Holder) -> Result<(), Fault> {
    remove_where(folder, &name_of(target, holder, None), |_| true)
}

/// Removes an unfinished upload that is so, unless it is being written or the name is another one's by now.
fn remove_where(
    folder: &OwnedFd,
    name: &[u8],
    is_so: impl FnOnce(&Stat) -> bool,
) -> Result<(), Fault> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(fault)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(fault)?;
    let stat = rustix::fs::fstat(&file).map_err(fault)?;
    if !(is_so(&stat) && has_its_name(folder.as_fd(), name, &stat)) {
        return Err(Fault::NotFound);
    }
    rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(fault)
}

/// An upload under way.
pub(super) struct Partial {
    tree: LocalFolder,
    folder: OwnedFd,
    name: Vec<u8>,
    target: VirtualPath,
    there: Existing,
    place: Place,
    before: Before,
    resumes_at: Option<Marker>,
    umask: Option<u32>,
    in_one_go: bool,
    file: File,
    state: State,
}

/// Whose place it takes.
enum Place {
    /// Whatever is there at the end: all of its bytes are its own.
    Any,
    /// That of the file that was there when it was opened, which is held open, or of none.
    Of(Option<Box<dyn Source>>),
}

/// How far it is.
enum State {
    /// Nothing has come, and nothing has been changed.
    Untouched {
        /// Where the first byte goes.
        start: u64,
        /// Whether what is before `start` has to come from the present version.
        copied: bool,
        /// Whether nothing is in it.
        empty: bool,
    },
    /// Bytes are coming in.
    Written,
    /// It has its name.
    Completed,
}

impl Partial {
    /// Opens the holder's upload. `old` is the present version, where it can be read, and `over` what it is. What an earlier attempt left is changed only
    /// when the first byte comes, or the end: a data connection that never opens costs nothing.
    pub(super) fn open(
        tree: &LocalFolder,
        folder: OwnedFd,
        wanted: &Wanted<'_>,
        old: Option<Box<dyn Source>>,
        over: Option<&Version>,
    ) -> Result<Self, Fault> {
        let new_name = wanted.at == StoreAt::NewName;
        let target = if new_name { unheard_of(wanted.path)? } else { wanted.path.clone() };
        let name = match wanted.in_one_go {
            true => by_chance(),
            false => name_of(target.name().unwrap_or_default(), wanted.holder, over),
        };
        let (file, stat) = open_locked(folder.as_fd(), &name)?;
        let here = if is_expired(&stat) { 0 } else { size_of(&stat) };
        let old_size = old.as_ref().map_or(0, |old| old.size());
        let resumes = here > 0;
        let start = match wanted.at {
            StoreAt::Start | StoreAt::NewName => Some(0),
            StoreAt::End if resumes => Some(here),
            StoreAt::End => Some(old_size),
            StoreAt::From(marker) => {
                let most = if resumes { here } else { old_size };
                Some(marker.offset()).filter(|offset| *offset <= most)
            }
        };
        let resumes_at = match wanted.at {
            StoreAt::From(marker) => Some(marker),
            StoreAt::Start | StoreAt::End | StoreAt::NewName => None,
        };
        let kept = size_of(&stat);
        let there = if new_name { Existing::Kept } else { wanted.there };
        let before = Before { start: start.unwrap_or(0), kept };
        let copied = old.is_some() && before.start > 0 && !resumes;
        let state = State::Untouched { start: before.start, copied, empty: kept == 0 };
        let place = match wanted.at {
            StoreAt::Start | StoreAt::NewName => Place::Any,
            StoreAt::End | StoreAt::From(_) => Place::Of(old),
        };
        let (tree, umask, in_one_go) = (tree.clone(), wanted.umask, wanted.in_one_go);
        let upload = Self {
            tree,
            folder,
            name,
            target,
            there,
            place,
            before,
            resumes_at,
            umask,
            in_one_go,
            file,
            state,
        };
        start.map(|_| upload).ok_or(Fault::Offset)
    }

    /// Makes the file what it must be before the first byte is written.
    fn prepare(&mut self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        let State::Untouched { start, copied, empty } =
            std::mem::replace(&mut self.state, State::Written)
        else {
            return Ok(());
        };
        let broken = |error: io::Error| io_fault(&error);
        match &self.place {
            Place::Of(Some(old)) if copied => self.file = self.copied(&**old, start, go_on)?,
            _ if start == 0 && empty => return Ok(()),
            Place::Of(_) | Place::Any => self.file.set_len(start).map_err(broken)?,
        }
        self.file.seek(SeekFrom::Start(start)).map_err(broken)?;
        Ok(())
    }

    /// A file in place of this one that begins with the first `bytes` of the old version, and has its labels. It gets the name by which
    /// its holder finds it when they are all there: half a copy is no upload to go on with, not even after a crash.
    fn copied(
        &self,
        old: &dyn Source,
        bytes: u64,
        go_on: &dyn Fn() -> Result<(), Fault>,
    ) -> Result<File, Fault> {
        let (folder, name) = (self.folder.as_fd(), by_chance());
        let (file, _) = open_locked(folder, &name)?;
        let made = copy(old, bytes, &file, go_on)
            .and_then(|()| rustix::fs::renameat(folder, &name, folder, &self.name).map_err(fault));
        if let Some(old) = old.descriptor() {
            details::pass_on(old, file.as_fd());
        }
        made.map(|()| file).inspect_err(|_| {
            // If this fails, it expires.
            let _ = rustix::fs::unlinkat(folder, &name, AtFlags::empty());
        })
    }

    /// How it may take its name from what has it now, a link itself.
    fn flags(&self, named: Option<&Stat>) -> Result<RenameFlags, Fault> {
        let Place::Of(old) = &self.place else { return Ok(flags_for(self.there)) };
        let now = match named {
            Some(named) => self.tree.behind(&self.target, named)?,
            None => None,
        };
        if now != old.as_ref().map(|old| old.version()) {
            return Err(Fault::Changed);
        }
        // Where nothing is, not even another program's file is replaced.
        Ok(if named.is_none() { RenameFlags::NOREPLACE } else { flags_for(self.there) })
    }
}

impl Upload for Partial {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.prepare(&|| Ok(()))?;
        self.file.write_all(bytes).map_err(|error| io_fault(&error))
    }

    fn before(&self) -> Before {
        self.before
    }

    fn is_slow_to_begin(&self) -> bool {
        matches!(self.state, State::Untouched { copied: true, .. })
    }

    fn begin(&mut self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        self.prepare(go_on)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        matches!(self.state, State::Written).then(|| self.file.as_fd())
    }

    fn discard(self: Box<Self>) {
        // What has not been touched is somebody's to go on with. What is empty is removed when it is
        // dropped; if this fails, it expires.
        if matches!(self.state, State::Written) {
            let _ = self.file.set_len(0);
        }
    }

    fn path(&self) -> &VirtualPath {
        &self.target
    }

    fn resumes_at(&self) -> Option<Marker> {
        self.resumes_at
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.prepare(&|| Ok(()))?;
        rustix::fs::fsync(&self.file).map_err(fault)
    }

    fn complete(mut self: Box<Self>) -> Result<(), Fault> {
        self.prepare(&|| Ok(()))?;
        let target = self.target.name().ok_or(Fault::Name)?;
        let _turn = names::turn(target);
        let named = rustix::fs::statat(&self.folder, target, AtFlags::SYMLINK_NOFOLLOW).ok();
        let flags = self.flags(named.as_ref())?;
        let old = named.filter(|named| FileType::from_raw_mode(named.st_mode).is_file());
        // A new version keeps the permissions of the old one, where we may set them.
        let mode =
            old.map(|old| old.st_mode & 0o777).or_else(|| self.umask.map(|umask| 0o666 & !umask));
        if let Some(mode) = mode {
            let _ = rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode));
        }
        let renamed =
            rustix::fs::renameat_with(&self.folder, &self.name, &self.folder, target, flags);
        renamed.map_err(|errno| match (errno, self.there) {
            (Errno::EXIST, Existing::Replaced) => Fault::Changed,
            (errno, _) => fault(errno),
        })?;
        self.state = State::Completed;
        Ok(())
    }
}

/// Copies the first `bytes` of a file; the file system shares the blocks where it can.
fn copy(
    old: &dyn Source,
    bytes: u64,
    file: &File,
    go_on: &dyn Fn() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut done = 0;
    if let Some(descriptor) = old.descriptor() {
        while done < bytes {
            go_on()?;
            let (mut from, mut to) = (done, done);
            let want = usize::try_from(bytes - done).unwrap_or(usize::MAX).min(64 << 20);
            let copied =
                rustix::fs::copy_file_range(descriptor, Some(&mut from), file, Some(&mut to), want);
            match copied {
                Ok(0) | Err(_) => break,
                Ok(n) => done += n as u64,
            }
        }
    }
    let mut buffer = vec![0; COPY];
    while done < bytes {
        go_on()?;
        let want = usize::try_from(bytes - done).unwrap_or(COPY).min(COPY);
        let n = old.read_at(&mut buffer[..want], done)?;
        if n == 0 {
            return Err(Fault::Offset);
        }
        file.write_all_at(&buffer[..n], done).map_err(|error| io_fault(&error))?;
        done += n as u64;
    }
    Ok(())
}

/// How the kernel is told what becomes of a file that has the name already.
pub(super) fn flags_for(there: Existing) -> RenameFlags {
    match there {
        Existing::Replaced => RenameFlags::empty(),
        Existing::Kept => RenameFlags::NOREPLACE,
    }
}

/// A name that begins as wanted and that nothing has: by chance, and made sure of at the end.
fn unheard_of(begins: &VirtualPath) -> Result<VirtualPath, Fault> {
    let chance = RandomState::new().hash_one(());
    let name = [begins.name().unwrap_or(b"upload"), format!(".{chance:016x}").as_bytes()].concat();
    begins.parent().join(&name).map_err(|_| Fault::Name)
}

impl Drop for Partial {
    fn drop(&mut self) {
        let empty = || self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if !matches!(self.state, State::Completed) && (self.in_one_go || empty()) {
            // Of this there is nothing to go on with; if it fails, it expires.
            let _ = rustix::fs::unlinkat(&self.folder, &self.name, AtFlags::empty());
        }
    }
}

/// Opens and locks the hidden file, and makes sure that it still has its name.
fn open_locked(folder: BorrowedFd<'_>, name: &[u8]) -> Result<(File, Stat), Fault> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..8 {
        let file =
            rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o666)).map_err(fault)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            // It may be somebody who only looks whether it is being written.
            Err(Errno::WOULDBLOCK) => {
                std::thread::yield_now();
                continue;
            }
            Err(errno) => return Err(fault(errno)),
        }
        let ours = rustix::fs::fstat(&file).map_err(fault)?;
        if has_its_name(folder, name, &ours) {
            return Ok((File::from(file), ours));
        }
    }
    Err(Fault::Busy)
}

/// Whether this file, which is open, still has this name: before it was locked, another session may have completed
/// or removed it.
fn has_its_name(folder: BorrowedFd<'_>, name: &[u8], ours: &Stat) -> bool {
    let named = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino))
}

#[cfg(test)]
mod tests {
    use super::super::super::Storage;
    use super::super::LocalFolder;
    use super::*;
    use std::cell::Cell;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    /// What APPE wants.
    fn at_the_end<'w>(path: &'w VirtualPath, holder: &'w Holder) -> Wanted<'w> {
        let (at, there) = (StoreAt::End, Existing::Replaced);
        Wanted { path, at, holder, umask: None, there, in_one_go: false }
    }

    #[test]
    fn a_copy_that_nobody_waits_for_any_more_ends_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), b"old").unwrap();
        let storage = LocalFolder::open(folder.path()).unwrap();
        let path = VirtualPath::root().join(b"f").unwrap();
        let holder = Holder::new(b"x", None);
        let wanted = at_the_end(&path, &holder);
        let mut upload = storage.write(&wanted).unwrap();
        assert!(upload.is_slow_to_begin());
        assert_eq!(upload.begin(&|| Err(Fault::Busy)), Err(Fault::Busy));
        drop(upload);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read(folder.path().join("f")).unwrap(), b"old");
    }

    #[test]
    fn while_the_old_version_is_copied_nothing_is_there_to_go_on_with_even_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), b"old").unwrap();
        let storage = LocalFolder::open(folder.path()).unwrap();
        let path = VirtualPath::root().join(b"f").unwrap();
        let holder = Holder::new(b"x", None);
        let wanted = at_the_end(&path, &holder);
        let over = storage.read(&path).unwrap().version();
        let found = OsStr::from_bytes(&name_of(b"f", &holder, Some(&over))).to_owned();
        let found = folder.path().join(found);
        let mut upload = storage.write(&wanted).unwrap();
        let looked = Cell::new(0);
        let look = || {
            looked.set(looked.get() + 1);
            assert_eq!(std::fs::metadata(&found).unwrap().len(), 0);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
            Ok(())
        };
        upload.begin(&look).unwrap();
        assert!(looked.get() > 0);
        assert_eq!(std::fs::read(&found).unwrap(), b"old");
        assert_eq!(
            storage.write(&wanted).err(),
            Some(Fault::Busy),
            "it is locked as the other was"
        );
        upload.write(b"er").unwrap();
        upload.complete().unwrap();
        assert_eq!(std::fs::read(folder.path().join("f")).unwrap(), b"older");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_expired_upload_is_not_removed_under_a_name_that_another_has_by_now() {
        let folder = tempfile::tempdir().unwrap();
        let handle = rustix::fs::open(folder.path(), OFlags::PATH, Mode::empty()).unwrap();
        let (file, stat) = open_locked(handle.as_fd(), b".wharf-0.part").unwrap();
        assert!(has_its_name(handle.as_fd(), b".wharf-0.part", &stat));
        std::fs::rename(folder.path().join(".wharf-0.part"), folder.path().join("f")).unwrap();
        assert!(!has_its_name(handle.as_fd(), b".wharf-0.part", &stat));
        std::fs::write(folder.path().join(".wharf-0.part"), b"").unwrap();
        assert!(!has_its_name(handle.as_fd(), b".wharf-0.part", &stat));
        drop(file);
    }
}
