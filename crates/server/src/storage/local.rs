//! A folder of this machine as storage.
//!
//! Every path is resolved by the kernel beneath a handle of the root (openat2 with RESOLVE_BENEATH): `..`,
//! absolute links, links that lead out, and folders swapped for links while we look all end in a refusal,
//! never outside. Names are changed only through a handle of their parent folder, never by whole path.
//! Uploads are in `local/partial.rs`, the turns at a name in `local/names.rs`, listings in `local/folder.rs`, labels in `local/details.rs`.

mod details;
mod folder;
mod names;
mod partial;
mod usage;

use super::{
    Existing, Folder, Holder, Links, Look, Source, Storage, Upload, Usage, Version, Wanted,
};
use details::Details;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags, StatxTimestamp, Timespec,
    Timestamps, XattrFlags,
};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use wharf_proto::Text;
use wharf_proto::listing::{Entry, EntryRef, Fact, Kind, Unique};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Fault, StoreAt};
use wharf_proto::time::Timestamp;

/// A folder of this machine.
#[derive(Clone, Debug)]
pub struct LocalFolder {
    root: Arc<OwnedFd>,
    links: Links,
}

impl LocalFolder {
    /// Opens the folder at `root`.
    ///
    /// # Errors
    /// What the system reports: no such folder, not a folder, no permission, or a kernel before Linux 5.6,
    /// which has no openat2.
    pub fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())?;
        let links = Links::Followed;
        beneath(root.as_fd(), b".", OFlags::PATH, links).map_err(|errno| match errno {
            Errno::NOSYS => io::Error::new(
                io::ErrorKind::Unsupported,
                "this kernel has no openat2 (Linux 5.6 or newer is needed)",
            ),
            other => other.into(),
        })?;
        Ok(Self { root: Arc::new(root), links })
    }

    fn open_path(&self, path: &VirtualPath, flags: OFlags) -> Result<OwnedFd, Fault> {
        if path.name().is_some_and(partial::is_reserved) {
            return Err(Fault::NotFound);
        }
        self.beneath(path, flags).map_err(fault)
    }

    fn beneath(&self, path: &VirtualPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        beneath(self.root.as_fd(), or_dot(path.relative()), flags, self.links)
    }

    /// What is behind a name that is itself what `named` tells; nothing behind a link that leads nowhere.
    fn behind(&self, path: &VirtualPath, named: &Stat) -> Result<Option<Version>, Fault> {
        if !FileType::from_raw_mode(named.st_mode).is_symlink() {
            return Ok(Some(version_of(named)));
        }
        match self.open_path(path, OFlags::PATH) {
            Ok(behind) => Ok(Some(version_of(&rustix::fs::fstat(behind).map_err(fault)?))),
            Err(Fault::NotFound) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// A handle of the parent folder, and the name in it.
    fn parent<'p>(&self, path: &'p VirtualPath) -> Result<(OwnedFd, &'p [u8]), Fault> {
        let name = path.name().ok_or(Fault::Denied)?;
        if partial::is_reserved(name) {
            return Err(Fault::Name);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let folder = self.beneath(&path.parent(), flags).map_err(fault)?;
        Ok((folder, name))
    }
}

impl Storage for LocalFolder {
    fn facts(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        let handle = self.open_path(path, OFlags::PATH)?;
        let seen = Seen::behind(&handle).map_err(fault)?;
        let name = path.name().unwrap_or(b"/");
        let details = Details::of(&seen, &handle, name);
        Ok(details.told_with(seen.entry(name, kind_of(seen.mode))).to_owned())
    }

    fn enter(&self, path: &VirtualPath) -> Result<(), Fault> {
        let handle = self.open_path(path, OFlags::PATH | OFlags::DIRECTORY)?;
        rustix::fs::accessat(&handle, ".", rustix::fs::Access::EXEC_OK, AtFlags::EACCESS)
            .map_err(fault)
    }

    fn find(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        let (parent, name) = self.parent(path)?;
        let seen = Seen::named(&parent, name).map_err(fault)?;
        Ok(seen.entry(name, kind_of(seen.mode)).to_owned())
    }

    fn make_folder(&self, path: &VirtualPath, umask: Option<u32>) -> Result<(), Fault> {
        let (parent, name) = self.parent(path)?;
        let mode = Mode::from_raw_mode(0o777 & !umask.unwrap_or(0));
        rustix::fs::mkdirat(&parent, name, mode).map_err(fault)?;
        match umask {
            // The server's own umask has had its say; the session's may be narrower.
            Some(_) => self.set_mode(path, mode.as_raw_mode()),
            None => Ok(()),
        }
    }

    fn make_link(&self, link: &VirtualPath, target: &VirtualPath) -> Result<(), Fault> {
        if self.links == Links::Refused {
            return Err(Fault::Unsupported(Cannot::Storage));
        }
        let (parent, name) = self.parent(link)?;
        if target.components().any(partial::is_reserved) {
            return Err(Fault::Name);
        }
        rustix::fs::symlinkat(relative_to(&link.parent(), target), parent, name).map_err(fault)
    }

    fn set_modified(&self, path: &VirtualPath, time: Timestamp) -> Result<(), Fault> {
        let handle = self.open_path(path, OFlags::PATH)?;
        let omit = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
        let modified = Timespec { tv_sec: time.seconds(), tv_nsec: time.nanos().into() };
        let times = Timestamps { last_access: omit, last_modification: modified };
        rustix::fs::utimensat(CWD, by_descriptor(&handle), &times, AtFlags::empty()).map_err(fault)
    }

    fn set_mode(&self, path: &VirtualPath, mode: u32) -> Result<(), Fault> {
        let handle = self.open_path(path, OFlags::PATH)?;
        // Set-user-id and its kin are not for a file server's users to give.
        let mode = Mode::from_raw_mode(mode & 0o777);
        rustix::fs::chmodat(CWD, by_descriptor(&handle), mode, AtFlags::empty()).map_err(fault)
    }

    fn set_label(&self, path: &VirtualPath, label: Fact, value: &[u8]) -> Result<(), Fault> {
        let handle = self.open_path(path, OFlags::PATH)?;
        let name = details::attribute(label).ok_or(Fault::Unsupported(Cannot::Storage))?;
        let file = by_descriptor(&handle);
        let set = match value {
            b"" => rustix::fs::removexattr(file, name),
            _ => rustix::fs::setxattr(file, name, value, XattrFlags::empty()),
        };
        match set {
            Err(Errno::NODATA) => Ok(()),
            set => set.map_err(fault),
        }
    }

    fn free(&self, path: &VirtualPath) -> Result<u64, Fault> {
        let handle = self.open_path(path, OFlags::PATH)?;
        let stat = rustix::fs::fstatvfs(handle).map_err(fault)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn remove_folder(&self, path: &VirtualPath) -> Result<(), Fault> {
        let (parent, name) = self.parent(path)?;
        let remove = || rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR);
        match remove() {
            // Unfinished uploads that have expired are nobody's any more, but they fill the folder.
            Err(Errno::NOTEMPTY) => {
                let mut folder = self.list(path, Look::default())?;
                let mut full = false;
                while !full && folder.read(&mut |_| full = true)? {}
                if full {
                    return Err(Fault::NotEmpty);
                }
                match remove() {
                    Err(Errno::NOTEMPTY) => Err(Fault::Unfinished),
                    removed => removed.map_err(fault),
                }
            }
            result => result.map_err(fault),
        }
    }

    fn delete(&self, path: &VirtualPath) -> Result<(), Fault> {
        let (parent, name) = self.parent(path)?;
        let _turn = names::turn(name);
        rustix::fs::unlinkat(parent, name, AtFlags::empty()).map_err(fault)
    }

    fn give_up(&self, path: &VirtualPath, holder: &Holder) -> Result<(), Fault> {
        let (parent, name) = self.parent(path)?;
        partial::remove(&parent, name, holder)
    }

    fn delete_seen(&self, path: &VirtualPath, seen: &Version) -> Result<(), Fault> {
        let (parent, name) = self.parent(path)?;
        let _turn = names::turn(name);
        let named = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(fault)?;
        if self.behind(path, &named)? != Some(*seen) {
            return Err(Fault::Changed);
        }
        rustix::fs::unlinkat(parent, name, AtFlags::empty()).map_err(fault)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath, there: Existing) -> Result<(), Fault> {
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        let flags = partial::flags_for(there);
        let _turn = names::turn(to_name);
        let renamed = rustix::fs::renameat_with(from_parent, from_name, to_parent, to_name, flags);
        renamed.map_err(|errno| match errno {
            // Another file system. To copy instead would follow whatever has taken a name meanwhile.
            Errno::XDEV => Fault::Unsupported(Cannot::BetweenTrees),
            other => fault(other),
        })
    }

    fn read(&self, path: &VirtualPath) -> Result<Box<dyn Source>, Fault> {
        // NONBLOCK: a fifo in the tree shall not hold the session.
        let handle = self.open_path(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let stat = rustix::fs::fstat(&handle).map_err(fault)?;
        match kind_of(stat.st_mode) {
            Kind::File => Ok(Box::new(LocalFile::new(handle, &stat))),
            Kind::Folder | Kind::Link { .. } | Kind::Other => Err(Fault::NotAFile),
        }
    }

    fn read_own(&self, path: &VirtualPath, holder: &Holder) -> Result<Box<dyn Source>, Fault> {
        let file = match self.read(path) {
            Ok(file) => Some(file),
            Err(Fault::NotFound) => None,
            Err(fault) => return Err(fault),
        };
        let over = file.as_ref().map(|file| file.version());
        let own = match self.parent(path) {
            Ok((parent, name)) => partial::open(parent.as_fd(), name, holder, over.as_ref()),
            Err(_) => None,
        };
        match own {
            Some(own) => Ok(Box::new(own)),
            None => file.ok_or(Fault::NotFound),
        }
    }

    fn size(&self, path: &VirtualPath, holder: &Holder) -> Result<u64, Fault> {
        Ok(self.read_own(path, holder)?.size())
    }

    fn write(&self, wanted: &Wanted<'_>) -> Result<Box<dyn Upload>, Fault> {
        let (parent, name) = self.parent(wanted.path)?;
        if wanted.there == Existing::Kept
            && wanted.at != StoreAt::NewName
            && Seen::named(&parent, name).is_ok()
        {
            return Err(Fault::Exists);
        }
        let (old, over) = match self.read(wanted.path) {
            _ if wanted.at == StoreAt::NewName => (None, None),
            Ok(old) => {
                let over = old.version();
                (Some(old), Some(over))
            }
            Err(Fault::NotFound) => (None, None),
            // It may be replaced without being readable; only what it is decides.
            Err(Fault::Denied) if wanted.at == StoreAt::Start => {
                let named = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW);
                (None, named.ok().as_ref().map(version_of))
            }
            Err(fault) => return Err(fault),
        };
        Ok(Box::new(partial::Partial::open(self, parent, wanted, old, over.as_ref())?))
    }

    fn sync_folder(&self, path: &VirtualPath) -> Result<(), Fault> {
        let folder = self.open_path(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        rustix::fs::fsync(folder).map_err(fault)
    }

    fn list(&self, path: &VirtualPath, look: Look) -> Result<Box<dyn Folder>, Fault> {
        let handle = self.open_path(path, OFlags::PATH)?;
        let stat = rustix::fs::fstat(&handle).map_err(fault)?;
        if kind_of(stat.st_mode) != Kind::Folder {
            return Ok(Box::new(folder::Single::new(self.facts(path)?)));
        }
        let handle = self.open_path(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let tree = (self.clone(), path.clone());
        Ok(Box::new(folder::Listing::new(handle, tree, look)))
    }

    fn subtree(&self, folder: &VirtualPath, links: Links) -> Result<Arc<dyn Storage>, Fault> {
        let root = self.open_path(folder, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(Arc::new(Self { root: Arc::new(root), links }))
    }

    fn usage(&self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<Usage, Fault> {
        usage::of(self, go_on)
    }
}

/// The name of what a handle holds, for the calls that take no handle opened without permissions.
fn by_descriptor(handle: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

/// A local file open for reading.
struct LocalFile {
    file: File,
    version: Version,
}

impl LocalFile {
    fn new(handle: OwnedFd, stat: &Stat) -> Self {
        Self { file: File::from(handle), version: version_of(stat) }
    }
}

impl Source for LocalFile {
    fn size(&self) -> u64 {
        self.version.size
    }

    fn version(&self) -> Version {
        self.version
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        let read = || rustix::io::pread(&self.file, &mut *buffer, offset);
        rustix::io::retry_on_intr(read).map_err(fault)
    }
}

/// The one door by which a path of the tree is opened.
fn beneath(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    let resolve = match links {
        Links::Followed => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        Links::Refused => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    };
    // EAGAIN: a rename or a mount raced with the resolution; the kernel asks to try again.
    let attempt =
        || rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
    (0..8)
        .find_map(|_| {
            attempt().map_or_else(|e| (e != Errno::AGAIN).then_some(Err(e)), |fd| Some(Ok(fd)))
        })
        .unwrap_or(Err(Errno::AGAIN))
}

/// How `target` is reached from `folder`: a link that leads up and down again stays inside the tree,
/// wherever the tree itself stands.
fn relative_to(folder: &VirtualPath, target: &VirtualPath) -> Vec<u8> {
    let shared = folder.components().zip(target.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| b"..".as_slice());
    let path = up.chain(target.components().skip(shared)).collect::<Vec<_>>().join(&b'/');
    or_dot(&path).to_vec()
}

fn or_dot(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

fn kind_of(mode: u32) -> Kind<&'static [u8]> {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link { target: None },
        _ => Kind::Other,
    }
}

fn size_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// What the system tells of an entry.
struct Seen {
    mode: u32,
    size: u64,
    modified: Timestamp,
    created: Option<Timestamp>,
    links: u64,
    device: u64,
    inode: u64,
    user: u32,
    group: u32,
}

impl Seen {
    /// Of a name in a folder; a link itself.
    fn named(folder: &OwnedFd, name: &[u8]) -> Result<Self, Errno> {
        Self::of(folder, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Of what a handle holds.
    fn behind(handle: &OwnedFd) -> Result<Self, Errno> {
        Self::of(handle, b"", AtFlags::EMPTY_PATH)
    }

    fn of(at: &OwnedFd, name: &[u8], flags: AtFlags) -> Result<Self, Errno> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let told = rustix::fs::statx(at, name, flags, wanted)?;
        let time = |time: StatxTimestamp| Timestamp::new(time.tv_sec, time.tv_nsec);
        let knows_birth = told.stx_mask & StatxFlags::BTIME.bits() != 0;
        Ok(Self {
            mode: told.stx_mode.into(),
            size: told.stx_size,
            modified: time(told.stx_mtime),
            created: knows_birth.then(|| time(told.stx_btime)),
            links: told.stx_nlink.into(),
            device: rustix::fs::makedev(told.stx_dev_major, told.stx_dev_minor),
            inode: told.stx_ino,
            user: told.stx_uid,
            group: told.stx_gid,
        })
    }

    fn entry<'e>(&self, name: &'e [u8], kind: Kind<&'e [u8]>) -> EntryRef<'e> {
        let mut entry = Entry::new(name, kind);
        entry.size = Some(self.size);
        entry.modified = Some(self.modified);
        entry.created = self.created;
        entry.mode = Some(self.mode);
        entry.links = Some(self.links);
        entry.unique = Some(Unique::Node { device: self.device, inode: self.inode });
        entry
    }
}

fn version_of(stat: &Stat) -> Version {
    let unique = Unique::Node { device: stat.st_dev, inode: stat.st_ino };
    Version { unique, size: size_of(stat), modified: modified_of(stat) }
}

fn modified_of(stat: &Stat) -> Timestamp {
    Timestamp::new(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0))
}

/// What an error of the system means for the client.
pub(crate) fn fault(errno: Errno) -> Fault {
    match errno {
        Errno::NOENT => Fault::NotFound,
        Errno::EXIST => Fault::Exists,
        Errno::NOTDIR => Fault::NotAFolder,
        Errno::ISDIR => Fault::NotAFile,
        Errno::NOTEMPTY => Fault::NotEmpty,
        // XDEV and LOOP: the way leads out of the tree, or round in it.
        Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::XDEV | Errno::LOOP => Fault::Denied,
        Errno::NAMETOOLONG | Errno::INVAL => Fault::Name,
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Fault::Full,
        Errno::OPNOTSUPP => Fault::Unsupported(Cannot::Storage),
        Errno::AGAIN | Errno::BUSY | Errno::TXTBSY => Fault::Busy,
        other => Fault::System(Text::from(io::Error::from(other).to_string())),
    }
}

pub(crate) fn io_fault(error: &io::Error) -> Fault {
    Errno::from_io_error(error).map_or_else(|| Fault::System(Text::from(error.to_string())), fault)
}
