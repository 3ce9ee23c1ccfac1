//! How long a crew goes on where sessions break, or do not come about: `retries` times in a row, all lanes together,
//! and from the beginning whenever something gets done.
//!
//! A server that goes down breaks all sessions at a time, which is one fault and counts once: a failure counts if what
//! failed was begun after the last one that did. No lane leaves the work to others unless there are others, so somebody
//! is always there to find out; and while nothing gets done no lane is added. So every failure either counts, or is one
//! of those beside it, or makes the crew smaller: the work ends, whatever the server does.
//!
//! A server that never let anybody in is tried once: a name or port that is wrong is better told at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::board::Board;
use crate::{Error, Retry};

/// How many pieces of work in a row may cost all tries that a piece has, before that is held against the server.
const BAD_PIECES: u32 = 8;

/// What all lanes share of their failures.
pub(crate) struct Endurance(Mutex<State>);

struct State {
    retry: Retry,
    /// Whether a session has come about.
    entered: bool,
    /// How many failures have counted.
    counted: u64,
    /// How far the work was at the last of them, and how many pieces were given up by then.
    reached: u64,
    given_up: u64,
    /// How many pieces were given up since something got done.
    bad_pieces: u32,
    /// Whether nothing got done since the last of them, and whether there are no tries left.
    troubled: bool,
    spent: bool,
    /// How many lanes there are.
    lanes: usize,
}

/// A try to get a session and to work with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

/// Another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// How long to wait before.
    pub(crate) wait: Duration,
    /// How many tries that is in a row; nothing for those who were stopped by a fault that is counted already.
    pub(crate) number: Option<u32>,
}

impl Endurance {
    /// Up to so many tries in a row without anything being done.
    pub(crate) fn new(retries: u32) -> Self {
        Self(Mutex::new(State {
            retry: Retry::new(retries),
            entered: false,
            counted: 0,
            reached: 0,
            given_up: 0,
            bad_pieces: 0,
            troubled: false,
            spent: false,
            lanes: 0,
        }))
    }

    /// One lane more.
    pub(crate) fn join(&self) -> Seat<'_> {
        self.state().lanes += 1;
        Seat { endurance: self, is_left: false }
    }

    /// A lane tries to get a session.
    pub(crate) fn begin(&self) -> Attempt {
        Attempt(self.state().counted)
    }

    /// A lane has got a session.
    pub(crate) fn enter(&self) {
        self.state().entered = true;
    }

    /// An attempt came to nothing, or ended before the work did. What follows; `None` if another try is of no use.
    pub(crate) fn after(&self, attempt: Attempt, error: &Error, board: &Board) -> Option<Again> {
        let mut state = self.state();
        state.hear(board);
        let is_outside = !state.entered && !matches!(error, Error::NoSession);
        if is_outside || !error.is_passing() {
            (state.troubled, state.spent) = (true, true);
            return None;
        }
        if state.spent {
            return None;
        }
        if attempt.0 < state.counted {
            return Some(Again { wait: state.retry.beside(), number: None });
        }
        state.troubled = true;
        state.counted += 1;
        let wait = state.retry.after(error);
        state.spent = wait.is_none();
        wait.map(|wait| Again { wait, number: Some(state.retry.number()) })
    }

    /// Whether nothing has failed since something got done: then lanes may be added.
    pub(crate) fn is_calm(&self, board: &Board) -> bool {
        let mut state = self.state();
        state.hear(board);
        !state.troubled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Looks how far the work is.
    fn hear(&mut self, board: &Board) {
        let (reached, given_up) = (board.progress(), board.given_up());
        if reached > self.reached {
            self.bad_pieces = 0;
            self.retry.progressed();
            (self.troubled, self.spent) = (false, false);
        } else if given_up > self.given_up && self.bad_pieces < BAD_PIECES {
            // It was the piece that broke the sessions, and it is done with.
            self.bad_pieces += 1;
            self.retry.progressed();
        }
        (self.reached, self.given_up) = (reached, given_up);
    }
}

/// A lane's place in the crew.
pub(crate) struct Seat<'e> {
    endurance: &'e Endurance,
    is_left: bool,
}

impl Seat<'_> {
    /// Leaves the work to the others, if there are any; tells whether it did.
    pub(crate) fn leaves(&mut self) -> bool {
        let mut state = self.endurance.state();
        if state.lanes > 1 && !self.is_left {
            state.lanes -= 1;
            self.is_left = true;
        }
        self.is_left
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if !self.is_left {
            self.endurance.state().lanes -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::work::{Agenda, Complaint, Found, Next, Work};
    use super::*;

    struct Nothing;

    impl Agenda for Nothing {
        fn next(&mut self, _: bool) -> Next {
            Next::Wait
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

    fn board() -> Board {
        Board::new(Box::new(Nothing), 1).0
    }

    fn broken() -> Error {
        Error::ControlLost { last: Box::default(), source: None }
    }

    #[test]
    fn sessions_that_break_together_are_one_fault_and_tries_are_those_of_all_lanes() {
        let (endurance, board) = (Endurance::new(2), board());
        endurance.enter();
        for _ in 0..2 {
            let attempts = [(); 5].map(|()| endurance.begin());
            for attempt in attempts {
                assert!(endurance.after(attempt, &broken(), &board).is_some());
            }
            assert!(!endurance.is_calm(&board));
        }
        let attempt = endurance.begin();
        assert!(endurance.after(attempt, &broken(), &board).is_none());
        assert!(endurance.after(attempt, &broken(), &board).is_none(), "for nobody");
        board.moved(1);
        assert!(endurance.is_calm(&board));
        assert!(endurance.after(endurance.begin(), &broken(), &board).is_some());
    }

    #[test]
    fn what_does_not_pass_is_tried_by_nobody_until_something_gets_done() {
        let (endurance, board) = (Endurance::new(9), board());
        endurance.enter();
        assert!(endurance.after(endurance.begin(), &Error::Stopped, &board).is_none());
        assert!(endurance.after(endurance.begin(), &broken(), &board).is_none());
    }

    #[test]
    fn server_that_lets_nobody_in_is_tried_once() {
        let (endurance, board) = (Endurance::new(9), board());
        // Others have all the sessions that there may be.
        assert!(endurance.after(endurance.begin(), &Error::NoSession, &board).is_some());
        assert!(endurance.after(endurance.begin(), &broken(), &board).is_none());
    }

    #[test]
    fn the_last_lane_does_not_leave() {
        let endurance = Endurance::new(0);
        let (mut first, mut second) = (endurance.join(), endurance.join());
        assert!(first.leaves() && !second.leaves());
        drop(first);
        let mut third = endurance.join();
        assert!(second.leaves() && !third.leaves());
    }
}
