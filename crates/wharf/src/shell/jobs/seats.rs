//! How many jobs run at a time: a few, and fewer where the server lets in fewer.
//!
//! A server tells its limit only by turning a session away. A job that is turned away while others run waits until one
//! of them has ended, and from then on no more run than were let in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many jobs run at a time where nothing speaks against it.
const MOST: usize = 4;

/// The seats of the jobs of one server.
#[derive(Debug)]
pub(crate) struct Seats {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    taken: usize,
    limit: usize,
}

/// A seat, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Seats>);

impl Seats {
    /// Seats of which none is taken.
    pub(crate) fn new() -> Arc<Self> {
        let state = Mutex::new(State { taken: 0, limit: MOST });
        Arc::new(Self { state, freed: Notify::new() })
    }

    /// Waits for a seat.
    pub(super) async fn take(self: &Arc<Self>) -> Seat {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // What is freed from here on is heard of.
            freed.as_mut().enable();
            {
                let mut state = self.state();
                if state.taken < state.limit {
                    state.taken += 1;
                    return Seat(Arc::clone(self));
                }
            }
            freed.await;
        }
    }

    /// Takes in that one who has a seat was turned away. Gives whether there are others to wait for.
    pub(super) fn are_too_many(&self) -> bool {
        let mut state = self.state();
        let others = state.taken.saturating_sub(1);
        state.limit = others.max(1);
        others > 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.state().taken -= 1;
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seat, if there is one now.
    async fn at_once(seats: &Arc<Seats>) -> Option<Seat> {
        tokio::select! {
            biased;
            seat = seats.take() => Some(seat),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn whoever_is_turned_away_waits_for_the_others_and_the_last_one_does_not() {
        let seats = Seats::new();
        let mut taken = Vec::new();
        while let Some(seat) = at_once(&seats).await {
            taken.push(seat);
        }
        assert_eq!(taken.len(), MOST);
        assert!(seats.are_too_many());
        drop(taken.pop());
        assert!(at_once(&seats).await.is_none(), "the server lets in one less");
        let waiting = tokio::join!(seats.take(), async { drop(taken.pop()) }).0;
        drop((waiting, taken));
        let alone = at_once(&seats).await;
        assert!(alone.is_some());
        assert!(!seats.are_too_many(), "there is nobody to wait for");
        drop(alone);
        assert!(at_once(&seats).await.is_some());
    }
}
