//! A limit on the rate of bytes, shared by all who have it: sessions, files, ways.
//!
//! Bytes are paid for when they have moved, by waiting until the clock of the limit has caught up. So the rate holds
//! over any number of transfers at a time, and nobody has to know of the others.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What may be ahead of the rate: a pause is not made up for by a burst beyond it.
const AHEAD: Duration = Duration::from_millis(100);

/// A limit in bytes a second. Clones share it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::num::NonZeroU64;
/// use wharf_client::Throttle;
/// let throttle = Throttle::new(NonZeroU64::new(1_000_000).unwrap());
/// let begun = std::time::Instant::now();
/// throttle.pay(200_000).await;
/// assert!(begun.elapsed().as_millis() >= 90);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Throttle {
    rate: NonZeroU64,
    /// Until when everything is paid for.
    paid: Arc<Mutex<Option<Instant>>>,
}

impl Throttle {
    /// A limit of so many bytes a second.
    pub fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid: Arc::default() }
    }

    /// Waits until so many bytes that have moved are within the limit.
    pub async fn pay(&self, bytes: u64) {
        let due = {
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let from = paid.map_or(now, |paid| paid.max(now.checked_sub(AHEAD).unwrap_or(now)));
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
            let due = from + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4));
            *paid = Some(due);
            due
        };
        sleep_until(due).await;
    }

    /// How many bytes may be moved at a time, so that it goes evenly, up to `most`.
    pub(crate) fn portion(&self, most: usize) -> usize {
        let tenth = usize::try_from(self.rate.get() / 10).unwrap_or(most);
        tenth.clamp(1024.min(most), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_who_share_a_limit_are_as_fast_as_one() {
        let throttle = Throttle::new(NonZeroU64::new(1000).unwrap());
        let begun = Instant::now();
        let other = throttle.clone();
        let half = async |throttle: &Throttle| {
            for _ in 0..5 {
                throttle.pay(100).await;
            }
        };
        tokio::join!(half(&throttle), half(&other));
        assert_eq!(begun.elapsed().as_millis(), 1000);
        sleep_until(Instant::now() + Duration::from_secs(60)).await;
        let begun = Instant::now();
        throttle.pay(1000).await;
        assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    }
}
