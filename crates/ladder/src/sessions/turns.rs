//! Segments whose turn has not come: the queues of a network card may put a segment into a capture before the one
//! that it answers.
//!
//! Nobody acknowledges what was not sent. A segment that acknowledges bytes the capture has not shown yet waits for
//! them, so does a FIN ahead of the bytes before it, and what its sender has sent after it waits behind it. It does not
//! wait long, in frames and in the time of the capture: then what it waits for was not captured. Bytes out of
//! order in one direction do not wait here: a sender that sends again is to be seen.

use super::kept::Kept;
use super::{Key, key, pair};
use crate::packet::{AHEAD, Segment, distance};
use foldhash::HashMap;
use std::collections::VecDeque;
use std::time::Duration;
use wharf_proto::Moment;

/// Segments that wait at most.
const MAX_HELD: usize = 64;
/// How long one waits, at most.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// Connections remembered at most.
const MAX_FLOWS: usize = 1 << 14;
/// Pieces ahead of their turn remembered at most, of each side.
const MAX_PIECES: usize = 32;

/// The segments that wait, and how far each connection has come.
#[derive(Debug, Default)]
pub(super) struct Turns {
    flows: HashMap<Key, Flow>,
    /// As captured.
    held: VecDeque<Kept>,
    /// When that was sent whose turn came last.
    passed: Moment,
}

/// How far the sides of a connection have come, the lesser end's first.
type Flow = [Half; 2];

#[derive(Debug, Default)]
struct Half {
    /// The number of its SYN, where that was captured.
    syn: Option<u32>,
    /// The next byte in order.
    next: Option<u32>,
    /// From where to where there are bytes ahead of their turn.
    ahead: Vec<(u32, u32)>,
}

impl Turns {
    /// Whether it is the turn of a segment that comes now; one whose turn it is not is held.
    pub(super) fn is_due(&mut self, segment: &Segment<'_>) -> bool {
        let waits = |held: &Kept| is_behind(segment, &held.segment());
        if !self.held.iter().any(waits) {
            match self.flows.get_mut(&key(segment)) {
                Some(flow) if !is_early(flow, segment) => {
                    self.passed = segment.at;
                    advance(flow, segment);
                    return true;
                }
                None if !is_orphan(segment) => {
                    self.pass(segment);
                    return true;
                }
                Some(_) | None => {}
            }
        }
        self.held.push_back(Kept::of(segment, usize::MAX));
        false
    }

    /// The next of those held whose turn has come, or that have waited long enough at this moment.
    pub(super) fn next(&mut self, now: Moment) -> Option<Kept> {
        let is_next = |at: &usize| {
            let Some(segment) = self.held.get(*at).map(Kept::segment) else { return false };
            let before = |held: &Kept| is_behind(&segment, &held.segment());
            let is_first = !self.held.iter().take(*at).any(before);
            is_first && !self.is_early(&segment)
        };
        let first = self.held.front().map(|first| first.segment().at);
        let is_late =
            self.held.len() > MAX_HELD || first.is_some_and(|first| now.since(first) > MAX_WAIT);
        if let Some(due) = (0..self.held.len()).find(is_next) {
            // Nothing was sent before what it answers, whatever its stamp says.
            let passed = self.passed;
            return self.release(due).map(|kept| kept.not_before(passed));
        }
        if is_late { self.release(0) } else { None }
    }

    /// The next of those held, whatever it waits for.
    pub(super) fn rest(&mut self) -> Option<Kept> {
        self.release(0)
    }

    /// The next of those held that may announce the connection which this SYN begins.
    pub(super) fn before(&mut self, syn: &Segment<'_>) -> Option<Kept> {
        let hosts = pair(syn.from, syn.to);
        let may = |held: &Kept| {
            let held = held.segment();
            pair(held.from, held.to) == hosts && key(&held) != key(syn)
        };
        self.release(self.held.iter().position(may)?)
    }

    fn release(&mut self, at: usize) -> Option<Kept> {
        let kept = self.held.remove(at)?;
        self.pass(&kept.segment());
        Some(kept)
    }

    /// Whether what a segment acknowledges, or what comes before its FIN, has not come.
    fn is_early(&self, segment: &Segment<'_>) -> bool {
        match self.flows.get(&key(segment)) {
            Some(flow) => is_early(flow, segment),
            None => is_orphan(segment),
        }
    }

    /// The connection has come as far as this segment.
    fn pass(&mut self, segment: &Segment<'_>) {
        let key = key(segment);
        self.passed = segment.at;
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(&key) {
            self.flows.clear();
        }
        advance(self.flows.entry(key).or_default(), segment);
    }
}

/// Whether a segment answers a SYN that was not captured yet, of a connection of which nothing was.
fn is_orphan(segment: &Segment<'_>) -> bool {
    segment.flags.syn && segment.flags.ack
}

/// Whether what a segment acknowledges, or what comes before its FIN, has not come.
fn is_early([a, b]: &Flow, segment: &Segment<'_>) -> bool {
    let flags = segment.flags;
    let (own, peer) = if sender(segment) == 0 { (a, b) } else { (b, a) };
    let is_ahead = |next: u32, to: u32| (1..AHEAD).contains(&distance(next, to));
    let answers = flags.ack
        && match peer.next {
            Some(next) => is_ahead(next, segment.ack),
            None => flags.syn || own.syn.is_some(),
        };
    let ends = flags.fin && own.next.is_some_and(|next| is_ahead(next, segment.seq));
    answers || ends
}

/// A connection comes as far as this segment.
fn advance([a, b]: &mut Flow, segment: &Segment<'_>) {
    let flags = segment.flags;
    let (own, peer) = if sender(segment) == 0 { (a, b) } else { (b, a) };
    if flags.syn && own.syn != Some(segment.seq) {
        *own = Half { syn: Some(segment.seq), ..Half::default() };
        if !flags.ack {
            *peer = Half::default();
        }
    }
    if flags.ack && !flags.rst && peer.may_come_to(segment.ack) {
        peer.come_to(segment.ack);
    }
    let start = segment.seq.wrapping_add(u32::from(flags.syn));
    let end = start.wrapping_add(segment.length).wrapping_add(u32::from(flags.fin));
    if flags.fin {
        own.come_to(start);
    }
    own.take(start, end);
}

impl Half {
    /// There are bytes from one number to another.
    fn take(&mut self, start: u32, end: u32) {
        let next = *self.next.get_or_insert(start);
        if distance(next, start) <= 0 {
            self.come_to(end);
        } else {
            self.ahead.push((start, end));
            if self.ahead.len() > MAX_PIECES {
                self.come_to(end);
            }
        }
    }

    /// Whether an acknowledgment of all before this number is of what was sent here.
    fn may_come_to(&self, ack: u32) -> bool {
        let seen = self.next.into_iter().chain(self.ahead.iter().map(|(_, end)| *end));
        self.next.is_none() || seen.into_iter().any(|seen| distance(seen, ack) < AHEAD)
    }

    /// Nothing before this number is waited for any more.
    fn come_to(&mut self, end: u32) {
        let mut next = self.next.unwrap_or(end);
        if distance(next, end) > 0 {
            next = end;
        }
        while let Some(at) = self.ahead.iter().position(|(start, _)| distance(next, *start) <= 0) {
            let (_, end) = self.ahead.swap_remove(at);
            if distance(next, end) > 0 {
                next = end;
            }
        }
        self.next = Some(next);
    }
}

/// Whether a segment was sent behind another by the same side of the same connection, as its number tells.
fn is_behind(segment: &Segment<'_>, other: &Segment<'_>) -> bool {
    (segment.from, segment.to) == (other.from, other.to) && distance(other.seq, segment.seq) >= 0
}

/// Which of the ends has sent it.
fn sender(segment: &Segment<'_>) -> usize {
    usize::from(segment.from > segment.to)
}
