//! Who is not let in for a while.
//!
//! A ban leaves the list when its time is over, and before that only if the list is full: then the one goes out
//! that would have ended first. Each ban costs whoever causes it a full count of wrong passwords from an address of
//! its own, so to push one out somebody needs [`ROOM`] addresses to spare, and with those needs no ban lifted.

use crate::origin::Origin;
use std::collections::{BTreeSet, HashMap};
use wharf_proto::Moment;

/// How many bans there can be.
const ROOM: usize = 16_384;

/// The bans.
#[derive(Debug, Default)]
pub(super) struct Bans {
    bans: HashMap<Origin, Ban>,
    ends: BTreeSet<(Moment, Origin)>,
}

#[derive(Debug)]
struct Ban {
    until: Moment,
    turned_away: u64,
}

/// A ban that is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Over {
    /// Whose.
    pub(super) origin: Origin,
    /// How many connections it has turned away.
    pub(super) turned_away: u64,
}

impl Bans {
    /// Bans, until then; whether that is new.
    pub(super) fn add(&mut self, origin: Origin, until: Moment) -> bool {
        if self.bans.contains_key(&origin) {
            return false;
        }
        if self.bans.len() >= ROOM
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.bans.remove(&first);
        }
        self.bans.insert(origin, Ban { until, turned_away: 0 });
        self.ends.insert((until, origin));
        true
    }

    /// Whether this one is banned.
    pub(super) fn contains(&self, now: Moment, origin: Origin) -> bool {
        self.bans.get(&origin).is_some_and(|ban| ban.until > now)
    }

    /// Counts a connection that was turned away.
    pub(super) fn count(&mut self, origin: Origin) {
        if let Some(ban) = self.bans.get_mut(&origin) {
            ban.turned_away = ban.turned_away.saturating_add(1);
        }
    }

    /// The next of those that are over, each once.
    pub(super) fn next_over(&mut self, now: Moment) -> Option<Over> {
        self.ends.first().filter(|(until, _)| *until <= now)?;
        let (_, origin) = self.ends.pop_first()?;
        let ban = self.bans.remove(&origin)?;
        Some(Over { origin, turned_away: ban.turned_away })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn origin(n: u32) -> Origin {
        Origin::of(Ipv4Addr::from_bits(n).into())
    }

    fn second(n: u64) -> Moment {
        Moment::after(Duration::from_secs(n))
    }

    #[test]
    fn a_ban_ends_in_time_and_tells_once_how_many_it_turned_away() {
        let mut bans = Bans::default();
        assert!(bans.add(origin(1), second(10)));
        assert!(!bans.add(origin(1), second(99)), "it is not made longer by what comes meanwhile");
        assert!(bans.contains(second(9), origin(1)) && !bans.contains(second(9), origin(2)));
        bans.count(origin(1));
        bans.count(origin(1));
        assert_eq!(bans.next_over(second(9)), None);
        assert!(!bans.contains(second(10), origin(1)));
        assert_eq!(bans.next_over(second(10)), Some(Over { origin: origin(1), turned_away: 2 }));
        assert_eq!(bans.next_over(second(10)), None);
        assert!(bans.bans.is_empty() && bans.ends.is_empty());
    }

    #[test]
    fn the_list_is_bounded_and_the_one_that_would_end_first_goes_out() {
        let mut bans = Bans::default();
        for n in 0..=u32::try_from(ROOM).unwrap() {
            bans.add(origin(n), second(100 + u64::from(n)));
        }
        assert_eq!((bans.bans.len(), bans.ends.len()), (ROOM, ROOM));
        assert!(!bans.contains(second(1), origin(0)) && bans.contains(second(1), origin(1)));
    }
}
