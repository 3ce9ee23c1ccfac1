//! One direction of a TCP connection: which bytes of a segment are new, and which are in order now
//! (RFC 9293 section 3.4).
//!
//! Sequence numbers wrap, so they are only ever compared by their distance. A segment ahead of its turn is
//! held until the gap before it is filled, or until the other side acknowledges what is behind the gap: then
//! the bytes arrived and the capture missed them. What bytes mean, this file does not know. What is held is
//! bounded.

use crate::packet::{AHEAD, Segment, distance};
use std::borrow::Cow;

/// Pieces held at most before the oldest gap is given up.
const MAX_PIECES: usize = 32;
/// Bytes held at most.
const MAX_BYTES: usize = 256 * 1024;
/// The largest window (RFC 7323 section 2.3): nothing acknowledges what is further back.
const WINDOW: i32 = 1 << 30;

/// One direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    /// Whether what was sent is wanted, or only how much.
    keeps: bool,
    /// The number of its SYN, where that was seen.
    syn: Option<u32>,
    /// The next byte in order.
    next: Option<u32>,
    /// Up to where the other side has it.
    acked: Option<u32>,
    /// The number of its FIN, where that was seen.
    fin: Option<u32>,
    /// Pieces ahead of their turn, the nearest first.
    held: Vec<Piece>,
    /// The next run does not follow on what went before.
    torn: bool,
    missing: u64,
}

#[derive(Clone, Debug)]
struct Piece {
    seq: u32,
    length: u32,
    /// As far as captured and kept.
    bytes: Vec<u8>,
}

/// Bytes in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    /// Bytes between the run before and this one were not captured.
    pub(crate) torn: bool,
    /// The bytes, where they are kept.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// The capture has not kept the rest of their segment.
    pub(crate) cut: bool,
}

/// Bytes that the capture misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The number of the first byte behind it.
    pub(super) until: u32,
    /// How many bytes.
    pub(super) bytes: u64,
}

/// What is new in a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fresh<'a> {
    /// A SYN not seen before.
    pub(super) syn: bool,
    /// A FIN not seen before.
    pub(super) fin: bool,
    /// Nothing but the last byte, which the other side has: a keep-alive (RFC 9293 section 3.8.4).
    pub(super) is_probe: bool,
    /// How many bytes not seen before.
    pub(super) bytes: u32,
    /// From where on the payload goes on just where the bytes before it ended; none where it does not.
    pub(super) straight: Option<usize>,
    /// What came into order.
    pub(super) ready: Vec<Run<'a>>,
    /// Where it begins, where bytes before it have not come: they may come late, or never.
    pub(super) ahead: Option<u32>,
    /// The gaps that will not be filled any more.
    pub(super) gaps: Vec<Gap>,
}

impl Half {
    /// A half whose bytes are wanted.
    pub(super) fn of_bytes() -> Self {
        Self { keeps: true, ..Self::default() }
    }

    /// Whether what was sent is wanted.
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// The next segment of this half.
    pub(super) fn take<'a>(&mut self, segment: &Segment<'a>) -> Fresh<'a> {
        let flags = segment.flags;
        let mut fresh = Fresh::default();
        if flags.syn && self.syn != Some(segment.seq) {
            fresh.syn = true;
            let (syn, next) = (Some(segment.seq), Some(segment.seq.wrapping_add(1)));
            let acked = self.acked;
            *self = Self { keeps: self.keeps, syn, next, ..Self::default() };
            // What was acknowledged before may be of an older connection between the same ends.
            self.acked = acked.filter(|ack| self.is_plausible(*ack));
        }
        let start = segment.seq.wrapping_add(u32::from(flags.syn));
        let next = match self.next {
            Some(next) => next,
            None => {
                self.torn = true;
                *self.next.insert(start)
            }
        };
        let old = u32::try_from(distance(start, next)).map_or(0, |old| old.min(segment.length));
        let is_last = segment.length == 1 && start.wrapping_add(1) == next;
        // Of what the other side has not acknowledged it is the segment itself, sent again.
        fresh.is_probe = is_last && self.has(start) && !flags.syn && !flags.fin;
        let bytes = usize::try_from(old).ok().and_then(|old| segment.payload.get(old..));
        fresh.straight = usize::try_from(old).ok().filter(|_| {
            old < segment.length && self.held.is_empty() && start.wrapping_add(old) == next
        });
        if fresh.straight.is_some() {
            // As nearly always: nothing is held, and this comes just behind what was last.
            fresh.bytes = segment.length - old;
            let run =
                self.in_order(start.wrapping_add(old), fresh.bytes, bytes.unwrap_or_default());
            fresh.ready.extend(run);
        } else {
            let frontier = self.held.last().map_or(next, Piece::end);
            fresh.ahead = (distance(frontier, start) > 0).then_some(start);
        }
        if fresh.straight.is_none() && (old < segment.length || !self.held.is_empty()) {
            let piece = Piece {
                seq: start.wrapping_add(old),
                length: segment.length - old,
                bytes: bytes.filter(|_| self.keeps).unwrap_or_default().to_vec(),
            };
            fresh.bytes = self.hold(next, piece);
            (fresh.ready, fresh.gaps) = self.release(next);
        }
        let end = start.wrapping_add(segment.length);
        fresh.fin = flags.fin && self.fin.replace(end) != Some(end);
        fresh.gaps.extend(self.lost_before_fin());
        fresh
    }

    /// Takes bytes that come just behind the last, and gives them where they are wanted.
    fn in_order<'a>(&mut self, seq: u32, length: u32, bytes: &'a [u8]) -> Option<Run<'a>> {
        self.next = Some(seq.wrapping_add(length));
        let torn = std::mem::take(&mut self.torn);
        if !self.keeps {
            return None;
        }
        let cut = u64::from(length).saturating_sub(bytes.len() as u64);
        self.torn = cut > 0;
        self.missing = self.missing.saturating_add(cut);
        Some(Run { torn, bytes: bytes.into(), cut: cut > 0 })
    }

    /// The other side has everything before `ack`, where that can be; gives the gaps that will not be filled for that.
    pub(super) fn acknowledged(&mut self, ack: u32) -> Vec<Gap> {
        if self.acked.is_none_or(|acked| distance(acked, ack) > 0) && self.is_plausible(ack) {
            self.acked = Some(ack);
        }
        // Where bytes are wanted they go with the next segment of their own side.
        let Some(next) = self.next.filter(|_| !self.keeps || self.held.is_empty()) else {
            return Vec::new();
        };
        let (_, mut gaps) = self.release(next);
        gaps.extend(self.lost_before_fin());
        gaps
    }

    /// Whether the other side can have everything before `ack`: of this connection, and not much more than was seen of it.
    fn is_plausible(&self, ack: u32) -> bool {
        let Some(next) = self.next else { return true };
        let seen = self.held.last().map_or(next, Piece::end);
        let is_near = |from: u32| (-WINDOW..=AHEAD).contains(&distance(from, ack));
        is_near(seen) || self.acked.is_some_and(is_near)
    }

    /// Whether the other side has the byte of this number.
    pub(super) fn has(&self, seq: u32) -> bool {
        self.acked.is_some_and(|acked| distance(seq, acked) > 0)
    }

    /// How many bytes are held.
    pub(super) fn buffered(&self) -> usize {
        self.held.iter().map(|piece| piece.bytes.len()).sum()
    }

    /// What the other side has and will not be seen any more, because it has come to its own end.
    pub(super) fn lost_at_end(&mut self) -> Option<Gap> {
        let (acked, next) = (self.acked?, self.next?);
        let ahead = distance(next, acked).saturating_sub(i32::from(self.is_closed()));
        let bytes = u64::try_from(ahead).ok().filter(|bytes| *bytes > 0)?;
        if !self.held.is_empty() {
            return None;
        }
        self.missing = self.missing.saturating_add(bytes);
        self.torn = true;
        self.next = Some(acked);
        Some(Gap { until: acked, bytes })
    }

    /// What is missing just before the end, which the other side has.
    fn lost_before_fin(&mut self) -> Option<Gap> {
        let (fin, acked, next) = (self.fin?, self.acked?, self.next?);
        let bytes = u64::try_from(distance(next, fin)).ok().filter(|bytes| *bytes > 0)?;
        if !self.held.is_empty() || distance(fin, acked) < 0 {
            return None;
        }
        self.missing = self.missing.saturating_add(bytes);
        self.next = Some(fin);
        Some(Gap { until: fin, bytes })
    }

    /// The number of its SYN, where that was seen.
    pub(super) fn syn(&self) -> Option<u32> {
        self.syn
    }

    /// Whether it has ended.
    pub(super) fn is_ended(&self) -> bool {
        self.fin.is_some()
    }

    /// Whether it has ended and the other side knows.
    pub(super) fn is_closed(&self) -> bool {
        self.fin.zip(self.acked).is_some_and(|(fin, acked)| distance(fin, acked) > 0)
    }

    /// How many bytes were sent, as far as the numbers tell, that the capture does not hold.
    pub(super) fn missing(&self) -> u64 {
        let Some(mut at) = self.next else { return self.missing };
        let mut missing = self.missing;
        let mut count = |from, to| {
            let bytes = u64::try_from(distance(from, to)).unwrap_or(0);
            missing = missing.saturating_add(bytes);
        };
        for piece in &self.held {
            // What comes out of order may still be filled, until the end.
            if self.is_ended() || self.acked.is_some_and(|acked| distance(piece.seq, acked) >= 0) {
                count(at, piece.seq);
            }
            at = piece.end();
        }
        match (self.fin, self.acked) {
            (Some(fin), _) => count(at, fin),
            (None, Some(acked)) => count(at, acked),
            (None, None) => {}
        }
        missing
    }

    /// Holds what of a piece is not held already, and says how many bytes that is.
    fn hold(&mut self, next: u32, mut piece: Piece) -> u32 {
        let mut new = Vec::new();
        for held in &self.held {
            let before = distance(piece.seq, held.seq);
            new.push(piece.split_to(u32::try_from(before).unwrap_or(0)));
            let common = distance(piece.seq, held.seq.wrapping_add(held.length));
            piece.split_to(u32::try_from(common).unwrap_or(0));
        }
        new.push(piece);
        new.retain(|piece| piece.length > 0);
        let bytes = new.iter().fold(0u32, |sum, piece| sum.saturating_add(piece.length));
        self.held.append(&mut new);
        self.held.sort_by_key(|piece| distance(next, piece.seq));
        bytes
    }

    /// Gives what is in order from `next` on, and the gaps in it.
    fn release(&mut self, mut next: u32) -> (Vec<Run<'static>>, Vec<Gap>) {
        let (mut ready, mut gaps): (Vec<Run<'static>>, Vec<Gap>) = (Vec::new(), Vec::new());
        while let Some(piece) = self.held.first() {
            let gap = distance(next, piece.seq);
            if let Ok(gap @ 1..) = u64::try_from(gap) {
                if !self.is_lost_before(piece.seq) {
                    break;
                }
                self.torn = true;
                self.missing = self.missing.saturating_add(gap);
                next = piece.seq;
                gaps.push(Gap { until: piece.seq, bytes: gap });
            }
            let piece = self.held.remove(0);
            let old = next.wrapping_sub(piece.seq);
            if old >= piece.length {
                continue;
            }
            next = piece.seq.wrapping_add(piece.length);
            let old = usize::try_from(old).unwrap_or(usize::MAX);
            let bytes = piece.bytes.get(old..).unwrap_or_default().to_vec().into();
            let cut = u64::from(piece.length).saturating_sub(piece.bytes.len() as u64);
            let is_cut = self.keeps && cut > 0;
            ready.push(Run { torn: std::mem::take(&mut self.torn), bytes, cut: is_cut });
            if is_cut {
                self.torn = true;
                self.missing = self.missing.saturating_add(cut);
            }
        }
        self.next = Some(next);
        (ready, gaps)
    }

    /// Whether the gap before `seq` will not be filled any more.
    fn is_lost_before(&self, seq: u32) -> bool {
        self.acked.is_some_and(|acked| distance(seq, acked) >= 0)
            || self.held.len() > MAX_PIECES
            || self.buffered() > MAX_BYTES
    }
}

impl Piece {
    /// The number behind its last byte.
    fn end(&self) -> u32 {
        self.seq.wrapping_add(self.length)
    }

    /// Splits the first `length` bytes off.
    fn split_to(&mut self, length: u32) -> Self {
        let length = length.min(self.length);
        let kept = usize::try_from(length).unwrap_or(usize::MAX).min(self.bytes.len());
        let rest = self.bytes.split_off(kept);
        let first = Self { seq: self.seq, length, bytes: std::mem::replace(&mut self.bytes, rest) };
        self.seq = self.seq.wrapping_add(length);
        self.length -= length;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Flags, Header};
    use proptest::prelude::*;
    use wharf_proto::Moment;

    const ISN: u32 = u32::MAX - 3;

    fn segment(seq: u32, flags: Flags, payload: &[u8]) -> Segment<'_> {
        let (from, to) = ("[::1]:1".parse().unwrap(), "[::1]:2".parse().unwrap());
        let length = u32::try_from(payload.len()).unwrap();
        Segment {
            at: Moment::START,
            from,
            to,
            seq,
            ack: 0,
            flags,
            length,
            payload,
            header: Header::default(),
        }
    }

    fn opened() -> Half {
        let mut half = Half::of_bytes();
        let syn = Flags { syn: true, ..Flags::default() };
        assert!(half.take(&segment(ISN, syn, b"")).syn);
        half
    }

    /// Takes bytes that lie `at` bytes behind the SYN.
    fn take<'a>(half: &mut Half, at: u32, bytes: &'a [u8]) -> Fresh<'a> {
        half.take(&segment(ISN.wrapping_add(1 + at), Flags::default(), bytes))
    }

    fn bytes(fresh: &Fresh<'_>) -> Vec<u8> {
        fresh.ready.iter().flat_map(|run| run.bytes.to_vec()).collect()
    }

    #[test]
    fn bytes_in_order_come_through_where_the_numbers_wrap() {
        let mut half = opened();
        let fresh = take(&mut half, 0, b"NOOP\r\n");
        assert_eq!((fresh.bytes, bytes(&fresh)), (6, b"NOOP\r\n".to_vec()));
        assert_eq!(bytes(&take(&mut half, 6, b"QUIT\r\n")), b"QUIT\r\n");
        assert_eq!(half.missing(), 0);
    }

    #[test]
    fn what_is_sent_again_is_not_new_and_only_the_new_part_of_an_overlap_is() {
        let mut half = opened();
        take(&mut half, 0, b"NOOP");
        assert_eq!(take(&mut half, 0, b"NOOP"), Fresh::default());
        let fresh = take(&mut half, 2, b"OP\r\n");
        assert_eq!((fresh.bytes, bytes(&fresh)), (2, b"\r\n".to_vec()));
    }

    #[test]
    fn a_piece_ahead_of_its_turn_waits_for_the_gap_to_be_filled() {
        let mut half = opened();
        let ahead = take(&mut half, 3, b"def");
        assert_eq!((ahead.bytes, ahead.ready, ahead.gaps), (3, vec![], vec![]));
        assert_eq!(ahead.ahead, Some(ISN.wrapping_add(1 + 3)));
        assert_eq!(take(&mut half, 3, b"def").bytes, 0, "held already");
        let fresh = take(&mut half, 0, b"abc");
        assert_eq!((fresh.bytes, bytes(&fresh)), (3, b"abcdef".to_vec()));
        assert!(fresh.ready.iter().all(|run| !run.torn));
    }

    #[test]
    fn a_gap_that_was_acknowledged_is_missing_and_tears_the_run_behind_it() {
        let mut half = opened();
        take(&mut half, 0, b"abc");
        half.acknowledged(ISN.wrapping_add(1 + 9));
        assert_eq!(half.missing(), 6);
        let fresh = take(&mut half, 9, b"jkl");
        assert_eq!(fresh.ready, [Run { torn: true, bytes: b"jkl".into(), cut: false }]);
        assert_eq!(fresh.gaps, [Gap { until: ISN.wrapping_add(1 + 9), bytes: 6 }]);
        assert_eq!(half.missing(), 6);
    }

    #[test]
    fn what_is_missing_before_the_last_segment_and_before_the_end_is_counted() {
        let mut half = Half::default();
        let at = |at: u32| ISN.wrapping_add(1 + at);
        half.take(&segment(ISN, Flags { syn: true, ..Flags::default() }, b""));
        take(&mut half, 0, b"abc");
        assert_eq!(take(&mut half, 9, b"jkl").gaps, []);
        assert_eq!(half.missing(), 0, "it may be late");
        assert_eq!(half.acknowledged(at(12)), [Gap { until: at(9), bytes: 6 }]);
        let fin = segment(at(20), Flags { fin: true, ..Flags::default() }, b"");
        assert_eq!(half.take(&fin).gaps, []);
        assert_eq!(half.missing(), 14, "the end says how many there were");
        assert_eq!(half.acknowledged(at(21)), [Gap { until: at(20), bytes: 8 }]);
        assert_eq!(half.missing(), 14);
        assert!(half.is_closed());
    }

    #[test]
    fn a_cut_segment_tears_the_run_behind_it() {
        let mut half = opened();
        let cut = Segment { length: 9, ..segment(ISN.wrapping_add(1), Flags::default(), b"abc") };
        assert_eq!(half.take(&cut).ready, [Run { torn: false, bytes: b"abc".into(), cut: true }]);
        assert!(take(&mut half, 9, b"jkl").ready[0].torn);
        assert_eq!(half.missing(), 6);
    }

    #[test]
    fn a_half_is_closed_when_its_fin_is_acknowledged() {
        let mut half = opened();
        let fin = segment(ISN.wrapping_add(1), Flags { fin: true, ..Flags::default() }, b"bye");
        assert!(half.take(&fin).fin);
        assert!(!half.take(&fin).fin, "again");
        assert!(half.is_ended() && !half.is_closed());
        half.acknowledged(ISN.wrapping_add(1 + 3 + 1));
        assert!(half.is_closed());
        assert_eq!(half.missing(), 0);
    }

    #[test]
    fn a_half_seen_from_its_middle_begins_torn() {
        let fresh = take(&mut Half::of_bytes(), 100, b"OOP\r\n");
        assert_eq!(fresh.ready, [Run { torn: true, bytes: b"OOP\r\n".into(), cut: false }]);
    }

    #[test]
    fn what_was_acknowledged_before_the_syn_stays_where_it_is_of_this_connection() {
        let foreign = 1 << 29;
        for (ack, has) in [(1, true), (foreign, false)] {
            let mut half = Half::of_bytes();
            half.acknowledged(ISN.wrapping_add(ack));
            half.take(&segment(ISN, Flags { syn: true, ..Flags::default() }, b""));
            assert_eq!((half.has(ISN), half.missing()), (has, 0), "{ack}");
            take(&mut half, 0, b"abc");
            assert_eq!(half.missing(), 0);
        }
    }

    proptest! {
        /// Any order of any cut of a text, with repetitions, gives the text once.
        #[test]
        fn pieces_in_any_order_come_out_in_order(
            isn: u32,
            order in proptest::collection::vec((0usize..60, 1usize..20), 0..30),
        ) {
            let text: Vec<u8> = (0..60).collect();
            let mut half = Half::of_bytes();
            half.take(&segment(isn, Flags { syn: true, ..Flags::default() }, b""));
            let (mut out, mut count) = (Vec::new(), 0);
            for (at, length) in order.into_iter().chain([(0, 60)]) {
                let piece = &text[at..(at + length).min(60)];
                let seq = isn.wrapping_add(1 + u32::try_from(at).unwrap());
                let fresh = half.take(&segment(seq, Flags::default(), piece));
                count += fresh.bytes;
                out.extend(bytes(&fresh));
            }
            prop_assert_eq!(out, text);
            prop_assert!(count <= 60);
        }

        #[test]
        fn wild_numbers_neither_panic_nor_pile_up(
            segments in proptest::collection::vec((any::<u32>(), any::<u32>(), 0u32..9), 0..200),
        ) {
            let mut half = Half::default();
            for (seq, ack, length) in segments {
                half.take(&Segment { length, ..segment(seq, Flags::default(), b"") });
                half.acknowledged(ack);
                prop_assert!(half.held.len() <= MAX_PIECES);
                half.missing();
            }
        }
    }
}
