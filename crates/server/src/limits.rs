//! How many sessions there may be: in all, and from one address before it has logged in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

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
}

/// A session's place among them; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    limits: Arc<Limits>,
    /// The address, until it has logged in.
    stranger: Option<IpAddr>,
}

impl Limits {
    pub(crate) fn new(sessions: u32, strangers_per_address: u32) -> Arc<Self> {
        Arc::new(Self { sessions, strangers_per_address, now: Mutex::default() })
    }

    /// A place for a new session from this address, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let mut counts = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let strangers = counts.strangers.get(&from).copied().unwrap_or(0);
        if counts.sessions >= self.sessions || strangers >= self.strangers_per_address {
            return None;
        }
        counts.sessions += 1;
        counts.strangers.insert(from, strangers + 1);
        Some(Place { limits: Arc::clone(self), stranger: Some(from) })
    }

    /// How many sessions there are.
    #[cfg(test)]
    fn sessions(&self) -> u32 {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).sessions
    }
}

impl Place {
    /// The session has logged in: it is no stranger any more.
    pub(crate) fn is_known(&mut self) {
        if let Some(address) = self.stranger.take() {
            let mut counts = self.limits.now.lock().unwrap_or_else(PoisonError::into_inner);
            counts.forget_stranger(address);
        }
    }
}

impl Counts {
    fn forget_stranger(&mut self, address: IpAddr) {
        if let Some(count) = self.strangers.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.strangers.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_known();
        let mut counts = self.limits.now.lock().unwrap_or_else(PoisonError::into_inner);
        counts.sessions -= 1;
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
    fn all_sessions_are_bounded_and_every_place_is_given_back() {
        let limits = Limits::new(2, 9);
        let places = [limits.enter(ADA).unwrap(), limits.enter(BOB).unwrap()];
        assert!(limits.enter(BOB).is_none());
        drop(places);
        assert_eq!(limits.sessions(), 0);
        assert!(limits.now.lock().unwrap().strangers.is_empty());
    }
}
