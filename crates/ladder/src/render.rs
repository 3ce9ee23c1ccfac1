//! A session in the forms that other programs read: JSON lines, mermaid, SVG, one HTML file, pcapng.
//!
//! All of them are made of a [`Sheet`]: rows, ends and findings, whoever told them. What a row says has been redacted
//! before it became a row, so no form can hold a password. No control character of a peer comes through, and the
//! same sheet gives the same bytes.

pub mod html;
pub mod json;
pub mod mermaid;
pub mod pcapng;
pub mod svg;

use crate::label::spoken;
use crate::row::{Channel, Packet, Provenance, Row};
use crate::scene::{Scene, Step};
use crate::text;
use crate::width;
use std::time::Duration;
use wharf_proto::{Lang, Moment, Text};

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// The lifelines, the steps between them, and what was found.
    pub scene: &'a Scene,
    /// The language of words.
    pub lang: Lang,
    /// Shows the bare ACKs.
    pub packets: bool,
    /// Leaves out every time, where the form can do without.
    pub no_times: bool,
    /// When the first moment was, since the beginning of 1970, where that is known.
    pub origin: Option<Duration>,
}

impl Sheet<'_> {
    /// The steps that are shown.
    fn shown(&self) -> impl Iterator<Item = &Step> + Clone {
        self.scene.steps.iter().filter(|step| self.packets || !step.row.is_bare_ack())
    }

    /// The same, a silence before each that came after one.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut before: Option<Moment> = None;
        let mut out = Vec::new();
        for step in self.shown() {
            if let Some(at) = step.row.at.filter(|_| !self.no_times) {
                let since = before.map(|before| at.since(before));
                out.extend(since.filter(|since| *since > text::SILENCE).map(Line::Silence));
                before = before.max(Some(at));
            }
            out.push(Line::Step(step));
        }
        out
    }

    /// When a row was, in seconds.
    fn time(&self, row: &Row) -> String {
        row.at.filter(|_| !self.no_times).map(seconds).unwrap_or_default()
    }

    /// What the marks mean, and what is folded.
    fn meaning(&self) -> Option<String> {
        text::meaning(self.scene, self.shown().count(), self.lang)
    }

    /// The number of the first session in it.
    fn no(&self) -> u64 {
        self.scene.sessions.first().copied().unwrap_or_default()
    }

    /// The numbers of the sessions in it, `1 + 2`.
    fn numbers(&self) -> String {
        let numbers: Vec<String> = self.scene.sessions.iter().map(u64::to_string).collect();
        numbers.join(" + ")
    }

    /// The lifelines as words, from left to right.
    fn names(&self) -> Vec<String> {
        let named = |lifeline: &crate::scene::Lifeline| {
            let role = lifeline.part(self.lang).map(|part| format!(" ({part})"));
            lifeline.title(self.lang) + &role.unwrap_or_default()
        };
        self.scene.lifelines.iter().map(named).collect()
    }

    /// The name of the lifeline at a place, for programs.
    fn key(&self, at: usize) -> &'static str {
        self.scene.lifelines.get(at).map_or("", |lifeline| lifeline.who.key())
    }
}

/// What is drawn in a line.
#[derive(Clone, Copy, Debug)]
enum Line<'a> {
    /// Nothing was sent for so long.
    Silence(Duration),
    /// A step.
    Step(&'a Step),
}

/// What stands on a row, without anything that a program could obey.
fn label(row: &Row, lang: Lang) -> String {
    let said = spelt(&row.label);
    match row.packet {
        Packet::Omitted(rows) => text::omitted(rows, lang),
        _ => spoken(said.into(), row, lang).into_owned(),
    }
}

/// All lines of a reply of several, or of none, without anything that a program could obey.
fn several(row: &Row) -> Vec<String> {
    row.several().iter().map(spelt).collect()
}

/// Bytes of a peer as a text.
fn spelt(said: &Text) -> String {
    match width::plain(said.as_bytes()) {
        Some(said) => said.to_owned(),
        None => width::spell_out(&said.to_string(), false),
    }
}

/// Seconds with three digits behind the point.
fn seconds(at: Moment) -> String {
    let time = at.since(Moment::START);
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// A name for how we know of a row.
fn provenance(row: &Row) -> &'static str {
    match row.provenance {
        Provenance::Seen => "seen",
        Provenance::Probable => "probable",
        Provenance::Inferred => "inferred",
        Provenance::Synthesised => "synthesised",
        Provenance::Absent => "absent",
    }
}

/// A name for what a row is.
fn kind(row: &Row) -> &'static str {
    match row.packet {
        Packet::Syn => "syn",
        Packet::SynAck => "syn-ack",
        Packet::Established => "established",
        Packet::Ack => "ack",
        Packet::Command => "command",
        Packet::Reply(_) => "reply",
        Packet::Data { .. } => "data",
        Packet::Fin => "fin",
        Packet::Rst => "rst",
        Packet::Absent => "absent",
        Packet::Note(_) => "note",
        Packet::Omitted(_) => "omitted",
    }
}

fn is_control(row: &Row) -> bool {
    row.channel == Channel::Control
}

/// A text as it may stand in XML, between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
