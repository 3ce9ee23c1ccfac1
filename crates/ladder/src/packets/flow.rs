//! A TCP connection of the session: its two ends, its two halves, how far it has come, and what of it the
//! findings want to know.
//!
//! It says whose a segment is and what is new in it. It makes no rows.

use super::half::{Fresh, Gap, Half, Run};
use crate::conn::{Conn, Side};
use crate::packet::Segment;
use crate::row::{Channel, Ends};
use crate::tls::{Heard, Keys, Opener, Tls};
use std::time::Duration;
use wharf_proto::tap::{HalfEnd, Party};

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) ends: Ends,
    /// What the findings read.
    pub(super) conn: Conn,
    /// What opens its records under TLS.
    records: Opener,
    /// Who sent the SYN, where it was seen.
    opener: Option<Party>,
    client: Half,
    server: Half,
    /// Its handshake is over, or went by before the capture began.
    established: bool,
    reset: bool,
    /// Its ends have begun another connection.
    replaced: bool,
    /// What the last segment has shown of bytes of the other side: that they will not come.
    gaps_of_peer: Vec<Gap>,
}

impl Flow {
    /// The connection that `first` belongs to. `half` is what its halves begin as.
    pub(super) fn new(
        channel: Channel,
        ends: Ends,
        half: &Half,
        first: &Segment<'_>,
        keys: &Keys,
    ) -> Self {
        let conn = Conn::new(channel, Some(ends), first.at);
        let (client, server) = (half.clone(), half.clone());
        let established = !first.flags.syn;
        let (opener, reset, replaced) = (None, false, false);
        let (records, gaps_of_peer) = (Opener::new(keys), Vec::new());
        Self {
            ends,
            conn,
            records,
            opener,
            client,
            server,
            established,
            reset,
            replaced,
            gaps_of_peer,
        }
    }

    /// Who sent a segment; none where it belongs to another connection, a later one between the same ends
    /// included.
    pub(super) fn sender(&mut self, segment: &Segment<'_>) -> Option<Party> {
        let Ends { client, server } = self.ends;
        let from = match (segment.from, segment.to) {
            way if way == (client, server) => Party::Client,
            way if way == (server, client) => Party::Server,
            _ => return None,
        };
        self.replaced |= self.is_reopened_by(from, segment);
        (!self.replaced).then_some(from)
    }

    /// Whether a SYN opens another connection between the same ends.
    fn is_reopened_by(&self, from: Party, segment: &Segment<'_>) -> bool {
        let (flags, syn) = (segment.flags, self.half(from).syn());
        let is_syn = flags.syn && !flags.ack;
        is_syn && syn != Some(segment.seq) && (self.is_over() || syn.is_some())
    }

    /// The next segment, and who sent it; `row` is the number that its first row will have.
    pub(super) fn take<'a>(&mut self, from: Party, segment: &Segment<'a>, row: u32) -> Fresh<'a> {
        let flags = segment.flags;
        if let Some(told) = segment.header.unreachable {
            if self.conn.is_unanswered() {
                self.conn.unreachable.get_or_insert(told);
            }
            return Fresh::default();
        }
        if flags.syn {
            let opener = if flags.ack { from.other() } else { from };
            self.opener.get_or_insert(opener);
        }
        if flags.ack {
            self.acknowledged(from.other(), segment);
        }
        if flags.rst {
            note_headers(self.conn.side_mut(from), segment);
            self.broken(from, segment, row);
            self.let_go_at_end();
            return Fresh::default();
        }
        if flags.syn && self.conn.granted.is_none() {
            self.asked_anew(flags.ack);
        }
        let half = self.half_mut(from);
        let fresh = half.take(segment);
        let missing = half.missing();
        self.conn.side_mut(from).missing = missing;
        self.note(from, segment, &fresh, row);
        self.let_go_at_end();
        fresh
    }

    /// Of what is over nothing becomes whole any more.
    fn let_go_at_end(&mut self) {
        if self.is_over() {
            self.conn.let_go();
        }
    }

    /// Takes in what a segment acknowledges of this side. What a RST does is nobody's word: who sends it need not know the
    /// connection.
    fn acknowledged(&mut self, of: Party, segment: &Segment<'_>) {
        let half = self.half_mut(of);
        let mut gaps = match segment.flags.rst {
            true => Vec::new(),
            false => half.acknowledged(segment.ack),
        };
        if segment.flags.fin || segment.flags.rst {
            gaps.extend(half.lost_at_end());
        }
        let missing = half.missing();
        let stuck = self.conn.side(of).stuck.filter(|stuck| !self.half(of).has(stuck.seq));
        self.gaps_of_peer = gaps;
        let side = self.conn.side_mut(of);
        (side.missing, side.stuck) = (missing, stuck);
    }

    /// A RST. Who has asked for the connection and got no answer yet breaks off another one by it: that of which the other
    /// side still knows (RFC 9293 section 3.5.1).
    fn broken(&mut self, from: Party, segment: &Segment<'_>, row: u32) {
        let is_asked = self.conn.granted.is_none() && self.conn.bytes() == 0;
        if is_asked && self.opener == Some(from) {
            return;
        }
        self.conn.refused |= is_asked && self.opener == Some(from.other());
        let side = self.conn.side_mut(from);
        side.is_reset = true;
        if !self.reset && side.ended.is_none() {
            side.ended = Some((HalfEnd::Reset, segment.at, row));
        }
        self.reset = true;
    }

    /// The same SYN once more, or the answer to it: that it was refused before is no end then.
    fn asked_anew(&mut self, is_granted: bool) {
        self.reset = false;
        if is_granted {
            self.conn.refused = false;
            for side in [&mut self.conn.client, &mut self.conn.server] {
                (side.ended, side.is_reset) = (None, false);
            }
        }
    }

    /// Writes down what the findings read.
    fn note(&mut self, from: Party, segment: &Segment<'_>, fresh: &Fresh<'_>, row: u32) {
        let flags = segment.flags;
        let conn = &mut self.conn;
        match (flags.syn, flags.ack) {
            (true, false) => {
                conn.opener = self.opener;
                conn.syns = conn.syns.saturating_add(1);
            }
            (true, true) => {
                conn.opener = self.opener;
                conn.granted.get_or_insert(segment.at);
            }
            (false, _) => {}
        }
        let side = conn.side_mut(from);
        note_headers(side, segment);
        if flags.syn {
            side.scale = segment.header.scale;
        }
        if fresh.bytes > 0 {
            let bytes = fresh.straight.and_then(|at| segment.payload.get(at..)).unwrap_or_default();
            side.count(segment.at, fresh.bytes, bytes);
        } else if segment.length > 0 && !fresh.is_probe {
            side.count_again(segment, row);
        }
        if fresh.fin && side.ended.is_none() {
            side.ended = Some((HalfEnd::Fin, segment.at, row));
        }
        if !flags.syn && !flags.fin {
            note_window(side, segment);
        }
    }

    /// What the last segment has shown to be missing of the other side.
    pub(super) fn take_gaps_of_peer(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps_of_peer)
    }

    /// Follows TLS on a data connection; none where it has none. Where its bytes are kept they are read in their order,
    /// else as long as they come in it.
    pub(super) fn follow_tls(
        &mut self,
        from: Party,
        segment: &Segment<'_>,
        fresh: &Fresh<'_>,
    ) -> Option<Heard> {
        let bytes = fresh.straight.and_then(|at| segment.payload.get(at..));
        let is_first = self.conn.side(from).bytes == u64::from(fresh.bytes);
        let begins = fresh.bytes > 0
            && is_first
            && bytes.is_some_and(|bytes| Tls::begins(bytes) || Tls::begins_with_alert(bytes));
        if self.conn.tls.is_none() && begins {
            self.conn.tls = Some(Box::default());
        }
        let keeps = self.half(from).keeps();
        let tls = self.conn.tls.as_mut()?;
        let mut heard = Heard::default();
        if keeps {
            fresh.ready.iter().for_each(|run| heard.append(tls.run(from, run, &mut self.records)));
        } else if fresh.bytes > 0 {
            match bytes {
                Some(bytes) => heard = tls.take(from, bytes, &mut self.records),
                None => tls.lose(from, &mut self.records),
            }
            if segment.is_cut() {
                tls.lose(from, &mut self.records);
            }
        }
        Some(heard)
    }

    /// What a run of bytes of the control connection comes to under TLS. Where records were lost, their end may have been
    /// among them: `is_said` knows a line in clear.
    pub(super) fn uncover(
        &mut self,
        from: Party,
        run: &Run<'_>,
        is_said: fn(Party, &[u8]) -> bool,
    ) -> Heard {
        let tls = self.conn.tls.get_or_insert_default();
        match (run.torn || tls.is_lost(from)) && is_said(from, &run.bytes) {
            true => tls.run_in_clear(from, run, &mut self.records),
            false => tls.run(from, run, &mut self.records),
        }
    }

    /// TLS begins, for the first time or again.
    pub(super) fn cover(&mut self) {
        self.conn.tls = Some(Box::default());
        self.records.forget();
    }

    /// Whether what is under TLS can be read.
    pub(super) fn is_opened(&self) -> bool {
        self.records.opens()
    }

    /// Whether what this side says under TLS can be read.
    pub(super) fn is_opened_from(&self, from: Party) -> bool {
        self.records.opens_side(usize::from(from == Party::Server))
    }

    /// Whether a segment that is an ACK and nothing else, or brings one, is the third of the handshake.
    pub(super) fn establishes(&mut self, from: Party, segment: &Segment<'_>) -> bool {
        let granted = self.half(from.other()).syn().map(|syn| syn.wrapping_add(1));
        let third = !self.established
            && !segment.flags.syn
            && self.opener == Some(from)
            && granted == Some(segment.ack);
        self.established |= third;
        if third {
            self.conn.settled = Some(segment.at);
        }
        third
    }

    /// Whether nothing more can come.
    pub(super) fn is_over(&self) -> bool {
        self.reset || self.replaced || (self.client.is_closed() && self.server.is_closed())
    }

    /// Whether a side has ended its half.
    pub(super) fn is_ending(&self) -> bool {
        self.reset || self.client.is_ended() || self.server.is_ended()
    }

    /// How many bytes are held until those before them come, or those behind them that make a whole of them under TLS.
    pub(super) fn buffered(&self) -> usize {
        self.client.buffered() + self.server.buffered() + self.conn.buffered()
    }

    /// How many bytes the capture missed.
    pub(super) fn missing(&self) -> u64 {
        self.client.missing().saturating_add(self.server.missing())
    }

    fn half(&self, party: Party) -> &Half {
        match party {
            Party::Client => &self.client,
            Party::Server => &self.server,
        }
    }

    fn half_mut(&mut self, party: Party) -> &mut Half {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }
}

fn note_headers(side: &mut Side, segment: &Segment<'_>) {
    let hops = segment.header.hops;
    let (first, _) = side.hops.unwrap_or((hops, hops));
    side.hops = Some((first, hops));
}

/// Whether its sender takes nothing more.
fn note_window(side: &mut Side, segment: &Segment<'_>) {
    if segment.header == crate::packet::Header::default() {
        return;
    }
    let since = side.full_since.map_or(Duration::ZERO, |since| segment.at.since(since));
    side.full = side.full.max(since);
    let window = segment.header.window;
    let (least, most) = side.window.unwrap_or((window, window));
    side.window = Some((least.min(window), most.max(window)));
    if segment.header.window > 0 {
        side.full_since = None;
    } else {
        side.full_since.get_or_insert(segment.at);
    }
}
