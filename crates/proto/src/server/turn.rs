//! Whose turn it is: the lines that wait, and which of them may go before the others (RFC 959 section 4.1.3).

use super::Session;
use super::state::{Awaiting, Pace};
use crate::Command;

/// A line of the client that has not had its turn.
#[derive(Debug)]
pub(super) enum Waiting {
    Line(Vec<u8>),
    TooLong,
}

impl Waiting {
    fn parsed(&self) -> Option<Command> {
        match self {
            Self::Line(line) => Command::parse(line).ok(),
            Self::TooLong => None,
        }
    }

    /// Asked of every line that waits, each time one comes: so only those are parsed that may be it.
    fn is_abort(&self) -> bool {
        match self {
            Self::Line(line) if line.trim_ascii().eq_ignore_ascii_case(b"ABOR") => {
                self.parsed() == Some(Command::Abor)
            }
            Self::Line(_) | Self::TooLong => false,
        }
    }
}

impl Session {
    /// The line whose turn it is. While the tree is acted on that is ABOR, where the action may take long, and
    /// nothing else. While a transfer runs that is ABOR, wherever it stands among the lines that wait; NOOP and
    /// STAT without a path, when nothing else waits before them; no other. QUIT has its turn after the transfer
    /// (RFC 959 section 4.1.1).
    pub(super) fn take_next(&mut self) -> Option<Waiting> {
        if let Awaiting::Tree { pace: Pace::Long, .. } = self.awaiting {
            let abort = self.waiting.iter().position(Waiting::is_abort)?;
            return self.waiting.remove(abort);
        }
        if !matches!(self.awaiting, Awaiting::Nothing) {
            return None;
        }
        if self.transfer.moving().is_none() {
            return self.waiting.pop_front();
        }
        let abort = self.waiting.iter().position(Waiting::is_abort);
        let index = abort.or_else(|| {
            let head = self.waiting.front().and_then(Waiting::parsed)?;
            matches!(head, Command::Noop | Command::Stat(None)).then_some(0)
        });
        self.waiting.remove(index?)
    }
}
