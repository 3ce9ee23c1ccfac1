//! Guessing passwords: slowed down, then ended.
//!
//! Wrong passwords are counted in three ways, and the counts fade: for a user and an address together, for an
//! address, and for a user. After the first few each refusal is said later than the one before; too many from one
//! address, and it is not let in for a while. Unknown names are counted like known ones.
//!
//! What must not happen is that a stranger locks a real user out. So the count of a user alone costs a short delay
//! and never more, only refusals are ever delayed, and a right password from elsewhere is let in at once. A right
//! password clears the count of its user from its address, but not that of the address, or somebody with one
//! account could guess at the others for ever.
//!
//! No clock and no socket: time is an argument. A delay is waited for by the session's own task and by no thread.
//! What is remembered is bounded (`guard/tally.rs`, `guard/bans.rs`); names are kept as hashes, since people type
//! passwords there. How much work a password takes is not seen here.

mod bans;
mod tally;

use crate::origin::{Origin, Trusted};
use bans::Bans;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tally::Tallies;
use wharf_proto::{Moment, Text};

/// An address, and a user, may have so many times as many free refusals as the two together: many may live behind
/// one address, and a user may be attacked from many.
const WIDER: u32 = 4;

/// The longest delay for the sake of a user's name alone.
const LONGEST_FOR_USER: Duration = Duration::from_secs(2);

/// The first delay; each is twice the one before.
const FIRST: Duration = Duration::from_secs(1);

/// What checking a password came to.
pub(crate) enum Checked<T> {
    /// It is right.
    Right(T),
    /// It is right, and a code is wanted with it: it clears nothing, or codes could be guessed at for ever.
    SoFar(T),
    /// It is wrong.
    Wrong,
}

/// How guessing is slowed down and ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarding {
    /// So many wrong passwords for a user from an address are refused at once.
    pub free_refusals: u32,
    /// The longest that a refusal is held back.
    pub longest_delay: Duration,
    /// So many wrong passwords from an address have it banned.
    pub ban_after: NonZeroU32,
    /// For how long.
    pub ban_time: Duration,
    /// In what time half of the wrong passwords are forgotten.
    pub half_life: Duration,
}

impl Default for Guarding {
    fn default() -> Self {
        Self {
            free_refusals: 2,
            longest_delay: Duration::from_secs(10),
            ban_after: NonZeroU32::MIN.saturating_add(29),
            ban_time: Duration::from_secs(15 * 60),
            half_life: Duration::from_secs(10 * 60),
        }
    }
}

/// What the sessions of a server know of wrong passwords.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Nothing is counted without.
    rules: Option<Guarding>,
    trusted: Trusted,
    names: RandomState,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    pairs: Tallies<(Origin, u64)>,
    origins: Tallies<Origin>,
    users: Tallies<u64>,
    bans: Bans,
}

impl Guard {
    pub(crate) fn new(rules: Option<Guarding>, trusted: Trusted) -> Self {
        let half_life = rules.as_ref().map_or(Duration::ZERO, |rules| rules.half_life);
        let book = Book {
            pairs: Tallies::new(half_life),
            origins: Tallies::new(half_life),
            users: Tallies::new(half_life),
            bans: Bans::default(),
        };
        Self { rules, trusted, names: RandomState::new(), book: Mutex::new(book) }
    }

    /// Whether a connection from this address is let in.
    pub(crate) fn admits(&self, now: Moment, from: IpAddr) -> bool {
        if !self.is_banned(now, from) {
            return true;
        }
        self.book(now).bans.count(Origin::of(from));
        false
    }

    /// What checking a password came to, at the time at which it may be said. `clock` tells the time; where the
    /// address is banned by now, nothing is checked.
    pub(crate) async fn after<T>(
        &self,
        clock: impl Fn() -> Moment,
        from: IpAddr,
        user: &Text,
        checked: impl Future<Output = Checked<T>>,
    ) -> Option<T> {
        let checked = match self.is_banned(clock(), from) {
            true => Checked::Wrong,
            false => checked.await,
        };
        match checked {
            Checked::Right(outcome) => {
                self.is_right(clock(), from, user);
                return Some(outcome);
            }
            Checked::SoFar(outcome) => return Some(outcome),
            Checked::Wrong => {}
        }
        let delay = self.is_wrong(clock(), from, user);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        None
    }

    fn is_banned(&self, now: Moment, from: IpAddr) -> bool {
        self.rules_for(from).is_some() && self.book(now).bans.contains(now, Origin::of(from))
    }

    fn is_right(&self, now: Moment, from: IpAddr, user: &Text) {
        if self.rules_for(from).is_some() {
            self.book(now).pairs.forget((Origin::of(from), self.names.hash_one(user)));
        }
    }

    /// Counts a wrong password: how long its refusal is held back.
    fn is_wrong(&self, now: Moment, from: IpAddr, user: &Text) -> Duration {
        let Some(rules) = self.rules_for(from) else { return Duration::ZERO };
        let (origin, user) = (Origin::of(from), self.names.hash_one(user));
        let mut book = self.book(now);
        let of_pair = book.pairs.add(now, (origin, user));
        let of_origin = book.origins.add(now, origin);
        let of_user = book.users.add(now, user);
        if of_origin >= rules.ban_after.get() && book.bans.add(origin, now + rules.ban_time) {
            let seconds = rules.ban_time.as_secs();
            tracing::warn!(%origin, wrong_passwords = of_origin, seconds, "banned");
        }
        let wider = rules.free_refusals.saturating_mul(WIDER);
        let for_pair = delay(of_pair, rules.free_refusals, rules.longest_delay);
        let for_origin = delay(of_origin, wider, rules.longest_delay);
        let for_user = delay(of_user, wider, rules.longest_delay.min(LONGEST_FOR_USER));
        for_pair.max(for_origin).max(for_user)
    }

    /// The rules that hold for a client of this address, if any do.
    fn rules_for(&self, from: IpAddr) -> Option<&Guarding> {
        self.rules.as_ref().filter(|_| !self.trusted.contains(from))
    }

    fn book(&self, now: Moment) -> MutexGuard<'_, Book> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(over) = book.bans.next_over(now) {
            tracing::info!(origin = %over.origin, turned_away = over.turned_away, "ban over");
        }
        book
    }
}

/// None for the free ones; then one second, two, four, up to the longest.
fn delay(count: u32, free: u32, longest: Duration) -> Duration {
    match count.saturating_sub(free) {
        0 => Duration::ZERO,
        beyond => {
            FIRST.saturating_mul(1_u32.checked_shl(beyond - 1).unwrap_or(u32::MAX)).min(longest)
        }
    }
}

#[cfg(test)]
mod tests;
