//! Which family a listing is of: all of them vote, over the whole of it.
//!
//! The rows that vote are taken evenly from the whole listing, at most [`SAMPLE`] of them, and the first ones
//! besides, where headings stand. Each family has as many votes as it reads rows. What the server says of its
//! system (SYST) decides between equals only: servers say `UNIX Type: L8` whatever they are. The winner then
//! reads the listing; a row that it cannot read is offered to the others, and what nobody can read is given
//! back as it came. Where dates have several orders, the one in which most rows make sense is taken.

use super::families::{Around, FAMILIES, Family, Row, is_sum};
use super::numeric::Order;
use super::{Entry, without_cr};
use crate::time::Timestamp;

/// How many rows vote.
const SAMPLE: usize = 128;
/// How many rows at the beginning vote in any case.
const BEGINNING: usize = 8;

/// What is known of a listing besides its bytes.
///
/// ```
/// use wharf_proto::listing::{Hints, read_listing};
/// use wharf_proto::time::Timestamp;
/// let rows = b"04-27-00  09:09PM       <DIR>          pub\r\n04-14-00  03:47PM   589 a b.htm\r\n";
/// let hints = Hints { now: Timestamp::new(1_795_352_700, 0), system: b"Windows_NT" };
/// let entries: Vec<_> = read_listing(rows, hints).flatten().collect();
/// assert_eq!(entries[1].name, b"a b.htm");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Hints<'h> {
    /// The time by the server's clock, as near as it is known: what a date without a year is seen from.
    pub now: Timestamp,
    /// What the server answers to SYST; empty where nobody has asked.
    pub system: &'h [u8],
}

impl From<Timestamp> for Hints<'_> {
    fn from(now: Timestamp) -> Self {
        Self { now, system: b"" }
    }
}

/// The rows of a listing, read; see [`read_listing`].
pub struct Rows<'l> {
    left: &'l [u8],
    family: &'static Family,
    around: Around,
    in_doubt: bool,
}

/// Reads a whole listing, of any host's family, row by row. A row that nobody can read is given back as an
/// error, for the user to see; empty rows, headings and sums are left out.
///
/// Names are the bytes that the server sent.
pub fn read_listing<'l, 'h>(listing: &'l [u8], hints: impl Into<Hints<'h>>) -> Rows<'l> {
    let hints = hints.into();
    let (family, around, in_doubt) = elect(listing, hints);
    Rows { left: listing, family, around, in_doubt }
}

impl Rows<'_> {
    /// What the family of the listing is called.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.family.name
    }

    /// Whether the vote did not decide it, so that what the server says of its system might.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

impl<'l> Iterator for Rows<'l> {
    type Item = Result<Entry, &'l [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let row = next_row(&mut self.left)?;
            match (self.family.read)(row, self.around) {
                Row::Entry(entry) | Row::Guess(entry) => return Some(Ok(entry)),
                Row::Ornament => {}
                Row::Part => {
                    let mut left = self.left;
                    match next_row(&mut left).map(|next| self.joined(row, next)) {
                        Some(Row::Entry(entry) | Row::Guess(entry)) => {
                            self.left = left;
                            return Some(Ok(entry));
                        }
                        _ => return Some(self.by_others(row)),
                    }
                }
                Row::Foreign if is_sum(row) => {}
                Row::Foreign => return Some(self.by_others(row)),
            }
        }
    }
}

impl<'l> Rows<'l> {
    fn joined(&self, first: &[u8], second: &[u8]) -> Row {
        (self.family.read)(&[first, b" ", second].concat(), self.around)
    }

    /// A row that the family of the listing cannot read.
    fn by_others(&self, row: &'l [u8]) -> Result<Entry, &'l [u8]> {
        FAMILIES.iter().find_map(|family| in_any_order(family, row, self.around)).ok_or(row)
    }
}

fn in_any_order(family: &Family, row: &[u8], around: Around) -> Option<Entry> {
    family.orders.iter().find_map(|&order| match (family.read)(row, Around { order, ..around }) {
        Row::Entry(entry) => Some(entry),
        Row::Guess(_) | Row::Ornament | Row::Part | Row::Foreign => None,
    })
}

/// The next row that is not blank, without its line end.
fn next_row<'l>(left: &mut &'l [u8]) -> Option<&'l [u8]> {
    while !left.is_empty() {
        let end = memchr::memchr(b'\n', left);
        let (row, rest) = left.split_at(end.unwrap_or(left.len()));
        *left = rest.strip_prefix(b"\n").unwrap_or(rest);
        let row = without_cr(row);
        if !row.trim_ascii().is_empty() {
            return Some(row);
        }
    }
    None
}

/// Holds the vote.
fn elect(listing: &[u8], hints: Hints<'_>) -> (&'static Family, Around, bool) {
    let sample = sample(listing);
    let around = |order| Around { now: hints.now, order };
    let system = hints.system.to_ascii_uppercase();
    let is_said = |family: &Family| {
        family.systems.iter().any(|name| memchr::memmem::find(&system, name.as_bytes()).is_some())
    };
    let mut best = None;
    let mut second = 0;
    for family in &FAMILIES {
        let said = is_said(family);
        let (votes, guesses) = count(family, &sample, around);
        let weight = (votes, said, guesses);
        let stands = votes > 0 || (said && guesses > 0);
        if stands && best.is_none_or(|(_, most)| weight > most) {
            second = best.map_or(0, |(_, (votes, ..))| votes);
            best = Some((family, weight));
        } else {
            second = second.max(votes);
        }
    }
    let most = best.map_or(0, |(_, (votes, ..))| votes);
    let in_doubt = most == second && !sample.is_empty();
    let usual = || FAMILIES.iter().find(|family| family.name == "Unix");
    let family = best.map(|(family, _)| family).or_else(usual).unwrap_or(&FAMILIES[0]);
    (family, around(order_of(family, listing, around)), in_doubt)
}

/// How many of these rows a family reads, and how many it could be meant by.
fn count(
    family: &Family,
    sample: &[(&[u8], &[u8])],
    around: impl Fn(Order) -> Around,
) -> (usize, usize) {
    let (mut votes, mut guesses) = (0, 0);
    for &(row, next) in sample {
        // The first order in which the row can be read will do.
        let read = |&order: &Order| match (family.read)(row, around(order)) {
            Row::Part => (family.read)(&[row, b" ", next].concat(), around(order)),
            read => read,
        };
        match family.orders.iter().map(read).find(|read| !matches!(read, Row::Foreign)) {
            Some(Row::Entry(_) | Row::Ornament) => votes += 1,
            Some(Row::Guess(_)) => guesses += 1,
            Some(Row::Part | Row::Foreign) | None => {}
        }
    }
    (votes, guesses)
}

/// Rows from all over the listing, each with the one behind it.
fn sample(listing: &[u8]) -> Vec<(&[u8], &[u8])> {
    let count = memchr::memchr_iter(b'\n', listing).count() + 1;
    let stride = count.div_ceil(SAMPLE);
    let mut left = listing;
    let mut rows = Vec::with_capacity(count.min(SAMPLE + BEGINNING));
    let mut next = next_row(&mut left);
    for nth in 0.. {
        let Some(row) = next else { break };
        next = next_row(&mut left);
        if nth < BEGINNING || nth % stride == 0 {
            rows.push((row, next.unwrap_or_default()));
        }
    }
    rows
}

/// The order of dates in which most rows of the listing can be read; the family's usual one among equals.
fn order_of(family: &Family, listing: &[u8], around: impl Fn(Order) -> Around) -> Order {
    let &[usual, ref others @ ..] = family.orders else { return Order::default() };
    if others.is_empty() {
        return usual;
    }
    let read_in = |order| {
        let (mut left, mut all, mut read) = (listing, 0_usize, 0_usize);
        while let Some(row) = next_row(&mut left) {
            all += 1;
            read += usize::from(matches!((family.read)(row, around(order)), Row::Entry(_)));
        }
        (read, all)
    };
    let (most, all) = read_in(usual);
    let mut best = (usual, most);
    // Most listings leave no doubt, and are read once.
    if most < all {
        for &order in others {
            let (read, _) = read_in(order);
            if read > best.1 {
                best = (order, read);
            }
        }
    }
    best.0
}
