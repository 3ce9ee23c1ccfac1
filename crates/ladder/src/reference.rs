//! The reference session: 49 rows, packet by packet, and a session set beside them.
//!
//! Active mode, a listing and a file. Rows marked as bare ACKs depend on the kernel's delayed ACK; the
//! others must appear in this order in any capture of the same session. This file compares order and kind,
//! not names, ports or times.

mod table;

use crate::acks::{ack_of, numbered_from};
use crate::row::{Channel, Packet, Row};
use std::fmt;
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::{Lang, Verb};

pub use table::REFERENCE;

/// A row of the reference session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefRow {
    /// Its number, 1 to 49.
    pub no: u32,
    /// Who sends it.
    pub from: Party,
    /// On which connection.
    pub line: Line,
    /// What it is.
    pub kind: Kind,
}

/// A connection of the reference session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The control connection.
    Control,
    /// The first data connection: the listing.
    First,
    /// The second: the file.
    Second,
}

/// What a row of the reference session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SYN.
    Syn,
    /// SYN, ACK.
    SynAck,
    /// The ACK that opens the control connection.
    Established,
    /// A bare ACK.
    Ack,
    /// A command with this verb.
    Command(Verb),
    /// A reply with this code.
    Reply(u16),
    /// The bytes of a transfer and the FIN behind them.
    DataFin,
    /// FIN.
    Fin,
}

/// What came of setting a session beside the reference session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// The session begins as the reference session, row by row.
    Same {
        /// The 49 rows under the reference's numbers, and what came after them numbered on.
        rows: Vec<Row>,
        /// How many captured bare ACKs among the first 49 rows have no place in the reference.
        spare_acks: usize,
        /// How many segments among them TCP sent again.
        again: usize,
    },
    /// It does not.
    Differs(Box<Divergence>),
}

/// The first row in which a session is not the reference session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// What the reference has there.
    pub expected: RefRow,
    /// What the session has; nothing where it ends too early.
    pub found: Option<Row>,
}

/// Sets a session beside the reference session, bare ACKs aside, and what TCP sent again: on a busy machine it
/// does so before it knows that nothing was lost.
///
/// Where they agree, each of the reference's bare ACKs takes the place that the reference gives it: a
/// captured one where there is one for the same segment, else one marked as synthesised.
///
/// ```
/// use wharf_ladder::{Alignment, align};
/// let Alignment::Differs(first) = align(&[]) else { unreachable!("no rows, no session") };
/// assert_eq!(first.to_string(), "reference row 1: expected SYN from the client (control), found nothing");
/// ```
#[must_use]
pub fn align(rows: &[Row]) -> Alignment {
    let is_core = |row: &Row| !row.is_bare_ack() && !row.is_again();
    let mut core = rows.iter().enumerate().filter(|(_, row)| is_core(row));
    let mut data: Vec<Channel> = Vec::with_capacity(2);
    let mut matched: Vec<(RefRow, usize, &Row)> = Vec::with_capacity(REFERENCE.len());
    for expected in REFERENCE.iter().filter(|row| row.kind != Kind::Ack) {
        match core.next() {
            Some((at, row)) if matches(expected, row, &mut data) => {
                matched.push((*expected, at, row));
            }
            found => {
                let found = found.map(|(_, row)| row.clone());
                return Alignment::Differs(Box::new(Divergence { expected: *expected, found }));
            }
        }
    }
    let rest_from = core.next().map_or(rows.len(), |(at, _)| at);
    let (inside, rest) = rows.split_at(rest_from);
    let mut acks: Vec<Option<&Row>> =
        inside.iter().map(|row| row.is_bare_ack().then_some(row)).collect();
    let mut out: Vec<Row> =
        REFERENCE.iter().filter_map(|row| place(row, &matched, &mut acks)).collect();
    let next = out.last().map_or(1, |row| row.no + 1);
    out.extend(numbered_from(rest, next));
    let again = inside.iter().filter(|row| row.is_again()).count();
    Alignment::Same { rows: out, spare_acks: acks.iter().flatten().count(), again }
}

/// Whether `row` is what the reference expects; binds the reference's data connections on first sight.
fn matches(expected: &RefRow, row: &Row, data: &mut Vec<Channel>) -> bool {
    let index = match expected.line {
        Line::Control => None,
        Line::First => Some(0),
        Line::Second => Some(1),
    };
    let on_line = match index {
        None => row.channel == Channel::Control,
        Some(index) => match data.get(index) {
            Some(channel) => row.channel == *channel,
            None => row.channel != Channel::Control && !data.contains(&row.channel),
        },
    };
    let same = on_line
        && row.from == expected.from
        && match expected.kind {
            Kind::Syn => row.packet == Packet::Syn,
            Kind::SynAck => row.packet == Packet::SynAck,
            Kind::Established => row.packet == Packet::Established,
            Kind::Ack => row.is_bare_ack(),
            Kind::Command(verb) => row.packet == Packet::Command && row.verb == Some(verb),
            Kind::Reply(code) => row.packet == Packet::Reply(code),
            Kind::DataFin => {
                matches!(row.packet, Packet::Fin | Packet::Data { end: Some(HalfEnd::Fin), .. })
            }
            Kind::Fin => row.packet == Packet::Fin,
        };
    if same && index == Some(data.len()) {
        data.push(row.channel);
    }
    same
}

/// The session's row for a row of the reference.
fn place(
    wanted: &RefRow,
    matched: &[(RefRow, usize, &Row)],
    acks: &mut [Option<&Row>],
) -> Option<Row> {
    if wanted.kind != Kind::Ack {
        let (_, _, row) = matched.iter().find(|(of, _, _)| of.no == wanted.no)?;
        return Some(Row { no: wanted.no, ..(*row).clone() });
    }
    let sent = |of: &RefRow| of.line == wanted.line && of.from == wanted.from.other();
    let mut segments = matched.iter().filter(|(of, _, _)| sent(of));
    let (_, from, segment) = segments.clone().rfind(|(of, _, _)| of.no < wanted.no)?;
    let until = segments.find(|(of, _, _)| of.no > wanted.no).map_or(acks.len(), |(_, at, _)| *at);
    let seen = acks.get_mut(*from..until)?.iter_mut().find(|ack| {
        ack.is_some_and(|ack| ack.channel == segment.channel && ack.from == wanted.from)
    });
    let row = seen.and_then(Option::take).cloned().unwrap_or_else(|| ack_of(segment));
    Some(Row { no: wanted.no, ..row })
}

impl Divergence {
    /// What was expected, and what was found.
    #[must_use]
    pub fn words(&self, lang: Lang) -> String {
        let RefRow { no, from, line, kind } = self.expected;
        let (kind, line, from) = (kind.words(lang), line.words(lang), whom(from, lang));
        let found = self.found.as_ref().map(|row| {
            let line = match row.channel {
                Channel::Control => lang.of("control", "コントロール"),
                Channel::Data(_) => lang.of("data", "データ"),
            };
            (&row.label, whom(row.from, lang), line)
        });
        match (lang, found) {
            (Lang::En, None) => {
                format!("reference row {no}: expected {kind} from {from} ({line}), found nothing")
            }
            (Lang::En, Some((label, of, on))) => format!(
                "reference row {no}: expected {kind} from {from} ({line}), found {label} from {of} ({on})"
            ),
            (Lang::Ja, None) => {
                format!("基準の行 {no} は{from}からの {kind}（{line}）だが、何もない")
            }
            (Lang::Ja, Some((label, of, on))) => format!(
                "基準の行 {no} は{from}からの {kind}（{line}）だが、{of}からの {label}（{on}）がある"
            ),
        }
    }
}

impl fmt::Display for Divergence {
    /// In English.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(Lang::En))
    }
}

fn whom(party: Party, lang: Lang) -> &'static str {
    match party {
        Party::Client => lang.of("the client", "クライアント"),
        Party::Server => lang.of("the server", "サーバー"),
    }
}

impl Line {
    fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Control => lang.of("control", "コントロール"),
            Self::First => lang.of("first data connection", "1 本目のデータコネクション"),
            Self::Second => lang.of("second data connection", "2 本目のデータコネクション"),
        }
    }
}

impl Kind {
    fn words(self, lang: Lang) -> String {
        match self {
            Self::DataFin => lang.of("data and FIN", "データと FIN").to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Kind {
    /// In English.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syn => f.write_str("SYN"),
            Self::SynAck => f.write_str("SYN, ACK"),
            Self::Established | Self::Ack => f.write_str("ACK"),
            Self::Command(verb) => write!(f, "{verb}"),
            Self::Reply(code) => write!(f, "{code}"),
            Self::DataFin => f.write_str("data and FIN"),
            Self::Fin => f.write_str("FIN"),
        }
    }
}
