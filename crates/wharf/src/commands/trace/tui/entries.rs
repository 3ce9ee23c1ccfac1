//! The sessions that have come, and which of them the list shows, in which order.
//!
//! Rows are kept within bounds: those of the oldest sessions go first, and are read again from the file when somebody
//! looks at them.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use wharf_ladder::Scene;

use super::super::facts::Facts;
use super::super::filter::Filter;

/// Rows kept at most, over all sessions.
const MAX_ROWS: usize = 1_000_000;

/// A session, or those of one transfer between servers.
#[derive(Clone, Debug)]
pub(in super::super) struct Entry {
    pub(in super::super) facts: Facts,
    /// Its rows, while they are kept.
    pub(in super::super) scene: Option<Arc<Scene>>,
    /// It goes on.
    pub(in super::super) is_open: bool,
}

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Column {
    #[default]
    No,
    Began,
    Duration,
    Client,
    Server,
    Transfers,
    Bytes,
    Worst,
}

impl Column {
    pub(super) const ALL: [Self; 8] = [
        Self::No,
        Self::Began,
        Self::Duration,
        Self::Client,
        Self::Server,
        Self::Transfers,
        Self::Bytes,
        Self::Worst,
    ];

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    fn compare(self, a: &Facts, b: &Facts) -> Ordering {
        match self {
            Self::No => Ordering::Equal,
            Self::Began => a.began.cmp(&b.began),
            Self::Duration => a.duration.cmp(&b.duration),
            Self::Client => a.client.cmp(&b.client),
            Self::Server => a.server.cmp(&b.server),
            Self::Transfers => (a.transfers, a.failed).cmp(&(b.transfers, b.failed)),
            Self::Bytes => a.bytes.cmp(&b.bytes),
            Self::Worst => (a.worst, &a.findings).cmp(&(b.worst, &b.findings)),
        }
        .then(a.no.cmp(&b.no))
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Entries {
    all: Vec<Entry>,
    /// Where an entry is, by the number of its first session.
    places: HashMap<u64, usize>,
    /// Entries whose rows are kept, the oldest first, and how many rows that is.
    kept: VecDeque<usize>,
    rows: usize,
    /// What the list shows, in its order.
    shown: Vec<usize>,
    is_stale: bool,
    filter: Option<Filter>,
    pub(super) column: Column,
    pub(super) is_reversed: bool,
}

impl Entries {
    /// Takes a session in, in place of what was known of it; sessions that it was joined with are no longer alone.
    pub(super) fn take(&mut self, mut entry: Entry) {
        let no = entry.facts.no;
        let sessions = entry.scene.as_ref().map(|scene| scene.sessions.clone()).unwrap_or_default();
        for other in sessions.iter().filter(|other| **other != no) {
            let Some(place) = self.places.remove(other) else { continue };
            self.keep(place, None);
            if let Some(entry) = self.all.get_mut(place) {
                entry.facts.no = 0;
                self.is_stale = true;
            }
        }
        let is_new = !self.places.contains_key(&no);
        let place = *self.places.entry(no).or_insert(self.all.len());
        let is_wanted = self.is_wanted(&entry);
        let scene = entry.scene.take();
        match self.all.get_mut(place) {
            Some(known) => *known = Entry { scene: known.scene.take(), ..entry },
            None => self.all.push(entry),
        }
        self.keep(place, scene);
        self.shed(place);
        // In the order of arrival a new session has its place at the end, and nothing else has to be looked at.
        match (is_new, self.column, self.is_reversed) {
            (true, Column::No, false) if !self.is_stale && self.is_last(no) => {
                self.shown.extend(is_wanted.then_some(place));
            }
            _ => self.is_stale = true,
        }
    }

    /// Keeps the rows of a session that were read again.
    pub(super) fn give_back(&mut self, no: u64, scene: Arc<Scene>) {
        let Some(place) = self.places.get(&no).copied() else { return };
        self.keep(place, Some(scene));
        self.shed(place);
    }

    /// Keeps these rows of an entry in place of those that it had.
    fn keep(&mut self, place: usize, scene: Option<Arc<Scene>>) {
        let Some(entry) = self.all.get_mut(place) else { return };
        let rows = |of: &Option<Arc<Scene>>| of.as_ref().map_or(0, |scene| scene.steps.len());
        self.rows = (self.rows + rows(&scene)).saturating_sub(rows(&entry.scene));
        if entry.scene.is_none() && scene.is_some() {
            self.kept.push_back(place);
        }
        entry.scene = scene;
    }

    /// Lets the rows of the oldest sessions go, but of this one and of those that go on.
    fn shed(&mut self, but: usize) {
        for _ in 0..self.kept.len() {
            if self.rows <= MAX_ROWS {
                return;
            }
            let Some(place) = self.kept.pop_front() else { return };
            let Some(entry) = self.all.get(place).filter(|entry| entry.scene.is_some()) else {
                continue;
            };
            if entry.is_open || place == but {
                self.kept.push_back(place);
            } else {
                self.keep(place, None);
            }
        }
    }

    fn is_last(&self, no: u64) -> bool {
        self.shown
            .last()
            .and_then(|place| self.all.get(*place))
            .is_none_or(|last| last.facts.no < no)
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        entry.facts.no > 0 && self.filter.as_ref().is_none_or(|filter| filter.matches(&entry.facts))
    }

    /// Shows those that fit a filter, or all.
    pub(super) fn filter(&mut self, filter: Option<Filter>) {
        self.filter = filter;
        self.is_stale = true;
    }

    /// Sorts by the next column.
    pub(super) fn sort_next(&mut self) {
        self.column = self.column.next();
        self.is_stale = true;
    }

    /// Sorts the other way round.
    pub(super) fn reverse(&mut self) {
        self.is_reversed = !self.is_reversed;
        self.is_stale = true;
    }

    /// Puts the list in order, where something has changed.
    pub(super) fn settle(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        let all = &self.all;
        let mut shown: Vec<usize> =
            (0..all.len()).filter(|place| self.is_wanted(&all[*place])).collect();
        let column = self.column;
        shown.sort_by(|a, b| column.compare(&all[*a].facts, &all[*b].facts));
        if self.is_reversed {
            shown.reverse();
        }
        self.shown = shown;
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many the list shows.
    pub(super) fn shown(&self) -> usize {
        self.shown.len()
    }

    /// The entry in a line of the list.
    pub(super) fn line(&self, line: usize) -> Option<&Entry> {
        self.all.get(*self.shown.get(line)?)
    }

    /// The line of a session.
    pub(super) fn line_of(&self, no: u64) -> Option<usize> {
        let place = *self.places.get(&no)?;
        self.shown.iter().position(|shown| *shown == place)
    }

    /// The entry of a session.
    pub(super) fn of(&self, no: u64) -> Option<&Entry> {
        self.all.get(*self.places.get(&no)?)
    }
}
