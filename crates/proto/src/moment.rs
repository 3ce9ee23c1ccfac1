//! Time as the machines know it: an argument, never a clock.

use std::ops::Add;
use std::time::Duration;

/// A point on the driver's steady clock: how long after an origin of the driver's choosing.
///
/// The machines only compare moments and add durations, so a test may count them by hand.
///
/// ```
/// use std::time::Duration;
/// use wharf_proto::Moment;
/// let later = Moment::START + Duration::from_secs(3);
/// assert_eq!(later.since(Moment::START), Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The origin.
    pub const START: Self = Self(Duration::ZERO);

    /// The moment `elapsed` after the origin.
    pub const fn after(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after `earlier` this is; zero where it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}
