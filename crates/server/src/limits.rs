//! How many there may be: sessions in all, of one member and from one address, before and after the login, and
//! listeners.
//!
//! Whoever comes from a trusted network may go beyond the total by a small reserve, so that somebody who can mend
//! things still gets in. The other bounds hold for everybody.

use crate::origin::{Origin, Trusted};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wharf_proto::Text;

/// How many of each: of each origin, of each member.
#[derive(Debug)]
pub(crate) struct Counter<K>(HashMap<K, u32>);

impl<K> Default for Counter<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Counter<K> {
    /// One more, if that is not more than so many.
    pub(crate) fn add(&mut self, of: K, most: u32) -> bool {
        let count = self.0.get(&of).copied().unwrap_or(0);
        let fits = count < most;
        if fits {
            self.0.insert(of, count + 1);
        }
        fits
    }

    /// One less. Nothing is remembered of those of whom there are none.
    pub(crate) fn remove(&mut self, of: &K) {
        if let Some(count) = self.0.get_mut(of) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(of);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The bounds.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The most sessions.
    pub(crate) sessions: u32,
    /// So many more for trusted networks.
    pub(crate) reserve: u32,
    /// The most sessions from one address.
    pub(crate) per_address: u32,
    /// The most of them that have not logged in.
    pub(crate) strangers_per_address: u32,
}

/// The counters of a server.
#[derive(Debug)]
pub(crate) struct Limits {
    bounds: Bounds,
    trusted: Trusted,
    now: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    sessions: u32,
    by_origin: Counter<Origin>,
    strangers: Counter<Origin>,
    /// Of those members whose sessions are bounded.
    members: Counter<Text>,
}

/// Which bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// That of all sessions.
    Server,
    /// One of those for an address.
    Address,
}

/// A session's place among them; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    limits: Arc<Limits>,
    origin: Origin,
    is_stranger: bool,
    /// The member, where the member's sessions are bounded.
    member: Option<Text>,
}

impl Limits {
    pub(crate) fn new(bounds: Bounds, trusted: Trusted) -> Arc<Self> {
        Arc::new(Self { bounds, trusted, now: Mutex::default() })
    }

    /// A place for a new session from this address.
    ///
    /// # Errors
    /// Which bound leaves none.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Result<Place, Full> {
        let (origin, bounds) = (Origin::of(from), &self.bounds);
        let reserve = if self.trusts(from) { bounds.reserve } else { 0 };
        let mut counts = self.lock();
        if counts.sessions >= bounds.sessions.saturating_add(reserve) {
            return Err(Full::Server);
        }
        if !counts.by_origin.add(origin, bounds.per_address) {
            return Err(Full::Address);
        }
        if !counts.strangers.add(origin, bounds.strangers_per_address) {
            counts.by_origin.remove(&origin);
            return Err(Full::Address);
        }
        counts.sessions += 1;
        Ok(Place { limits: Arc::clone(self), origin, is_stranger: true, member: None })
    }

    /// Whether the reserve is there for a client of this address.
    pub(crate) fn trusts(&self, from: IpAddr) -> bool {
        self.trusted.contains(from)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Takes a place among the sessions of a member who may have so many, in place of any other; `false` where
    /// there is none.
    pub(crate) fn take_for(&mut self, member: &Text, most: Option<u32>) -> bool {
        self.leave();
        let Some(most) = most else { return true };
        let taken = self.limits.lock().members.add(member.clone(), most);
        self.member = taken.then(|| member.clone());
        taken
    }

    /// Gives back the place among the sessions of a member.
    pub(crate) fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            self.limits.lock().members.remove(&member);
        }
    }

    /// The session has logged in: it is no stranger any more.
    pub(crate) fn is_known(&mut self) {
        if std::mem::take(&mut self.is_stranger) {
            self.limits.lock().strangers.remove(&self.origin);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_known();
        self.leave();
        let mut counts = self.limits.lock();
        counts.by_origin.remove(&self.origin);
        counts.sessions -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ADA: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const ADMIN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn limits(sessions: u32, per_address: u32, strangers_per_address: u32) -> Arc<Limits> {
        let bounds = Bounds { sessions, reserve: 1, per_address, strangers_per_address };
        Limits::new(bounds, Trusted::default())
    }

    fn are_zero(limits: &Limits) -> bool {
        let counts = limits.lock();
        counts.sessions == 0 && counts.by_origin.is_empty() && counts.strangers.is_empty()
    }

    #[test]
    fn strangers_of_one_address_are_bounded_until_they_log_in() {
        let limits = limits(10, 10, 1);
        let mut ada = limits.enter(ADA).unwrap();
        assert_eq!(limits.enter(ADA).unwrap_err(), Full::Address);
        assert!(limits.enter(BOB).is_ok());
        ada.is_known();
        assert!(limits.enter(ADA).is_ok());
    }

    #[test]
    fn the_sessions_of_a_member_are_bounded_and_a_place_is_given_back_by_leaving_and_by_ending() {
        let limits = limits(9, 9, 9);
        let enter = || limits.enter(ADA).unwrap();
        let (mut one, mut two, mut three) = (enter(), enter(), enter());
        let (bob, eve) = (Text::from("bob"), Text::from("eve"));
        assert!(one.take_for(&bob, Some(2)) && two.take_for(&bob, Some(2)));
        assert!(one.take_for(&bob, Some(2)), "its own place is free for it again");
        assert!(!three.take_for(&bob, Some(2)) && three.take_for(&eve, Some(1)));
        one.leave();
        assert!(three.take_for(&bob, Some(2)));
        assert!(one.take_for(&bob, None), "who is not bounded is not counted");
        drop((one, two, three));
        let counts = limits.lock();
        assert!(counts.sessions == 0 && counts.members.is_empty() && counts.strangers.is_empty());
    }

    #[test]
    fn sessions_of_one_address_are_bounded_also_when_they_have_logged_in() {
        let limits = limits(10, 2, 2);
        let mut places = [limits.enter(ADA).unwrap(), limits.enter(ADA).unwrap()];
        places.iter_mut().for_each(Place::is_known);
        assert_eq!(limits.enter(ADA).unwrap_err(), Full::Address);
        assert!(limits.enter(BOB).is_ok());
    }

    #[test]
    fn an_ipv6_host_does_not_get_more_by_changing_its_address() {
        let limits = limits(10, 1, 1);
        let _first = limits.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(limits.enter("2001:db8::2".parse().unwrap()).unwrap_err(), Full::Address);
    }

    #[test]
    fn s27_all_sessions_are_bounded_but_for_a_reserve_for_trusted_networks() {
        let limits = limits(2, 9, 9);
        let places = [limits.enter(ADA).unwrap(), limits.enter(BOB).unwrap()];
        assert_eq!(limits.enter(BOB).unwrap_err(), Full::Server);
        let admin = limits.enter(ADMIN).unwrap();
        assert_eq!(limits.enter(ADMIN).unwrap_err(), Full::Server, "the reserve is bounded too");
        drop((places, admin));
        assert!(are_zero(&limits));
    }

    #[test]
    fn s27_every_place_is_given_back_whatever_became_of_it() {
        let limits = limits(3, 2, 1);
        for round in 0..100_u8 {
            let mut places: Vec<Place> = Vec::new();
            for n in 0..10_u8 {
                let from = Ipv4Addr::new(192, 0, 2, (round ^ n) % 3);
                if let Ok(mut place) = limits.enter(from.into()) {
                    if n % 2 == 0 {
                        place.is_known();
                    }
                    places.push(place);
                }
            }
            assert_eq!(limits.lock().sessions, 3);
            drop(places);
            assert!(are_zero(&limits));
        }
    }
}
