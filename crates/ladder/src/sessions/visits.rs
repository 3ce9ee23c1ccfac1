//! Who has come to a server lately: what a session cannot know of itself.

use super::{Before, Sessions, Visit, pair};
use crate::packets::Packets;
use crate::row::{Ends, Packet};
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
            before.fails_in_clear |= visit.failed_in_clear;
            if at.since(visit.at) < LATELY {
                before.lately += 1;
                before.refused += u32::from(visit.was_refused);
            }
        }
        if visits.len() >= MAX_VISITS {
            visits.pop_front();
        }
        let (was_refused, failed_in_clear, is_open) = (false, false, true);
        visits.push_back(Visit { client, at, session, was_refused, failed_in_clear, is_open });
        before
    }

    /// A session is over.
    pub(super) fn left(&mut self, ends: Ends, session: u64, packets: &Packets) {
        let Some(visits) = self.visits.get_mut(&ends.server) else { return };
        // They stand in the order in which they came.
        let at = visits.partition_point(|visit| visit.session < session);
        if let Some(visit) = visits.get_mut(at).filter(|visit| visit.session == session) {
            visit.is_open = !packets.is_over() && packets.summary().is_open();
            visit.failed_in_clear = packets.fails_in_clear();
            visit.was_refused = packets.rows().iter().any(|row| row.packet == Packet::Reply(530));
        }
    }
    /// Whether a session from this client without TLS had a data connection that nobody answered, whether it is over or not.
    pub(super) fn fails_in_clear(&self, ends: Ends) -> bool {
        let client = ends.client.ip();
        let over = self.visits.get(&ends.server).into_iter().flatten();
        let open = self.pairs.get(&pair(ends.client, ends.server)).into_iter().flatten();
        over.filter(|visit| visit.client == client).any(|visit| visit.failed_in_clear)
            || open
                .filter_map(|id| self.open.get(id))
                .map(|open| &open.session.packets)
                .filter(|packets| packets.ends().is_some_and(|of| of.server == ends.server))
                .any(Packets::fails_in_clear)
    }
}
