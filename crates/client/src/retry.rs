//! Trying again after faults: how often, and how long to wait before.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::Error;

/// How often in a row something is tried again, where nobody says.
pub(crate) const RETRIES: u32 = 4;

/// Trying again, up to so many times in a row without anything being done.
///
/// ```
/// use wharf_client::{Error, Retry};
/// let mut retry = Retry::new(1);
/// assert!(retry.after(&Error::Stopped).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Retry {
    waits: Backoff,
    retries: u32,
    left: u32,
}

impl Retry {
    /// Up to `retries` times in a row.
    pub fn new(retries: u32) -> Self {
        let waits = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        Self { waits, retries, left: retries }
    }

    /// Something was done: whatever failed before does not count.
    pub fn progressed(&mut self) {
        self.left = self.retries;
        self.waits.reset();
    }

    /// How often in a row it has been tried again.
    pub fn number(&self) -> u32 {
        self.retries - self.left
    }

    /// How long to wait before it is tried again after this error; `None` where that is of no use, or was done
    /// often enough.
    pub fn after(&mut self, error: &Error) -> Option<Duration> {
        if !error.is_passing() {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.waits.next())
    }

    /// How long others are to wait whom the same fault has stopped.
    pub(crate) fn beside(&self) -> Duration {
        by_chance(self.waits.latest())
    }
}

/// Waiting between tries: each time twice as long, and by a share of chance, so that those whom one fault has
/// stopped do not all come back at once.
///
/// ```
/// use std::time::Duration;
/// let mut waits = wharf_client::Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// let (first, second) = (waits.next(), waits.next());
/// assert!(first <= Duration::from_millis(1500) && second >= Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits from `first` on, of `longest` at most; each half as long again or half as short, by chance.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, next: first, longest }
    }

    /// How long to wait before the next try.
    #[expect(
        clippy::should_implement_trait,
        reason = "it has no end, and nobody wants to iterate over it"
    )]
    pub fn next(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait.saturating_mul(2);
        by_chance(wait)
    }

    /// How long the last wait was, but for chance; before there was any, the first.
    fn latest(&self) -> Duration {
        (self.next / 2).clamp(self.first, self.longest)
    }

    /// Begins anew, after something went well.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A wait half as long again or half as short, by chance.
pub(crate) fn by_chance(wait: Duration) -> Duration {
    // Each has other keys, which is chance enough.
    let chance = RandomState::new().hash_one(0_u8) % 1000;
    let share = 0.5 + f64::from(u32::try_from(chance).unwrap_or(500)) / 1000.0;
    wait.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_begin_anew_after_a_success() {
        let second = Duration::from_secs(1);
        let mut waits = Backoff::new(second, 8 * second);
        for whole in [1, 2, 4, 8, 8] {
            let wait = waits.next();
            assert!(wait >= whole * second / 2 && wait <= whole * second * 3 / 2, "{wait:?}");
        }
        waits.reset();
        assert!(waits.next() <= second * 3 / 2);
    }

    #[test]
    fn tries_count_from_the_last_progress_and_only_passing_errors_are_worth_one() {
        let passing = || Error::NoReply { last: Box::default(), waited: Duration::from_secs(1) };
        let mut retry = Retry::new(2);
        assert!(retry.after(&passing()).is_some() && retry.after(&passing()).is_some());
        assert!(retry.after(&passing()).is_none());
        retry.progressed();
        assert!(retry.after(&Error::Stopped).is_none());
        assert!(retry.after(&passing()).is_some());
        assert!(Retry::new(0).after(&passing()).is_none());
    }
}
