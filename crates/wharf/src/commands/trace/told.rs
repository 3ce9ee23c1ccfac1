//! A tap as a source: the file that an end has written, known by its first bytes.
//!
//! What is not understood in it ends the reading, with the number of the line.

use std::io::{BufReader, ErrorKind, Read};
use std::time::Duration;

use wharf_ladder::tap::{Error, Line, Reader};
use wharf_proto::Moment;
use wharf_proto::tap::{Event, SessionId};

use super::gathering::Heard;
use super::source::Next;

/// Where the numbers of the sessions of each further run or file begin, which counts its own from the beginning.
pub(super) const APART: u64 = 1_000_000;
/// Bytes by which a file is known.
pub(super) const HEAD: u64 = 64;

/// A file that is being read.
pub(super) struct TapFile {
    reader: Reader<BufReader<Box<dyn Read + Send>>>,
    /// When the clock of its events began.
    began: Option<Duration>,
    /// The same of the run that begins behind what has come.
    begins: Option<Duration>,
    /// The moment of the last event.
    pub(super) last: Moment,
    pub(super) is_full: bool,
    /// How many lines broke off.
    pub(super) torn: u64,
    /// What is added to the numbers of the sessions of this run, and the highest number so far.
    apart: u64,
    highest: Option<u64>,
}

impl TapFile {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        let reader = Reader::new(BufReader::new(source));
        let (began, begins, last) = (None, None, Moment::START);
        Self { reader, began, begins, last, is_full: false, torn: 0, apart: 0, highest: None }
    }

    pub(super) fn began(&self) -> Option<Duration> {
        self.began
    }

    /// The next line; nothing where there is none just now.
    pub(super) fn next(&mut self, take: impl FnOnce(&Heard<'_>)) -> Result<Option<Next>, Error> {
        self.began = self.begins.take().or(self.began);
        match self.reader.next_line() {
            Ok(None) => return Ok(Some(Next::End)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
            Ok(Some(Line::Full)) => self.is_full = true,
            Ok(Some(Line::Torn)) => self.torn += 1,
            Ok(Some(Line::Begin(began))) => {
                // What it ends is given away first.
                self.begins = Some(began);
                self.apart = self.highest.map_or(0, |no| (no / APART + 1).saturating_mul(APART));
                take(&Heard::Again);
                return Ok(Some(Next::Look(None)));
            }
            Ok(Some(Line::Event(event))) => {
                self.last = event.at;
                let session = SessionId(event.session.0.saturating_add(self.apart));
                self.highest = self.highest.max(Some(session.0));
                take(&Heard::Event(&Event { session, ..event }));
            }
        }
        Ok(Some(Next::More))
    }
}
