//! A spool: the bytes of a listing until its rows are wanted. Short ones stay in memory, long ones go to a file that
//! has no name, so that a folder of a million entries costs no more memory than one of a thousand.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tempfile::SpooledTempFile;
use tokio::io::AsyncWrite;
use wharf_proto::Text;
use wharf_proto::listing::{Entry, Precision, Role, mlsx, read_listing};
use wharf_proto::time::Timestamp;

use crate::{Error, Listing};

/// How much of a listing is kept in memory.
const IN_MEMORY: usize = 128 * 1024;
/// The longest listing of a tree, on the disk: some twenty million entries.
pub(crate) const LIMIT: u64 = 2 << 30;
/// The longest listing whose entries are held by their names: some two million of them.
const BY_NAME: u64 = 256 << 20;
/// The longest row.
const ROW: u64 = 16 * 1024;
/// How much of a row that cannot be read is told.
const TOLD: usize = 200;

/// A listing on its way.
#[derive(Debug)]
pub(crate) struct Spool {
    file: SpooledTempFile,
    length: u64,
    /// Its last byte.
    last: Option<u8>,
    /// Whether it ends in the midst of a row, as each of this server's may do.
    pub(crate) may_be_cut: bool,
    /// How much of it is kept.
    pub(crate) limit: u64,
    /// Whether it was asked for by MLSD.
    pub(crate) facts: bool,
    /// Whether names that begin with a dot may be missing.
    pub(crate) hides_dots: bool,
    /// By how many seconds its times are ahead of UTC, where that is known.
    pub(crate) ahead: Option<i64>,
}

impl Spool {
    /// An empty one, for up to so many bytes. `facts`: the rows are those of MLSD.
    pub(crate) fn new(facts: bool, limit: u64) -> Self {
        let file = SpooledTempFile::new(IN_MEMORY);
        let (last, may_be_cut, hides_dots) = (None, false, false);
        Self { file, length: 0, last, may_be_cut, limit, facts, hides_dots, ahead: None }
    }

    /// Whether its last row has come to its end, as each has in FTP (RFC 3659 section 7.2; RFC 959 section 3.1.1.1).
    pub(crate) fn is_whole(&self) -> bool {
        self.last.is_none_or(|last| last == b'\n')
    }

    /// How many bytes there are.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Takes more bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.length += bytes.len() as u64;
        self.last = bytes.last().copied().or(self.last);
        if self.is_full() {
            return Err(self.too_long());
        }
        self.file.write_all(bytes).map_err(Error::Sink)
    }

    /// Whether more has come than is kept.
    pub(crate) fn is_full(&self) -> bool {
        self.length > self.limit
    }

    /// The error of a listing that is.
    pub(crate) fn too_long(&self) -> Error {
        Error::ListingTooLong { limit: usize::try_from(self.limit).unwrap_or(usize::MAX) }
    }

    /// Its rows, from the first on.
    pub(crate) fn rows(mut self) -> Result<Rows, Error> {
        if self.facts {
            self.file.rewind().map_err(Error::Sink)?;
            return Ok(Rows::of(Source::Facts(BufReader::new(self.file))));
        }
        let Listing { mut entries, unread } = self.listing()?;
        for entry in &mut entries {
            match (self.ahead, &mut entry.modified) {
                (Some(ahead), Some(time)) => *time = time.shifted(-ahead),
                (None, _) if entry.precision == Precision::Day => {
                    entry.precision = Precision::LocalDay;
                }
                _ => {}
            }
        }
        let mut rows = Rows::of(Source::Read(entries.into_iter()));
        unread.iter().for_each(|row| rows.pass_over(row.as_bytes()));
        Ok(rows)
    }

    /// All entries, by their names; without those that cannot be read, as if they were not there.
    ///
    /// # Errors
    /// `ListingTooLong` where they would take too much memory, `Sink` where what was kept cannot be read again.
    pub(crate) fn by_name(mut self) -> Result<HashMap<Vec<u8>, Entry>, Error> {
        self.limit = self.limit.min(BY_NAME);
        if self.is_full() {
            return Err(self.too_long());
        }
        self.rows()?.readable().map(|row| row.map(|entry| (entry.name.clone(), entry))).collect()
    }

    /// Up to `count` of the entries of a listing by LIST that are `wanted`, with their times as they are told.
    ///
    /// # Errors
    /// `Sink` where what was kept cannot be read again.
    pub(crate) fn some(
        &mut self,
        count: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, Error> {
        let entries = self.listing()?.entries;
        Ok(entries.into_iter().filter(wanted).take(count).collect())
    }

    /// All of a listing by LIST: what its rows mean may be seen from all of them only.
    fn listing(&mut self) -> Result<Listing, Error> {
        Ok(Listing::read(&self.bytes()?))
    }

    /// Which names a listing by LIST tells.
    ///
    /// # Errors
    /// `Sink` where what was kept cannot be read again.
    pub(crate) fn glance(&mut self) -> Result<Glance, Error> {
        let mut found = Glance::default();
        for entry in read_listing(&self.bytes()?, Timestamp::new(0, 0)).flatten() {
            found.shows_dots |= entry.name.starts_with(b".");
            if entry.role == Role::Member {
                found.names.insert(entry.name);
            }
        }
        Ok(found)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        self.file.rewind().map_err(Error::Sink)?;
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).map_err(Error::Sink)?;
        Ok(bytes)
    }
}

/// What a look at the names of a listing tells.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    pub(crate) names: HashSet<Vec<u8>>,
    /// Whether one of them begins with a dot, or the folder itself is told as `.`.
    pub(crate) shows_dots: bool,
}

/// The disk behind it is as quick as memory for what a listing is.
impl AsyncWrite for Spool {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pushed = self.push(bytes).map_err(io::Error::other);
        Poll::Ready(pushed.map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Why a listing tells less than there may be in the folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lacking {
    /// What was kept of it cannot be read again.
    #[error(transparent)]
    Disk(io::Error),
    /// It has rows that nobody can read.
    #[error("{count} of the rows of its listing cannot be read, the first being: {first}")]
    Rows {
        count: u64,
        /// The first of them, or how it begins.
        first: Text,
    },
}

/// The rows of a listing, one after the other. What keeps it from being whole comes as the last of them, once.
#[derive(Debug)]
pub(crate) struct Rows {
    source: Source,
    /// The rows so far that could not be read: how many, and the first.
    unread: Option<(u64, Text)>,
}

/// Where they come from.
#[derive(Debug)]
enum Source {
    Facts(BufReader<SpooledTempFile>),
    Read(std::vec::IntoIter<Entry>),
    Over,
}

impl Rows {
    fn of(source: Source) -> Self {
        Self { source, unread: None }
    }

    /// Those that can be read, and nothing of the others.
    pub(crate) fn readable(self) -> impl Iterator<Item = Result<Entry, Error>> {
        self.filter_map(|row| match row {
            Ok(entry) => Some(Ok(entry)),
            Err(Lacking::Disk(error)) => Some(Err(Error::Sink(error))),
            Err(Lacking::Rows { .. }) => None,
        })
    }

    /// Takes note of a row that cannot be read.
    fn pass_over(&mut self, row: &[u8]) {
        let begins = || (0, row.get(..TOLD).unwrap_or(row).into());
        self.unread.get_or_insert_with(begins).0 += 1;
    }

    /// The next one that can be read.
    fn take(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let file = match &mut self.source {
                Source::Over => return Ok(None),
                Source::Read(entries) => return Ok(entries.next()),
                Source::Facts(file) => file,
            };
            let mut row = Vec::new();
            if file.by_ref().take(ROW).read_until(b'\n', &mut row)? == 0 {
                return Ok(None);
            }
            if row.last() != Some(&b'\n') && row.len() as u64 == ROW {
                file.skip_until(b'\n')?;
                self.pass_over(&row);
                continue;
            }
            let end = row.strip_suffix(b"\n").unwrap_or(&row);
            let end = end.strip_suffix(b"\r").unwrap_or(end);
            match mlsx::read(end) {
                Some(entry) => return Ok(Some(entry)),
                // An empty row, or how many blocks there are, stands for nothing in the folder.
                None if read_listing(end, Timestamp::new(0, 0)).next().is_none() => {}
                None => self.pass_over(end),
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Entry, Lacking>;

    fn next(&mut self) -> Option<Self::Item> {
        let lacking = match self.take() {
            Ok(Some(entry)) => return Some(Ok(entry)),
            Ok(None) => self.unread.take().map(|(count, first)| Lacking::Rows { count, first }),
            Err(error) => Some(Lacking::Disk(error)),
        };
        self.source = Source::Over;
        lacking.map(Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names, and what is told of rows that cannot be read.
    fn told(spool: Spool) -> (Vec<Vec<u8>>, Vec<String>) {
        let (mut names, mut lacking) = (Vec::new(), Vec::new());
        for row in spool.rows().unwrap() {
            match row {
                Ok(entry) => names.push(entry.name),
                Err(error) => lacking.push(error.to_string()),
            }
        }
        (names, lacking)
    }

    fn names(spool: Spool) -> Vec<Vec<u8>> {
        let (names, lacking) = told(spool);
        assert!(lacking.is_empty(), "{lacking:?}");
        names
    }

    #[test]
    fn rows_of_either_kind_come_back_and_those_that_cannot_be_read_are_told_once() {
        let why = "2 of the rows of its listing cannot be read, the first being: mumble";
        let mut spool = Spool::new(true, LIMIT);
        spool.push(b"type=file;size=3; a b\r\nty").unwrap();
        spool.push(b"pe=dir; c\nmumble\r\n\r\ntotal 8\r\n;;; e\r\ntype=file; d").unwrap();
        let (found, lacking) = told(spool);
        assert_eq!(found, [&b"a b"[..], b"c", b"d"]);
        assert_eq!(lacking, [why]);
        let mut spool = Spool::new(false, LIMIT);
        spool.push(b"total 8\r\n-rw-r--r-- 1 u g 3 Jan  1  2020 e\r\nmumble\r\nmum\r\n").unwrap();
        assert_eq!(told(spool), (vec![b"e".to_vec()], vec![why.to_owned()]));
    }

    #[test]
    fn by_their_names_are_those_that_can_be_read() {
        let mut spool = Spool::new(true, LIMIT);
        spool.push(b"type=file;size=3; a\r\nmumble\r\n").unwrap();
        let found = spool.by_name().unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [b"a"]);
    }

    #[test]
    fn a_listing_that_would_take_too_much_memory_is_not_held_by_its_names() {
        let mut spool = Spool::new(true, LIMIT);
        spool.push(b"type=file; a\r\n").unwrap();
        spool.length = BY_NAME + 1;
        assert!(matches!(spool.by_name(), Err(Error::ListingTooLong { .. })));
    }

    #[test]
    fn a_row_that_never_ends_is_told_by_how_it_begins_and_the_next_one_is_read() {
        let mut spool = Spool::new(true, LIMIT);
        let long = vec![b'x'; 3 * usize::try_from(ROW).unwrap()];
        spool.push(b"type=file; ").unwrap();
        spool.push(&long).unwrap();
        spool.push(b"\r\ntype=file; a\r\n").unwrap();
        let (found, lacking) = told(spool);
        assert_eq!(found, [b"a"]);
        let [lacking] = &lacking[..] else { panic!("{lacking:?}") };
        assert!(
            lacking.contains("1 of the rows") && lacking.contains("type=file; xxx"),
            "{lacking}"
        );
        assert!(lacking.len() < 2 * TOLD, "{lacking}");
    }

    #[test]
    fn a_long_listing_comes_back_from_the_disk() {
        let mut spool = Spool::new(true, LIMIT);
        for number in 0..20_000 {
            spool.push(format!("type=file;size=1; {number}\r\n").as_bytes()).unwrap();
        }
        assert_eq!(names(spool).len(), 20_000);
    }
}
