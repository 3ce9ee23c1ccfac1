//! Packets to rows: one session out of a capture.
//!
//! A session is one control connection and the data connections that it announces; segments of anything else
//! are passed over, so that several sessions are several [`Packets`] fed with the same segments. Rows come in
//! the order of the capture. What a row is:
//! - each line that a segment completes is a row, so a segment with two commands in it is two rows, and a
//!   reply of several lines is one; a line split over segments is the row of the segment that completes it,
//!   and the others are rows of bytes;
//! - data and the FIN behind it in one segment are one row; on the control connection a FIN is its own row;
//! - an ACK and nothing else is a row; of a bulk transfer's segments only the first are (see `record.rs`).
//!
//! Every row was seen: nothing is inferred here. What the capture missed is counted ([`Packets::missing`]),
//! and nothing behind a gap is guessed. Inside TLS nothing can be read without its keys ([`Packets::with_keys`]), so
//! the data connections of an encrypted session are not found; with them its rows are those of a session in clear.
//! Memory is bounded, whatever is pushed.

mod control;
mod data;
mod expected;
mod flow;
mod half;
mod record;
mod rewritten;
mod speech;

use crate::case::{Case, Setting};
use crate::conn::Conn;
use crate::dialogue::Dialogue;
use crate::label;
use crate::more::ROW;
use crate::packet::Segment;
use crate::reference::{Alignment, align};
use crate::row::{Channel, Ends, Packet, Provenance, Remark, Row, Wire};
use crate::sessions::{Before, InClear};
use crate::summary::Summary;
use crate::text::{self, Options};
use crate::tls::Keys;
use control::Control;
use data::DataFlows;
pub(crate) use expected::ENOUGH;
use expected::Expected;
pub(crate) use half::Run;
pub use record::Keep;
use record::Record;
use std::net::SocketAddr;
use wharf_proto::tap::Party;
use wharf_proto::{Moment, Text};

/// One session of a capture as rows.
///
/// ```
/// use wharf_ladder::packet::Header;
/// use wharf_ladder::{Flags, Packets, Segment};
/// use wharf_proto::Moment;
///
/// let mut packets = Packets::of_port(21);
/// let syn = Segment {
///     at: Moment::START,
///     from: "192.0.2.10:1180".parse()?,
///     to: "203.0.113.5:21".parse()?,
///     seq: 1000,
///     ack: 0,
///     flags: Flags { syn: true, ..Flags::default() },
///     length: 0,
///     payload: b"",
///     header: Header::default(),
/// };
/// assert!(packets.push(&syn));
/// assert_eq!(packets.rows()[0].label.to_string(), "SYN");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Packets {
    which: Which,
    control: Option<Control>,
    data: DataFlows,
    state: State,
    /// What an end told, where there was no capture.
    told: Option<Box<Telling>>,
}

/// A session that an end told of, beside its rows.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) ends: Option<Ends>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) teller: Option<Party>,
    /// A log told.
    pub(crate) logged: bool,
    /// The rows of a reply that did not end.
    pub(crate) amiss: Option<[u32; 2]>,
}

/// Which control connection is meant.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// The first to this port.
    Port(u16),
    /// The first to this address.
    Server(SocketAddr),
    /// This one.
    Between(Ends),
}

/// What both kinds of connection work on.
#[derive(Debug, Default)]
struct State {
    dialogue: Dialogue,
    expected: Expected,
    record: Record,
    summary: Summary,
    keys: Keys,
    /// How often a login was refused.
    refusals: u32,
}

impl Packets {
    /// The session of the first control connection to a server's port.
    #[must_use]
    pub fn of_port(port: u16) -> Self {
        Self::of(Which::Port(port))
    }

    /// The session of the first control connection to this server, address and port.
    #[must_use]
    pub fn of_server(server: SocketAddr) -> Self {
        Self::of(Which::Server(server))
    }

    /// The session of this control connection.
    #[must_use]
    pub fn between(ends: Ends) -> Self {
        Self::of(Which::Between(ends))
    }

    fn of(which: Which) -> Self {
        let (control, data, state) = (None, DataFlows::default(), State::default());
        Self { which, control, data, state, told: None }
    }

    /// A session whose rows an end has told.
    pub(crate) fn told(rows: Vec<Row>, summary: Summary, told: Telling) -> Self {
        let mut packets = Self::of(Which::Port(0));
        packets.state.record = Record::of(rows);
        packets.state.summary = summary;
        packets.told = Some(Box::new(told));
        packets
    }

    /// The same with the secrets of a key log, which may still be learning.
    #[must_use]
    pub fn with_keys(mut self, keys: Keys) -> Self {
        self.state.keys = keys;
        self
    }

    /// The same, keeping those of its rows.
    #[must_use]
    pub fn keeping(mut self, keep: Keep) -> Self {
        self.state.record = Record::keeping(keep);
        self
    }

    /// Takes the next segment of the capture; says whether it belongs to this session.
    pub fn push(&mut self, segment: &Segment<'_>) -> bool {
        self.take(segment).is_some()
    }

    /// The same; says of one that belongs to this session whether it is of the control connection.
    pub(crate) fn take(&mut self, segment: &Segment<'_>) -> Option<bool> {
        if self.control.is_none() {
            self.control =
                self.which.ends(segment).map(|ends| Control::new(ends, segment, &self.state.keys));
        }
        let control = self.control.as_mut()?;
        let is_control = match control.flow.sender(segment) {
            Some(from) => {
                control.take(from, segment, &mut self.state);
                self.data.serve_early(&mut self.state);
                let summary = &mut self.state.summary;
                summary.is_blind = summary.transfers > 0 && self.data.conns().next().is_none();
                true
            }
            None => {
                let is_closed = control.flow.is_over();
                if !self.data.take(segment, control.flow.ends, is_closed, &mut self.state) {
                    return None;
                }
                false
            }
        };
        self.state.summary.reached(segment.at);
        Some(is_control)
    }

    /// The rows, in the order of the capture, bare ACKs included.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        self.state.record.rows()
    }

    /// What it weighs: its rows ([`Row::weighs`]), and what is held of bytes that are not whole or not in order yet.
    pub(crate) fn weight(&self) -> usize {
        let control = self.control.as_ref().map_or(0, Control::buffered);
        self.state.record.weight() + (control + self.data.buffered()) / ROW
    }

    /// The rows under their final numbers: as the reference session where this is one, else as captured.
    #[must_use]
    pub fn numbered(&self) -> Vec<Row> {
        match self.align() {
            Alignment::Same { rows, .. } if self.told.is_none() => rows,
            Alignment::Same { .. } | Alignment::Differs(_) => self.rows().to_vec(),
        }
    }

    /// This session beside the reference session.
    #[must_use]
    pub fn align(&self) -> Alignment {
        align(self.rows())
    }

    /// The ends of the control connection, once seen.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        let told = || self.told.as_ref().and_then(|told| told.ends);
        self.control.as_ref().map(|control| control.flow.ends).or_else(told)
    }

    /// The moment of its last segment.
    pub(crate) fn last_seen(&self) -> Moment {
        self.summary().span().map(|(_, last)| last).unwrap_or_default()
    }

    /// What the session came to so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.state.summary
    }

    /// What is known of its connections beside their rows, the control connection first.
    #[must_use]
    pub fn conns(&self) -> Vec<&Conn> {
        self.each_conn().collect()
    }

    fn each_conn(&self) -> impl Iterator<Item = &Conn> {
        let control = self.control.iter().map(|control| &control.flow.conn);
        let told = self.told.iter().flat_map(|told| &told.conns);
        control.chain(self.data.conns()).chain(told)
    }

    /// Whether somebody asked for a data connection, and nobody has answered.
    pub(crate) fn has_unanswered(&self) -> bool {
        self.each_conn().any(Conn::is_unanswered)
    }

    /// How data connections fare where nothing on the control connection is under TLS.
    pub(crate) fn in_clear(&self) -> InClear {
        let is_covered = |conn: &Conn| {
            conn.channel == Channel::Control && (conn.tls.is_some() || conn.told.is_some())
        };
        if self.each_conn().any(is_covered) {
            return InClear::default();
        }
        let mut data = self.each_conn().filter(|conn| conn.channel != Channel::Control);
        let works = data.any(|conn| conn.is_open());
        let fails = self.each_conn().any(|conn| conn.is_unanswered() && conn.syns >= 2);
        InClear { works, fails }
    }

    /// The session as the findings read it, known up to a moment.
    #[must_use]
    pub fn case(&self, end: Moment, before: Before, has_partner: bool) -> Case<'_> {
        let setting = Setting {
            captured: self.told.is_none(),
            logged: self.told.as_ref().is_some_and(|told| told.logged),
            teller: self.told.as_ref().and_then(|told| told.teller),
            missing: self.missing(),
            end,
            is_amid_reply: self.control.as_ref().is_some_and(Control::is_amid_reply),
            amiss: match &self.told {
                Some(told) => told.amiss,
                None => self.control.as_ref().and_then(Control::amiss),
            },
            before,
            has_partner,
        };
        Case::new(self.rows(), self.conns(), self.ends(), setting)
    }

    /// Whether this session has announced a listener at this address.
    pub(crate) fn announces(&self, address: SocketAddr) -> bool {
        self.state.expected.announces(address)
    }

    /// Whether a segment begins a connection between ends whose data connection in this session is over.
    pub(crate) fn is_spent(&self, segment: &Segment<'_>) -> bool {
        segment.flags.syn && !segment.flags.ack && self.data.is_spent(segment)
    }

    /// How well a connection from one place to another fits what this session has announced.
    pub(crate) fn rate(&self, from: SocketAddr, to: SocketAddr) -> i32 {
        let Some(control) = self.control.as_ref().filter(|it| !it.flow.is_over()) else { return 0 };
        let pending = self.state.dialogue.transfer.is_some();
        let context = expected::Context { control: control.flow.ends, pending };
        self.state.expected.rate(from, to, context)
    }

    /// Takes the first segment of a data connection that only circumstances say is of this session.
    pub(crate) fn adopt(&mut self, ends: Ends, segment: &Segment<'_>) {
        self.data.open(ends, segment, &mut self.state, true);
        self.state.expected.guessed();
        self.state.summary.reached(segment.at);
    }

    /// Gives back a data connection that was taken for this session's; the connection is the one of this segment.
    pub(crate) fn withdraw(&mut self, segment: &Segment<'_>) {
        let gone = self.data.withdraw(segment, &mut self.state);
        if let Some((gone, control)) = gone.zip(self.control.as_mut()) {
            control.renumber(|no| gone.number(no));
        }
    }

    /// How often a login was refused in it.
    pub(crate) fn refusals(&self) -> u32 {
        self.state.refusals
    }

    /// Whether a side has ended the control connection.
    pub(crate) fn is_ending(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.flow.is_ending())
    }

    /// Whether the control connection is over, so that no data connection is announced any more, nor claimed.
    pub(crate) fn takes_no_more(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.flow.is_over())
    }

    /// The listeners that were named since this was last asked.
    pub(crate) fn take_news(&mut self) -> Vec<SocketAddr> {
        self.state.expected.take_news()
    }

    /// Whether the control connection is under TLS that cannot be opened, so that nobody hears what it announces.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.control.as_ref().is_some_and(Control::is_sealed)
    }

    /// Whether data connections may come that nobody has heard announced: under TLS that cannot be opened, or because the
    /// capture has cut off where.
    pub(crate) fn is_guessing(&self) -> bool {
        self.is_sealed() || self.state.expected.is_guessing()
    }

    /// Whether there are any secrets to open TLS with, whosever they are.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.state.keys.is_empty()
    }

    /// Whether the control connection has come and every connection of the session is closed on both sides:
    /// nothing more is to be waited for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.flow.is_over()) && self.data.are_over()
    }

    /// How many bytes of this session were sent, as TCP's numbers tell, and not captured.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let control = self.control.as_ref().map_or(0, |control| control.flow.missing());
        control.saturating_add(self.data.missing())
    }

    /// The ladder as text; see [`text::render`].
    #[must_use]
    pub fn render_text(&self, options: &Options) -> String {
        text::render(&self.numbered(), self.ends(), options)
    }
}

impl Which {
    /// The ends of the control connection, if a segment is of one that is meant. Where its beginning is not
    /// in the capture it takes bytes to begin with: a stray ACK or FIN is the end of an older connection.
    fn ends(self, segment: &Segment<'_>) -> Option<Ends> {
        let (from, to) = (segment.from, segment.to);
        let ways = [Ends { client: from, server: to }, Ends { client: to, server: from }];
        let is_meant = |ends: &Ends| match self {
            Self::Port(port) => ends.server.port() == port,
            Self::Server(server) => ends.server == server,
            Self::Between(meant) => *ends == meant,
        };
        let ends = ways.into_iter().find(is_meant)?;
        (segment.flags.syn || segment.length > 0).then_some(ends)
    }
}

/// The rows of one segment, made one after the other.
struct Pen<'a> {
    segment: &'a Segment<'a>,
    channel: Channel,
    from: Party,
    ends: Ends,
    /// Its bytes are under TLS.
    tls: bool,
    provenance: Provenance,
    /// Rows made so far.
    made: u32,
}

impl<'a> Pen<'a> {
    fn new(segment: &'a Segment<'a>, channel: Channel, from: Party, ends: Ends) -> Self {
        let provenance = Provenance::Seen;
        Self { segment, channel, from, ends, tls: false, provenance, made: 0 }
    }

    /// A row of this segment.
    fn row(&mut self, packet: Packet, label: Text, again: bool) -> Row {
        let segments = u32::from(self.made == 0);
        self.made = self.made.saturating_add(1);
        Row {
            no: 0,
            at: Some(self.segment.at),
            channel: self.channel,
            from: self.from,
            ports: self.ends.into(),
            packet,
            verb: None,
            names: None,
            more: None,
            label: if again { again_label(&label) } else { label },
            provenance: self.provenance,
            tls: self.tls
                && matches!(packet, Packet::Command | Packet::Reply(_) | Packet::Data { .. }),
            wire: Some(Wire {
                flags: self.segment.flags,
                header: self.segment.header,
                seq: self.segment.seq,
                ack: self.segment.ack,
                length: self.segment.length,
                segments,
                again,
            }),
        }
    }

    /// The row of bytes of a side that were not captured.
    fn missing(&self, from: Party, bytes: u64) -> Row {
        Row { from, ..self.remark(Remark::Missing(bytes), label::missing(bytes)) }
    }

    /// A remark on what a segment has brought about.
    fn remark(&self, remark: Remark, label: Text) -> Row {
        let mut beside = Self::new(self.segment, self.channel, self.from, self.ends);
        beside.provenance = self.provenance;
        let row = beside.row(Packet::Note(remark), label, false);
        Row { wire: None, ..row }
    }

    /// The row of what ICMP says, where this is no segment.
    fn unreachable(&self) -> Option<Row> {
        let told = self.segment.header.unreachable?;
        Some(self.remark(Remark::Unreachable, Text::from(told.to_string())))
    }

    /// The row of a SYN, if there is one.
    fn syn(&mut self, is_new: bool) -> Option<Row> {
        let flags = self.segment.flags;
        let (packet, label) = match flags.ack {
            true => (Packet::SynAck, "SYN, ACK"),
            false => (Packet::Syn, "SYN"),
        };
        flags.syn.then(|| self.row(packet, Text::of(label), !is_new))
    }

    /// The row of an ACK that brings nothing else.
    fn ack(&mut self, establishes: bool) -> Row {
        let packet = if establishes { Packet::Established } else { Packet::Ack };
        self.row(packet, Text::of("ACK"), false)
    }
}

fn again_label(label: &Text) -> Text {
    Text::from([label.as_bytes(), label::AGAIN.as_bytes()].concat())
}
