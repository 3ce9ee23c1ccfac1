//! The part: a hidden file beside the target into which a download goes, and a note of what it is a
//! part of.
//!
//! `.NAME.wharf-part` holds the bytes so far, `.NAME.wharf-note` says where they are from: host, user,
//! path, size and time of the remote file. Only if all of that is still the same is the part gone on
//! with, and if the remote file still has its last bytes (`overlap.rs`). Where its bytes are not those of the server the
//! note has restart markers too (`marks.rs`), and it is gone on with from one of them. Where it did not grow from its
//! beginning alone (`segments.rs`), the note says which bytes are there, a line `have FIRST END` each. It is locked while
//! it is in use. Whether the bytes are complete is not known here.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::fs::OFlags;
use tokio::io::AsyncWrite;
use wharf_proto::time::Timestamp;

use super::download::system_time;
use super::segments::Span;
use super::{local, overlap};
use crate::Error;
use crate::marks::{Journal, Mark, Marks};

/// The longest name that file systems take.
const LONGEST_NAME: usize = 255;

/// A download on its way. Dropped before [`Part::finish`], it stays for the next try if it is of any
/// use, and is removed if not.
#[derive(Debug)]
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    note: PathBuf,
    /// Whether a note stands beside it, so that it can be gone on with.
    noted: bool,
    finished: bool,
}

impl Part {
    /// Opens the part for `target` and gives it with the file, at its end, and how much is in it.
    /// `origin` is the note of the remote file as it is now, `None` when it cannot be told from
    /// another one; unless it is what the note beside the part says, the part begins empty, and so does one that has
    /// more than the `size` of the remote file.
    pub(crate) fn open(
        target: &Path,
        origin: Option<&str>,
        resume: bool,
        size: Option<u64>,
    ) -> Result<Opened, Error> {
        if target.is_dir() {
            let source = io::ErrorKind::IsADirectory.into();
            return Err(Error::Local { doing: "write", path: target.to_owned(), source });
        }
        let path = beside(target, "wharf-part");
        let note = beside(target, "wharf-note");
        let found = open_existing(&path)?;
        let wanted = resume && is_ours(found.as_ref());
        let there = match (&found, origin) {
            (Some(file), Some(origin)) if wanted => {
                let noted = fs::read_to_string(&note).unwrap_or_default();
                let most = size.unwrap_or(u64::MAX);
                let have = noted.strip_prefix(origin);
                have.and_then(|have| Some((spans(have, length(file), most)?, names_spans(have))))
            }
            _ => None,
        };
        let noted = there.is_some();
        let mut part = Self { target: target.to_owned(), path, note, noted, finished: false };
        match (found, there, origin) {
            (Some(file), Some((there, named)), Some(origin)) => {
                let opened = part.go_on(file, there)?;
                if named && !opened.has_holes() {
                    // From now on its length tells what is there.
                    opened.part.note(origin, &[])?;
                }
                Ok(opened)
            }
            (found, ..) => {
                let discarded = wanted && found.as_ref().is_some_and(|file| length(file) > 0);
                let file = part.begin(found, origin)?;
                Ok(Opened::empty(part, file, discarded))
            }
        }
    }

    /// Goes on with what is there.
    fn go_on(self, mut file: File, there: Vec<Span>) -> Result<Opened, Error> {
        let (mut at, mut tail) = (0, Vec::new());
        if let [(0, end)] = there.as_slice() {
            at = *end;
            if length(&file) > at {
                file.set_len(at).map_err(local("cut", &self.path))?;
            }
            tail = overlap::tail(&file, at, overlap::LENGTH, &self.path)?;
        }
        file.seek(SeekFrom::Start(at)).map_err(local("open", &self.path))?;
        let marks = Marks::default();
        Ok(Opened { part: self, file, at, tail, discarded: false, marks, there })
    }

    /// Notes which bytes are there; none are named of a part that grows from its beginning.
    pub(super) fn note(&self, origin: &str, there: &[Span]) -> Result<(), Error> {
        let mut text = origin.to_owned();
        text.extend(there.iter().map(|(first, end)| format!("have {first} {end}\n")));
        // Whoever reads it finds the old one or this one, and nothing in between.
        let draft = beside(&self.target, "wharf-draft");
        remove(&draft)?;
        create(&draft)?.write_all(text.as_bytes()).map_err(local("write", &draft))?;
        fs::rename(&draft, &self.note).map_err(local("rename to", &self.note))
    }

    /// Ends with what came of proving it: with another time and its name, or with nothing.
    pub(super) fn conclude(
        self,
        file: &File,
        modified: Option<Timestamp>,
        proven: Result<bool, Error>,
    ) -> Result<bool, Error> {
        let verified = match proven {
            Err(error @ Error::Unproven { .. }) => {
                self.discard();
                return Err(error);
            }
            proven => proven?,
        };
        if let Some(time) = modified.and_then(system_time) {
            file.set_modified(time).map_err(local("set the time of", &self.path))?;
        }
        self.finish(file)?;
        Ok(verified)
    }

    /// As [`open`](Self::open), but what an earlier try left is thrown away, because it is of no use after all.
    pub(crate) fn open_anew(target: &Path, origin: Option<&str>) -> Result<Opened, Error> {
        Ok(Opened { discarded: true, ..Self::open(target, origin, false, None)? })
    }

    /// Throws away what there was and begins an empty part. `old` is still locked until it is gone.
    fn begin(&mut self, old: Option<File>, origin: Option<&str>) -> Result<File, Error> {
        remove(&self.path)?;
        remove(&self.note)?;
        drop(old);
        self.noted = false;
        let file = create(&self.path)?;
        lock(&file, &self.path)?;
        if let Some(origin) = origin {
            let mut note = create(&self.note)?;
            note.write_all(origin.as_bytes()).map_err(local("write", &self.note))?;
            self.noted = true;
        }
        Ok(file)
    }

    /// Where the bytes are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// It is of no use: the next try begins anew.
    pub(crate) fn discard(mut self) {
        self.noted = false;
    }

    /// Gives the complete file its name.
    pub(crate) fn finish(mut self, file: &File) -> Result<(), Error> {
        let named = give_name(file, &self.path, &self.target);
        // What somebody else has put there stays.
        self.finished = named.is_ok() || !is_at(file, &self.path);
        named?;
        // A note without a part is harmless, and the next download of the name replaces it.
        let _ = fs::remove_file(&self.note);
        Ok(())
    }
}

/// Renames a file from `path` to `target`, unless somebody has put another one there meanwhile.
pub(crate) fn give_name(file: &File, path: &Path, target: &Path) -> Result<(), Error> {
    if !is_at(file, path) {
        let other = io::Error::other("somebody else has put another file in its place");
        return Err(local("rename", path)(other));
    }
    fs::rename(path, target).map_err(local("rename to", target))
}

/// Whether it is this file that is at `path`.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let inode = |found: Metadata| (found.dev(), found.ino());
    let there = fs::symlink_metadata(path).map(inode);
    file.metadata().map(inode).is_ok_and(|ours| there.is_ok_and(|there| there == ours))
}

impl Drop for Part {
    fn drop(&mut self) {
        let length = || fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if !self.finished && (!self.noted || length() == 0) {
            // What cannot be removed now is replaced by the next download of the name.
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(&self.note);
        }
    }
}

/// What opening a part gives.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) part: Part,
    pub(crate) file: File,
    /// How many bytes are there already from the beginning on; none are counted where there are holes.
    pub(crate) at: u64,
    /// The last of them, which the remote file must have at the same place.
    pub(crate) tail: Vec<u8>,
    /// Whether bytes of an earlier try had to be thrown away.
    pub(crate) discarded: bool,
    /// Where it is gone on from, where that is no number of bytes.
    pub(crate) marks: Marks,
    /// Which bytes are there already, in their order.
    pub(super) there: Vec<Span>,
}

impl Opened {
    fn empty(part: Part, file: File, discarded: bool) -> Self {
        let (marks, there) = (Marks::default(), Vec::new());
        Self { part, file, at: 0, tail: Vec::new(), discarded, marks, there }
    }

    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.at == 0 && !self.has_holes()
    }

    /// Whether more is there than a beginning.
    pub(super) fn has_holes(&self) -> bool {
        self.there.len() > 1 || self.there.first().is_some_and(|span| span.0 > 0)
    }

    /// The same of a file that can only be gone on with from a restart marker: with as much of it as can be compared,
    /// or with nothing where there is no marker.
    pub(crate) fn by_marks(mut self, origin: &str) -> Result<Self, Error> {
        let journal = Journal::read(&self.part.note, origin);
        let mut journal = journal.unwrap_or_else(|| Journal::new(&self.part.note, origin));
        let from = choose(&journal, self.at).cloned();
        let begin = from.as_ref().map_or(0, |mark| mark.here.offset());
        journal.cut(begin);
        let path = &self.part.path;
        if from.is_none() {
            self.discarded |= self.at > 0;
            self.at = 0;
        }
        self.at = self.at.min(begin + overlap::LENGTH);
        self.file.set_len(self.at).map_err(local("cut", path))?;
        self.file.seek(SeekFrom::End(0)).map_err(local("open", path))?;
        self.tail = overlap::tail(&self.file, self.at, self.at - begin, path)?;
        self.marks = Marks { from, journal: Some(journal) };
        Ok(self)
    }
}

/// Which bytes of a part of this length are there, after what its note says behind what it is of; `None` where that
/// makes no sense. Restart markers tell nothing of it.
fn spans(have: &str, length: u64, most: u64) -> Option<Vec<Span>> {
    let read = |line: &str| {
        let (first, end) = line.strip_prefix("have ")?.split_once(' ')?;
        Some((first.parse().ok()?, end.parse().ok()?))
    };
    let spans: Vec<Span> = match (names_spans(have), length) {
        (false, 0) => Vec::new(),
        (false, length) => vec![(0, length)],
        (true, _) => have.lines().map(read).collect::<Option<_>>()?,
    };
    let ends = [0].into_iter().chain(spans.iter().map(|span| span.1));
    let in_order = spans.iter().zip(ends).all(|(span, before)| before <= span.0 && span.0 < span.1);
    let within = spans.last().is_none_or(|last| last.1 <= length.min(most));
    (in_order && within).then_some(spans)
}

/// Whether a note says which bytes are there, and not the length of the part.
fn names_spans(have: &str) -> bool {
    have.starts_with("have ")
}

/// The last mark with enough behind it to be compared, in a part of so many bytes; else the first.
fn choose(journal: &Journal, at: u64) -> Option<&Mark> {
    let within = || journal.marks().filter(|mark| mark.here.offset() <= at);
    let with_more = |mark: &&Mark| at - mark.here.offset() >= overlap::LENGTH;
    within().rev().find(with_more).or_else(|| within().next())
}

/// `.NAME.suffix` in the folder of `NAME`, cut where that would be too long.
pub(crate) fn beside(target: &Path, suffix: &str) -> PathBuf {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let name = target.file_name().unwrap_or_default().as_bytes();
    let kept = name.get(..LONGEST_NAME - suffix.len() - 2).unwrap_or(name);
    let hidden = [b".", kept, b".", suffix.as_bytes()].concat();
    target.with_file_name(OsStr::from_bytes(&hidden))
}

/// The part of an earlier try, locked, if there is one.
fn open_existing(path: &Path) -> Result<Option<File>, Error> {
    let opened = OpenOptions::new().read(true).write(true).custom_flags(no_follow()).open(path);
    match opened {
        Ok(file) => {
            lock(&file, path)?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(local("open", path)(error)),
    }
}

/// Removes what is there, if it is.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(local("remove", path)(error)),
        _ => Ok(()),
    }
}

fn create(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(local("make", path))
}

fn lock(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let busy = io::Error::other("another download is writing it");
            Err(local("lock", path)(busy))
        }
        // Some network file systems have no locks; two downloads of one file at once are rare.
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, ?path, "not locked");
            Ok(())
        }
    }
}

/// Somebody else's symbolic link must not lead our bytes elsewhere.
fn no_follow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}

/// Whether it is a file that nobody else has put there.
fn is_ours(file: Option<&File>) -> bool {
    let metadata = file.and_then(|file| file.metadata().ok());
    metadata.is_some_and(|metadata| {
        metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw()
    })
}

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// A file of this machine that is written on the thread of its session. A write goes into the page cache, and costs
/// less than handing it to another thread would.
pub(super) struct Here(pub(super) File);

impl AsyncWrite for Here {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn leave_part(target: &Path, origin: Option<&str>, bytes: &[u8]) {
        let mut opened = Part::open(target, origin, true, None).unwrap();
        opened.file.write_all(bytes).unwrap();
    }

    #[test]
    fn a_part_of_the_same_file_is_gone_on_with_and_finished_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        leave_part(&target, Some("a"), b"one");
        let mut opened = Part::open(&target, Some("a"), true, None).unwrap();
        assert_eq!((opened.at, opened.discarded), (3, false));
        opened.file.write_all(b"two").unwrap();
        opened.part.finish(&opened.file).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"onetwo");
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn a_file_that_somebody_else_has_put_in_the_place_of_a_part_does_not_get_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let mut opened = Part::open(&target, None, true, None).unwrap();
        opened.file.write_all(b"ours").unwrap();
        fs::write(folder.path().join("y"), b"theirs").unwrap();
        fs::rename(folder.path().join("y"), opened.part.path()).unwrap();
        let error = opened.part.finish(&opened.file).unwrap_err();
        assert!(matches!(error, Error::Local { doing: "rename", .. }), "{error}");
        assert_eq!(names(folder.path()), [".x.wharf-part"]);
        assert_eq!(fs::read(folder.path().join(".x.wharf-part")).unwrap(), b"theirs");
    }

    #[test]
    fn a_part_of_another_file_is_thrown_away_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        leave_part(&target, Some("a"), b"one");
        let opened = Part::open(&target, Some("b"), true, None).unwrap();
        assert_eq!((opened.at, opened.discarded), (0, true));
    }

    #[test]
    fn a_part_is_left_alone_when_resuming_is_not_wanted_and_nothing_is_left_of_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        leave_part(&target, Some("a"), b"one");
        assert_eq!(Part::open(&target, Some("a"), false, None).unwrap().at, 0);
        assert!(names(folder.path()).is_empty());
        leave_part(&target, None, b"one");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_part_with_holes_is_gone_on_with_as_it_is_noted_and_one_that_has_none_any_more_is_cut_there()
     {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let open = || Part::open(&target, Some("a\n"), true, Some(9)).unwrap();
        leave_part(&target, Some("a\n"), b"123456789");
        let held = open();
        held.part.note("a\n", &[(0, 3), (3, 5), (7, 9)]).unwrap();
        drop(held);
        let held = open();
        assert_eq!((held.there.as_slice(), held.at), (&[(0, 3), (3, 5), (7, 9)][..], 0));
        assert!(held.has_holes());
        held.part.note("a\n", &[(0, 5)]).unwrap();
        drop(held);
        let held = open();
        assert_eq!((held.at, held.tail.as_slice(), length(&held.file)), (5, &b"12345"[..], 5));
        drop(held);
        leave_part(&target, Some("a\n"), b"6");
        assert_eq!(open().at, 6);
        assert_eq!(names(folder.path()), [".x.wharf-note", ".x.wharf-part"].map(str::to_owned));
    }

    #[test]
    fn what_a_note_says_is_there_must_be_in_order_and_within_the_part() {
        for have in ["have 0 3", "have 0 3\nhave 3 9\n", "have 2 9\n"] {
            assert!(spans(have, 9, 9).is_some(), "{have}");
        }
        for have in [
            "have 0 10\n",
            "have 3 5\nhave 0 3\n",
            "have 0 3\nhave 2 5\n",
            "have 3 3\n",
            "have 5 3\n",
            "have -1 3\n",
            "have 0 99999999999999999999\n",
            "have 0\n",
            "have 0 3\nrubbish\n",
        ] {
            assert_eq!(spans(have, 9, 9), None, "{have}");
        }
        assert_eq!(spans("", 9, 8), None, "more than the file has");
    }

    #[test]
    fn two_downloads_of_one_file_at_once_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let first = Part::open(&target, Some("a"), true, None).unwrap();
        let second = Part::open(&target, Some("a"), true, None);
        assert!(matches!(second, Err(Error::Local { doing: "lock", .. })));
        drop(first);
        assert!(Part::open(&target, Some("a"), true, None).is_ok());
    }

    #[test]
    fn a_symbolic_link_in_place_of_the_part_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let victim = folder.path().join("victim");
        fs::write(&victim, b"keep").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join(".x.wharf-part")).unwrap();
        assert!(Part::open(&target, None, true, None).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"keep");
    }

    #[test]
    fn a_name_of_full_length_still_has_a_part() {
        let long = PathBuf::from("/tmp").join("x".repeat(LONGEST_NAME));
        assert_eq!(beside(&long, "wharf-part").file_name().unwrap().len(), LONGEST_NAME);
    }
}
