//! How fast bytes move: a bucket for each way, shared by all sessions of a member.
//!
//! Bytes are paid for when they have moved, and whoever has run up a debt waits until it is worked off; so the
//! wait is the same however many move at a time, and the kernel can go on moving them. A piece is at most what an
//! eighth of a second allows, so that no session waits long for its turn. Where there is no limit there is no
//! bucket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Time that was not used may be made up for this long: what timers wake too late is not lost.
const BURST: Duration = Duration::from_millis(50);

/// A shorter wait than this is left for the next piece.
const WORTH_WAITING: Duration = Duration::from_millis(5);

/// The pieces of a second.
const PIECES: u64 = 8;

/// Which way bytes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// From the client.
    Up,
    /// To the client.
    Down,
}

/// What is left of a rate.
#[derive(Debug)]
pub(crate) struct Bucket(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Bytes a second.
    rate: u64,
    /// When what has moved is paid for.
    paid: Instant,
}

impl Default for Bucket {
    fn default() -> Self {
        Self(Mutex::new(State { rate: 1, paid: Instant::now() }))
    }
}

impl Bucket {
    /// From now on this many bytes a second may move, and never none.
    pub(crate) fn allow(&self, rate: u64) {
        self.change(|state| state.rate = rate.max(1));
    }

    /// When bytes that have moved are paid for.
    fn owe(&self, bytes: usize) -> Instant {
        self.change(|state| {
            let now = Instant::now();
            let from = state.paid.max(now.checked_sub(BURST).unwrap_or(now));
            let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(state.rate);
            let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            state.paid = from.checked_add(time).unwrap_or(from);
            state.paid
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What slows one session down, one way; or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brake(Option<Arc<Bucket>>);

impl Brake {
    /// By this bucket.
    pub(crate) fn on(bucket: Arc<Bucket>) -> Self {
        Self(Some(bucket))
    }

    /// How many of `most` bytes may move at a time.
    pub(crate) fn piece(&self, most: usize) -> usize {
        match &self.0 {
            Some(bucket) => {
                let rate = bucket.change(|state| state.rate);
                usize::try_from(rate / PIECES).unwrap_or(most).clamp(1, most.max(1)).min(most)
            }
            None => most,
        }
    }

    /// Waits until bytes that have moved are paid for.
    pub(crate) async fn pay(&self, bytes: usize) {
        let Some(bucket) = &self.0 else { return };
        let paid = bucket.owe(bytes);
        if paid.saturating_duration_since(Instant::now()) >= WORTH_WAITING {
            sleep_until(paid).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brake(rate: u64) -> Brake {
        let bucket = Arc::new(Bucket::default());
        bucket.allow(rate);
        Brake::on(bucket)
    }

    async fn move_all(brake: Brake, mut bytes: usize) {
        while bytes > 0 {
            let n = brake.piece(bytes);
            brake.pay(n).await;
            bytes -= n;
        }
    }

    fn is_about(seconds: u64, since: Instant) {
        let (time, expected) = (since.elapsed(), Duration::from_secs(seconds));
        let slack = BURST + WORTH_WAITING;
        assert!(time + slack >= expected && time <= expected + slack, "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_the_time_that_their_rate_says() {
        let start = Instant::now();
        move_all(brake(1000), 10_000).await;
        is_about(10, start);
    }

    #[tokio::test(start_paused = true)]
    async fn two_sessions_share_one_rate() {
        let (start, both) = (Instant::now(), brake(1000));
        let other = tokio::spawn(move_all(both.clone(), 5000));
        move_all(both, 5000).await;
        other.await.unwrap();
        is_about(10, start);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_moved_is_not_saved_up() {
        let brake = brake(1000);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let start = Instant::now();
        move_all(brake, 2000).await;
        is_about(2, start);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_is_changed_holds_for_what_is_under_way() {
        let brake = brake(10);
        let start = Instant::now();
        let Brake(Some(bucket)) = &brake else { panic!("no bucket") };
        bucket.allow(1000);
        move_all(brake.clone(), 3000).await;
        is_about(3, start);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits_and_nothing_is_cut() {
        let start = Instant::now();
        let free = Brake::default();
        assert_eq!(free.piece(usize::MAX), usize::MAX);
        free.pay(usize::MAX).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[test]
    fn a_piece_is_never_nothing_and_never_more_than_asked_for() {
        assert_eq!((brake(0).piece(5), brake(80).piece(5), brake(80).piece(50)), (1, 5, 10));
        assert_eq!(brake(80).piece(0), 0);
    }
}
