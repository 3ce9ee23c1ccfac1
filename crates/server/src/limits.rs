//! How many sessions there may be: in all, from one address before it has logged in, and of one member.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wharf_proto::Text;

/// The counters of a server.
#[derive(Debug)]
pub(crate) struct Limits {
    sessions: u32,
    strangers_per_address: u32,
    now: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    sessions: u32,
    strangers: HashMap<IpAddr, u32>,
    /// Of those members whose sessions are bounded.
    members: HashMap<Text, u32>,
}

/// A session's place among them; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    limits: Arc<Limits>,
    /// The address, until it has logged in.
    stranger: Option<IpAddr>,
    /// The member, where the member's sessions are bounded.
    member: Option<Text>,
}

impl Limits {
    pub(crate) fn new(sessions: u32, strangers_per_address: u32) -> Arc<Self> {
        Arc::new(Self { sessions, strangers_per_address, now: Mutex::default() })
    }

    /// A place for a new session from this address, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let mut counts = self.counts();
        let strangers = counts.strangers.get(&from).copied().unwrap_or(0);
        if counts.sessions >= self.sessions || strangers >= self.strangers_per_address {
            return None;
        }
        counts.sessions += 1;
        counts.strangers.insert(from, strangers + 1);
        Some(Place { limits: Arc::clone(self), stranger: Some(from), member: None })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sessions there are.
    #[cfg(test)]
    fn sessions(&self) -> u32 {
        self.counts().sessions
    }
}

impl Place {
    /// Takes a place among the sessions of a member who may have so many, in place of any other; `false` where
    /// there is none.
    pub(crate) fn take_for(&mut self, member: &Text, most: Option<u32>) -> bool {
        self.leave();
        let Some(most) = most else { return true };
        let mut counts = self.limits.counts();
        let now = counts.members.get(member).copied().unwrap_or(0);
        if now >= most {
            return false;
        }
        counts.members.insert(member.clone(), now + 1);
        self.member = Some(member.clone());
        true
    }

    /// Gives back the place among the sessions of a member.
    pub(crate) fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            forget(&mut self.limits.counts().members, &member);
        }
    }

    /// The session has logged in: it is no stranger any more.
    pub(crate) fn is_known(&mut self) {
        if let Some(address) = self.stranger.take() {
            forget(&mut self.limits.counts().strangers, &address);
        }
    }
}

/// Counts one less of these, and forgets them where there are none.
fn forget<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_known();
        self.leave();
        self.limits.counts().sessions -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ADA: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
    const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn strangers_of_one_address_are_bounded_until_they_log_in() {
        let limits = Limits::new(10, 1);
        let mut ada = limits.enter(ADA).unwrap();
        assert!(limits.enter(ADA).is_none());
        assert!(limits.enter(BOB).is_some());
        ada.is_known();
        assert!(limits.enter(ADA).is_some());
    }

    #[test]
    fn the_sessions_of_a_member_are_bounded_and_a_place_is_given_back_by_leaving_and_by_ending() {
        let limits = Limits::new(9, 9);
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
        assert_eq!(limits.sessions(), 0);
        assert!(limits.counts().members.is_empty() && limits.counts().strangers.is_empty());
    }

    #[test]
    fn all_sessions_are_bounded_and_every_place_is_given_back() {
        let limits = Limits::new(2, 9);
        let places = [limits.enter(ADA).unwrap(), limits.enter(BOB).unwrap()];
        assert!(limits.enter(BOB).is_none());
        drop(places);
        assert_eq!(limits.sessions(), 0);
        assert!(limits.now.lock().unwrap().strangers.is_empty());
    }
}
