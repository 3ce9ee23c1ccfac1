//! The ledger: which bytes of a file are there, who fetches which, and which pieces are known to fit together.
//!
//! ```text
//!   0        start     at            end = start of the next            size
//!   |··········|########|--------------|################|-----------------|
//!                 there     lacking
//! ```
//!
//! The pieces cover the file. Whoever fetches one goes on a little behind its end, and keeps what comes there: that is
//! the seam, and must be what the next piece begins with. Where it is, the two become one piece; so the file is whole
//! when one piece is left that lacks nothing. A server that begins elsewhere than it was told, and a file that is changed
//! in between, are found out there. Who has nothing left to do takes half of what another one lacks.
//!
//! No file and no session is known here, and time is an argument.

use std::time::{Duration, Instant};

/// How many bytes of two pieces are compared.
pub(super) const SEAM: u64 = 64 * 1024;
/// Below this a piece of its own brings less than it costs.
pub(super) const SMALLEST: u64 = 4 << 20;
/// What is left of a piece that is slow is cut as small as this. No write may be larger.
const SHORTEST: u64 = 512 * 1024;
/// How long a piece is watched before it is held to be slow, and how long it must still take for its half to be worth
/// a transfer of its own.
const WATCHED: Duration = Duration::from_secs(1);

/// Some bytes that are there: the first, and one behind the last.
pub(in crate::files) type Span = (u64, u64);

/// The bytes of a file.
#[derive(Debug)]
pub(super) struct Ledger {
    size: u64,
    /// In their order, each up to where the next begins.
    pieces: Vec<Piece>,
    /// How many bytes each lane has brought.
    brought: Vec<u64>,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    /// Up to where its bytes are there.
    at: u64,
    end: u64,
    /// What came behind its end.
    seam: Vec<u8>,
    /// Who fetches it.
    busy: Option<Busy>,
}

#[derive(Clone, Copy, Debug)]
struct Busy {
    lane: usize,
    since: Instant,
    /// Where it began.
    from: u64,
}

/// What is to be fetched of a piece, as it was when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// How many of the last bytes that are there must come again.
    pub(super) known: u64,
    /// Where the new bytes begin.
    pub(super) at: u64,
    /// Where they end, the seam included.
    pub(super) until: u64,
}

/// Where the next bytes of a piece belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the file, at this place, so many at most.
    File { at: u64, room: u64 },
    /// To the seam, so many at most.
    Seam { room: u64 },
    /// Nowhere: the piece is complete.
    Beyond,
}

impl Ledger {
    /// A file of so many bytes of which these are there, to be fetched by so many at a time.
    pub(super) fn new(size: u64, there: &[Span], lanes: usize) -> Self {
        let mut spans = there.to_vec();
        if spans.first().is_none_or(|first| first.0 > 0) {
            spans.insert(0, (0, 0));
        }
        let ends = spans.iter().skip(1).map(|span| span.0).chain([size]);
        let piece = |(&(start, at), end)| Piece { start, at, end, seam: Vec::new(), busy: None };
        let pieces = spans.iter().zip(ends).map(piece).collect();
        let mut ledger = Self { size, pieces, brought: vec![0; lanes] };
        // Whether the end of the file was proven the last time is not known.
        if let Some(last) = ledger.pieces.last_mut().filter(|last| last.at == size) {
            last.go_back();
        }
        ledger.cut(lanes as u64);
        ledger
    }

    /// Cuts what is lacking into as many pieces, of about the same length.
    fn cut(&mut self, lanes: u64) {
        let lacking = self.size - self.there();
        let share = lacking.div_ceil(lanes.max(1)).max(SMALLEST);
        let pieces = std::mem::take(&mut self.pieces);
        for mut piece in pieces {
            let lacking = piece.end - piece.at;
            let parts = ((lacking + share / 2) / share).min(lacking / SMALLEST).max(1);
            let part = lacking.div_ceil(parts);
            while piece.end - piece.at > part {
                let rest = piece.split_at(piece.at + part);
                self.pieces.push(std::mem::replace(&mut piece, rest));
            }
            self.pieces.push(piece);
        }
    }

    /// How many bytes the file has.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes are there.
    pub(super) fn there(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.at - piece.start).sum()
    }

    /// What is there, as [`new`](Self::new) takes it. Where two touch, it is not known yet whether they fit together.
    pub(super) fn spans(&self) -> Vec<Span> {
        let spans = self.pieces.iter().map(|piece| (piece.start, piece.at));
        spans.filter(|(start, at)| at > start).collect()
    }

    /// Whether nothing is lacking, all of it fits together, and nobody is at it any more.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.pieces.as_slice(), [piece] if piece.at == self.size && piece.busy.is_none())
    }

    /// Whether somebody fetches a piece.
    pub(super) fn is_busy(&self) -> bool {
        self.pieces.iter().any(|piece| piece.busy.is_some())
    }

    /// Gives a lane something to do: what nobody does, else half of what another one will be longest at.
    pub(super) fn take(&mut self, lane: usize, now: Instant) -> Option<Job> {
        let idle =
            (0..self.pieces.len()).find(|i| self.pieces[*i].busy.is_none() && !self.is_done(*i));
        let index = idle.or_else(|| {
            let slow = |i: &usize| self.pieces[*i].patience(now);
            let index = (0..self.pieces.len()).filter(|i| slow(i).is_some()).max_by_key(slow)?;
            let piece = &mut self.pieces[index];
            let rest = piece.split_at(piece.at + (piece.end - piece.at) / 2);
            self.pieces.insert(index + 1, rest);
            Some(index + 1)
        })?;
        let until = self.pieces[index].end + self.seam_behind(index);
        let piece = &mut self.pieces[index];
        piece.seam.clear();
        piece.busy = Some(Busy { lane, since: now, from: piece.at });
        Some(Job { known: (piece.at - piece.start).min(SEAM), at: piece.at, until })
    }

    /// Where the next bytes of a lane belong.
    pub(super) fn place(&self, lane: usize) -> Place {
        let Some(index) = self.find(lane) else { return Place::Beyond };
        let piece = &self.pieces[index];
        if piece.at < piece.end {
            return Place::File { at: piece.at, room: piece.end - piece.at };
        }
        match self.seam_behind(index).saturating_sub(piece.seam.len() as u64) {
            0 => Place::Beyond,
            room => Place::Seam { room },
        }
    }

    /// So many bytes of a lane are in the file.
    pub(super) fn came(&mut self, lane: usize, count: u64) {
        if let Some(index) = self.find(lane) {
            let piece = &mut self.pieces[index];
            piece.at = piece.end.min(piece.at + count);
        }
        if let Some(brought) = self.brought.get_mut(lane) {
            *brought += count;
        }
    }

    /// How many bytes a lane has brought into the file.
    pub(super) fn brought(&self, lane: usize) -> u64 {
        self.brought.get(lane).copied().unwrap_or(0)
    }

    /// These bytes of a lane came behind the end of its piece.
    pub(super) fn came_behind(&mut self, lane: usize, bytes: &[u8]) {
        if let Some(index) = self.find(lane) {
            self.pieces[index].seam.extend_from_slice(bytes);
        }
    }

    /// A lane has ended with its piece, in order or not. What was not ended in order lacks its end.
    pub(super) fn leave(&mut self, lane: usize, in_order: bool) {
        let Some(index) = self.find(lane) else { return };
        self.pieces[index].busy = None;
        if !in_order && self.is_done(index) {
            self.pieces[index].go_back();
        }
    }

    /// A seam that can be compared: where it is, and what must be there.
    pub(super) fn seam(&self) -> Option<(u64, &[u8])> {
        self.ripe().map(|index| (self.pieces[index].end, self.pieces[index].seam.as_slice()))
    }

    /// The bytes at this seam are right: its two pieces become one.
    pub(super) fn join(&mut self) {
        if let Some(index) = self.ripe() {
            let first = self.pieces.remove(index);
            self.pieces[index].start = first.start;
        }
    }

    /// A piece that is done and whose seam is there on the other side as well.
    fn ripe(&self) -> Option<usize> {
        (0..self.pieces.len().saturating_sub(1)).find(|index| {
            let (piece, next) = (&self.pieces[*index], &self.pieces[index + 1]);
            piece.busy.is_none()
                && self.is_done(*index)
                && next.at - next.start >= piece.seam.len() as u64
        })
    }

    /// Whether a piece lacks nothing, its seam included.
    fn is_done(&self, index: usize) -> bool {
        let piece = &self.pieces[index];
        piece.at == piece.end && piece.seam.len() as u64 >= self.seam_behind(index)
    }

    /// How many bytes behind a piece are compared.
    fn seam_behind(&self, index: usize) -> u64 {
        self.pieces.get(index + 1).map_or(0, |next| (next.end - next.start).min(SEAM))
    }

    fn find(&self, lane: usize) -> Option<usize> {
        self.pieces.iter().position(|piece| piece.busy.is_some_and(|busy| busy.lane == lane))
    }
}

impl Piece {
    /// Its end must come again.
    fn go_back(&mut self) {
        self.at -= SEAM.min(self.at - self.start);
        self.seam.clear();
    }

    /// Ends here, and gives the rest.
    fn split_at(&mut self, end: u64) -> Self {
        let rest = Self { start: end, at: end, end: self.end, seam: Vec::new(), busy: None };
        self.end = end;
        rest
    }

    /// How long it will still take, and how many bytes that is; `None` where half of it is not worth taking.
    fn patience(&self, now: Instant) -> Option<(Duration, u64)> {
        let busy = self.busy?;
        let (rest, came) = (self.end - self.at, self.at - busy.from);
        let watched = now.saturating_duration_since(busy.since);
        if watched < WATCHED {
            return (rest >= 2 * SMALLEST).then_some((Duration::ZERO, rest));
        }
        let nanos = watched.as_nanos().saturating_mul(rest.into()) / u128::from(came.max(1));
        let left = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        (rest >= 2 * SHORTEST && left >= WATCHED).then_some((left, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn there(spans: &[Span], size: u64) -> Ledger {
        Ledger::new(size, spans, 1)
    }

    fn ends(ledger: &Ledger) -> Vec<u64> {
        ledger.pieces.iter().map(|piece| piece.end).collect()
    }

    #[test]
    fn what_is_lacking_is_cut_into_pieces_of_about_the_same_length_but_not_too_small_ones() {
        assert_eq!(ends(&Ledger::new(40 * MB, &[], 4)), [10 * MB, 20 * MB, 30 * MB, 40 * MB]);
        assert_eq!(ends(&Ledger::new(10 * MB, &[], 4)), [5 * MB, 10 * MB]);
        assert_eq!(ends(&Ledger::new(MB, &[], 4)), [MB]);
        assert_eq!(ends(&Ledger::new(0, &[], 4)), [0]);
        let partly = Ledger::new(40 * MB, &[(0, 20 * MB), (30 * MB, 31 * MB)], 4);
        assert_eq!(ends(&partly), [25 * MB, 30 * MB, 36 * MB - MB / 2, 40 * MB]);
        assert_eq!(partly.there(), 21 * MB);
    }

    #[test]
    fn pieces_cover_the_file_whatever_is_there_and_are_told_as_they_were() {
        for spans in [&[][..], &[(0, 5)], &[(5, 9)], &[(0, 5), (5, 9)], &[(2, 3), (7, 99)]] {
            let ledger = there(spans, 100);
            assert_eq!(ledger.spans(), spans);
            assert_eq!(ledger.pieces[0].start, 0);
            assert_eq!(ledger.pieces.last().unwrap().end, 100);
            assert!(ledger.pieces.windows(2).all(|two| two[0].end == two[1].start), "{ledger:?}");
        }
        assert_eq!(there(&[(0, 50), (50, 100)], 100).spans(), [(0, 50)], "its end must come again");
    }

    #[test]
    fn a_file_is_whole_when_all_its_seams_are_compared() {
        let mut ledger = Ledger::new(8 * MB, &[], 2);
        let now = Instant::now();
        let first = Job { known: 0, at: 0, until: 4 * MB + SEAM };
        assert_eq!(ledger.take(0, now), Some(first));
        assert_eq!(ledger.take(1, now), Some(Job { known: 0, at: 4 * MB, until: 8 * MB }));
        ledger.came(0, 4 * MB);
        assert_eq!(ledger.place(0), Place::Seam { room: SEAM });
        assert_eq!(ledger.seam(), None);
        let seam = vec![7; usize::try_from(SEAM).unwrap()];
        ledger.came_behind(0, &seam);
        assert_eq!(ledger.place(0), Place::Beyond);
        ledger.leave(0, true);
        assert_eq!(ledger.seam(), None, "the other side is not there yet");
        ledger.came(1, 2 * MB);
        assert_eq!(ledger.seam(), Some((4 * MB, seam.as_slice())));
        ledger.join();
        assert_eq!((ledger.spans(), ledger.is_whole()), (vec![(0, 6 * MB)], false));
        ledger.came(1, 2 * MB);
        assert!(!ledger.is_whole(), "the end is still to be proven");
        ledger.leave(1, false);
        let job = Job { known: SEAM, at: 8 * MB - SEAM, until: 8 * MB };
        assert_eq!(ledger.take(1, now), Some(job), "it is not proven to be the end");
        ledger.came(1, SEAM);
        ledger.leave(1, true);
        assert!(ledger.is_whole());
    }

    #[test]
    fn a_piece_that_broke_off_is_gone_on_with_behind_what_must_come_again() {
        let mut ledger = Ledger::new(8 * MB, &[], 2);
        let now = Instant::now();
        ledger.take(0, now);
        ledger.came(0, MB);
        ledger.leave(0, false);
        let job = Job { known: SEAM, at: MB, until: 4 * MB + SEAM };
        assert_eq!(ledger.take(0, now), Some(job));
        ledger.came(0, 3 * MB);
        ledger.came_behind(0, b"only some");
        ledger.leave(0, false);
        // Its seam is lacking.
        let job = Job { known: SEAM, at: 4 * MB, until: 4 * MB + SEAM };
        assert_eq!(ledger.take(0, now), Some(job));
    }

    #[test]
    fn who_has_nothing_to_do_takes_half_of_what_will_take_longest_if_that_is_worth_it() {
        let mut ledger = Ledger::new(32 * MB, &[], 2);
        let begun = Instant::now();
        ledger.take(0, begun);
        ledger.take(1, begun);
        ledger.came(0, 15 * MB);
        ledger.came(1, 12 * MB);
        assert_eq!(ledger.take(2, begun), None, "nobody is slow yet, and little is left");
        let later = begun + Duration::from_secs(5);
        let job = Job { known: 0, at: 30 * MB, until: 32 * MB };
        assert_eq!(ledger.take(2, later), Some(job));
        assert_eq!(ledger.place(1), Place::File { at: 28 * MB, room: 2 * MB });
        ledger.came(1, 2 * MB);
        assert_eq!(ledger.place(1), Place::Seam { room: SEAM });
        assert_eq!(ledger.take(3, begun + Duration::from_secs(5)), None, "it would be done sooner");
    }
}
