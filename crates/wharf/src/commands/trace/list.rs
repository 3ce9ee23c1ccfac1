//! A line a session: as text, or as an object for programs.

use std::io::Write;
use std::time::Duration;

use wharf_ladder::render::json;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Options, width};

use super::text::{end, ending, title};
use super::totals::Totals;
use super::{Group, Renderer};

/// Columns before what transfers came to, beneath the line of their session.
const INDENT: usize = 2;

/// The list as text.
pub(super) struct Lines {
    options: Options,
    stats: bool,
}

impl Lines {
    pub(super) fn new(options: Options, stats: bool) -> Self {
        Self { options, stats }
    }

    /// What a session came to in numbers, beneath its line.
    fn numbers(&self, session: &Session, out: &mut dyn Write) -> anyhow::Result<()> {
        let room = self.options.width().saturating_sub(INDENT);
        for line in session.statistics().lines(self.options.lang()) {
            for part in width::wrap(&line, room, self.options.ambiguous) {
                writeln!(out, "{:INDENT$}{part}", "")?;
            }
        }
        Ok(())
    }
}

impl Renderer for Lines {
    fn group(&mut self, group: &Group<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        for session in group.sessions {
            let lang = self.options.lang();
            let found: Vec<&str> = session.findings().iter().map(|found| found.rule.id).collect();
            let found =
                if found.is_empty() { String::new() } else { format!(" [{}]", found.join(" ")) };
            writeln!(out, "{}: {}{found}", title(session, lang), ending(session, &self.options))?;
            if self.stats {
                self.numbers(session, out)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, totals: &Totals, out: &mut dyn Write) -> anyhow::Result<()> {
        end(totals, &self.options, self.stats, out)
    }
}

/// The list as JSON, an object a line, the totals in the last.
pub(super) struct Objects {
    no_times: bool,
    stats: bool,
    origin: Option<Duration>,
}

impl Objects {
    pub(super) fn new(options: &Options, stats: bool) -> Self {
        Self { no_times: options.no_times, stats, origin: None }
    }
}

impl Renderer for Objects {
    fn begins_at(&mut self, origin: Option<Duration>) {
        self.origin = origin;
    }

    fn group(&mut self, group: &Group<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        for session in group.sessions {
            out.write_all(json::listed(session, self.origin, self.no_times).as_bytes())?;
            if self.stats {
                out.write_all(json::statistics(session, self.no_times).as_bytes())?;
            }
        }
        Ok(())
    }

    fn end(&mut self, totals: &Totals, out: &mut dyn Write) -> anyhow::Result<()> {
        writeln!(out, "{}", totals.json())?;
        Ok(())
    }
}
