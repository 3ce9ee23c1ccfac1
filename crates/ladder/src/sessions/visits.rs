//! Who has come to a server lately: what a session cannot know of itself.

use super::{Before, Sessions, Visit};
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
            if at.since(visit.at) < LATELY {
                before.lately += 1;
                before.refused += u32::from(visit.was_refused);
            }
        }
        if visits.len() >= MAX_VISITS {
            visits.pop_front();
        }
        visits.push_back(Visit { client, at, session, was_refused: false, is_open: true });
        before
    }

    /// A session is over.
    pub(super) fn left(&mut self, ends: Ends, session: u64, packets: &Packets) {
        let Some(visits) = self.visits.get_mut(&ends.server) else { return };
        // They stand in the order in which they came.
        let at = visits.partition_point(|visit| visit.session < session);
        if let Some(visit) = visits.get_mut(at).filter(|visit| visit.session == session) {
            visit.is_open = !packets.is_over() && packets.summary().is_open();
            visit.was_refused = packets.rows().iter().any(|row| row.packet == Packet::Reply(530));
        }
    }
}
