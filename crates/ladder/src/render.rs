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

use crate::findings::Finding;
use crate::row::{Channel, Ends, Packet, Provenance, Row};
use std::time::Duration;
use wharf_proto::tap::Party;
use wharf_proto::{Lang, Moment};

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// The number of the session.
    pub no: u64,
    /// Its rows, those too that did not come.
    pub rows: &'a [Row],
    /// The ends of its control connection.
    pub ends: Option<Ends>,
    /// What was found.
    pub findings: &'a [Finding],
    /// The language of words.
    pub lang: Lang,
    /// Shows the bare ACKs.
    pub packets: bool,
    /// When the first moment was, since the beginning of 1970, where that is known.
    pub origin: Option<Duration>,
}

impl Sheet<'_> {
    /// The rows that are shown.
    fn shown(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| self.packets || !row.is_bare_ack())
    }

    /// The ends as words, the client first.
    fn names(&self) -> [String; 2] {
        let lang = self.lang;
        let client = lang.of("client", "クライアント");
        let server = lang.of("server", "サーバー");
        match self.ends {
            Some(ends) => {
                [format!("{client} {}", ends.client), format!("{server} {}", ends.server)]
            }
            None => [client.to_owned(), server.to_owned()],
        }
    }
}

/// What stands on a row, without anything that a program could obey.
fn label(row: &Row, lang: Lang) -> String {
    let said = crate::width::spell_out(&row.label.to_string(), false);
    match row.packet {
        Packet::Absent => said + lang.of(" did not come", " は来なかった"),
        Packet::Omitted(rows) => match lang {
            Lang::En => format!("{rows} rows not kept"),
            Lang::Ja => format!("{rows} 行は保持していない"),
        },
        _ => said,
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
        Provenance::Inferred => "inferred",
        Provenance::Synthesised => "synthesised",
        Provenance::Absent => "absent",
    }
}

fn party(party: Party) -> &'static str {
    match party {
        Party::Client => "client",
        Party::Server => "server",
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
