//! Restart markers: places in a file that both sides can go on from, and the note that keeps them (RFC 959 section 3.5).
//!
//! In block and compressed mode the sender puts a marker into the data now and then. What it says means something to its
//! sender alone, and goes back as the argument of REST. A download keeps the server's markers, each with the place in
//! the file here; an upload keeps what the server answers to ours, `110 MARK ours = theirs`. So both come to the same: a
//! place here, and a word that stands for it there.
//!
//! A file of records or of EBCDIC can be gone on with in no other way, since its bytes are not those of the server.
//!
//! A note is a few lines that say of what the file is, and behind them the marks. Of those the last two are kept, some
//! way apart: behind the last but one there is always enough to be compared.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use wharf_proto::codec::Marker;
use wharf_proto::{Command, Reply, Text, Verb};

/// How far two marks that are kept lie apart at least.
const APART: u64 = 64 * 1024;
/// How many are kept.
const KEPT: usize = 2;
/// The longest word that is taken for a mark: it has to fit a line of its own.
const LONGEST: usize = 255;
/// How often we put a marker into what we send.
pub(crate) const INTERVAL: u64 = 1 << 20;

/// A place in a file that both sides can go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What it is called there.
    pub(crate) theirs: Text,
    /// Where it is here.
    pub(crate) here: Marker,
}

impl Mark {
    /// A mark of this name; nothing where no command could name it. RFC 959 wants printable characters without a space.
    pub(crate) fn new(theirs: &[u8], here: Marker) -> Option<Self> {
        let is_a_word = (1..=LONGEST).contains(&theirs.len());
        (is_a_word && theirs.iter().all(u8::is_ascii_graphic))
            .then(|| Self { theirs: theirs.into(), here })
    }

    /// What `110 MARK ours = theirs` says; nothing where it is worded otherwise.
    pub(crate) fn answered(reply: &Reply) -> Option<Self> {
        if reply.code.value() != 110 {
            return None;
        }
        let mut words = reply.text().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.find(|word| word.eq_ignore_ascii_case(b"MARK"))?;
        let (ours, is, theirs) = (words.next()?, words.next()?, words.next()?);
        if is != b"=" {
            return None;
        }
        Self::new(theirs, Marker::parse(ours)?)
    }

    /// The command that has the next transfer begin there.
    pub(crate) fn restart(&self) -> Command {
        Command::Other(Verb::Rest, self.theirs.clone())
    }

    fn line(&self) -> Vec<u8> {
        [b"mark ", self.here.to_string().as_bytes(), b" ", self.theirs.as_bytes(), b"\n"].concat()
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.strip_prefix(b"mark ")?.strip_suffix(b"\n")?.split(|b| *b == b' ');
        let (here, theirs) = (Marker::parse(words.next()?)?, words.next()?);
        if words.next().is_some() { None } else { Self::new(theirs, here) }
    }
}

/// The marks of one transfer.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Where to begin.
    pub(crate) from: Option<Mark>,
    /// Where those that come are kept; without it none are sent either.
    pub(crate) journal: Option<Journal>,
}

/// The note of a file, with the marks.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    /// Of what it is.
    origin: String,
    marks: VecDeque<Mark>,
    /// Open as soon as there is a mark.
    file: Option<File>,
}

impl Journal {
    /// A note at this path that has no marks yet. It is written when the first comes.
    pub(crate) fn new(path: &Path, origin: &str) -> Self {
        let (path, origin) = (path.to_owned(), origin.to_owned());
        Self { path, origin, marks: VecDeque::new(), file: None }
    }

    /// The note at this path, if it is of this origin.
    pub(crate) fn read(path: &Path, origin: &str) -> Option<Self> {
        let note = fs::read(path).ok()?;
        let lines = note.strip_prefix(origin.as_bytes())?;
        let marks = lines.split_inclusive(|byte| *byte == b'\n').filter_map(Mark::parse);
        Some(Self { marks: marks.collect(), ..Self::new(path, origin) })
    }

    /// The marks, in the order of the file.
    pub(crate) fn marks(&self) -> impl DoubleEndedIterator<Item = &Mark> {
        self.marks.iter()
    }

    /// Keeps a mark, unless it lies close behind the last one, or before it. A note that cannot be written costs no
    /// more than that a broken transfer begins anew.
    pub(crate) fn keep(&mut self, mark: Mark) {
        let last = self.marks.back().map_or(0, |last| last.here.offset());
        if mark.here.offset() < last.saturating_add(APART) {
            return;
        }
        self.marks.push_back(mark);
        while self.marks.len() > KEPT {
            self.marks.pop_front();
        }
        if let Err(error) = self.write() {
            tracing::debug!(%error, path = ?self.path, "a restart marker is not kept");
        }
    }

    /// Forgets marks behind this place, from which it is gone on.
    pub(crate) fn cut(&mut self, at: u64) {
        self.marks.retain(|mark| mark.here.offset() <= at);
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(self.create()?),
        };
        let lines: Vec<u8> = self.marks.iter().flat_map(Mark::line).collect();
        let begin = self.origin.len() as u64;
        file.write_all_at(&lines, begin)?;
        file.set_len(begin + lines.len() as u64)
    }

    /// A new file, whatever had the name: a link that somebody put there is not followed.
    fn create(&self) -> io::Result<File> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).open(&self.path)?;
        file.write_all(self.origin.as_bytes())?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::reply::Code;

    fn mark(here: u64, theirs: &str) -> Mark {
        Mark::new(theirs.as_bytes(), Marker::at(here)).unwrap()
    }

    #[test]
    fn a_110_is_a_mark_if_it_says_both_places_and_nothing_else_is() {
        let answered = |text: &str| Mark::answered(&Reply::line(Code::new(110).unwrap(), text));
        for text in ["MARK 4096 = A7.b", "restart: mark 4096 =  A7.b (kept)"] {
            assert_eq!(answered(text), Some(mark(4096, "A7.b")), "{text}");
        }
        for text in ["", "MARK", "MARK 1", "MARK 1 =", "MARK 1 2 3", "MARK x = 1", "4096 = 1"] {
            assert_eq!(answered(text), None, "{text}");
        }
        assert_eq!(answered("MARK 1 = \x1b[2J"), None);
        assert_eq!(answered(&format!("MARK 1 = {}", "x".repeat(256))), None);
        assert_eq!(Mark::answered(&Reply::line(Code::new(150).unwrap(), "MARK 1 = 1")), None);
    }

    #[test]
    fn the_last_two_marks_are_kept_and_found_again_where_the_origin_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        let mut journal = Journal::new(&path, "of x\n");
        assert!(!path.exists());
        for (number, here) in [APART, APART + 1, 2 * APART, 5 * APART, 4 * APART].iter().enumerate()
        {
            journal.keep(mark(*here, &format!("m{number}")));
        }
        let found = Journal::read(&path, "of x\n").unwrap();
        let wanted = [mark(2 * APART, "m2"), mark(5 * APART, "m3")];
        assert!(found.marks().eq(&wanted), "{found:?}");
        assert!(Journal::read(&path, "of y\n").is_none());
        let mut again = found;
        again.cut(2 * APART);
        again.keep(mark(3 * APART, "m5"));
        let found = Journal::read(&path, "of x\n").unwrap();
        assert!(found.marks().eq(&[mark(2 * APART, "m2"), mark(3 * APART, "m5")]), "{found:?}");
    }

    #[test]
    fn lines_that_are_no_marks_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        let lines = "of x\nmark 7\nmark x y\nmark 7 a b\nmark 65536 ok\nrest\nmark 99999 cut o";
        fs::write(&path, lines).unwrap();
        let found = Journal::read(&path, "of x\n").unwrap();
        assert!(found.marks().eq(&[mark(65536, "ok")]), "{found:?}");
    }

    #[test]
    fn a_link_in_place_of_the_note_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("note"), folder.path().join("victim"));
        fs::write(&victim, "keep").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        Journal::new(&path, "of x\n").keep(mark(APART, "m"));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "keep");
        assert!(Journal::read(&path, "of x\n").is_some());
    }
}
