//! The ladder with two lifelines: columns, header, rows.

use super::brush::Brush;
use super::margin::Margin;
use super::{Options, Shown, blank, decimal, label, silence};
use crate::row::Ports;
use crate::scene::Lifeline;
use crate::width::pad;
use std::fmt::{self, Write as _};

/// A lane wider than this gives way to notes.
const LANE: usize = 54;
/// A port.
const PORT: usize = 5;

/// The columns of a ladder, measured once.
pub(super) struct Lane<'a> {
    brush: Brush<'a>,
    margin: Margin<'a>,
    lane: usize,
}

impl<'a> Lane<'a> {
    pub(super) fn new(shown: &[Shown<'_>], options: &'a Options) -> Self {
        let brush = Brush::new(options);
        let mut margin = Margin::new(shown, options);
        let lifelines = 2 * brush.cells(brush.glyphs.lifeline);
        let lane = margin.share(1 + PORT + lifelines + PORT, LANE);
        Self { brush, margin, lane }
    }

    /// Names the columns; the addresses share a line where they fit, else take two.
    pub(super) fn header(
        &self,
        out: &mut impl fmt::Write,
        client: &Lifeline,
        server: &Lifeline,
    ) -> fmt::Result {
        let room = self.lane.saturating_sub(2);
        let named = |of: &Lifeline| {
            let of = Lifeline { port: None, ..of.clone() };
            self.brush.cut(&of.title(self.brush.options.lang()), room)
        };
        let (client, server) = (named(client), named(server));
        let left = format!("{} {:>PORT$}", self.margin.head(), "port");
        let edge = " ".repeat(self.brush.cells(self.brush.glyphs.lifeline));
        let free = room.saturating_sub(self.brush.cells(&client) + self.brush.cells(&server));
        if free > 0 {
            return writeln!(out, "{left}{edge} {client}{}{server} {edge}port", " ".repeat(free));
        }
        let client = pad(&client, room + 1, self.brush.options.ambiguous);
        writeln!(out, "{left}{edge} {client}{edge}port")?;
        let indent = left.len() + edge.len() + 1 + room.saturating_sub(self.brush.cells(&server));
        writeln!(out, "{}{server}", " ".repeat(indent))
    }

    pub(super) fn row(&self, out: &mut String, shown: &Shown<'_>) -> fmt::Result {
        let row = shown.row;
        let brush = &self.brush;
        if let Some(length) = shown.silence() {
            let words = brush.centred(&silence(length, brush.options), self.lane);
            self.line(out, &words, "")?;
        }
        let label = label(row, brush.options);
        let ports = if row.is_packet() { row.ports } else { Ports::default() };
        self.margin.put(out, shown);
        out.push(' ');
        match ports.client {
            Some(port) => decimal(out, port.into(), PORT, ' '),
            None => blank(out, PORT),
        }
        out.push_str(brush.glyphs.lifeline);
        match (row.is_packet(), brush.options.colour) {
            (true, false) => {
                brush.put_arrow(out, row, &label, self.lane, shown.is_rightwards());
            }
            (true, true) => {
                let arrow = brush.arrow(row, &label, self.lane, shown.is_rightwards());
                out.push_str(&brush.painted(row, arrow));
            }
            (false, _) => {
                out.push_str(&brush.painted(row, brush.centred(&label, self.lane)));
            }
        }
        out.push_str(brush.glyphs.lifeline);
        let from = out.len();
        if let Some(port) = ports.server {
            decimal(out, port.into(), 1, ' ');
        }
        let mut notes = self.margin.notes(shown).into_iter();
        if let Some(first) = notes.next() {
            blank(out, (from + PORT + 1).saturating_sub(out.len()));
            out.push_str(&first);
        }
        end_line(out);
        let mut said = shown.beneath(brush.options, self.lane).into_iter();
        loop {
            let (body, note) = (said.next(), notes.next());
            if body.is_none() && note.is_none() {
                return Ok(());
            }
            let body = body.unwrap_or_else(|| brush.centred("", self.lane));
            self.line(out, &body, &note.unwrap_or_default())?;
        }
    }

    /// A line of the ladder that has no row of its own.
    fn line(&self, out: &mut String, body: &str, note: &str) -> fmt::Result {
        let (edge, left) = (self.brush.glyphs.lifeline, self.blank());
        write!(out, "{left}{edge}{body}{edge}{:PORT$} {note}", "")?;
        end_line(out);
        Ok(())
    }

    /// The blank that stands where a line has no row.
    fn blank(&self) -> String {
        self.margin.blank() + &" ".repeat(1 + PORT)
    }
}

/// Ends a line, without blanks at its end.
fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}
