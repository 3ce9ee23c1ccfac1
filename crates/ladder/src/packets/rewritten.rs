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

/// A line that went by with other words before.
pub(super) struct Otherwise<'a> {
    /// It, without its end.
    pub(super) line: Text,
    /// What follows it in its segment, under the numbers that it had behind the line that went by first.
    pub(super) rest: Segment<'a>,
}

impl Named {
    /// The line that a segment begins with, where it was another when it first went by. Keeps what names a listener.
    ///
    /// Only whole lines are compared: what a segment holds behind them may differ as a stack sends again what it likes.
    pub(super) fn otherwise<'a>(
        &mut self,
        from: Party,
        segment: &Segment<'a>,
    ) -> Option<Otherwise<'a>> {
        let end = memchr::memchr(b'\n', segment.payload).filter(|end| *end < LONGEST)?;
        let (line, rest) = segment.payload.split_at(end + 1);
        let name = NAMES.iter().find(|name| begins(line, name))?;
        let is_it = |(of, seq, known): &&(Party, u32, Vec<u8>)| {
            *of == from && *seq == segment.seq && begins(known, name)
        };
        let Some((.., known)) = self.lines.iter().find(is_it) else {
            if self.lines.len() >= KEPT {
                self.lines.pop_front();
            }
            self.lines.push_back((from, segment.seq, line.to_vec()));
            return None;
        };
        let [now, before] = [line, known].map(|line| u32::try_from(line.len()).unwrap_or(u32::MAX));
        let (seq, length) = (segment.seq.wrapping_add(before), segment.length.saturating_sub(now));
        let rest = Segment { seq, length, payload: rest, ..*segment };
        (known != line).then(|| Otherwise { line: Text::from(line.trim_ascii_end()), rest })
    }
}

fn begins(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
}
