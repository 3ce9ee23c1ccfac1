//! The tap as a file: events as they happen, a line each (docs/tap.md).
//!
//! What a line is is `wharf_ladder::tap`'s business; here is where the lines go, and how much of them is kept. A single
//! file is open from before the process is confined; of a folder each file is opened for each line, so that sessions
//! that stand still cost no descriptor.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, unlinkat};
use rustix::io::Errno;
use wharf_ladder::tap::{header, line};
use wharf_proto::Moment;
use wharf_proto::tap::{Event, SessionId, What};
use wharf_server::Tap;

use crate::output::names_folder;

/// Bytes of a single file at most.
const FILE_LIMIT: u64 = 1 << 30;
/// Bytes of the file of one session at most.
const SESSION_LIMIT: u64 = 16 << 20;
/// Sessions of a folder at most; beyond them the oldest go.
const SESSIONS: usize = 1000;
/// The line behind which there is no room.
const FULL: &[u8] = b"{\"what\":\"full\"}\n";
/// The files are their owner's: they tell who did what.
const MODE: u32 = 0o600;

/// Where events are written to.
pub(crate) struct TapFile {
    place: Place,
    /// When the clock of the events began, since 1970.
    began: OnceLock<Duration>,
    /// A line could not be written, and that was told.
    failed: AtomicBool,
}

enum Place {
    File { path: PathBuf, one: Mutex<One> },
    Folder { folder: OwnedFd, kept: Mutex<VecDeque<SessionId>> },
}

/// The single file.
struct One {
    file: File,
    length: u64,
    is_begun: bool,
    is_full: bool,
}

impl TapFile {
    /// Opens a file, to add to what it holds, or a folder.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let place = if path.is_dir() {
            let folder = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
            let folder = rustix::fs::open(path, folder, Mode::empty());
            Place::Folder { folder: folder.with_context(cannot)?, kept: Mutex::default() }
        } else if names_folder(path) {
            // It is not made here: the server may go on as somebody who could not write into it.
            return Err(io::Error::from(Errno::NOENT)).with_context(cannot);
        } else {
            let one = Mutex::new(One::open(path).with_context(cannot)?);
            Place::File { path: path.to_owned(), one }
        };
        Ok(Self { place, began: OnceLock::new(), failed: AtomicBool::new(false) })
    }

    /// Whether it can be written as what the process has become.
    pub(crate) fn still_writes(&self) -> anyhow::Result<()> {
        let Place::Folder { folder, .. } = &self.place else { return Ok(()) };
        let name = ".wharf-tap";
        let user = rustix::process::geteuid().as_raw();
        let cannot = || {
            format!(
                "user {user}, as whom the server goes on, cannot write into the folder of --tap"
            )
        };
        create(folder, name, OFlags::TRUNC).with_context(cannot)?;
        unlinkat(folder, name, AtFlags::empty()).with_context(cannot)
    }

    /// Goes on in another file, where the single file was moved away: says whether it was.
    pub(crate) fn reopen(&self) -> anyhow::Result<bool> {
        let Place::File { path, one } = &self.place else { return Ok(false) };
        let mut one = lock(one);
        let open = one.file.metadata()?;
        let is_same = |named: Metadata| (named.dev(), named.ino()) == (open.dev(), open.ino());
        if fs::symlink_metadata(path).is_ok_and(is_same) {
            return Ok(false);
        }
        *one = One::open(path).with_context(|| format!("cannot write {}", path.display()))?;
        self.failed.store(false, Ordering::Relaxed);
        Ok(true)
    }

    fn write(&self, event: &Event, line: &[u8]) -> io::Result<()> {
        let began =
            *self.began.get_or_init(|| since_1970().saturating_sub(event.at.since(Moment::START)));
        match &self.place {
            Place::File { one, .. } => lock(one).write(began, line),
            Place::Folder { folder, kept } => {
                let is_new = matches!(event.what, What::ControlOpened { .. });
                if is_new {
                    keep(folder, &mut lock(kept), event.session)?;
                }
                let flags = if is_new { OFlags::TRUNC } else { OFlags::empty() };
                let file = create(folder, &name(event.session), flags)?;
                let length = u64::try_from(fstat(&file)?.st_size).unwrap_or(u64::MAX);
                let mut one =
                    One { file: file.into(), length, is_begun: length > 0, is_full: false };
                if length < SESSION_LIMIT { one.put(began, line, SESSION_LIMIT) } else { Ok(()) }
            }
        }
    }
}

impl Tap for TapFile {
    fn event(&self, event: &Event) {
        let Some(line) = line(event) else { return };
        if let Err(error) = self.write(event, line.as_bytes())
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "the tap cannot be written; events are missing in it from now on");
        }
    }
}

impl One {
    /// Opens a file to add to what it holds. A line that breaks off there, because who wrote it was killed, ends here, so
    /// that what comes is lines of its own.
    fn open(path: &Path) -> io::Result<Self> {
        let no_link = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(MODE);
        let mut file = options.custom_flags(no_link.bits().cast_signed()).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut length = metadata.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
            length += 1;
        }
        Ok(Self { file, length, is_begun: false, is_full: false })
    }

    fn write(&mut self, began: Duration, line: &[u8]) -> io::Result<()> {
        if self.is_full {
            return Ok(());
        }
        self.put(began, line, FILE_LIMIT)?;
        if self.length >= FILE_LIMIT {
            self.is_full = true;
            tracing::warn!(
                bytes = self.length,
                "the file of --tap is full; nothing more is written to it"
            );
        }
        Ok(())
    }

    /// Adds a line, or says that there is no room for it, which fills the file.
    fn put(&mut self, began: Duration, line: &[u8], limit: u64) -> io::Result<()> {
        let head = if self.is_begun { String::new() } else { header(began) };
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(line);
        let mut after = self.length.saturating_add(bytes.len() as u64);
        if after > limit - FULL.len() as u64 {
            bytes = FULL.to_vec();
            after = limit;
        }
        self.file.write_all(&bytes).inspect_err(|_| {
            // What the disk had room for is half a line, which would take the next one with it.
            let _ = self.file.set_len(self.length);
        })?;
        (self.length, self.is_begun) = (after, true);
        Ok(())
    }
}

/// Makes room for one session more.
fn keep(folder: &OwnedFd, kept: &mut VecDeque<SessionId>, session: SessionId) -> io::Result<()> {
    kept.push_back(session);
    if kept.len() > SESSIONS
        && let Some(oldest) = kept.pop_front()
    {
        match unlinkat(folder, name(oldest), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn create(folder: &OwnedFd, name: &str, how: OFlags) -> io::Result<OwnedFd> {
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(folder, name, flags | how, Mode::from_raw_mode(MODE))?)
}

/// The file of a session, by the name that the log gives the session.
fn name(session: SessionId) -> String {
    format!("{session}.jsonl")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time now, since the beginning of 1970.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Writes these events to a file, in place of what it holds.
pub(crate) fn write(path: &Path, began: Duration, events: &[Event]) -> anyhow::Result<()> {
    let lines = events.iter().filter_map(line);
    let text: String = std::iter::once(header(began)).chain(lines).collect();
    let write = || begin_private(path)?.write_all(text.as_bytes());
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Begins a file, in place of what it held, that from then on is its owner's alone. What is no file, such as a pipe,
/// stays as it is.
///
/// # Errors
/// Those of the system, and for a file of another user, which stays as it is.
pub(crate) fn begin_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(MODE).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            let why = "it is another user's, who could read what comes";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(MODE))?;
        }
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_there_for_all_to_read_is_its_owners_alone_and_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (there, new) = (folder.path().join("there"), folder.path().join("new"));
        fs::write(&there, "a longer text than what comes").unwrap();
        fs::set_permissions(&there, Permissions::from_mode(0o644)).unwrap();
        for path in [&there, &new] {
            begin_private(path).unwrap().write_all(b"kept").unwrap();
            assert_eq!((mode(path), fs::read(path).unwrap()), (0o600, b"kept".to_vec()));
        }
    }

    #[test]
    fn a_file_of_another_user_stays_as_it_is() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("theirs");
        fs::write(&file, "theirs").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::chown(&file, Some(4712), None).unwrap();
        let error = begin_private(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (6, 0o644));
    }

    #[test]
    fn what_is_no_file_stays_as_it_is() {
        let null = Path::new("/dev/null");
        let before = fs::metadata(null).unwrap().permissions();
        begin_private(null).unwrap();
        assert_eq!(fs::metadata(null).unwrap().permissions(), before);
    }
}
