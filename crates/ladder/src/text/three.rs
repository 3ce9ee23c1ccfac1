//! The ladder with three lifelines: a third party between two servers. What goes between the servers crosses its
//! lifeline. There is no room for ports beside them; they stand on each SYN.

use super::brush::Brush;
use super::margin::Margin;
use super::{Options, Shown, label, silence};
use crate::scene::Lifeline;
use std::fmt;

/// Lanes wider than this give way to notes.
const LANE: usize = 40;

/// The columns of a ladder, measured once.
pub(super) struct Three<'a> {
    brush: Brush<'a>,
    margin: Margin<'a>,
    lane: usize,
}

impl<'a> Three<'a> {
    pub(super) fn new(shown: &[Shown<'_>], options: &'a Options) -> Self {
        let brush = Brush::new(options);
        let mut margin = Margin::new(shown, options);
        let lifelines = 3 * brush.cells(brush.glyphs.lifeline);
        let lane = margin.share(1 + lifelines, 2 * LANE) / 2;
        Self { brush, margin, lane }
    }

    /// Names the lifelines: who, where, and the servers' part in the data connections.
    pub(super) fn header(&self, out: &mut impl fmt::Write, lifelines: &[Lifeline]) -> fmt::Result {
        let lang = self.brush.options.lang();
        let name = |of: &Lifeline| of.who.words(lang).to_owned();
        let address = |of: &Lifeline| of.address().unwrap_or_default();
        let role =
            |of: &Lifeline| of.role.map_or_else(String::new, |role| role.words(lang).to_owned());
        self.heads(out, &self.margin.head(), lifelines.iter().map(name).collect())?;
        self.heads(out, &self.margin.blank(), lifelines.iter().map(address).collect())?;
        self.heads(out, &self.margin.blank(), lifelines.iter().map(role).collect())?;
        if lifelines.iter().all(|of| of.tls.is_none()) {
            return Ok(());
        }
        let tls = |of: &Lifeline| of.tls.map_or_else(String::new, |tls| tls.words(lang).to_owned());
        self.heads(out, &self.margin.blank(), lifelines.iter().map(tls).collect())
    }

    /// A line of words: the first begins at its lifeline, the last ends there, the one between stands in the middle.
    fn heads(&self, out: &mut impl fmt::Write, left: &str, words: Vec<String>) -> fmt::Result {
        let brush = &self.brush;
        let whole = 2 * self.lane + 3 * brush.cells(brush.glyphs.lifeline);
        let cut: Vec<String> =
            words.iter().map(|words| brush.cut(words, whole.saturating_sub(4) / 3)).collect();
        let [a, third, b] = cut.as_slice() else { return Ok(()) };
        let [one, two, three] = [a, third, b].map(|words| brush.cells(words));
        let before = (whole / 2).saturating_sub(two / 2 + one).max(1);
        let after = whole.saturating_sub(one + before + two + three).max(1);
        let line = format!("{left} {a}{}{third}{}{b}", " ".repeat(before), " ".repeat(after));
        writeln!(out, "{}", line.trim_end())
    }

    pub(super) fn row(&self, out: &mut impl fmt::Write, shown: &Shown<'_>) -> fmt::Result {
        let (row, brush, edge) = (shown.row, &self.brush, self.brush.glyphs.lifeline);
        let whole = 2 * self.lane + brush.cells(edge);
        if let Some(length) = shown.silence() {
            let words = brush.centred(&silence(length, brush.options), whole);
            self.line(out, &self.margin.blank(), &words, "")?;
        }
        let label = label(row, brush.options);
        let arrow =
            |room| brush.painted(row, brush.arrow(row, &label, room, shown.is_rightwards()));
        let empty = " ".repeat(self.lane);
        let body = match (row.is_packet(), shown.from.min(shown.to), shown.from.max(shown.to)) {
            (true, 0, 1) => format!("{}{edge}{empty}", arrow(self.lane)),
            (true, 1, 2) => format!("{empty}{edge}{}", arrow(self.lane)),
            (true, ..) => arrow(whole),
            (false, ..) => brush.painted(row, brush.centred(&label, whole)),
        };
        let mut notes = self.margin.notes(shown).into_iter();
        let first = notes.next().unwrap_or_default();
        let mut left = String::new();
        self.margin.put(&mut left, shown);
        self.line(out, &left, &body, &first)?;
        let said = shown.beneath(brush.options, whole);
        let empty = format!("{empty}{edge}{empty}");
        notes.try_for_each(|note| self.line(out, &self.margin.blank(), &empty, &note))?;
        said.iter().try_for_each(|said| self.line(out, &self.margin.blank(), said, ""))
    }

    /// One line of the ladder, without blanks at its end.
    fn line(&self, out: &mut impl fmt::Write, prefix: &str, body: &str, note: &str) -> fmt::Result {
        let edge = self.brush.glyphs.lifeline;
        let line = format!("{prefix} {edge}{body}{edge} {note}");
        writeln!(out, "{}", line.trim_end())
    }
}
