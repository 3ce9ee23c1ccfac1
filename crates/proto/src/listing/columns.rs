//! A row cut at its blanks: the first columns of it, and where each stands.
//!
//! Only spaces part columns. Nothing here knows what a column means.

/// How many columns of a row are looked at.
const COLUMNS: usize = 16;

/// The first columns of a row.
pub(super) struct Columns<'a> {
    row: &'a [u8],
    texts: [&'a [u8]; COLUMNS],
    /// Where in the row each of them ends.
    ends: [usize; COLUMNS],
    count: usize,
}

impl<'a> Columns<'a> {
    /// Cuts a row.
    pub(super) fn of(row: &'a [u8]) -> Self {
        let mut columns = Self { row, texts: [b""; COLUMNS], ends: [0; COLUMNS], count: 0 };
        let mut end = 0;
        let places = columns.texts.iter_mut().zip(&mut columns.ends);
        for (text, place) in places {
            let rest = row.get(end..).unwrap_or_default();
            let Some(blank) = rest.iter().position(|&byte| byte != b' ') else { break };
            let rest = rest.get(blank..).unwrap_or_default();
            let length = memchr::memchr(b' ', rest).unwrap_or(rest.len());
            *text = rest.get(..length).unwrap_or_default();
            end += blank + length;
            *place = end;
            columns.count += 1;
        }
        columns
    }

    /// How many there are, of those that are looked at.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A column.
    pub(super) fn get(&self, nth: usize) -> Option<&'a [u8]> {
        self.texts.get(nth).copied().filter(|_| nth < self.count)
    }

    /// All columns from this one on.
    pub(super) fn from(&self, nth: usize) -> &[&'a [u8]] {
        self.texts.get(nth..self.count).unwrap_or_default()
    }

    /// Where a column begins.
    pub(super) fn start(&self, nth: usize) -> Option<usize> {
        Some(self.end(nth)? - self.get(nth)?.len())
    }

    /// Where a column ends.
    pub(super) fn end(&self, nth: usize) -> Option<usize> {
        self.ends.get(nth).copied().filter(|_| nth < self.count)
    }

    /// The row from the beginning of a column on, with the blanks inside it and without those at its end.
    pub(super) fn rest(&self, nth: usize) -> Option<&'a [u8]> {
        self.row.get(self.start(nth)?..).map(<[u8]>::trim_ascii_end)
    }

    /// What stands behind a column and the one blank after it.
    pub(super) fn behind(&self, nth: usize) -> Option<&'a [u8]> {
        self.row.get(self.end(nth)? + 1..)
    }
}
