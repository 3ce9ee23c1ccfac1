//! The ladder with two lifelines: columns, arrows, header.
//!
//! All sums are in display columns, so a glyph of two columns (see [`Ambiguous`]) is drawn half as often
//! and an odd column left over stays blank beside the label.

use super::{ABSOLUTE, Options, Shown, label, mark, number, silence};
use crate::note::note;
use crate::row::{Channel, Ends, Packet, Provenance, Row};
use crate::width::{Ambiguous, columns, ellipsize, pad, spell_out, wrap};
use std::fmt;
use std::time::Duration;
use wharf_proto::tap::Party;

/// The least that notes beside the rows get.
const NOTES: usize = 38;
/// A lane wider than this gives way to notes.
const LANE: usize = 54;
/// A port.
const PORT: usize = 5;
/// A time since the row before, and the space before it.
const DELTA: usize = 7;
/// A time since the start, and the space before it.
const START: usize = 11;

struct Glyphs {
    lifeline: &'static str,
    right: &'static str,
    left: &'static str,
    ellipsis: &'static str,
    /// Lines: control, data; each seen, then not seen.
    lines: [[&'static [&'static str]; 2]; 2],
    /// What did not come.
    dots: &'static [&'static str],
}

const UNICODE: Glyphs = Glyphs {
    lifeline: "│",
    right: "▶",
    left: "◀",
    ellipsis: "…",
    lines: [[&["─"], &["╌"]], [&["═"], &["═", " "]]],
    dots: &["·", " "],
};

/// Arrowheads that are narrow whatever the terminal makes of ambiguous characters.
const UNICODE_TWO: Glyphs = Glyphs { right: "►", left: "◄", ..UNICODE };

const ASCII: Glyphs = Glyphs {
    lifeline: "|",
    right: ">",
    left: "<",
    ellipsis: "...",
    lines: [[&["-"], &["-", " "]], [&["="], &["=", " "]]],
    dots: &[".", " "],
};

/// The columns of a ladder, measured once.
pub(super) struct Lane<'a> {
    options: &'a Options,
    glyphs: &'static Glyphs,
    no: usize,
    delta: usize,
    start: usize,
    lane: usize,
    /// Zero where there are no notes beside the rows.
    notes: usize,
}

impl<'a> Lane<'a> {
    pub(super) fn new(rows: &[Row], options: &'a Options, beside: bool) -> Self {
        let glyphs = match (options.ascii, options.ambiguous) {
            (true, _) => &ASCII,
            (false, Ambiguous::One) => &UNICODE,
            (false, Ambiguous::Two) => &UNICODE_TWO,
        };
        let times = !options.no_times;
        let no = rows.iter().map(|row| row.no).max().unwrap_or(1).to_string().len().max(3);
        let delta = if times { DELTA } else { 0 };
        let start = if times && options.width() >= ABSOLUTE { START } else { 0 };
        let lifelines = 2 * columns(glyphs.lifeline, options.ambiguous);
        let taken = no + 3 + start + delta + 1 + PORT + lifelines + PORT;
        let room = options.width().saturating_sub(taken);
        let notes = if beside { NOTES.max(room.saturating_sub(LANE + 1)) } else { 0 };
        let lane = if beside { room.saturating_sub(notes + 1) } else { room };
        Self { options, glyphs, no, delta, start, lane, notes }
    }

    /// Names the columns; the addresses share a line where they fit, else take two.
    pub(super) fn header(&self, out: &mut impl fmt::Write, ends: Option<Ends>) -> fmt::Result {
        let lang = self.options.lang();
        let named = |word: &str, address: Option<String>| match address {
            Some(address) => format!("{word} {address}"),
            None => word.to_owned(),
        };
        let client = ends.map(|ends| ends.client.ip().to_string());
        let server = ends.map(|ends| ends.server.ip().to_string());
        let room = self.lane.saturating_sub(2);
        let client = self.cut(&named(lang.of("client", "クライアント"), client), room);
        let server = self.cut(&named(lang.of("server", "サーバー"), server), room);
        let cell = |name: &str, width: usize| {
            if width == 0 { String::new() } else { format!("{name:>width$}") }
        };
        let left = format!(
            "{:>no$}   {}{} {:>PORT$}",
            "No",
            cell(lang.of("s", "s"), self.start),
            cell("d/s", self.delta),
            "port",
            no = self.no
        );
        let edge = " ".repeat(self.cells(self.glyphs.lifeline));
        let free = room.saturating_sub(self.cells(&client) + self.cells(&server));
        if free > 0 {
            return writeln!(out, "{left}{edge} {client}{}{server} {edge}port", " ".repeat(free));
        }
        let client = pad(&client, room + 1, self.options.ambiguous);
        writeln!(out, "{left}{edge} {client}{edge}port")?;
        let indent = left.len() + edge.len() + 1 + room.saturating_sub(self.cells(&server));
        writeln!(out, "{}{server}", " ".repeat(indent))
    }

    pub(super) fn row(&self, out: &mut impl fmt::Write, shown: &Shown<'_>) -> fmt::Result {
        let row = shown.row;
        if let Some(length) = shown.silence() {
            self.line(out, &self.prefix(), &self.centred(&silence(length, self.options)), "", "")?;
        }
        let label = label(row, self.options);
        let body = if row.is_packet() { self.arrow(row, &label) } else { self.centred(&label) };
        let body = self.painted(row, body);
        let port = |port: Option<u16>| port.map_or_else(String::new, |port| port.to_string());
        let ports = if row.is_packet() { row.ports } else { crate::Ports::default() };
        let prefix = format!(
            "{} {}{}{} {:>PORT$}",
            number(row, self.no),
            mark(row),
            self.start(shown),
            self.delta(shown),
            port(ports.client),
        );
        let mut notes = self.notes(row).into_iter();
        let first = notes.next().unwrap_or_default();
        self.line(out, &prefix, &body, &port(ports.server), &first)?;
        notes.try_for_each(|note| self.line(out, &self.prefix(), &self.centred(""), "", &note))
    }

    /// One line of the ladder, without blanks at its end.
    fn line(
        &self,
        out: &mut impl fmt::Write,
        prefix: &str,
        body: &str,
        port: &str,
        note: &str,
    ) -> fmt::Result {
        let edge = self.glyphs.lifeline;
        let line = format!("{prefix}{edge}{body}{edge}{port:<PORT$} {note}");
        writeln!(out, "{}", line.trim_end())
    }

    /// The blank that stands where a line has no row.
    fn prefix(&self) -> String {
        " ".repeat(self.no + 3 + self.start + self.delta + 1 + PORT)
    }

    fn start(&self, shown: &Shown<'_>) -> String {
        let width = self.start;
        match shown.start.filter(|_| width > 0) {
            None => " ".repeat(width),
            Some(start) => {
                let text = format!("{}.{:03}", start.as_secs(), start.subsec_millis());
                format!("{text:>width$}")
            }
        }
    }

    fn delta(&self, shown: &Shown<'_>) -> String {
        let width = self.delta;
        match shown.since.filter(|_| width > 0) {
            None => " ".repeat(width),
            Some(since) => format!("{:>width$}", delta(since, shown.first)),
        }
    }

    fn notes(&self, row: &Row) -> Vec<String> {
        if self.notes == 0 {
            return Vec::new();
        }
        note(row, self.options.lang()).map_or_else(Vec::new, |words| {
            wrap(&spell_out(&words, self.options.ascii), self.notes, self.options.ambiguous)
        })
    }

    /// An arrow over the whole lane, its label in the middle.
    fn arrow(&self, row: &Row, label: &str) -> String {
        let seen = row.provenance == Provenance::Seen;
        let [control, data] = self.glyphs.lines;
        let [solid, dashed] = if row.channel == Channel::Control { control } else { data };
        let line = match row.packet {
            Packet::Absent => self.glyphs.dots,
            _ if seen => solid,
            _ => dashed,
        };
        let (head, glyph) = (self.cells(self.glyphs.right), self.cells(line.concat().trim_end()));
        let text = self.cut(label, self.lane.saturating_sub(head + glyph + 2));
        let rest = self.lane.saturating_sub(head + 2 + self.cells(&text));
        let (before, after) = (rest / 2, rest - rest / 2);
        match row.from {
            Party::Client => {
                let tail = self.fill(line, before, false);
                format!("{tail} {text} {}{}", self.fill(line, after, true), self.glyphs.right)
            }
            Party::Server => {
                let tail = self.fill(line, after, true);
                format!("{}{} {text} {tail}", self.glyphs.left, self.fill(line, before, false))
            }
        }
    }

    /// A line of exactly `room` columns. What its glyphs cannot fill is blank: at the end, or with
    /// `from_end` at the beginning, so that the blank is beside the label.
    fn fill(&self, line: &[&str], room: usize, from_end: bool) -> String {
        let mut glyphs: Vec<&str> = Vec::with_capacity(room);
        let mut left = room;
        for glyph in line.iter().copied().cycle() {
            let Some(less) = left.checked_sub(self.cells(glyph).max(1)) else { break };
            left = less;
            glyphs.push(glyph);
        }
        let blank = " ".repeat(left);
        if from_end {
            glyphs.reverse();
            blank + &glyphs.concat()
        } else {
            glyphs.concat() + &blank
        }
    }

    /// Words in the middle of the lane, without an arrow.
    fn centred(&self, words: &str) -> String {
        let text = self.cut(words, self.lane);
        let before = self.lane.saturating_sub(self.cells(&text)) / 2;
        pad(&(" ".repeat(before) + &text), self.lane, self.options.ambiguous)
    }

    /// Colour: commands cyan, replies green or red, data magenta, remarks yellow; dim what was not seen.
    fn painted(&self, row: &Row, body: String) -> String {
        if !self.options.colour {
            return body;
        }
        let hue = match row.packet {
            Packet::Command => "36",
            Packet::Reply(code) if code < 400 => "32",
            Packet::Reply(_) | Packet::Rst => "31",
            Packet::Data { .. } => "35",
            Packet::Note(_) => "33",
            Packet::Syn
            | Packet::SynAck
            | Packet::Established
            | Packet::Ack
            | Packet::Fin
            | Packet::Absent
            | Packet::Omitted(_) => "",
        };
        let dim = if row.provenance == Provenance::Seen { "" } else { "2" };
        match (dim, hue) {
            ("", "") => body,
            (one, "") | ("", one) => format!("\x1b[{one}m{body}\x1b[0m"),
            (dim, hue) => format!("\x1b[{dim};{hue}m{body}\x1b[0m"),
        }
    }

    fn cells(&self, text: &str) -> usize {
        columns(text, self.options.ambiguous)
    }

    fn cut(&self, text: &str, max: usize) -> String {
        ellipsize(text, max, self.glyphs.ellipsis, self.options.ambiguous)
    }
}

/// A time since the row before in at most six columns.
fn delta(since: Duration, first: bool) -> String {
    let sign = if first { "" } else { "+" };
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
            assert_eq!(delta(Duration::from_millis(millis), false), text);
        }
        assert_eq!(delta(Duration::ZERO, true), "0.000");
    }
}
