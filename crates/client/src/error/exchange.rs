//! What was said last before an error: a command and its reply, as messages show them.

use std::fmt;

use wharf_proto::{Reply, Text, Verb};

/// The last command and reply of a session, secrets redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The verb of the command, `None` before the first one, where the server spoke without being asked, and of a line
    /// that is no command of the table.
    pub verb: Option<Verb>,
    /// The command as sent, empty before the first one.
    pub command: Text,
    /// The last reply that came after it.
    pub reply: Option<Reply>,
    /// Whether that is one of several lines whose end did not come (RFC 959 section 4.2).
    pub unended: bool,
}

impl Exchange {
    /// Whether nothing had been asked yet.
    pub fn is_before_all(&self) -> bool {
        self.command.is_empty()
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(reply) = &self.reply else {
            return match self.is_before_all() {
                true => f.write_str("before any greeting"),
                false => write!(f, "after {}, which was not answered", self.command),
            };
        };
        let said = Said(reply);
        match (self.is_before_all(), self.unended) {
            (true, true) => write!(f, "after the greeting began with \"{said}\" and did not end"),
            (true, false) => write!(f, "after the greeting \"{said}\""),
            (false, true) => {
                let command = &self.command;
                write!(f, "after {command}, whose reply began with \"{said}\" and did not end")
            }
            (false, false) => write!(f, "after {}, answered \"{said}\"", self.command),
        }
    }
}

/// A reply as one line of a message: escaped, and cut where it is long.
pub(super) struct Said<'a>(pub(super) &'a Reply);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LINES: usize = 4;
        write!(f, "{}", self.0.code)?;
        for line in self.0.lines.iter().take(LINES) {
            write!(f, " {line}")?;
        }
        f.write_str(if self.0.lines.len() > LINES { " …" } else { "" })
    }
}

/// The reply of an exchange, where there is one.
pub(super) struct Answered<'a>(pub(super) &'a Exchange);

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.reply {
            Some(reply) => Said(reply).fmt(f),
            None => f.write_str("no reply"),
        }
    }
}
