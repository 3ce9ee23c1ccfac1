//! Events of many sessions become sessions, as a capture's segments do.
//!
//! A session is given away when its control connection has closed and a moment has passed, since the end of a data
//! connection may be told after it. Two sessions with different servers, of which one is told where the other listens, are a
//! transfer between these servers and are given away together, as those of a capture are. What is open at a time is
//! bounded: beyond that the oldest are given away.

use crate::model::Ladder;
use crate::sessions::{Before, Session};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use wharf_proto::Moment;
use wharf_proto::tap::{Event, Party, SessionId, What};

/// How long a session that is over may get events that came late.
const LINGER: Duration = Duration::from_secs(1);
/// Sessions that may be open.
const MAX_OPEN: usize = 4096;
/// Rows of theirs.
const MAX_ROWS: usize = 160_000;

/// The sessions that are being told of.
#[derive(Debug, Default)]
pub struct Told {
    open: BTreeMap<SessionId, Open>,
    /// Which session has last said that somebody listens at an address.
    planners: HashMap<SocketAddr, SessionId>,
    /// What has ended because another session has its number now.
    ended: Vec<Vec<Session>>,
    now: Moment,
}

#[derive(Debug, Default)]
struct Open {
    ladder: Ladder,
    closed: Option<Moment>,
    server: Option<SocketAddr>,
    /// Where somebody listens for its next data connection, and who.
    plan: Option<(Party, SocketAddr)>,
    /// The sessions that it shares a data connection with.
    partners: Vec<SessionId>,
    /// Nothing more will come of it.
    is_done: bool,
}

impl Told {
    /// Takes the next event. A session that begins under the number of another puts that to its end.
    pub fn push(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        let id = event.session;
        // A log may tell something of a session before it is open.
        let is_told = |open: &Open| !open.ladder.is_of_log();
        let begins = matches!(event.what, What::ControlOpened { .. });
        if begins && self.open.get(&id).is_some_and(is_told) {
            let group = self.take(&self.group(id), false);
            self.ended.push(group);
        }
        let open = self.open.entry(id).or_default();
        open.ladder.push(event);
        match event.what {
            What::ControlOpened { server, .. } => open.server = Some(server),
            What::ControlClosed { .. } => open.closed = Some(event.at),
            What::DataPlanned { listener, address } => self.planned(id, listener, address),
            _ => {}
        }
    }

    /// Another run begins, which counts its sessions from the beginning: all are over.
    pub fn end_all(&mut self) {
        let all = self.finish();
        *self = Self { ended: all, ..Self::default() };
    }

    /// Nothing has come up to this moment, so that what is over by then is known to be.
    pub fn pass(&mut self, now: Moment) {
        self.now = self.now.max(now);
    }

    /// The sessions that are over, and the oldest of too many; each with those that it shares a data connection with.
    pub fn take_finished(&mut self) -> Vec<Vec<Session>> {
        let mut out = std::mem::take(&mut self.ended);
        let over: Vec<SessionId> =
            self.open.keys().filter(|id| self.is_over(**id)).copied().collect();
        for id in over {
            let group = self.group(id);
            if self.open.contains_key(&id) && group.iter().all(|id| self.is_over(*id)) {
                out.push(self.take(&group, false));
            }
        }
        let rows = |open: &Open| open.ladder.rows().len();
        let mut weight: usize = self.open.values().map(rows).sum();
        while (self.open.len() > MAX_OPEN || weight > MAX_ROWS)
            && let Some(first) = self.open.keys().next().copied()
        {
            let group = self.take(&self.group(first), true);
            let taken: usize = group.iter().map(|session| session.packets.rows().len()).sum();
            weight = weight.saturating_sub(taken);
            out.push(group);
        }
        out
    }

    /// All that are left, at the end of the file or where another run begins.
    pub fn finish(&mut self) -> Vec<Vec<Session>> {
        let mut out = std::mem::take(&mut self.ended);
        while let Some(first) = self.open.keys().next().copied() {
            out.push(self.take(&self.group(first), false));
        }
        out
    }

    /// The numbers of the sessions that are open, and how many rows each has.
    pub fn open(&self) -> impl Iterator<Item = (u64, usize)> {
        self.open.iter().map(|(id, open)| (id.0, open.ladder.rows().len()))
    }

    /// An open session as far as it has come.
    #[must_use]
    pub fn look(&self, no: u64) -> Option<Session> {
        let open = self.open.get(&SessionId(no))?;
        Some(self.session(no, open.ladder.clone(), &open.partners, false))
    }

    /// The moment of the last event.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// A session begins, with these rows.
    pub(crate) fn begin(&mut self, id: SessionId, ladder: Ladder) {
        self.open.insert(id, Open { ladder, ..Open::default() });
    }

    /// Whether a session has begun and not been given away.
    pub(crate) fn holds(&self, id: SessionId) -> bool {
        self.open.contains_key(&id)
    }

    /// The rows of a session that is open.
    pub(crate) fn ladder(&mut self, id: SessionId) -> Option<&mut Ladder> {
        self.open.get_mut(&id).map(|open| &mut open.ladder)
    }

    /// Nothing more will come of a session.
    pub(crate) fn end(&mut self, id: SessionId) {
        if let Some(open) = self.open.get_mut(&id) {
            open.is_done = true;
        }
    }

    /// A listener for a session's data connection is known.
    fn planned(&mut self, id: SessionId, listener: Party, address: SocketAddr) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let (before, server) = (open.plan.replace((listener, address)), open.server);
        if let Some((_, before)) = before {
            self.unplan(id, before);
        }
        let Some(other) = self.planners.insert(address, id).filter(|other| *other != id) else {
            return;
        };
        let meets = self.open.get(&other).is_some_and(|other| {
            other.closed.is_none()
                && other.plan == Some((listener.other(), address))
                && other.server.is_some()
                && other.server != server
        });
        if !meets {
            return;
        }
        for (of, with) in [(id, other), (other, id)] {
            if let Some(open) = self.open.get_mut(&of)
                && !open.partners.contains(&with)
            {
                open.partners.push(with);
            }
        }
    }

    /// The session waits no longer for what comes to this address.
    fn unplan(&mut self, id: SessionId, address: SocketAddr) {
        if self.planners.get(&address) == Some(&id) {
            self.planners.remove(&address);
        }
    }

    fn is_over(&self, id: SessionId) -> bool {
        let lingered = |at| self.now.since(at) >= LINGER;
        self.open.get(&id).is_some_and(|open| open.is_done || open.closed.is_some_and(lingered))
    }

    /// A session and those that belong to it.
    fn group(&self, first: SessionId) -> Vec<SessionId> {
        let mut group = vec![first];
        let mut at = 0;
        while let Some(open) = group.get(at).map(|id| self.open.get(id)) {
            for id in open.into_iter().flat_map(|open| &open.partners) {
                if !group.contains(id) && self.open.contains_key(id) {
                    group.push(*id);
                }
            }
            at += 1;
        }
        group
    }

    fn take(&mut self, group: &[SessionId], cuts: bool) -> Vec<Session> {
        let mut out = Vec::with_capacity(group.len());
        for id in group {
            let Some(mut open) = self.open.remove(id) else { continue };
            open.ladder.given_away();
            if let Some((_, address)) = open.plan {
                self.unplan(*id, address);
            }
            let is_cut = cuts && open.closed.is_none() && !open.is_done;
            out.push(self.session(id.0, open.ladder, &open.partners, is_cut));
        }
        out.sort_by_key(|session| session.no);
        out
    }

    fn session(&self, no: u64, ladder: Ladder, partners: &[SessionId], is_cut: bool) -> Session {
        let (packets, before, until) = (ladder.into(), Before::default(), self.now);
        let partners = partners.iter().map(|id| id.0).collect();
        Session { no, packets, partners, is_cut, before, until }
    }
}
