//! A TCP connection of the session: its two ends, its two halves, and how far it has come.
//!
//! It says whose a segment is and what is new in it. It makes no rows.

use super::half::{Fresh, Half};
use crate::packet::Segment;
use crate::row::Ends;
use wharf_proto::tap::Party;

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) ends: Ends,
    /// Who sent the SYN, where it was seen.
    opener: Option<Party>,
    client: Half,
    server: Half,
    /// Its handshake is over, or went by before the capture began.
    established: bool,
    reset: bool,
    /// Its ends have begun another connection.
    replaced: bool,
}

impl Flow {
    /// The connection that `first` belongs to. `half` is what its halves begin as.
    pub(super) fn new(ends: Ends, half: &Half, first: &Segment<'_>) -> Self {
        let (client, server) = (half.clone(), half.clone());
        let established = !first.flags.syn;
        let (opener, reset, replaced) = (None, false, false);
        Self { ends, opener, client, server, established, reset, replaced }
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

    /// The next segment, and who sent it.
    pub(super) fn take(&mut self, from: Party, segment: &Segment<'_>) -> Fresh {
        let flags = segment.flags;
        if flags.syn {
            let opener = if flags.ack { from.other() } else { from };
            self.opener.get_or_insert(opener);
        }
        if flags.ack {
            self.half_mut(from.other()).acknowledged(segment.ack);
        }
        if flags.rst {
            self.reset = true;
            return Fresh::default();
        }
        self.half_mut(from).take(segment)
    }

    /// Whether a segment that is an ACK and nothing else, or brings one, is the third of the handshake.
    pub(super) fn establishes(&mut self, from: Party, segment: &Segment<'_>) -> bool {
        let granted = self.half(from.other()).syn().map(|syn| syn.wrapping_add(1));
        let third = !self.established
            && !segment.flags.syn
            && self.opener == Some(from)
            && granted == Some(segment.ack);
        self.established |= third;
        third
    }

    /// Whether nothing more can come.
    pub(super) fn is_over(&self) -> bool {
        self.reset || (self.client.is_closed() && self.server.is_closed())
    }

    /// Whether a side has ended its half.
    pub(super) fn is_ending(&self) -> bool {
        self.reset || self.client.is_ended() || self.server.is_ended()
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
