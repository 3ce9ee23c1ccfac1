//! A segment that owns its bytes.

use crate::packet::{Flags, Header, Segment};
use std::net::SocketAddr;
use wharf_proto::Moment;

/// A segment that owns its bytes, all of them or the first.
#[derive(Debug)]
pub(super) struct Kept {
    at: Moment,
    from: SocketAddr,
    to: SocketAddr,
    seq: u32,
    ack: u32,
    flags: Flags,
    length: u32,
    payload: Vec<u8>,
    header: Header,
}

impl Kept {
    /// Keeps a segment with so many of its bytes.
    pub(super) fn of(segment: &Segment<'_>, most: usize) -> Self {
        let Segment { at, from, to, seq, ack, flags, length, payload, header } = *segment;
        let payload = payload.get(..payload.len().min(most)).unwrap_or_default().to_vec();
        Self { at, from, to, seq, ack, flags, length, payload, header }
    }

    /// The same, at this moment at the earliest.
    pub(super) fn not_before(mut self, moment: Moment) -> Self {
        self.at = self.at.max(moment);
        self
    }

    /// The segment.
    pub(super) fn segment(&self) -> Segment<'_> {
        Segment {
            at: self.at,
            from: self.from,
            to: self.to,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            length: self.length,
            payload: &self.payload,
            header: self.header,
        }
    }
}
