//! Frames that were captured twice: a capture of all interfaces sees a packet on each that it passes.
//!
//! A segment that equals one of the last few in everything but its hops, a millisecond later at most, is a copy.
//! TCP never sends anything again so soon.

use crate::packet::{Flags, Segment};
use std::hash::{DefaultHasher, Hasher as _};
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
    last: [Option<(Sign, Moment)>; LAST],
    at: usize,
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
        Self { last: [None; LAST], at: 0 }
    }
}

impl Copies {
    /// Whether this is a copy of one of the last segments. Keeps it.
    pub(super) fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let sign = Sign::of(segment);
        let is_it = |(other, at): &(Sign, Moment)| *other == sign && segment.at.since(*at) <= SOON;
        if self.last.iter().flatten().any(is_it) {
            return true;
        }
        if let Some(place) = self.last.get_mut(self.at) {
            *place = Some((sign, segment.at));
        }
        self.at = (self.at + 1) % LAST;
        false
    }
}

impl Sign {
    fn of(segment: &Segment<'_>) -> Self {
        let Segment { from, to, seq, ack, flags, length, header, payload, .. } = *segment;
        let line = if payload.is_empty() || payload.len() > LINE { 0 } else { hash(payload) };
        Self { seq, ack, id: header.id, window: header.window, length, flags, from, to, line }
    }
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(line);
    hasher.finish()
}
