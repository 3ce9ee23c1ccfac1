//! Whose a data connection is: what sessions have announced, scored, and where TLS hides that, what else is seen.

use super::probe::{Probe, Thought};
use super::{Key, Open, Owner, Sessions, pair};
use crate::packet::{Flags, Segment};
use crate::packets::ENOUGH;
use crate::row::Ends;
use std::net::SocketAddr;
use std::time::Duration;
use wharf_proto::Moment;

/// A data connection of a session under TLS begins this soon after something went over its control connection.
const SOON: Duration = Duration::from_secs(2);
/// What a candidate must be ahead of the next.
const CLEAR: i32 = 3;

impl Sessions {
    /// Joins a session that has announced a listener with one that has announced the same to another server: a
    /// transfer between the two is meant, whether it comes about or not.
    pub(super) fn meet(&mut self, id: u64, listener: SocketAddr) {
        let server = |id: u64| self.open.get(&id)?.session.packets.ends().map(|ends| ends.server);
        let ours = server(id);
        let announces = |other: &u64| {
            self.open.get(other).is_some_and(|open| open.session.packets.announces(listener))
        };
        let others = self.namers.get(&listener.port()).into_iter().flatten().copied();
        let other = others
            .filter(|other| *other != id && server(*other) != ours)
            .find(|other| announces(other));
        if let Some(other) = other {
            self.join(id, other);
        }
    }

    /// Finds whose a data connection is that begins with this segment, or with those of a probe that has heard
    /// its first bytes.
    pub(super) fn claim(&mut self, key: Key, segment: &Segment<'_>, probe: Option<&Probe>) -> bool {
        let rated = self.rated(segment, probe);
        let Some(&(best, id)) = rated.first().filter(|(score, _)| *score >= ENOUGH) else {
            return false;
        };
        let next = rated.get(1).map_or(0, |(score, _)| *score);
        let is_guessing =
            |id: &u64| self.open.get(id).is_some_and(|open| open.session.packets.is_guessing());
        if is_guessing(&id) && self.announced(segment, id) < ENOUGH {
            if best - next < CLEAR && probe.is_none() {
                // Its first bytes may say whose TLS session it resumes.
                return false;
            }
            return self.adopt(key, id, segment, probe.is_none());
        }
        let others = rated.iter().skip(1).map(|(_, id)| *id);
        let mut others = others;
        let partner = others.find(|other| self.are_partners(id, *other, segment));
        match partner {
            Some(other) => {
                self.join(id, other);
                self.own(key, id);
                self.own(key, other);
                self.remember(key, Owner::Two(id, other));
                self.give(id, segment);
                self.give(other, segment);
            }
            None => {
                self.own(key, id);
                self.remember(key, Owner::One(id));
                self.give(id, segment);
            }
        }
        true
    }

    /// The sessions that a connection may be of, the best first.
    fn rated(&self, segment: &Segment<'_>, probe: Option<&Probe>) -> Vec<(i32, u64)> {
        let (from, to) = (segment.from, segment.to);
        let of_port = |port: u16| self.namers.get(&port).into_iter().flatten();
        let of_pair = self.pairs.get(&pair(from, to)).into_iter().flatten();
        let mut ids: Vec<u64> =
            of_port(to.port()).chain(of_port(from.port())).chain(of_pair).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        // Of equals the session that was heard last.
        let mut rated: Vec<(i32, Moment, u64)> = ids
            .into_iter()
            .filter_map(|id| Some((id, self.open.get(&id)?)))
            .map(|(id, open)| {
                let score = announced(segment, open).max(self.suspected(segment, open, probe));
                (score, open.heard, id)
            })
            .filter(|(score, ..)| *score > 0)
            .collect();
        rated.sort_by_key(|(score, heard, _)| std::cmp::Reverse((*score, *heard)));
        rated.into_iter().map(|(score, _, id)| (score, id)).collect()
    }

    /// How well a connection fits what a session has announced.
    fn announced(&self, segment: &Segment<'_>, id: u64) -> i32 {
        self.open.get(&id).map_or(0, |open| announced(segment, open))
    }

    /// How well a connection fits a session that has announced one unheard: under TLS, or cut off in the capture.
    fn suspected(&self, segment: &Segment<'_>, open: &Open, probe: Option<&Probe>) -> i32 {
        let packets = &open.session.packets;
        let is_open = packets.is_guessing() && !packets.is_ending();
        let Some(control) = packets.ends().filter(|_| is_open) else { return 0 };
        let quiet = segment.at.since(open.heard);
        let is_new = segment.flags.syn || probe.is_some();
        if pair(segment.from, segment.to) != pair(control.client, control.server)
            || quiet > SOON
            || !is_new
        {
            return 0;
        }
        let (opener, listener) = match segment.flags {
            Flags { ack: true, .. } => (segment.to, segment.from),
            _ => (segment.from, segment.to),
        };
        let is_known = is_data_port(opener, control);
        let is_high = listener.port() >= 1024;
        let is_control = listener == control.server || self.ports.contains(&listener.port());
        if is_control || (!is_high && !is_known) {
            return 0;
        }
        let recent = if quiet < Duration::from_millis(200) { 1 } else { 0 };
        let resumes = probe.is_some_and(|probe| probe.resumes(packets));
        5 + 3 + recent + i32::from(is_known) + if resumes { 12 } else { 0 }
    }

    /// Whether two sessions have announced the two ends of this connection: one as the listener's server, one as
    /// the other server's client.
    fn are_partners(&self, one: u64, other: u64, segment: &Segment<'_>) -> bool {
        let server = |id| self.open.get(&id)?.session.packets.ends().map(|ends| ends.server);
        server(one) != server(other)
            && self.announced(segment, one).min(self.announced(segment, other)) >= ENOUGH
    }

    fn join(&mut self, one: u64, other: u64) {
        for (of, with) in [(one, other), (other, one)] {
            if let Some(open) = self.open.get_mut(&of)
                && !open.session.partners.contains(&with)
            {
                open.session.partners.push(with);
            }
        }
    }

    /// The next segment of a connection that was taken for a session's by circumstances.
    pub(super) fn think_again(
        &mut self,
        key: Key,
        id: u64,
        thought: Thought,
        segment: &Segment<'_>,
    ) {
        let is_its = match thought {
            Thought::Wait => self.give(id, segment),
            Thought::Data => {
                self.flows.insert(key, Owner::One(id));
                self.give(id, segment)
            }
            Thought::Control | Thought::Other => false,
        };
        if is_its {
            return;
        }
        if let Some(open) = self.open.get_mut(&id) {
            open.session.packets.withdraw(segment);
        }
        let owner = match (thought, self.flows.remove(&key)) {
            (Thought::Control, Some(Owner::Guessed(_, probe))) => Owner::Unknown(probe),
            _ => Owner::None,
        };
        self.flows.insert(key, owner);
    }

    /// Takes a data connection for a session's of which only circumstances say so, and may be proven wrong by its words.
    fn adopt(&mut self, key: Key, id: u64, segment: &Segment<'_>, may_be_wrong: bool) -> bool {
        let Some(open) = self.open.get_mut(&id) else { return false };
        let Some(control) = open.session.packets.ends() else { return false };
        let [from_data_port, to_data_port] =
            [segment.from, segment.to].map(|end| is_data_port(end, control));
        let from_client = match (from_data_port, to_data_port) {
            (true, false) => false,
            (false, true) => true,
            // Both hosts may be one: then who connects is taken for the client.
            _ => {
                segment.from.ip() == control.client.ip()
                    && (segment.from.ip() != control.server.ip() || !segment.flags.ack)
            }
        };
        let ends = match from_client {
            true => Ends { client: segment.from, server: segment.to },
            false => Ends { client: segment.to, server: segment.from },
        };
        open.session.packets.adopt(ends, segment);
        open.last = open.last.max(segment.at);
        self.own(key, id);
        let mut probe = Box::<Probe>::default();
        let owner = match may_be_wrong && probe.think_again(segment) == Thought::Wait {
            true => Owner::Guessed(id, probe),
            false => Owner::One(id),
        };
        self.remember(key, owner);
        true
    }
}

/// How well a connection fits what a session has announced.
fn announced(segment: &Segment<'_>, open: &Open) -> i32 {
    let (from, to) = (segment.from, segment.to);
    let packets = &open.session.packets;
    match segment.flags {
        Flags { syn: true, ack: false, .. } => packets.rate(from, to),
        Flags { syn: true, ack: true, .. } => packets.rate(to, from),
        _ => packets.rate(from, to).max(packets.rate(to, from)),
    }
}

/// Whether this is the server's data port in active mode: the one before that of its control connection (20 beside 21).
fn is_data_port(end: SocketAddr, control: Ends) -> bool {
    end.ip() == control.server.ip() && control.server.port().checked_sub(1) == Some(end.port())
}
