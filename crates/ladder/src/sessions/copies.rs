//! Frames that were captured twice: a capture of all interfaces sees a packet on each that it passes.
//!
//! A segment that equals one of the last few in everything but its hops, a millisecond later at most, is a copy.
//! TCP never sends anything again so soon.

use crate::packet::Segment;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use wharf_proto::Moment;

const LAST: usize = 16;
/// What may be a line on a control connection.
const LINE: usize = 512;
const SOON: Duration = Duration::from_millis(1);

/// The last segments.
#[derive(Debug)]
pub(super) struct Copies {
    last: [(u64, Moment); LAST],
    at: usize,
}

impl Default for Copies {
    fn default() -> Self {
        Self { last: [(0, Moment::START); LAST], at: 0 }
    }
}

impl Copies {
    /// Whether this is a copy of one of the last segments. Keeps it.
    pub(super) fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let sign = sign(segment);
        let is_it = |(other, at): &(u64, Moment)| *other == sign && segment.at.since(*at) <= SOON;
        if self.last.iter().any(is_it) {
            return true;
        }
        if let Some(place) = self.last.get_mut(self.at) {
            *place = (sign, segment.at);
        }
        self.at = (self.at + 1) % LAST;
        false
    }
}

/// What two copies have in common.
fn sign(segment: &Segment<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Segment { from, to, seq, ack, flags, length, header, .. } = segment;
    (from, to, seq, ack, flags, length, header.id, header.window).hash(&mut hasher);
    // A line may have been rewritten on its way from one interface to the other.
    Some(segment.payload).filter(|payload| payload.len() <= LINE).hash(&mut hasher);
    hasher.finish()
}
