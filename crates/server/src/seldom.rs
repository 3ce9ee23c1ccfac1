//! What happens often is said seldom: a flood must not fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wharf_proto::Moment;

/// The least time between two lines about the same.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts what happens, and says when it is time for a line.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    times: u64,
    said: Option<Moment>,
}

impl Seldom {
    /// It has happened: how often since the last line, if there is to be one now. The first has its line at once.
    pub(crate) fn count(&self, now: Moment) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.times += 1;
        if state.said.is_some_and(|said| now.since(said) < PAUSE) {
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_a_line_now_and_then_and_none_of_it_is_left_uncounted() {
        let seldom = Seldom::default();
        assert_eq!(seldom.count(Moment::START), Some(1));
        for _ in 0..1000 {
            assert_eq!(seldom.count(Moment::START + PAUSE / 2), None);
        }
        assert_eq!(seldom.count(Moment::START + PAUSE), Some(1001));
    }
}
