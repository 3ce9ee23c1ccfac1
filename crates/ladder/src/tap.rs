//! Taps as files: the events of sessions as JSON lines, written and read (docs/tap.md).
//!
//! The first line says what the file is and when its clock began; each other line is an event. [`header`] and [`line()`]
//! write them, [`Reader`] reads them, and [`Told`] puts the events together to sessions. A reader that passes over what
//! it does not know would draw a session that was not so: this one refuses it, with the number of the line. Half a line is
//! told as one, and what is behind it is read. Secrets are
//! no business of this file: an event never holds one.

mod json;
mod told;

pub use json::line;
pub use told::Told;

use std::fmt;
use std::io::{self, BufRead, Read as _};
use std::time::Duration;
use wharf_proto::tap::Event;

/// The version of the format.
pub const VERSION: u64 = 1;
/// What a file begins with.
const MAGIC: &[u8] = b"{\"tap\":";
/// The longest line that is read.
const MAX_LINE: u64 = 1 << 20;

/// Whether bytes are the beginning of such a file.
///
/// ```
/// use wharf_ladder::tap;
/// assert!(tap::begins(tap::header(std::time::Duration::ZERO).as_bytes()));
/// ```
#[must_use]
pub fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The first line: when the clock of the events began, since 1970.
#[must_use]
pub fn header(began: Duration) -> String {
    format!("{{\"tap\":{VERSION},\"began\":{}.{:06}}}\n", began.as_secs(), began.subsec_micros())
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A first line: another run of the program begins, whose clock began then, since 1970.
    Begin(Duration),
    /// An event.
    Event(Event),
    /// The file was full: what came behind this was not written.
    Full,
    /// Half a line, whose writer was killed or had no room: nobody knows what it would have said.
    Torn,
}

/// Reads such a file.
///
/// ```
/// use wharf_ladder::tap::{self, Line, Reader};
/// let file = tap::header(std::time::Duration::from_secs(9));
/// let mut reader = Reader::new(file.as_bytes());
/// assert!(matches!(reader.next_line(), Ok(Some(Line::Begin(_)))));
/// assert!(matches!(reader.next_line(), Ok(None)));
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// How many lines were read.
    lines: u64,
    /// What has come of the next one.
    partial: Vec<u8>,
    /// Bytes of the last one.
    length: u64,
}

/// Why a file cannot be read, or not further.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A line is not understood.
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The file breaks off within a line.
    Truncated {
        /// Its number, from 1.
        line: u64,
    },
    /// The source failed.
    Io(io::Error),
}

impl<R: BufRead> Reader<R> {
    /// Reads from the beginning of a file.
    pub fn new(source: R) -> Self {
        Self::behind(source, 0)
    }

    /// Goes on behind so many lines of a file.
    pub fn behind(source: R, lines: u64) -> Self {
        Self { source, lines, partial: Vec::new(), length: 0 }
    }

    /// How many bytes the last line had, its end included.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The next line; none at the end of the file.
    ///
    /// # Errors
    /// [`Error`], after which the line is passed over; but for [`Error::Io`], after which it is gone on with.
    pub fn next_line(&mut self) -> Result<Option<Line>, Error> {
        if !self.partial.ends_with(b"\n") {
            let room = MAX_LINE.saturating_sub(self.partial.len() as u64);
            let mut line = self.source.by_ref().take(room);
            line.read_until(b'\n', &mut self.partial).map_err(Error::Io)?;
        }
        let bytes = std::mem::take(&mut self.partial);
        if bytes.is_empty() {
            return Ok(None);
        }
        self.length = bytes.len() as u64;
        if let Some(at) = torn_before(&bytes) {
            // What is behind it is the next line, of the same number.
            self.length = at as u64;
            self.partial = bytes[at..].to_vec();
            return Ok(Some(Line::Torn));
        }
        self.lines += 1;
        let line = self.lines;
        let Some(text) = bytes.strip_suffix(b"\n") else {
            return Err(match u64::try_from(bytes.len()) {
                Ok(MAX_LINE) => Error::Line { line, why: "it is too long".to_owned() },
                _ => Error::Truncated { line },
            });
        };
        json::read(text, line == 1).map(Some).map_err(|why| Error::Line { line, why })
    }

    /// How many lines were read.
    pub fn lines(&self) -> u64 {
        self.lines
    }
}

/// Where behind half a line the first line of another run begins: its writer did not see that the line broke off.
fn torn_before(line: &[u8]) -> Option<usize> {
    // Within a line that is whole there is a backslash before every quotation mark of a text.
    memchr::memmem::rfind(line, MAGIC).filter(|at| *at > 0)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, why } => write!(f, "line {line}: {why}"),
            Self::Truncated { line } => write!(f, "the file breaks off in line {line}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Line { .. } | Self::Truncated { .. } => None,
        }
    }
}
