//! The data connections of a captured session: whose they are, which command they serve, and their rows.

use super::expected::Context;
use super::flow::Flow;
use super::half::{Fresh, Half};
use super::{Pen, State};
use crate::conn::Conn;
use crate::label::{self, half_ended};
use crate::packet::Segment;
use crate::row::{Channel, Ends, Packet, Row};
use std::collections::VecDeque;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party};

/// Data connections remembered at most.
const MAX_FLOWS: usize = 64;
/// What is known of connections that are forgotten, of which so many are remembered.
const MAX_PAST: usize = 192;
/// Bytes of each side that are looked at.
const LOOKS_AT: u64 = 256 * 1024;

/// The data connections.
#[derive(Debug, Default)]
pub(super) struct DataFlows {
    /// The latest last.
    flows: VecDeque<DataFlow>,
    /// How many there have been.
    count: u32,
    /// Bytes missing from those that were forgotten.
    missing: u64,
    /// What is known of those.
    past: VecDeque<Conn>,
}

#[derive(Debug)]
struct DataFlow {
    channel: Channel,
    flow: Flow,
    verb: Option<Verb>,
    /// Bytes of either side have been seen, by sender.
    begun: [bool; 2],
}

impl DataFlows {
    /// The next segment that is not of the control connection; says whether it is of this session.
    pub(super) fn take(&mut self, segment: &Segment<'_>, control: Ends, state: &mut State) -> bool {
        let known = self.flows.iter_mut().rev().find_map(|data| {
            let from = data.flow.sender(segment)?;
            Some((data, from))
        });
        if let Some((data, from)) = known {
            data.take(from, segment, state);
            return true;
        }
        let Some(ends) = claim(segment, control, state) else { return false };
        self.open(ends, segment, state, false);
        true
    }

    /// A connection that is of this session, as its first segment; or only probably.
    pub(super) fn open(
        &mut self,
        ends: Ends,
        segment: &Segment<'_>,
        state: &mut State,
        probable: bool,
    ) {
        self.forget();
        self.count = self.count.saturating_add(1);
        let mut data = DataFlow {
            channel: Channel::Data(self.count),
            flow: Flow::new(Channel::Data(self.count), ends, &Half::default(), segment),
            verb: state.dialogue.transfer.take(),
            begun: [false; 2],
        };
        data.flow.conn.probable = probable;
        if let Some(from) = data.flow.sender(segment) {
            data.take(from, segment, state);
        }
        self.flows.push_back(data);
    }

    /// In passive mode the client may connect before it sends the command, and in block mode a connection
    /// stays open for the next one: where no other is announced, the open connection serves the command that
    /// waits.
    pub(super) fn serve_early(&mut self, state: &mut State) {
        let waiting = state.expected.is_waiting();
        let Some(verb) = state.dialogue.transfer else { return };
        let serves =
            |data: &&mut DataFlow| !data.flow.is_ending() && (data.verb.is_none() || !waiting);
        if let Some(data) = self.flows.back_mut().filter(serves) {
            if data.verb.is_none() {
                state.record.serve(data.channel, verb);
            }
            data.verb = state.dialogue.transfer.take();
        }
    }

    /// Whether all of them are closed.
    pub(super) fn are_over(&self) -> bool {
        self.flows.iter().all(|data| data.flow.is_over())
    }

    /// What is known of them.
    pub(super) fn conns(&self) -> impl Iterator<Item = &Conn> {
        self.past.iter().chain(self.flows.iter().map(|data| &data.flow.conn))
    }

    /// How many bytes the capture missed.
    pub(super) fn missing(&self) -> u64 {
        let each = self.flows.iter().map(|data| data.flow.missing());
        each.fold(self.missing, u64::saturating_add)
    }

    /// Makes room for one more.
    fn forget(&mut self) {
        if self.flows.len() >= MAX_FLOWS
            && let Some(oldest) = self.flows.pop_front()
        {
            self.missing = self.missing.saturating_add(oldest.flow.missing());
            if self.past.len() >= MAX_PAST {
                self.past.pop_front();
            }
            self.past.push_back(oldest.flow.conn);
        }
    }
}

impl DataFlow {
    /// The next segment, as one row: what is in it goes together.
    fn take(&mut self, from: Party, segment: &Segment<'_>, state: &mut State) {
        let row = state.record.next_no();
        self.rows(from, segment, state);
        let (first, _) = self.flow.conn.rows;
        let last = state.record.next_no().saturating_sub(1).max(first);
        self.flow.conn.rows = (if first == 0 { row } else { first }, last);
        self.flow.conn.verb = self.verb.or(self.flow.conn.verb);
    }

    fn rows(&mut self, from: Party, segment: &Segment<'_>, state: &mut State) {
        let fresh = self.flow.take(from, segment, state.record.next_no());
        self.flow.follow_tls(from, segment, &fresh);
        self.look(from, segment, &fresh);
        let establishes = self.flow.establishes(from, segment);
        let mut pen = Pen::new(segment, self.channel, from, self.flow.ends);
        state.summary.moved(from, fresh.bytes.into());
        let verb = self.verb;
        let end = segment.flags.fin.then_some(HalfEnd::Fin);
        if segment.flags.rst {
            let (packet, label) = half_ended(HalfEnd::Reset);
            state.record.add(Row { verb, ..pen.row(packet, label, false) });
            return;
        }
        if let Some(row) = pen.syn(fresh.syn) {
            state.record.add(Row { verb, ..row });
        }
        if segment.length > 0 {
            self.bytes(&mut pen, &fresh, end, state);
        } else if let Some(how) = end {
            let (packet, label) = half_ended(how);
            state.record.add(Row { verb, ..pen.row(packet, label, !fresh.fin) });
        }
        if pen.made == 0 {
            let row = Row { verb, ..pen.ack(establishes) };
            let bulk = row.packet == Packet::Ack && state.record.is_folding(self.channel);
            if bulk { state.record.fold(row) } else { state.record.add(row) }
        }
    }

    /// Looks at the first of the bytes that are sent in clear.
    fn look(&mut self, from: Party, segment: &Segment<'_>, fresh: &Fresh) {
        let bytes = fresh.straight.and_then(|at| segment.payload.get(at..)).unwrap_or_default();
        if fresh.bytes == 0 || self.flow.conn.tls.is_some() {
            return;
        }
        let look = &mut self.flow.conn.side_mut(from).text;
        if look.bytes < LOOKS_AT {
            look.at(bytes);
        }
    }

    fn bytes(&mut self, pen: &mut Pen<'_>, fresh: &Fresh, end: Option<HalfEnd>, state: &mut State) {
        let again = fresh.bytes == 0 && !fresh.fin;
        let bytes = u64::from(if again { pen.segment.length } else { fresh.bytes });
        let (packet, label) = match end {
            Some(how) if bytes == 0 => half_ended(how),
            _ => (Packet::Data { bytes, end }, label::data(self.verb, bytes, end)),
        };
        let row = Row { verb: self.verb, ..pen.row(packet, label, again) };
        let begun = self.begun.get_mut(usize::from(pen.from == Party::Server));
        let more = begun.is_some_and(|begun| std::mem::replace(begun, true));
        let plain = end.is_none() && !again && !pen.segment.flags.urg;
        if more && plain { state.record.fold(row) } else { state.record.add(row) }
    }
}

/// The ends of a data connection that this session has announced and that a segment is the first of. Where
/// its beginning is not in the capture, either end may have opened it; a stray ACK or FIN is the end of an
/// older one.
fn claim(segment: &Segment<'_>, control: Ends, state: &mut State) -> Option<Ends> {
    let (from, to, flags) = (segment.from, segment.to, segment.flags);
    let context = Context { control, pending: state.dialogue.transfer.is_some() };
    let mut claim = |from, to| state.expected.claim(from, to, context);
    match (flags.syn, flags.ack) {
        (true, false) => claim(from, to),
        (true, true) => claim(to, from),
        (false, _) if segment.length > 0 => claim(from, to).or_else(|| claim(to, from)),
        (false, _) => None,
    }
}
