//! Arrows, words and colours in a space of so many columns.
//!
//! All sums are in display columns, so a glyph of two columns (see [`Ambiguous`]) is drawn half as often
//! and an odd column left over stays blank beside the label.

use super::Options;
use crate::row::{Channel, Packet, Provenance, Row};
use crate::width::{Ambiguous, columns, ellipsize, pad};
use std::borrow::Cow;

/// The characters that are drawn with.
pub(super) struct Glyphs {
    pub(super) lifeline: &'static str,
    right: &'static str,
    left: &'static str,
    ellipsis: &'static str,
    /// Lines: control, data; each seen, then not seen.
    lines: [[Line; 2]; 2],
    /// What did not come.
    dots: Line,
}

/// What a line is made of.
#[derive(Clone, Copy)]
struct Line {
    /// Its glyphs, one behind the other.
    glyphs: &'static [&'static str],
    /// Where it has but one, many of that.
    run: &'static str,
}

const fn line(glyphs: &'static [&'static str], run: &'static str) -> Line {
    Line { glyphs, run }
}

const UNICODE: Glyphs = Glyphs {
    lifeline: "│",
    right: "▶",
    left: "◀",
    ellipsis: "…",
    lines: [
        [
            line(&["─"], "────────────────────────────────"),
            line(&["╌"], "╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌"),
        ],
        [line(&["═"], "════════════════════════════════"), line(&["═", " "], "")],
    ],
    dots: line(&["·", " "], ""),
};

/// Arrowheads that are narrow whatever the terminal makes of ambiguous characters.
const UNICODE_TWO: Glyphs = Glyphs { right: "►", left: "◄", ..UNICODE };

const ASCII: Glyphs = Glyphs {
    lifeline: "|",
    right: ">",
    left: "<",
    ellipsis: "...",
    lines: [
        [line(&["-"], "--------------------------------"), line(&["-", " "], "")],
        [line(&["="], "================================"), line(&["=", " "], "")],
    ],
    dots: line(&[".", " "], ""),
};

/// Draws as the options say.
pub(super) struct Brush<'a> {
    pub(super) options: &'a Options,
    pub(super) glyphs: &'static Glyphs,
    /// The columns of a head.
    head: usize,
}

impl<'a> Brush<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        let glyphs = match (options.ascii, options.ambiguous) {
            (true, _) => &ASCII,
            (false, Ambiguous::One) => &UNICODE,
            (false, Ambiguous::Two) => &UNICODE_TWO,
        };
        Self { options, glyphs, head: columns(glyphs.right, options.ambiguous) }
    }

    /// An arrow of so many columns, its label in the middle.
    pub(super) fn arrow(&self, row: &Row, label: &str, room: usize, to_the_right: bool) -> String {
        let mut out = String::with_capacity(room * 3 + label.len());
        self.put_arrow(&mut out, row, label, room, to_the_right);
        out
    }

    /// Writes that.
    pub(super) fn put_arrow(
        &self,
        out: &mut String,
        row: &Row,
        label: &str,
        room: usize,
        to_the_right: bool,
    ) {
        let seen = row.provenance == Provenance::Seen;
        let [control, data] = self.glyphs.lines;
        let [solid, dashed] = if row.channel == Channel::Control { control } else { data };
        let line = match row.packet {
            Packet::Absent => self.glyphs.dots,
            _ if seen => solid,
            _ => dashed,
        };
        let head = self.head;
        let glyph = line.glyphs.first().map_or(1, |glyph| self.cells(glyph));
        let most = room.saturating_sub(head + glyph + 2);
        let (text, wide) = match self.cells(label) {
            wide if wide <= most => (Cow::Borrowed(label), wide),
            _ => {
                let text = self.cut(label, most);
                let wide = self.cells(&text);
                (text.into(), wide)
            }
        };
        let rest = room.saturating_sub(head + 2 + wide);
        let (before, after) = (rest / 2, rest - rest / 2);
        if !to_the_right {
            out.push_str(self.glyphs.left);
        }
        self.fill(out, line, glyph, before, false);
        out.push(' ');
        out.push_str(&text);
        out.push(' ');
        self.fill(out, line, glyph, after, true);
        if to_the_right {
            out.push_str(self.glyphs.right);
        }
    }

    /// A line of exactly `room` columns, whose first glyph takes `cells`. What its glyphs cannot fill is blank: at the end, or with
    /// `from_end` at the beginning, so that the blank is beside the label.
    fn fill(&self, out: &mut String, line: Line, cells: usize, room: usize, from_end: bool) {
        if let [glyph] = line.glyphs {
            let cells = cells.max(1);
            let blank = room % cells;
            let side = |is_here: bool| if is_here { blank } else { 0 };
            super::blank(out, side(from_end));
            super::put(out, line.run, room / cells * glyph.len());
            super::blank(out, side(!from_end));
            return;
        }
        let mut glyphs: Vec<&str> = Vec::with_capacity(room);
        let mut left = room;
        for glyph in line.glyphs.iter().copied().cycle() {
            let Some(less) = left.checked_sub(self.cells(glyph).max(1)) else { break };
            left = less;
            glyphs.push(glyph);
        }
        if from_end {
            super::blank(out, left);
            out.extend(glyphs.into_iter().rev());
        } else {
            out.extend(glyphs);
            super::blank(out, left);
        }
    }

    /// Words in the middle of so many columns, without an arrow.
    pub(super) fn centred(&self, words: &str, room: usize) -> String {
        let text = self.cut(words, room);
        let before = room.saturating_sub(self.cells(&text)) / 2;
        pad(&(" ".repeat(before) + &text), room, self.options.ambiguous)
    }

    /// Colour: commands cyan, replies green or red, data magenta, remarks yellow; dim what was not seen.
    pub(super) fn painted(&self, row: &Row, body: String) -> String {
        if !self.options.colour {
            return body;
        }
        let hue = match row.packet {
            Packet::Command => "36",
            Packet::Reply(code) if code < 400 => "32",
            Packet::Reply(_) | Packet::Rst => "31",
            Packet::Data { .. } if row.channel != Channel::Control => "35",
            Packet::Note(_) => "33",
            Packet::Syn
            | Packet::SynAck
            | Packet::Established
            | Packet::Ack
            | Packet::Data { .. }
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

    pub(super) fn cells(&self, text: &str) -> usize {
        columns(text, self.options.ambiguous)
    }

    pub(super) fn cut(&self, text: &str, max: usize) -> String {
        ellipsize(text, max, self.glyphs.ellipsis, self.options.ambiguous)
    }
}
