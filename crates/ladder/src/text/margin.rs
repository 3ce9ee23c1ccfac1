//! What stands beside the lifelines: number, mark and times at the left, notes at the right.

use super::{ABSOLUTE, BESIDE, Options, Shown, blank, decimal, mark, number};
use crate::width::wrap;
use std::time::Duration;

/// The least that notes beside the rows get.
const NOTES: usize = 38;
/// A time since the row before, and the space before it.
const DELTA: usize = 7;
/// A time since the start, and the space before it.
const START: usize = 11;

/// The columns beside the lifelines, measured once.
pub(super) struct Margin<'a> {
    options: &'a Options,
    no: usize,
    delta: usize,
    start: usize,
    /// Zero where there are no notes beside the rows.
    notes: usize,
}

impl<'a> Margin<'a> {
    pub(super) fn new(shown: &[Shown<'_>], options: &'a Options) -> Self {
        // Not every log says when.
        let has_times = shown.is_empty() || shown.iter().any(|shown| shown.since.is_some());
        let times = !options.no_times && has_times;
        let most = shown.iter().map(|shown| shown.row.no).max().unwrap_or(1);
        let no = most.to_string().len().max(3);
        let delta = if times { DELTA } else { 0 };
        let start = if times && options.width() >= ABSOLUTE { START } else { 0 };
        Self { options, no, delta, start, notes: 0 }
    }

    /// Divides the columns between what is drawn, of which `wide` are enough and `taken` go to its edges, and the
    /// notes; gives what is left to draw in.
    pub(super) fn share(&mut self, taken: usize, wide: usize) -> usize {
        let room = self.options.width().saturating_sub(self.width() + taken);
        if !self.options.notes || self.options.width() < BESIDE {
            return room;
        }
        self.notes = NOTES.max(room.saturating_sub(wide + 1));
        room.saturating_sub(self.notes + 1)
    }

    /// Its columns at the left.
    pub(super) fn width(&self) -> usize {
        self.no + 3 + self.start + self.delta
    }

    /// The names of its columns.
    pub(super) fn head(&self) -> String {
        let cell = |name: &str, width: usize| {
            if width == 0 { String::new() } else { format!("{name:>width$}") }
        };
        let unit = if self.options.since.is_some() { "*/s" } else { "d/s" };
        let (start, delta) = (cell("s", self.start), cell(unit, self.delta));
        format!("{:>no$}   {start}{delta}", "No", no = self.no)
    }

    /// Writes what stands left of a row.
    pub(super) fn put(&self, out: &mut String, shown: &Shown<'_>) {
        number(out, shown.row, self.no);
        out.push(' ');
        out.push_str(mark(shown.row));
        self.start(out, shown);
        self.delta(out, shown);
    }

    /// And left of a line that has none.
    pub(super) fn blank(&self) -> String {
        " ".repeat(self.width())
    }

    /// The lines of the note beside a row.
    pub(super) fn notes(&self, shown: &Shown<'_>) -> Vec<String> {
        let words = shown.note.as_deref().filter(|_| self.notes > 0);
        words.map_or_else(Vec::new, |words| wrap(words, self.notes, self.options.ambiguous))
    }

    fn start(&self, out: &mut String, shown: &Shown<'_>) {
        let width = self.start;
        match shown.start.filter(|_| width > 0) {
            None => blank(out, width),
            Some(start) => {
                decimal(out, start.as_secs(), width.saturating_sub(4), ' ');
                out.push('.');
                decimal(out, start.subsec_millis().into(), 3, '0');
            }
        }
    }

    fn delta(&self, out: &mut String, shown: &Shown<'_>) {
        let width = self.delta;
        match shown.delta.filter(|_| width > 0) {
            None => blank(out, width),
            // As nearly always.
            Some((sign, since)) if since.as_secs() < 10 => {
                blank(out, width.saturating_sub(sign.len() + 5));
                out.push_str(sign);
                decimal(out, since.as_secs(), 1, ' ');
                out.push('.');
                decimal(out, since.subsec_millis().into(), 3, '0');
            }
            Some((sign, since)) => {
                let text = delta(since, sign);
                blank(out, width.saturating_sub(text.len()));
                out.push_str(&text);
            }
        }
    }
}

/// A time since another row in at most six columns.
fn delta(since: Duration, sign: &str) -> String {
    let millis = since.as_millis();
    match since.as_secs() {
        0..10 => format!("{sign}{}.{:03}", since.as_secs(), millis % 1000),
        10..100 => format!("{sign}{}.{:02}", since.as_secs(), millis % 1000 / 10),
        100..1000 => format!("{sign}{}.{}", since.as_secs(), millis % 1000 / 100),
        seconds @ 1000..100_000 => format!("{sign}{seconds}"),
        seconds => format!("{sign}{}h", (seconds / 3600).min(9999)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_since_the_row_before_never_takes_more_than_six_columns() {
        for (millis, text) in [
            (0, "+0.000"),
            (1_902, "+1.902"),
            (61_234, "+61.23"),
            (612_345, "+612.3"),
            (99_999_999, "+99999"),
            (360_000_000, "+100h"),
            (u64::MAX, "+9999h"),
        ] {
            assert_eq!(delta(Duration::from_millis(millis), "+"), text);
        }
        assert_eq!(delta(Duration::ZERO, ""), "0.000");
    }
}
