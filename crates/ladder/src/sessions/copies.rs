//! Frames that were captured twice: a capture of all interfaces sees a packet on each that it passes.
//!
//! A segment that equals one of the last few in everything but its hops, a millisecond later at most, is a copy.
//! TCP never sends anything again so soon.

use crate::packet::{Flags, Segment};
use foldhash::fast::RandomState;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::time::Duration;
use wharf_proto::Moment;

const LAST: usize = 16;
/// What may be a line on a control connection.
const LINE: usize = 512;
const SOON: Duration = Duration::from_millis(1);

/// The last segments.
#[derive(Debug)]
pub(super) struct Copies {
    /// Their sequence numbers, which nearly always tell that none of them is a copy.
    seqs: [u32; LAST],
    last: [Option<(Sign, Moment)>; LAST],
    at: usize,
    hashes: RandomState,
}

/// What two copies have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sign {
    seq: u32,
    ack: u32,
    id: Option<u16>,
    window: u16,
    length: u32,
    flags: Flags,
    from: SocketAddr,
    to: SocketAddr,
    /// A line may have been rewritten on its way from one interface to the other.
    line: u64,
}

impl Default for Copies {
    fn default() -> Self {
        Self { seqs: [0; LAST], last: [None; LAST], at: 0, hashes: RandomState::default() }
    }
}

impl Copies {
    /// Whether this is a copy of one of the last segments. Keeps it.
    pub(super) fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let sign = Sign::of(segment, &self.hashes);
        let is_it = |(other, at): &(Sign, Moment)| *other == sign && segment.at.since(*at) <= SOON;
        if self.seqs.contains(&segment.seq) && self.last.iter().flatten().any(is_it) {
            return true;
        }
        if let Some((place, seq)) = self.last.get_mut(self.at).zip(self.seqs.get_mut(self.at)) {
            *place = Some((sign, segment.at));
            *seq = segment.seq;
        }
        self.at = (self.at + 1) % LAST;
        false
    }
}

impl Sign {
    fn of(segment: &Segment<'_>, hashes: &RandomState) -> Self {
        let Segment { from, to, seq, ack, flags, length, header, payload, .. } = *segment;
        let is_line = !payload.is_empty() && payload.len() <= LINE;
        let line = if is_line { hashes.hash_one(payload) } else { 0 };
        Self { seq, ack, id: header.id, window: header.window, length, flags, from, to, line }
    }
}
