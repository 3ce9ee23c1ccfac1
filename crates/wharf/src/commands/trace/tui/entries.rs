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
const MAX_ROWS: usize = 400_000;
/// Sessions kept at most; beyond them the oldest are forgotten, a part of them at a time.
const MAX_SESSIONS: usize = 250_000;

/// A session, or those of one transfer between servers.
#[derive(Clone, Debug)]
pub(in super::super) struct Entry {
    pub(in super::super) facts: Facts,
    /// Its rows, while they are kept.
    pub(in super::super) scene: Option<Arc<Scene>>,
    /// What it came to in numbers, while those are.
    pub(in super::super) numbers: Vec<String>,
    /// It goes on.
    pub(in super::super) is_open: bool,
}

/// The rows of a session that were read again, and its numbers.
pub(in super::super) type Rows = (Arc<Scene>, Vec<String>);

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

/// How many sessions are kept.
struct Most(usize);

impl Default for Most {
    fn default() -> Self {
        Self(MAX_SESSIONS)
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Entries {
    /// None for those that others have taken in.
    all: Vec<Option<Entry>>,
    /// Where an entry is, by the number of its first session.
    places: HashMap<u64, usize>,
    /// Entries whose rows are kept, the oldest first, and how many rows that is.
    kept: VecDeque<usize>,
    rows: usize,
    /// What the list shows, in its order.
    shown: Vec<usize>,
    is_stale: bool,
    most: Most,
    /// How many have been forgotten.
    pub(super) forgotten: usize,
    filter: Option<Filter>,
    pub(super) column: Column,
    pub(super) is_reversed: bool,
}

impl Entries {
    /// None yet, and never more than this many.
    #[cfg(test)]
    pub(super) fn at_most(sessions: usize) -> Self {
        Self { most: Most(sessions), ..Self::default() }
    }

    /// Takes a session in, in place of what was known of it; sessions that it was joined with are no longer alone.
    pub(super) fn take(&mut self, mut entry: Entry) {
        let no = entry.facts.no;
        let sessions = entry.scene.as_ref().map(|scene| scene.sessions.clone()).unwrap_or_default();
        let others: Vec<u64> = sessions.into_iter().filter(|other| *other != no).collect();
        self.leave(&others);
        self.forget();
        let known = self.places.get(&no).copied();
        // One that is over stays as it is: another of its number is of another run of who tells.
        let known = known.filter(|place| self.at(*place).is_some_and(|known| known.is_open));
        let (is_new, place) = (known.is_none(), known.unwrap_or(self.all.len()));
        self.places.insert(no, place);
        let is_wanted = self.is_wanted(&entry);
        let scene = entry.scene.take();
        match self.all.get_mut(place) {
            Some(Some(known)) => *known = Entry { scene: known.scene.take(), ..entry },
            _ => self.all.push(Some(entry)),
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

    /// These sessions have no line of their own any more.
    pub(super) fn leave(&mut self, sessions: &[u64]) {
        for no in sessions {
            let Some(place) = self.places.remove(no) else { continue };
            self.keep(place, None);
            if let Some(entry) = self.all.get_mut(place) {
                *entry = None;
                self.is_stale = true;
            }
        }
    }

    /// Forgets the oldest of too many sessions.
    fn forget(&mut self) {
        if self.all.len() < self.most.0 {
            return;
        }
        let first = (self.most.0 / 8).max(1);
        for place in 0..first {
            self.keep(place, None);
        }
        let gone = self.all.drain(..first);
        self.forgotten += gone.flatten().count();
        self.places.retain(|_, place| *place >= first);
        self.places.values_mut().for_each(|place| *place -= first);
        self.kept.retain(|place| *place >= first);
        self.kept.iter_mut().for_each(|place| *place -= first);
        self.shown.clear();
        self.is_stale = true;
    }

    /// Keeps the rows of a session that were read again.
    pub(super) fn give_back(&mut self, no: u64, (scene, numbers): Rows) {
        let Some(place) = self.places.get(&no).copied() else { return };
        self.keep(place, Some(scene));
        if let Some(Some(entry)) = self.all.get_mut(place) {
            entry.numbers = numbers;
        }
        self.shed(place);
    }

    /// Keeps these rows of an entry in place of those that it had.
    fn keep(&mut self, place: usize, scene: Option<Arc<Scene>>) {
        let Some(Some(entry)) = self.all.get_mut(place) else { return };
        let weight = |scene: &Arc<Scene>| -> usize {
            scene.steps.iter().map(|step| step.row.weighs()).sum()
        };
        let rows = |of: &Option<Arc<Scene>>| of.as_ref().map_or(0, weight);
        self.rows = (self.rows + rows(&scene)).saturating_sub(rows(&entry.scene));
        if entry.scene.is_none() && scene.is_some() {
            self.kept.push_back(place);
        }
        if scene.is_none() {
            entry.numbers = Vec::new();
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
            let Some(entry) = self.at(place).filter(|entry| entry.scene.is_some()) else {
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
        let last = self.shown.last().and_then(|place| self.at(*place));
        last.is_none_or(|last| last.facts.no < no)
    }

    fn at(&self, place: usize) -> Option<&Entry> {
        self.all.get(place)?.as_ref()
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(&entry.facts))
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
        let all = self.all.iter().enumerate();
        let all = all.filter_map(|(place, entry)| Some((place, entry.as_ref()?)));
        let mut shown: Vec<(usize, &Entry)> =
            all.filter(|(_, entry)| self.is_wanted(entry)).collect();
        let column = self.column;
        shown.sort_by(|(_, a), (_, b)| column.compare(&a.facts, &b.facts));
        if self.is_reversed {
            shown.reverse();
        }
        self.shown = shown.into_iter().map(|(place, _)| place).collect();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.iter().flatten().count()
    }

    /// How many the list shows.
    pub(super) fn shown(&self) -> usize {
        self.shown.len()
    }

    /// The entry in a line of the list.
    pub(super) fn line(&self, line: usize) -> Option<&Entry> {
        self.at(*self.shown.get(line)?)
    }

    /// The line of a session.
    pub(super) fn line_of(&self, no: u64) -> Option<usize> {
        let place = *self.places.get(&no)?;
        self.shown.iter().position(|shown| *shown == place)
    }

    /// The entry of a session.
    pub(super) fn of(&self, no: u64) -> Option<&Entry> {
        self.at(*self.places.get(&no)?)
    }
}
