//! Events of many sessions become sessions, as a capture's segments do.
//!
//! A session is given away when its control connection has closed and a moment has passed, since the end of a data
//! connection may be told after it. What is open at a time is bounded: beyond that the oldest are given away.

use crate::model::Ladder;
use crate::sessions::{Before, Session};
use std::collections::BTreeMap;
use std::time::Duration;
use wharf_proto::Moment;
use wharf_proto::tap::{Event, SessionId, What};

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
    now: Moment,
}

#[derive(Debug, Default)]
struct Open {
    ladder: Ladder,
    closed: Option<Moment>,
}

impl Told {
    /// Takes the next event. One session that begins under the number of another puts that to its end; its session is
    /// given back.
    pub fn push(&mut self, event: &Event) -> Option<Session> {
        self.now = self.now.max(event.at);
        let is_new = matches!(event.what, What::ControlOpened { .. });
        let before = if is_new { self.open.remove(&event.session) } else { None };
        let open = self.open.entry(event.session).or_default();
        if matches!(event.what, What::ControlClosed { .. }) {
            open.closed = Some(event.at);
        }
        open.ladder.push(event);
        before.map(|open| session(event.session, open, self.now, false))
    }

    /// The sessions that are over, and the oldest of too many.
    pub fn take_finished(&mut self) -> Vec<Session> {
        let now = self.now;
        let is_over = |open: &Open| open.closed.is_some_and(|at| now.since(at) >= LINGER);
        let over = self.open.extract_if(.., |_, open| is_over(open));
        let mut out: Vec<Session> = over.map(|(id, open)| session(id, open, now, false)).collect();
        let rows = |open: &Open| open.ladder.rows().len();
        let mut weight: usize = self.open.values().map(rows).sum();
        while (self.open.len() > MAX_OPEN || weight > MAX_ROWS)
            && let Some((first, open)) = self.open.first_key_value()
        {
            weight = weight.saturating_sub(rows(open));
            let first = *first;
            out.extend(self.cut(first));
        }
        out
    }

    /// All that are left, at the end of the file or where another run begins.
    pub fn finish(&mut self) -> Vec<Session> {
        let now = self.now;
        let open = std::mem::take(self).open;
        open.into_iter().map(|(id, open)| session(id, open, now, false)).collect()
    }

    fn cut(&mut self, id: SessionId) -> Option<Session> {
        let open = self.open.remove(&id)?;
        let is_cut = open.closed.is_none();
        Some(session(id, open, self.now, is_cut))
    }
}

fn session(id: SessionId, open: Open, until: Moment, is_cut: bool) -> Session {
    let before = Before::default();
    Session { no: id.0, packets: open.ladder.into(), partners: Vec::new(), is_cut, before, until }
}
