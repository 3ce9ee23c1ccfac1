//! Lines that name a listener, as they first went by: where the same segment comes again with other words, something on
//! the way has rewritten it.
//!
//! A capture on that something, of all its interfaces, has both; so has one that was put together of the captures of both
//! ends. TCP never sends other bytes under the same numbers.

use crate::packet::Segment;
use std::collections::VecDeque;
use wharf_proto::Text;
use wharf_proto::tap::Party;

/// Lines that are kept, and the longest.
const KEPT: usize = 8;
const LONGEST: usize = 512;
/// What such lines begin with.
const NAMES: [&[u8]; 5] = [b"227 ", b"228 ", b"229 ", b"PORT ", b"EPRT "];

/// The last such lines.
#[derive(Debug, Default)]
pub(super) struct Named {
    lines: VecDeque<(Party, u32, Vec<u8>)>,
}

impl Named {
    /// What a segment says in place of what it said when it first went by. Keeps what names a listener.
    pub(super) fn otherwise(&mut self, from: Party, segment: &Segment<'_>) -> Option<Text> {
        let payload = segment.payload;
        let is_whole = payload.len() <= LONGEST
            && usize::try_from(segment.length) == Ok(payload.len())
            && payload.ends_with(b"\n");
        let names = |name: &[u8]| {
            payload.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        let name = NAMES.iter().find(|name| names(name)).filter(|_| is_whole)?;
        let is_it = |(of, seq, line): &&(Party, u32, Vec<u8>)| {
            *of == from && *seq == segment.seq && line.starts_with(name)
        };
        match self.lines.iter().find(is_it) {
            Some((.., line)) if line == payload => None,
            Some(_) => Some(Text::from(payload.trim_ascii_end())),
            None => {
                if self.lines.len() >= KEPT {
                    self.lines.pop_front();
                }
                self.lines.push_back((from, segment.seq, payload.to_vec()));
                None
            }
        }
    }
}
