//! Whether more sessions would be of use: how long a small file takes a session.
//!
//! Over a distance a session waits for most of its time, and twice as many of them move twice as many files. That is over
//! when the line, the server or this machine has enough to do: then each file takes the longer, the more sessions there
//! are. So the least time that a file took stands for a session that nobody is in the way of, and the latest ones are
//! held against it. Nothing is known here of bytes, sizes or servers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many of the latest files are looked at.
const WINDOW: u8 = 16;
/// A file that takes less waits for no distance.
const NEAR: Duration = Duration::from_millis(5);
/// How many times the least time a file may take where more sessions are to be of use,
const FREE: u32 = 2;
/// and where those beyond the usual number still are.
const CROWDED: u32 = 3;

/// How fast small files come.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The least time that a file took.
    least: Duration,
    /// What the latest ones took.
    latest: VecDeque<Duration>,
    /// Whether a session beyond the usual number did not come about.
    refused: bool,
}

impl Default for Pace {
    fn default() -> Self {
        let latest = VecDeque::with_capacity(WINDOW.into());
        Self(Mutex::new(State { least: Duration::MAX, latest, refused: false }))
    }
}

impl Pace {
    /// A small file has taken so long.
    pub(crate) fn took(&self, time: Duration) {
        let mut state = self.state();
        state.least = state.least.min(time);
        if state.latest.len() == usize::from(WINDOW) {
            state.latest.pop_front();
        }
        state.latest.push_back(time);
    }

    /// One session more did not come about, for whatever reason: no more are tried.
    pub(crate) fn refuse(&self) {
        self.state().refused = true;
    }

    /// Whether more sessions than are usual would be of use.
    pub(crate) fn bears_more(&self) -> bool {
        let state = self.state();
        !state.refused && state.least >= NEAR && state.are_within(FREE)
    }

    /// Whether there are too many of them.
    pub(crate) fn is_crowded(&self) -> bool {
        let state = self.state();
        state.latest.len() == usize::from(WINDOW) && !state.are_within(CROWDED)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the latest files took no more than so many times the least time, on average.
    fn are_within(&self, times: u32) -> bool {
        let all: Duration = self.latest.iter().sum();
        let most = self.least.saturating_mul(times).saturating_mul(u32::from(WINDOW));
        self.latest.len() == usize::from(WINDOW) && all <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(times: impl IntoIterator<Item = u64>) -> Pace {
        let pace = Pace::default();
        times.into_iter().for_each(|time| pace.took(Duration::from_millis(time)));
        pace
    }

    #[test]
    fn as_long_as_files_take_what_they_took_alone_more_sessions_are_of_use() {
        assert!(pace([60; 16]).bears_more());
        assert!(pace([60; 3].into_iter().chain([110; 13])).bears_more());
    }

    #[test]
    fn before_enough_files_are_seen_nothing_is_decided() {
        let pace = pace([60; 15]);
        assert!(!pace.bears_more() && !pace.is_crowded());
    }

    #[test]
    fn where_files_take_longer_the_more_sessions_there_are_no_more_are_opened_and_then_some_go() {
        let slower = pace([60].into_iter().chain([150; 16]));
        assert!(!slower.bears_more() && !slower.is_crowded());
        let crowded = pace([60].into_iter().chain([200; 16]));
        assert!(!crowded.bears_more() && crowded.is_crowded());
    }

    #[test]
    fn near_by_and_where_one_was_refused_no_more_are_opened() {
        assert!(!pace([1; 16]).bears_more());
        let refused = pace([60; 16]);
        refused.refuse();
        assert!(!refused.bears_more() && !refused.is_crowded());
    }
}
