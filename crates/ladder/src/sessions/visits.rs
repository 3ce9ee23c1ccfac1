//! Who has come to a server lately: what a session cannot know of itself.

use super::{Before, InClear, Sessions, Visit};
use crate::packets::Packets;
use crate::row::Ends;
use std::time::Duration;
use wharf_proto::Moment;

/// How far back is looked.
const LATELY: Duration = Duration::from_secs(60);
/// Visits remembered for a server, and servers.
const MAX_VISITS: usize = 256;
const MAX_SERVERS: usize = 1024;

impl Sessions {
    /// A session begins: what came before it.
    pub(super) fn visit(&mut self, ends: Ends, session: u64, at: Moment) -> Before {
        if self.visits.len() >= MAX_SERVERS && !self.visits.contains_key(&ends.server) {
            self.visits.retain(|_, visits| visits.iter().any(|visit| at.since(visit.at) < LATELY));
            if self.visits.len() >= MAX_SERVERS {
                return Before::default();
            }
        }
        let client = ends.client.ip();
        let visits = self.visits.entry(ends.server).or_default();
        let mut before = Before::default();
        for visit in visits.iter().filter(|visit| visit.client == client) {
            before.open += u32::from(visit.is_open);
            before.in_clear |= visit.in_clear;
            if at.since(visit.at) < LATELY {
                before.lately += 1;
            }
            let (refused, last) = visit.refused;
            if refused > 0 && at.since(last) < LATELY {
                before.refused = before.refused.saturating_add(refused);
            }
        }
        if visits.len() >= MAX_VISITS {
            visits.pop_front();
        }
        let (refused, in_clear, is_open) = ((0, at), InClear::default(), true);
        visits.push_back(Visit { client, at, session, refused, in_clear, is_open });
        before
    }

    /// A session is over.
    pub(super) fn left(&mut self, ends: Ends, session: u64, packets: &Packets) {
        if let Some(visit) = self.visit_of(ends, session) {
            visit.is_open = !packets.is_over() && packets.summary().is_open();
            visit.in_clear = packets.in_clear();
        }
    }

    /// What came of the data connections of sessions from this client without TLS, whether those are over or not.
    pub(super) fn in_clear(&self, ends: Ends) -> InClear {
        let client = ends.client.ip();
        let mut out = InClear::default();
        let visits = self.visits.get(&ends.server).into_iter().flatten();
        for visit in visits.filter(|visit| visit.client == client) {
            out |= visit.in_clear;
            if let Some(open) = self.open.get(&visit.session).filter(|_| visit.is_open) {
                out |= open.session.packets.in_clear();
            }
        }
        out
    }

    /// A login was refused in a session, so often.
    pub(super) fn refused(&mut self, ends: Ends, session: u64, times: u32, now: Moment) {
        if let Some(Visit { refused: (refused, last), .. }) = self.visit_of(ends, session) {
            let lately = if now.since(*last) < LATELY { *refused } else { 0 };
            (*refused, *last) = (lately.saturating_add(times), now);
        }
    }

    fn visit_of(&mut self, ends: Ends, session: u64) -> Option<&mut Visit> {
        let visits = self.visits.get_mut(&ends.server)?;
        // They stand in the order in which they came.
        let at = visits.partition_point(|visit| visit.session < session);
        visits.get_mut(at).filter(|visit| visit.session == session)
    }
}
