//! The log of another program as a source, known by its lines.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use anyhow::Context;
use wharf_ladder::logs::{self, Form, Kind, Lines, recognise};

use super::gathering::{Gathering, Heard};
use super::source::Next;
use crate::exit::Usage;

/// What is read of a file at a time to find out what it is.
const PIECE: usize = 16 * 1024;

/// A log that is being read.
pub(super) struct LogFile {
    lines: Lines<Box<dyn Read + Send>>,
    pub(super) form: &'static Form,
    /// When its first line was written, where it says so.
    pub(super) began: Option<Duration>,
    /// What there is to say of its lines, at its end.
    pub(super) remarks: Vec<String>,
}

impl LogFile {
    pub(super) fn new(source: Box<dyn Read + Send>, form: &'static Form) -> Self {
        Self { lines: Lines::new(source), form, began: None, remarks: Vec::new() }
    }

    /// The next line; nothing where there is none just now.
    pub(super) fn next(&mut self, take: impl FnOnce(&Heard<'_>)) -> io::Result<Option<Next>> {
        match self.lines.next_line() {
            Ok(None) => return Ok(Some(Next::End)),
            // A packed file that is cut off.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Some(Next::End)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
            Ok(Some(line)) => take(&Heard::Line(line)),
        }
        // Who writes into a pipe may be a while about the next.
        Ok(Some(if self.lines.has_next() { Next::More } else { Next::Lull }))
    }

    /// Heeds what the lines so far have told of the log itself.
    pub(super) fn heed(&mut self, next: Next, gathering: &Gathering) {
        if self.began.is_none() {
            self.began = gathering.origin();
        }
        if next == Next::End {
            self.remarks = gathering.remarks();
        }
    }
}

/// The form of log that a file is of, of which `head` has been read; as much more is read as it takes, for a log that is
/// being written may say little yet.
pub(super) fn recognised(
    source: &mut dyn Read,
    head: &mut Vec<u8>,
    name: &str,
) -> anyhow::Result<&'static Form> {
    loop {
        let from = head.len();
        head.resize(from + PIECE, 0);
        let count = match source.read(head.get_mut(from..).unwrap_or_default()) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                head.truncate(from);
                continue;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {name}")),
        };
        head.truncate(from + count);
        let is_all = count == 0 || head.len() >= logs::HEAD;
        match recognise(head) {
            Kind::Log(form) => return Ok(form),
            Kind::Perhaps(form) if is_all => return Ok(form),
            Kind::Useless(advice) if is_all => {
                return Err(Usage(format!("{name} is {advice}")).into());
            }
            Kind::Other if is_all => {
                let why = "neither pcap nor pcapng, nor a tap, nor a log that is recognised (--log FORM names its form)";
                return Err(Usage(format!("{name} is {why}")).into());
            }
            Kind::Perhaps(_) | Kind::Useless(_) | Kind::Other => {}
        }
    }
}
