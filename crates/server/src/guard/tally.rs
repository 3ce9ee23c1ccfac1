//! Counts that fade, of a bounded number of things.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use wharf_proto::Moment;

/// How many things one generation holds.
const GENERATION: usize = 16_384;

/// A count, half of which is forgotten each half-life.
#[derive(Clone, Copy, Debug)]
struct Tally {
    count: u32,
    /// When it was last halved, or begun.
    since: Moment,
}

/// How often something has happened, for each of the things that it happened to most recently.
///
/// There are two generations. When the young one is full it becomes the old one, and what was in the old one and
/// has not happened again is forgotten: so both the memory and the work of a step are bounded, and whatever has
/// happened within the last [`GENERATION`] others is still known.
#[derive(Debug)]
pub(super) struct Tallies<K> {
    half_life: Duration,
    young: HashMap<K, Tally>,
    old: HashMap<K, Tally>,
}

impl<K: Copy + Eq + Hash> Tallies<K> {
    /// Nothing has happened yet.
    pub(super) fn new(half_life: Duration) -> Self {
        Self { half_life, young: HashMap::new(), old: HashMap::new() }
    }

    /// It has happened once more: how often it has by now.
    pub(super) fn add(&mut self, now: Moment, thing: K) -> u32 {
        let before = self.young.get(&thing).or_else(|| self.old.get(&thing)).copied();
        let mut tally = before.unwrap_or(Tally { count: 0, since: now });
        tally.fade(now, self.half_life);
        tally.count = tally.count.saturating_add(1);
        if self.young.len() >= GENERATION && !self.young.contains_key(&thing) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(thing, tally);
        tally.count
    }

    /// As if it had never happened.
    pub(super) fn forget(&mut self, thing: K) {
        self.young.remove(&thing);
        self.old.remove(&thing);
    }
}

impl Tally {
    fn fade(&mut self, now: Moment, half_life: Duration) {
        let half_lives = now.since(self.since).as_nanos() / half_life.as_nanos().max(1);
        if half_lives > 0 {
            let halved = u32::try_from(half_lives).ok().and_then(|by| self.count.checked_shr(by));
            (self.count, self.since) = (halved.unwrap_or(0), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_count_is_halved_each_half_life_and_gone_in_the_end() {
        let mut tallies = Tallies::new(HOUR);
        let mut now = Moment::START;
        for n in 1..=8 {
            assert_eq!(tallies.add(now, 'a'), n);
        }
        now = now + HOUR;
        assert_eq!(tallies.add(now, 'a'), 5);
        now = now + HOUR * 2;
        assert_eq!(tallies.add(now, 'a'), 2);
        now = now + HOUR * 1000;
        assert_eq!(tallies.add(now, 'a'), 1);
        assert_eq!(tallies.add(now, 'b'), 1);
        tallies.forget('a');
        assert_eq!(tallies.add(now, 'a'), 1);
    }

    #[test]
    fn a_flood_of_others_costs_bounded_memory_and_what_goes_on_happening_stays_known() {
        let mut tallies = Tallies::new(HOUR);
        let mut seen = 0;
        for n in 0..10 * GENERATION {
            tallies.add(Moment::START, n + 1);
            if n % (GENERATION / 2) == 0 {
                seen += 1;
                assert_eq!(tallies.add(Moment::START, 0), seen);
            }
            assert!(tallies.young.len() <= GENERATION && tallies.old.len() <= GENERATION);
        }
        assert_eq!(tallies.add(Moment::START, 1), 1, "the first of them is long forgotten");
    }

    #[test]
    fn no_half_life_at_all_forgets_at_once_and_does_not_divide_by_nothing() {
        let mut tallies = Tallies::new(Duration::ZERO);
        assert_eq!(tallies.add(Moment::START, 'a'), 1);
        assert_eq!(tallies.add(Moment::START + HOUR, 'a'), 1);
    }
}
