//! When sessions are over, with whom they are given away, and what is forgotten then.

use super::{Owner, Session, Sessions, WEIGHT, pair};
use std::time::Duration;
use wharf_proto::Moment;

/// How long a session that is over may get packets that came late.
const LINGER: Duration = Duration::from_secs(1);

impl Sessions {
    /// The sessions that are over, each with those that it shares a data connection with; in the order in which
    /// they began, as far as memory allows.
    pub fn take_finished(&mut self) -> Vec<Vec<Session>> {
        let mut out = Vec::new();
        while let Some(group) = self.open.keys().next().and_then(|first| self.group_if_over(*first))
        {
            out.push(self.take_group(&group));
        }
        if self.weight > self.most {
            self.relieve(&mut out);
        }
        out
    }

    /// All that are left, at the end of the capture.
    pub fn finish(&mut self) -> Vec<Vec<Session>> {
        while let Some(held) = self.turns.rest() {
            self.route(&held.segment());
        }
        let mut out = Vec::new();
        while let Some(first) = self.open.keys().next().copied() {
            let group = self.group(first);
            out.push(self.take_group(&group));
        }
        out
    }

    /// A session and those that belong to it.
    fn group(&self, first: u64) -> Vec<u64> {
        let mut group = vec![first];
        let mut at = 0;
        while let Some(id) = group.get(at) {
            let partners = self.open.get(id).map_or(&[][..], |open| &open.session.partners);
            let new: Vec<u64> = partners
                .iter()
                .filter(|id| !group.contains(id) && self.open.contains_key(id))
                .copied()
                .collect();
            group.extend(new);
            at += 1;
        }
        group
    }

    fn group_if_over(&self, first: u64) -> Option<Vec<u64>> {
        let is_over = |id: &u64| {
            self.open.get(id).is_some_and(|open| {
                open.session.packets.is_over() && self.now.since(open.last) >= LINGER
            })
        };
        is_over(&first).then(|| self.group(first)).filter(|group| group.iter().all(is_over))
    }

    fn take_group(&mut self, group: &[u64]) -> Vec<Session> {
        let mut out = Vec::with_capacity(group.len());
        for id in group {
            self.forget_names(*id);
            let Some(mut open) = self.open.remove(id) else { continue };
            self.weight = self.weight.saturating_sub(open.weight + WEIGHT);
            for key in &open.keys {
                // The port may have been used again, and be another session's now.
                let is_its = match self.flows.get(key) {
                    Some(Owner::One(of) | Owner::Guessed(of, _)) => of == id,
                    Some(Owner::Two(a, b)) => a == id || b == id,
                    Some(Owner::Unknown(_) | Owner::None) | None => false,
                };
                if is_its {
                    self.flows.remove(key);
                }
            }
            if let Some(ends) = open.session.packets.ends() {
                self.left(ends, *id, &open.session.packets);
                // Nothing else asks how others fare.
                if open.session.packets.has_unanswered() {
                    open.session.before.in_clear |= self.in_clear(ends);
                }
            }
            let mut session = open.session;
            session.until = self.now;
            out.push(session);
        }
        out.sort_by_key(|session| session.no);
        out
    }

    /// Gives away sessions until there is room: first those that are over, then those that were silent longest.
    fn relieve(&mut self, out: &mut Vec<Vec<Session>>) {
        let mut quiet: Vec<(bool, Moment, u64)> = self
            .open
            .iter()
            .map(|(id, open)| (!open.session.packets.is_over(), open.last, *id))
            .collect();
        quiet.sort_unstable();
        for (_, _, id) in quiet {
            if self.weight <= self.most / 2 {
                return;
            }
            if self.open.contains_key(&id) {
                let mut group = self.take_group(&self.group(id));
                for session in &mut group {
                    session.is_cut = !session.packets.is_over();
                }
                out.push(group);
            }
        }
    }

    /// Nobody's connection can be this session's any more: it is asked no longer whose they are.
    pub(super) fn forget_names(&mut self, id: u64) {
        let Some(open) = self.open.get_mut(&id).filter(|open| open.is_asked) else { return };
        open.is_asked = false;
        for port in std::mem::take(&mut open.named) {
            if let Some(ids) = self.namers.get_mut(&port) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.namers.remove(&port);
                }
            }
        }
        if let Some(ends) = open.session.packets.ends() {
            let pair = pair(ends.client, ends.server);
            if let Some(ids) = self.pairs.get_mut(&pair) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.pairs.remove(&pair);
                }
            }
        }
    }
}
