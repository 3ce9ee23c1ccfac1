//! The data connections of a captured session: whose they are, which command they serve, and their rows.

use super::expected::Context;
use super::flow::Flow;
use super::half::{Fresh, Gap, Half};
use super::record::{Mark, Withdrawn};
use super::{Pen, State};
use crate::conn::Conn;
use crate::label::{self, half_ended};
use crate::more::More;
use crate::packet::Segment;
use crate::row::{Channel, Ends, Packet, Provenance, Remark, Row};
use crate::tls::{Heard, SEALED};
use std::collections::VecDeque;
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::{Text, Verb};

/// Data connections remembered at most.
const MAX_FLOWS: usize = 64;
/// What is known of connections that are forgotten, of which so many are remembered.
const MAX_PAST: usize = 192;
/// Gaps that may still be filled, of which the place is remembered; and segments that may come again.
const MAX_MARKS: usize = 32;
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
    /// How many bytes all of them hold.
    buffered: usize,
}

#[derive(Debug)]
struct DataFlow {
    channel: Channel,
    flow: Flow,
    verb: Option<Verb>,
    /// Bytes of either side have been seen, by sender.
    begun: [bool; 2],
    /// The terms of its TLS were told.
    agreed: bool,
    /// What the latest segments under TLS carried of the transfer, by sender, number and length.
    inside: VecDeque<(Party, u32, u32, u64)>,
    /// Where the rows were when bytes came before their turn, by sender and by the number of the first of them.
    marks: Vec<(Party, u32, Mark)>,
}

impl DataFlows {
    /// The next segment that is not of the control connection; says whether it is of this session.
    /// Where the control connection is closed no new one is taken.
    pub(super) fn take(
        &mut self,
        segment: &Segment<'_>,
        control: Ends,
        is_closed: bool,
        state: &mut State,
    ) -> bool {
        let known = self.flows.iter_mut().rev().find_map(|data| {
            let from = data.flow.sender(segment)?;
            Some((data, from))
        });
        if let Some((data, from)) = known {
            let before = data.flow.buffered();
            data.take(from, segment, state);
            self.buffered = self.buffered + data.flow.buffered() - before;
            return true;
        }
        if is_closed {
            return false;
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
        let channel = Channel::Data(self.count);
        // With keys the bytes themselves are wanted, in their order.
        let half = if state.keys.is_empty() { Half::default() } else { Half::of_bytes() };
        let flow = Flow::new(channel, ends, &half, segment, &state.keys);
        let verb = state.dialogue.transfer.take();
        let (begun, agreed, inside, marks) = ([false; 2], false, VecDeque::new(), Vec::new());
        let mut data = DataFlow { channel, flow, verb, begun, agreed, inside, marks };
        data.flow.conn.probable = probable;
        if let Some(from) = data.flow.sender(segment) {
            data.take(from, segment, state);
        }
        self.buffered += data.flow.buffered();
        self.flows.push_back(data);
    }

    /// The connection of this segment is of another session: it goes, with its rows.
    pub(super) fn withdraw(
        &mut self,
        segment: &Segment<'_>,
        state: &mut State,
    ) -> Option<Withdrawn> {
        let is_it = |data: &mut DataFlow| data.flow.sender(segment).is_some();
        let place = self.flows.iter_mut().rposition(is_it)?;
        let data = self.flows.remove(place)?;
        self.buffered -= data.flow.buffered();
        if data.channel == Channel::Data(self.count) {
            self.count = self.count.saturating_sub(1);
        }
        let gone = state.record.withdraw(data.channel);
        for conn in
            self.past.iter_mut().chain(self.flows.iter_mut().map(|data| &mut data.flow.conn))
        {
            *conn = conn.renumbered(|no| gone.number(no));
        }
        self.flows.iter_mut().for_each(|data| data.marks.clear());
        Some(gone)
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

    /// Whether the latest of those between these ends is over.
    pub(super) fn is_spent(&self, segment: &Segment<'_>) -> bool {
        let ways = [(segment.from, segment.to), (segment.to, segment.from)];
        let its = |data: &&DataFlow| ways.contains(&(data.flow.ends.client, data.flow.ends.server));
        self.flows.iter().rev().find(its).is_some_and(|data| data.flow.is_over())
    }

    /// Whether all of them are closed.
    pub(super) fn are_over(&self) -> bool {
        self.flows.iter().all(|data| data.flow.is_over())
    }

    /// What is known of them.
    pub(super) fn conns(&self) -> impl Iterator<Item = &Conn> {
        self.past.iter().chain(self.flows.iter().map(|data| &data.flow.conn))
    }

    /// How many bytes they hold of what is not in order yet, and of what their TLS said.
    pub(super) fn buffered(&self) -> usize {
        self.buffered
    }

    /// How many bytes the capture missed.
    pub(super) fn missing(&self) -> u64 {
        let each = self.flows.iter().map(|data| data.flow.missing());
        each.fold(self.missing, u64::saturating_add)
    }

    /// Makes room for one more.
    fn forget(&mut self) {
        if self.flows.len() >= MAX_FLOWS
            && let Some(DataFlow { mut flow, .. }) = self.flows.pop_front()
        {
            self.missing = self.missing.saturating_add(flow.missing());
            self.buffered -= flow.buffered();
            if self.past.len() >= MAX_PAST
                && let Some(gone) = self.past.pop_front()
            {
                self.buffered -= gone.buffered();
            }
            flow.conn.let_go();
            self.buffered += flow.conn.buffered();
            self.past.push_back(flow.conn);
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
        let heard = self.flow.follow_tls(from, segment, &fresh);
        let carried = heard
            .as_ref()
            .and_then(|heard| self.inside(from, heard))
            .unwrap_or_else(|| fresh.bytes.into());
        self.look(from, segment, &fresh, heard.as_ref());
        let establishes = self.flow.establishes(from, segment);
        let mut pen = Pen::new(segment, self.channel, from, self.flow.ends);
        if self.flow.conn.probable {
            pen.provenance = Provenance::Probable;
        }
        if let Some(row) = pen.unreachable() {
            return state.record.add(Row { verb: self.verb, ..row });
        }
        state.summary.moved(from, carried);
        let gaps = self.flow.take_gaps_of_peer();
        self.tear(&pen, from.other(), &gaps, state);
        self.tear(&pen, from, &fresh.gaps, state);
        if let Some(seq) = fresh.ahead.filter(|_| fresh.bytes > 0 && !is_torn_before(&fresh)) {
            if self.marks.len() >= MAX_MARKS {
                self.marks.remove(0);
            }
            self.marks.push((from, seq, state.record.mark(self.channel, from)));
        }
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
        if segment.length > 0 && !fresh.is_probe {
            self.bytes(&mut pen, &fresh, heard.as_ref(), end, state);
            self.remark(&pen, state);
        } else if let Some(how) = end {
            let (packet, label) = half_ended(how);
            state.record.add(Row { verb, ..pen.row(packet, label, !fresh.fin) });
        }
        if pen.made == 0 {
            let row = Row { verb, ..pen.ack(establishes) };
            let is_bulk = row.packet == Packet::Ack && state.record.is_folding(self.channel);
            if is_bulk { state.record.fold(row) } else { state.record.add(row) }
        }
    }

    /// The rows of gaps that will not be filled: a row that counts the bytes on both sides of one ends there.
    fn tear(&mut self, pen: &Pen<'_>, of: Party, gaps: &[Gap], state: &mut State) {
        for gap in gaps {
            let is_its = |(party, seq, _): &(Party, u32, Mark)| (*party, *seq) == (of, gap.until);
            let place = self.marks.iter().position(is_its);
            let mark = place.map(|place| self.marks.remove(place).2);
            let row = Row { verb: self.verb, ..pen.missing(of, gap.bytes) };
            let moved = state.record.tear(self.channel, of, mark, row);
            for (party, _, later) in &mut self.marks {
                if *party == of {
                    later.follow(mark, moved);
                }
            }
        }
    }

    /// Looks at the first of the bytes that can be read, and counts those inside TLS.
    fn look(
        &mut self,
        from: Party,
        segment: &Segment<'_>,
        fresh: &Fresh<'_>,
        heard: Option<&Heard>,
    ) {
        let opened = self.flow.is_opened_from(from);
        let straight = fresh.straight.and_then(|at| segment.payload.get(at..)).unwrap_or_default();
        let side = self.flow.conn.side_mut(from);
        let bytes = match heard {
            Some(heard) if opened => {
                let inside = side.inside.get_or_insert(0);
                *inside = inside.saturating_add(heard.plain.len() as u64);
                &heard.plain
            }
            // From what could not be opened on, only the bytes on the wire are known.
            Some(_) => {
                side.inside = None;
                return;
            }
            None => straight,
        };
        if fresh.bytes > 0 && side.text.bytes < LOOKS_AT {
            side.text.at(bytes);
        }
        // What is behind them was not looked at.
        let is_torn = fresh.straight.is_none() || segment.is_cut();
        if heard.is_none() && fresh.bytes > 0 && is_torn {
            side.text.tear();
        }
    }

    fn bytes(
        &mut self,
        pen: &mut Pen<'_>,
        fresh: &Fresh<'_>,
        heard: Option<&Heard>,
        end: Option<HalfEnd>,
        state: &mut State,
    ) {
        let again = fresh.bytes == 0 && !fresh.fin;
        let wire = u64::from(if again { pen.segment.length } else { fresh.bytes });
        pen.tls = heard.is_some();
        let plain = end.is_none() && !again && !pen.segment.flags.urg;
        if let Some(label) = heard.and_then(|heard| self.records(heard, wire, end)) {
            let bytes = heard.and_then(|heard| self.inside(pen.from, heard)).unwrap_or(wire);
            let row = pen.row(Packet::Data { bytes, end }, label, again);
            return state.record.add(Row { verb: self.verb, ..row });
        }
        let inside = match again {
            true => self.said_before(pen),
            false => heard.and_then(|heard| self.inside(pen.from, heard)),
        };
        if let Some(bytes) = inside.filter(|_| !again) {
            self.remember(pen, bytes);
        }
        let bytes = inside.unwrap_or(wire);
        let begun = self.begun.get_mut(usize::from(pen.from == Party::Server));
        let is_bulk = begun.is_some_and(|begun| std::mem::replace(begun, true)) && plain;
        if is_bulk && state.record.folds() {
            let row = pen.row(Packet::Data { bytes, end }, Text::of(""), again);
            return state.record.fold(Row { verb: self.verb, ..row });
        }
        let (packet, label) = match end {
            Some(how) if bytes == 0 => half_ended(how),
            // Of what came before and was not opened the bytes on the wire are known.
            _ if again && heard.is_some() && inside.is_none() => {
                (Packet::Data { bytes, end }, label::records(self.verb, bytes, end))
            }
            _ => (Packet::Data { bytes, end }, label::data(self.verb, bytes, end)),
        };
        let row = Row { verb: self.verb, ..pen.row(packet, label, again) };
        let bytes = heard.map_or(pen.segment.payload, |heard| &heard.plain);
        state.record.add(Row { more: More::of_bytes(bytes), ..row });
    }

    /// Remembers what a segment carries, should it come again.
    fn remember(&mut self, pen: &Pen<'_>, bytes: u64) {
        if self.inside.len() >= MAX_MARKS {
            self.inside.pop_front();
        }
        self.inside.push_back((pen.from, pen.segment.seq, pen.segment.length, bytes));
    }

    /// What a segment carries that has come before.
    fn said_before(&self, pen: &Pen<'_>) -> Option<u64> {
        let segment = pen.segment;
        let is_it = |(from, seq, length, _): &&(Party, u32, u32, u64)| {
            (*from, *seq, *length) == (pen.from, segment.seq, segment.length)
        };
        self.inside.iter().rfind(is_it).map(|(.., bytes)| *bytes)
    }

    /// How many bytes of the transfer are inside some records, where that is known.
    fn inside(&self, from: Party, heard: &Heard) -> Option<u64> {
        let in_clear = !heard.words.is_empty() && !heard.words.iter().any(|word| word == SEALED);
        (self.flow.is_opened_from(from) || in_clear).then_some(heard.plain.len() as u64)
    }

    /// What stands on a segment of records that carry nothing of the transfer; none where it may carry something.
    fn records(&self, heard: &Heard, wire: u64, end: Option<HalfEnd>) -> Option<Text> {
        let opens = self.flow.is_opened();
        let is_known = heard.words.iter().any(|word| word != SEALED);
        let is_first = !self.begun.contains(&true) && heard.words.is_empty() && opens;
        if wire == 0 || !heard.plain.is_empty() || !(is_known || is_first) {
            return None;
        }
        let covered = label::covered(wire, &heard.words, opens);
        Some(Text::from([covered.as_bytes(), label::behind(end).as_bytes()].concat()))
    }

    /// A remark that TLS has been agreed on.
    fn remark(&mut self, pen: &Pen<'_>, state: &mut State) {
        let is_secured = self.flow.conn.tls.as_ref().is_some_and(|tls| tls.is_secured());
        if is_secured && !std::mem::replace(&mut self.agreed, true) {
            let row = self.flow.conn.terms().map(|label| pen.remark(Remark::Secured, label));
            row.into_iter().for_each(|row| state.record.add(Row { verb: self.verb, ..row }));
        }
    }
}

/// Whether what has not come before a segment is known not to come.
fn is_torn_before(fresh: &Fresh<'_>) -> bool {
    fresh.gaps.iter().any(|gap| Some(gap.until) == fresh.ahead)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Flags, Header};
    use crate::packets::Packets;
    use std::net::SocketAddr;
    use wharf_proto::Moment;

    /// Bytes of a record, and of a handshake message in it, that are not whole.
    const HELD: usize = 16_000;

    struct Stage {
        packets: Packets,
        client: SocketAddr,
        server: SocketAddr,
        said: u32,
    }

    impl Stage {
        fn put(&mut self, from: SocketAddr, to: SocketAddr, seq: u32, flags: Flags, bytes: &[u8]) {
            let (at, length) = (Moment::START, u32::try_from(bytes.len()).unwrap());
            let (ack, header) = (if flags.ack { 1 } else { 0 }, Header::default());
            let payload = bytes;
            let segment = Segment { at, from, to, seq, ack, flags, length, payload, header };
            assert!(self.packets.push(&segment));
        }

        /// A listener, and a connection to it whose client has begun a record of TLS.
        fn connects(&mut self, port: u16) -> [SocketAddr; 2] {
            let reply = format!("227 ok (203,0,113,5,{},{})\r\n", port >> 8, port & 255);
            self.put(self.server, self.client, self.said, Flags::default(), reply.as_bytes());
            self.said += u32::try_from(reply.len()).unwrap();
            let ends = [self.client, self.server].map(|end| SocketAddr::new(end.ip(), port));
            let syn = Flags { syn: true, ..Flags::default() };
            self.put(ends[0], ends[1], 0, syn, b"");
            self.put(ends[1], ends[0], 0, Flags { ack: true, ..syn }, b"");
            let mut record = vec![0x16, 3, 3, 0x40, 0, 1, 0, 0xff, 0];
            record.resize(5 + HELD, 0);
            self.put(ends[0], ends[1], 1, Flags::default(), &record);
            ends
        }

        fn held(&self) -> usize {
            self.packets.data.buffered()
        }
    }

    fn stage() -> Stage {
        let [client, server] = ["192.0.2.10:1180", "203.0.113.5:21"].map(|it| it.parse().unwrap());
        let mut stage = Stage { packets: Packets::of_port(21), client, server, said: 1 };
        stage.put(client, server, 0, Flags { syn: true, ..Flags::default() }, b"");
        stage
    }

    #[test]
    fn what_tls_holds_of_records_counts_until_its_connection_is_over() {
        let mut stage = stage();
        let [client, server] = stage.connects(50_000);
        assert_eq!(stage.held(), HELD);
        assert!(stage.packets.weight() > HELD / crate::more::ROW);
        stage.connects(50_001);
        assert_eq!(stage.held(), 2 * HELD);
        stage.put(server, client, 1, Flags { rst: true, ..Flags::default() }, b"");
        assert_eq!(stage.held(), HELD);
    }

    #[test]
    fn of_connections_that_are_forgotten_no_bytes_are_held() {
        let mut stage = stage();
        for port in 0..u16::try_from(MAX_FLOWS + MAX_PAST + 20).unwrap() {
            stage.connects(50_000 + port);
        }
        assert_eq!(stage.packets.data.past.len(), MAX_PAST);
        assert_eq!(stage.held(), MAX_FLOWS * HELD);
    }
}
