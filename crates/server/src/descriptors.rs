//! Descriptors: how many the process may have, how many sessions that is enough for, and a few that are held back.
//!
//! A connection that cannot be accepted for want of a descriptor stays in the queue and keeps the listener ready,
//! so an acceptor without a reserve can neither serve nor refuse anybody.

use crate::config::Config;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// For what the process itself needs: standard streams, the runtime, listeners, roots, a log.
const OWN: u64 = 64;

/// One in so many is left for data connections, files and pipes.
const SHARE_FOR_TRANSFERS: u64 = 16;

/// How many are held back: enough for a session of an administrator with a transfer.
const HELD: usize = 12;

/// Lets the process have as many descriptors as the system allows it to ask for. For the program to call at its
/// start; a library does not change what belongs to the whole process.
///
/// # Errors
/// What the system reports; the limit is then what it was.
pub fn raise_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

/// The most sessions: those that were asked for, or as many as there are descriptors for, which is logged.
pub(crate) fn sessions_for(config: &Config) -> u32 {
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return config.sessions };
    let enough_for = enough_for(descriptors, config.reserve);
    if enough_for < config.sessions {
        let wanted = config.sessions;
        tracing::info!(
            wanted,
            sessions = enough_for,
            descriptors,
            "fewer sessions for want of descriptors"
        );
    }
    config.sessions.min(enough_for)
}

/// How many sessions so many descriptors are enough for, with a reserve beside them. One at least: a server for
/// nobody helps nobody.
fn enough_for(descriptors: u64, reserve: u32) -> u32 {
    let kept = OWN.max(descriptors / SHARE_FOR_TRANSFERS) + u64::from(reserve);
    u32::try_from(descriptors.saturating_sub(kept)).unwrap_or(u32::MAX).max(1)
}

/// Descriptors that are held back for when there are no others.
#[derive(Debug)]
pub(crate) struct Held(Mutex<Vec<OwnedFd>>);

impl Held {
    pub(crate) fn new() -> Self {
        let held = Self(Mutex::default());
        held.refill();
        held
    }

    /// Whether this error says that there are no descriptors, and one is free now.
    pub(crate) fn helps_with(&self, error: &io::Error) -> bool {
        let short = matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE));
        short && self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().is_some()
    }

    /// Lets all of them go, for somebody who is to get in.
    pub(crate) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Holds back again what has been let go, as far as there is anything to hold.
    pub(crate) fn refill(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while held.len() < HELD {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let Ok(one) = rustix::fs::open("/dev/null", flags, Mode::empty()) else { return };
            held.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_descriptors_is_left_for_transfers_and_the_reserve() {
        assert_eq!(enough_for(20_000, 16), 18_734);
        assert_eq!(enough_for(1024, 16), 944);
        assert_eq!(enough_for(100, 16), 20);
        assert_eq!(enough_for(10, 16), 1);
        assert_eq!(enough_for(u64::MAX, 16), u32::MAX);
    }

    #[test]
    fn what_is_held_back_helps_only_where_descriptors_are_short_and_is_held_again_later() {
        let held = Held::new();
        assert!(!held.helps_with(&Errno::CONNABORTED.into()));
        for _ in 0..HELD {
            assert!(held.helps_with(&Errno::MFILE.into()));
        }
        assert!(!held.helps_with(&Errno::NFILE.into()), "there are none left");
        held.refill();
        assert!(held.helps_with(&Errno::NFILE.into()));
        held.release();
        assert!(!held.helps_with(&Errno::MFILE.into()));
    }
}
