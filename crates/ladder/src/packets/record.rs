//! The rows of a capture: numbered as they come, long runs folded, the whole bounded.
//!
//! A bulk transfer is thousands of segments and as many ACKs. The first bytes of each direction have a row of
//! their own, as have SYN, FIN, RST and whatever was sent again; what follows is counted into one row of data
//! and one of ACKs, until something happens on another connection; who wants every packet has nothing folded
//! ([`Keep`]). A very long session keeps its beginning and its end.

use crate::label;
use crate::row::{Channel, Packet, Row, Wire};
use wharf_proto::tap::Party;
use wharf_proto::{Text, Verb};

/// Rows kept at most, if nothing else is said.
const MAX_ROWS: usize = 4096;
/// The same where each packet has a row of its own.
const MAX_PACKETS: usize = 100_000;
/// Rows of the session's beginning that always stay.
const HEAD: usize = 512;
/// Rows that nearly every session comes to.
const ROOM: usize = 16;
/// How far back rows of a connection are looked for that a later command names.
const LOOK_BACK: usize = 16;

/// Which rows of a session are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many at most; above it the oldest go, save the session's beginning. At least 2048 are kept.
    pub rows: usize,
    /// Counts the segments of a bulk transfer into one row, and their acknowledgments into another.
    pub folds: bool,
}

impl Keep {
    /// A row for each packet, 100,000 of them at most.
    pub const PACKETS: Self = Self { rows: MAX_PACKETS, folds: false };
}

impl Default for Keep {
    fn default() -> Self {
        Self { rows: MAX_ROWS, folds: true }
    }
}

/// The rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    rows: Vec<Row>,
    last_no: u32,
    open: Option<Open>,
    keep: Keep,
    /// What the rows weigh.
    weight: usize,
}

/// The rows that more segments of a bulk transfer are counted into.
#[derive(Clone, Copy, Debug)]
struct Open {
    channel: Channel,
    /// By sender and by kind, data or ACK.
    rows: [[Option<usize>; 2]; 2],
}

/// A place within a row that counts the segments of a bulk transfer, or before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which row, or which the next one will be.
    at: usize,
    bytes: u64,
    segments: u32,
}

impl Mark {
    /// The same place after the row was torn at an earlier one and its rest has gone to another row.
    pub(super) fn follow(&mut self, earlier: Option<Self>, moved: Option<usize>) {
        let Some(earlier) = earlier.filter(|earlier| earlier.at == self.at) else { return };
        if let Some(moved) = moved {
            self.at = moved;
            self.bytes = self.bytes.saturating_sub(earlier.bytes);
            self.segments = self.segments.saturating_sub(earlier.segments);
        }
    }
}

impl Record {
    /// Rows that have their numbers.
    pub(super) fn of(rows: Vec<Row>) -> Self {
        let last_no = rows.last().map_or(0, |row| row.no);
        let weight = rows.iter().map(Row::weighs).sum();
        Self { rows, last_no, weight, ..Self::default() }
    }

    /// None yet, of which those are kept.
    pub(super) fn keeping(keep: Keep) -> Self {
        Self { keep: Keep { rows: keep.rows.max(4 * HEAD), ..keep }, ..Self::default() }
    }

    /// Whether the segments of a bulk transfer are to be counted into one row.
    pub(super) fn folds(&self) -> bool {
        self.keep.folds
    }

    /// What its rows weigh.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The number of the next row.
    pub(super) fn next_no(&self) -> u32 {
        self.last_no.saturating_add(1)
    }

    /// Adds a row under the next number.
    pub(super) fn add(&mut self, row: Row) {
        self.open.take_if(|open| open.channel != row.channel);
        self.last_no = self.last_no.saturating_add(1);
        self.weight += row.weighs();
        if self.rows.is_empty() {
            self.rows.reserve(ROOM);
        }
        self.rows.push(Row { no: self.last_no, ..row });
        if self.rows.len() > self.keep.rows {
            self.shed();
        }
    }

    /// Counts a segment of a bulk transfer into the row of its kind, or makes that row, with the label where it has none.
    pub(super) fn fold(&mut self, row: Row) {
        let channel = row.channel;
        let (sender, kind) = place(&row);
        let open = self.open.filter(|open| open.channel == channel);
        let before = open.and_then(|open| open.rows[sender][kind]);
        if let Some(into) = before.and_then(|at| self.rows.get_mut(at)) {
            count_in(into, &row);
            return;
        }
        // One that is only counted needs none.
        let label = match row.packet {
            Packet::Data { bytes, end } if row.label.is_empty() => {
                label::data(row.verb, bytes, end)
            }
            _ => row.label,
        };
        self.add(Row { label, ..row });
        let open = self.open.get_or_insert(Open { channel, rows: [[None; 2]; 2] });
        open.rows[sender][kind] = self.rows.len().checked_sub(1);
    }

    /// How far the row is into which the data of this side is counted.
    pub(super) fn mark(&self, channel: Channel, from: Party) -> Mark {
        let at = self.counting(channel, from).unwrap_or(self.rows.len());
        let (bytes, segments) = match self.rows.get(at).map(|row| (row.packet, row.wire)) {
            Some((Packet::Data { bytes, .. }, Some(wire))) => (bytes, wire.segments),
            _ => (0, 0),
        };
        Mark { at, bytes, segments }
    }

    /// Adds the row of a gap. What was counted behind `mark` is behind the gap: it gets a row of its own, whose index is
    /// given.
    pub(super) fn tear(
        &mut self,
        channel: Channel,
        from: Party,
        mark: Option<Mark>,
        gap: Row,
    ) -> Option<usize> {
        let at = self.counting(channel, from);
        let torn = at.zip(mark).filter(|(at, mark)| *at == mark.at);
        let rest = torn.and_then(|(at, mark)| split(self.rows.get_mut(at)?, mark));
        let seen = gap.at;
        match torn.and_then(|(at, mark)| self.rows.get_mut(at).filter(|_| mark.bytes == 0)) {
            // Nothing was counted before it: it takes that row's place.
            Some(row) => *row = Row { no: row.no, at: row.at, ..gap },
            None => self.add(gap),
        }
        if let Some(open) = self.open.as_mut() {
            open.rows[usize::from(from == Party::Server)][DATA] = None;
        }
        self.fold(Row { at: seen, ..rest? });
        self.counting(channel, from)
    }

    /// The row into which the data of a side is counted.
    fn counting(&self, channel: Channel, from: Party) -> Option<usize> {
        let open = self.open.filter(|open| open.channel == channel)?;
        open.rows[usize::from(from == Party::Server)][DATA]
    }

    /// Whether data of this connection is being folded.
    pub(super) fn is_folding(&self, channel: Channel) -> bool {
        let data = |open: &Open| open.rows.iter().any(|kinds| kinds[DATA].is_some());
        self.open.as_ref().is_some_and(|open| open.channel == channel && data(open))
    }

    /// The connection's latest rows turn out to serve this command.
    pub(super) fn serve(&mut self, channel: Channel, verb: Verb) {
        let recent = self.rows.iter_mut().rev().take(LOOK_BACK);
        for row in recent.filter(|row| row.channel == channel) {
            row.verb = Some(verb);
        }
    }

    /// Puts another row in place of one of bytes.
    pub(super) fn amend(&mut self, no: u32, with: impl FnOnce(Row) -> Row) {
        let is_it = |row: &&mut Row| row.no == no && matches!(row.packet, Packet::Data { .. });
        let at = self.rows.partition_point(|row| row.no < no);
        if let Some(row) = self.rows.get_mut(at).filter(is_it) {
            let before = row.weighs();
            *row = with(row.clone());
            self.weight = (self.weight + row.weighs()).saturating_sub(before);
        }
    }

    /// Takes the rows of a connection away, and numbers anew those behind them.
    pub(super) fn withdraw(&mut self, channel: Channel) -> Withdrawn {
        let (out, mut rest): (Vec<Row>, Vec<Row>) =
            std::mem::take(&mut self.rows).into_iter().partition(|row| row.channel == channel);
        let gone = Withdrawn(out.iter().map(|row| row.no).collect());
        self.weight = self.weight.saturating_sub(out.iter().map(Row::weighs).sum());
        rest.iter_mut().for_each(|row| row.no = gone.number(row.no));
        self.last_no = gone.number(self.last_no);
        self.open = None;
        self.rows = rest;
        gone
    }

    /// Drops old rows behind the beginning; a row that counts them keeps the numbers of all that follow.
    fn shed(&mut self) {
        self.open = None;
        let dropped: Vec<Row> = self.rows.drain(HEAD..self.keep.rows / 2).collect();
        let weighed: usize = dropped.iter().map(Row::weighs).sum();
        self.weight = (self.weight + 1).saturating_sub(weighed);
        let weight = dropped.iter().fold(0u32, |sum, row| sum.saturating_add(row.weight()));
        if let Some(first) = dropped.into_iter().next() {
            let label = Text::of(label::NOT_KEPT);
            let (packet, wire) = (Packet::Omitted(weight), None);
            let (verb, names, more) = (None, None, None);
            self.rows.insert(HEAD, Row { packet, label, verb, names, more, wire, ..first });
        }
    }
}

/// The numbers of rows that were taken away, in order.
#[derive(Debug)]
pub(super) struct Withdrawn(Vec<u32>);

impl Withdrawn {
    /// The number that a row has now.
    pub(super) fn number(&self, no: u32) -> u32 {
        let before = self.0.partition_point(|gone| *gone <= no);
        no.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX))
    }
}

const DATA: usize = 0;
const ACKS: usize = 1;

/// Where [`Open`] keeps the row that this one is counted into.
fn place(row: &Row) -> (usize, usize) {
    let kind = if row.packet == Packet::Ack { ACKS } else { DATA };
    (usize::from(row.from == Party::Server), kind)
}

/// Takes from a row what it has counted behind a place.
fn split(row: &mut Row, mark: Mark) -> Option<Row> {
    let (Packet::Data { bytes, end }, Some(wire)) = (row.packet, row.wire) else { return None };
    let more = bytes.checked_sub(mark.bytes).filter(|more| *more > 0)?;
    let segments = wire.segments.checked_sub(mark.segments)?;
    let counted = |row: &Row, bytes, segments| Row {
        packet: Packet::Data { bytes, end },
        label: match segments {
            0 | 1 => label::data(row.verb, bytes, end),
            _ => label::run(row.verb, bytes, segments),
        },
        wire: Some(Wire { segments, ..wire }),
        ..row.clone()
    };
    let rest = counted(row, more, segments);
    *row = counted(row, mark.bytes, mark.segments);
    Some(rest)
}

fn count_in(into: &mut Row, row: &Row) {
    let segments = into.wire.map_or(1, |wire| wire.segments).saturating_add(1);
    if let Some(wire) = &mut into.wire {
        wire.segments = segments;
    }
    match (&mut into.packet, row.packet) {
        (Packet::Data { bytes, .. }, Packet::Data { bytes: more, .. }) => {
            *bytes = bytes.saturating_add(more);
            into.label = label::run(into.verb, *bytes, segments);
        }
        _ => into.label = label::acks(segments),
    }
}
