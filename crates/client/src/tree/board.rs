//! The board: who does what of a tree. Sessions take work from it and give back what came of it; what failed for a
//! reason that passes is handed out again.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use wharf_proto::Text;

use super::work::{Agenda, Complaint, Found, Item, Next, Work};
use super::{Deed, Happened, Tally, UnderWay};
use crate::files::OLD_GONE;
use crate::{Amount, Error, Progress, Verdict};

/// How often a piece of work is tried, where that does not cost a session each time,
const TRIES: u8 = 4;
/// and where it does, at least and at most.
const SESSIONS: RangeInclusive<u32> = 2..=4;

/// The most bytes that a row of a listing has, as a rule.
const ROW: u64 = 100;

/// Shared by all sessions at work on one tree.
pub(crate) struct Board {
    state: Mutex<State>,
    /// Counts what might end somebody's wait.
    changed: watch::Sender<u64>,
    events: mpsc::UnboundedSender<Happened>,
    /// More sessions may be of use.
    more: Notify,
    counts: Counts,
    under_way: Mutex<Vec<UnderWay>>,
}

/// Where a file is noted that is under way, until this is dropped.
struct Place<'b> {
    board: &'b Board,
    path: Text,
}

impl Place<'_> {
    fn is(&self, at: u64, total: Option<u64>) {
        let mut places = self.board.places();
        places.retain(|file| file.path != self.path);
        places.push(UnderWay { path: self.path.clone(), at, total });
    }

    fn is_at(&self, at: u64) {
        let mut places = self.board.places();
        if let Some(file) = places.iter_mut().find(|file| file.path == self.path) {
            file.at = at;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.board.places().retain(|file| file.path != self.path);
    }
}

struct State {
    agenda: Box<dyn Agenda>,
    again: VecDeque<Work>,
    /// What a session has broken at: it is handed out when nothing else is there, so that it keeps nobody from the rest.
    suspects: VecDeque<Work>,
    /// How often work was tried in vain that does not count that itself, or broke a session.
    tried: HashMap<(Deed, Text), u8>,
    /// How many sessions a piece of work may cost.
    most: u8,
    /// What was answered last to whoever asked for work.
    latest: Latest,
    /// Why nothing more is handed out.
    stopped: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Latest {
    /// A piece of work, behind which there may be none.
    First,
    /// One piece behind another.
    Work,
    Heavy,
    Other,
    /// Nothing is left to hand out.
    Over,
}

#[derive(Default)]
struct Counts {
    done: AtomicU64,
    same: AtomicU64,
    failed: AtomicU64,
    deleted: AtomicU64,
    /// Bytes of the files that are done.
    bytes: AtomicU64,
    moved: AtomicU64,
    /// Listings that are here whole.
    listed: AtomicU64,
    /// Bytes of a listing that is not.
    foreseen: AtomicU64,
    /// Pieces that have cost as many sessions as they may.
    given_up: AtomicU64,
}

impl Board {
    /// A board for this agenda, and what happens. A piece of work may break a session, and then another one so many
    /// times, within reason.
    pub(crate) fn new(
        agenda: Box<dyn Agenda>,
        retries: u32,
    ) -> (Self, mpsc::UnboundedReceiver<Happened>) {
        let (events, happened) = mpsc::unbounded_channel();
        let most = retries.saturating_add(1).clamp(*SESSIONS.start(), *SESSIONS.end());
        let state = State {
            agenda,
            again: VecDeque::new(),
            suspects: VecDeque::new(),
            tried: HashMap::new(),
            most: u8::try_from(most).unwrap_or(TRIES),
            latest: Latest::Other,
            stopped: None,
        };
        let (changed, _) = watch::channel(0);
        let counts = Counts::default();
        let more = Notify::new();
        let under_way = Mutex::default();
        (Self { state: Mutex::new(state), changed, events, more, counts, under_way }, happened)
    }

    /// The next piece of work for somebody who takes `heavy` work, or does not.
    pub(crate) fn next(&self, heavy: bool) -> Next {
        let mut state = self.state();
        if state.stopped.is_some() {
            return Next::Over;
        }
        if let Some(work) = first(&mut state.again, heavy) {
            return Next::Work(work);
        }
        let next = match state.agenda.next(heavy) {
            Next::Work(work) => Next::Work(work),
            next => match first(&mut state.suspects, heavy) {
                Some(work) => Next::Work(work),
                // What others have under way may wait for what is left here.
                None if !(state.again.is_empty() && state.suspects.is_empty()) => Next::Heavy,
                None => next,
            },
        };
        let before = state.latest;
        state.latest = match &next {
            Next::Work(_) if matches!(before, Latest::First | Latest::Work) => Latest::Work,
            Next::Work(_) => Latest::First,
            Next::Heavy => Latest::Heavy,
            Next::Wait => Latest::Other,
            Next::Over => Latest::Over,
        };
        let is_new = state.latest != before;
        let ends = state.latest == Latest::Over && is_new;
        let (same, is_amid) = (state.agenda.same(), state.agenda.is_amid());
        let complaints = state.agenda.complaints();
        drop(state);
        if is_new {
            self.calls_for_more();
        }
        if ends || is_amid {
            self.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
        self.counts.same.fetch_add(same, Ordering::Relaxed);
        complaints.into_iter().for_each(|complaint| self.hear(complaint));
        next
    }

    fn hear(&self, complaint: Complaint) {
        let (is_fault, happened) = match complaint {
            Complaint::LeftOut { below: path, why, is_fault } => {
                (is_fault, Happened::LeftOut { path, why, is_fault })
            }
            Complaint::Failed { below: path, deed: kind, error } => {
                (true, Happened::Failed { path, kind, error })
            }
            Complaint::Same(path) => (false, Happened::Same { path }),
            Complaint::Done { below: path, deed: kind } => {
                if matches!(kind, Deed::Delete | Deed::Remove) {
                    self.counts.deleted.fetch_add(1, Ordering::Relaxed);
                }
                let (amount, verdict) = (Amount::default(), Verdict::Unproven);
                (false, Happened::Done { path, kind, amount, verdict })
            }
            Complaint::Note(note) => (false, Happened::Note(note.to_owned())),
        };
        if is_fault {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.tell(happened);
    }

    /// More sessions may be of use from now on.
    pub(crate) fn calls_for_more(&self) {
        self.more.notify_one();
    }

    /// Waits until more sessions may be of use.
    pub(crate) async fn called_for_more(&self) {
        self.more.notified().await;
    }

    /// Waits until all that there is to do is in somebody's hands, or done.
    pub(crate) async fn nothing_left(&self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if self.state().latest == Latest::Over {
                return;
            }
            // It never closes while the board is there.
            let _ = changes.changed().await;
        }
    }

    /// Tells the agenda whether the server can be told the times of files.
    pub(crate) fn learn_keeps_times(&self, keeps_times: bool) {
        self.state().agenda.learn_keeps_times(keeps_times);
    }

    /// Hears of changes from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether heavy work waits for somebody who takes it.
    pub(crate) fn has_heavy(&self) -> bool {
        self.state().latest == Latest::Heavy
    }

    /// Whether there was more than one thing to do when somebody last asked.
    pub(crate) fn has_work(&self) -> bool {
        self.state().latest == Latest::Work
    }

    /// Whether nothing is left to be handed out, so that who is free may help others.
    pub(crate) fn has_nothing_left(&self) -> bool {
        match self.next(true) {
            Next::Over => true,
            Next::Wait | Next::Heavy => false,
            Next::Work(work) => {
                self.return_unbegun(work);
                false
            }
        }
    }

    /// Hears of the bytes of a listing that come, before all of it is here.
    pub(crate) fn forewarned(&self) -> impl FnMut(Progress) {
        |progress| {
            if let Progress::At(bytes) = progress {
                self.counts.foreseen.fetch_max(bytes, Ordering::Relaxed);
                self.calls_for_more();
            }
        }
    }

    /// How many rows of a listing have come that is not whole yet, or more than that.
    pub(crate) fn rows_foreseen(&self) -> u64 {
        self.counts.foreseen.load(Ordering::Relaxed) / ROW
    }

    /// Takes what came of a piece of work that others wait for.
    pub(crate) fn found(&self, work: &Work, found: Found) {
        if matches!(work, Work::List(_)) {
            self.counts.foreseen.store(0, Ordering::Relaxed);
        }
        if matches!(found, Found::Listing(_)) {
            self.counts.listed.fetch_add(1, Ordering::Relaxed);
        }
        self.state().agenda.found(work, found);
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A piece of work is done; so many bytes of it are proven, and how.
    pub(crate) fn done(&self, work: &Work, amount: Amount, verdict: Verdict) {
        match work {
            Work::Fetch(_) | Work::Store(_) | Work::Copy(_) => {
                self.counts.done.fetch_add(1, Ordering::Relaxed);
                self.counts.bytes.fetch_add(amount.bytes, Ordering::Relaxed);
            }
            Work::Delete(_) | Work::Remove(_) => {
                self.counts.deleted.fetch_add(1, Ordering::Relaxed);
            }
            Work::List(_) | Work::Make(_) | Work::Look(_) | Work::Check(_) => {}
        }
        let path = work.below().clone();
        self.tell(Happened::Done { path, kind: work.into(), amount, verdict });
        self.found(work, Found::Done);
    }

    /// A piece of work could not be done: it is handed out again, if that may help.
    pub(crate) fn failed(&self, mut work: Work, error: Error) {
        let refused = matches!(work, Work::List(_) | Work::Look(_))
            && matches!(error, Error::Refused { .. } | Error::RefusedFor { .. });
        if refused && self.state().agenda.is_absent(&work, &error) {
            return self.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
        let again = match &mut work {
            // It may be there already; the listing will tell.
            Work::Make(_) if matches!(error, Error::Refused { .. }) => {
                return self.found(&work, Found::Refused(error));
            }
            work => {
                let sized =
                    matches!(error, Error::Unproven { missing: crate::Proof::Size { .. }, .. });
                if let (true, Some(item)) = (sized, work.item()) {
                    // The listing may be older than the file.
                    item.size = None;
                }
                self.tried(work) < TRIES && (error.is_passing() || sized)
            }
        };
        if again {
            tracing::debug!(%error, below = %work.below(), "to be tried again");
            self.return_unbegun(work);
            return;
        }
        self.give_up(&work, error);
    }

    /// A session broke at a piece of work. Another one tries it, when nothing else is left to do; but not for ever.
    pub(crate) fn broke(&self, mut work: Work, error: Error) {
        let tries = self.tried(&mut work);
        let mut state = self.state();
        if error.is_passing() && tries < state.most {
            tracing::debug!(%error, below = %work.below(), "to be tried with another session");
            state.suspects.push_front(work);
            return self.has_more(state);
        }
        drop(state);
        self.counts.given_up.fetch_add(1, Ordering::Relaxed);
        self.give_up(&work, error);
    }

    /// Counts one more time that a piece of work was tried in vain.
    fn tried(&self, work: &mut Work) -> u8 {
        if let Some(item) = work.item() {
            item.tries = item.tries.saturating_add(1);
            return item.tries;
        }
        let mut state = self.state();
        let tries = state.tried.entry((Deed::from(&*work), work.below().clone())).or_default();
        *tries = tries.saturating_add(1);
        *tries
    }

    /// A piece of work could not be done, and is not to be tried again.
    fn give_up(&self, work: &Work, error: Error) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        self.tell(Happened::Failed { path: work.below().clone(), kind: work.into(), error });
        self.found(work, Found::Nothing);
    }

    /// Gives a piece of work back for others: nothing is wrong with it.
    pub(crate) fn return_unbegun(&self, work: Work) {
        let mut state = self.state();
        state.again.push_back(work);
        self.has_more(state);
    }

    /// Something is there to be handed out.
    fn has_more(&self, mut state: MutexGuard<'_, State>) {
        if state.latest == Latest::Over {
            state.latest = Latest::Other;
        }
        drop(state);
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Hands out nothing any more, because of this.
    pub(crate) fn stop(&self, error: Error) {
        let mut state = self.state();
        state.stopped.get_or_insert(error);
        // Nobody need come any more.
        state.latest = Latest::Over;
        drop(state);
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Why it was stopped, or what is left that nobody has done.
    pub(crate) fn end(&self) -> Result<(), Option<Error>> {
        let mut state = self.state();
        if let Some(error) = state.stopped.take() {
            return Err(Some(error));
        }
        let nothing = state.again.is_empty() && state.suspects.is_empty();
        let over = nothing && matches!(state.agenda.next(true), Next::Over);
        if over { Ok(()) } else { Err(None) }
    }

    /// So many bytes of files have been moved.
    pub(crate) fn moved(&self, bytes: u64) {
        self.counts.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts what a transfer of a file by itself moves, and keeps how far it is until this is dropped.
    pub(crate) fn watch(&self, item: &Item) -> impl FnMut(Progress) {
        let place = Place { board: self, path: item.below.clone() };
        let mut before = 0;
        move |progress| match progress {
            Progress::Begins { at, total } => {
                before = at;
                place.is(at, total);
            }
            Progress::At(at) => {
                self.moved(at.saturating_sub(before));
                before = at;
                place.is_at(at);
            }
            Progress::OldGone => self.note(format!("{}: {OLD_GONE}", item.below)),
            Progress::StartsOver | Progress::Unsplit | Progress::Suspect(_) | Progress::Lost(_) => {
            }
        }
    }

    /// The files that are under way by themselves.
    pub(crate) fn under_way(&self) -> Vec<UnderWay> {
        self.places().clone()
    }

    fn places(&self) -> MutexGuard<'_, Vec<UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What grows as long as a session is of any use. Bytes of a listing are of none until it is whole: a server that
    /// breaks off each time would be asked for ever.
    pub(crate) fn progress(&self) -> u64 {
        let Counts { done, deleted, moved, listed, .. } = &self.counts;
        [done, deleted, moved, listed].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// How many pieces have cost as many sessions as they may.
    pub(crate) fn given_up(&self) -> u64 {
        self.counts.given_up.load(Ordering::Relaxed)
    }

    /// A session broke, or did not come about, and another one is taken in a while.
    pub(crate) fn tries_again(&self, number: u32, wait: Duration, error: Error) {
        self.tell(Happened::TriesAgain { number, wait, error });
    }

    /// Says something that is worth knowing.
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.tell(Happened::Note(note.into()));
    }

    /// How far all of it is.
    pub(crate) fn tally(&self) -> Tally {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { done, same, failed, deleted, bytes, moved, .. } = &self.counts;
        Tally {
            done: count(done),
            same: count(same),
            failed: count(failed),
            deleted: count(deleted),
            bytes: count(bytes),
            moved: count(moved),
        }
    }

    fn tell(&self, happened: Happened) {
        // Nobody listens any more when everything is over.
        let _ = self.events.send(happened);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of these that is light, or `heavy`.
fn first(works: &mut VecDeque<Work>, heavy: bool) -> Option<Work> {
    let at = works.iter().position(|work| heavy || !work.is_heavy());
    at.and_then(|at| works.remove(at))
}

#[cfg(test)]
mod tests {
    use super::super::work::Folder;
    use super::*;

    /// So many pieces of light work.
    struct Pieces(usize);

    impl Agenda for Pieces {
        fn next(&mut self, _: bool) -> Next {
            match self.0.checked_sub(1) {
                Some(left) => {
                    self.0 = left;
                    Next::Work(Work::Fetch(Folder::top(&"".into()).file(b"x")))
                }
                None => Next::Wait,
            }
        }

        fn found(&mut self, _: &Work, _: Found) {}

        fn complaints(&mut self) -> Vec<Complaint> {
            Vec::new()
        }

        fn same(&mut self) -> u64 {
            0
        }

        fn learn_keeps_times(&mut self, _: bool) {}
    }

    #[test]
    fn a_board_that_is_stopped_has_no_work_for_anybody() {
        let (board, _events) = Board::new(Box::new(Pieces(9)), 0);
        // One thing alone calls for nobody else.
        assert!(matches!(board.next(true), Next::Work(_)) && !board.has_work());
        assert!(matches!(board.next(true), Next::Work(_)) && board.has_work());
        board.stop(Error::Stopped);
        assert!(!board.has_work() && !board.has_heavy());
        assert!(matches!(board.next(true), Next::Over) && !board.has_work());
    }

    #[test]
    fn what_was_given_back_as_heavy_is_not_waited_for_by_those_who_would_do_it() {
        let (board, _events) = Board::new(Box::new(Pieces(1)), 0);
        let Next::Work(Work::Fetch(item)) = board.next(true) else { panic!("there is work") };
        board.return_unbegun(Work::Fetch(Item { alone: true, ..item }));
        assert!(matches!(board.next(false), Next::Heavy) && board.has_heavy());
        assert!(matches!(board.next(true), Next::Work(_)));
    }
}
