//! The families of listings, a row each: who writes them, and who reads their rows.
//!
//! What a family knows is one row at a time; which family a listing is of is decided by `vote.rs`. A reader
//! must be strict: what it takes for its own counts as a vote, and a row of another family that it takes is
//! told wrongly. No RFC describes any of these but that of facts (RFC 3659) and what EPLF's author wrote.

mod chameleon;
mod cms;
mod dateless;
mod dls;
mod dos;
mod eplf;
mod jes;
mod mac;
mod mvs;
mod netware;
mod nonstop;
mod os2;
mod os400;
mod pds;
mod supertcp;
mod vms;
mod vxworks;

use super::numeric::Order;
use super::{Entry, Kind, Precision, mlsx, role_of, unix};
use crate::time::Timestamp;

/// What a family makes of a row.
#[derive(Debug)]
pub(super) enum Row {
    /// An entry, and no doubt about it.
    Entry(Entry),
    /// An entry, if the listing is of this family; other families have such rows too. It is no vote.
    Guess(Entry),
    /// No entry: a heading, a sum, the name of the folder.
    Ornament,
    /// The beginning of an entry that goes on in the next row.
    Part,
    /// Nothing of this family's.
    Foreign,
}

impl From<Option<Entry>> for Row {
    fn from(entry: Option<Entry>) -> Self {
        entry.map_or(Self::Foreign, Self::Entry)
    }
}

/// What is known besides the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// What a date without a year is seen from.
    pub(super) now: Timestamp,
    /// The order of the numbers in dates.
    pub(super) order: Order,
}

/// A family.
pub(super) struct Family {
    /// What it is called.
    pub(super) name: &'static str,
    /// What the answer to SYST has in it, in capitals, where such a host is.
    pub(super) systems: &'static [&'static str],
    /// The orders that its dates may have, the usual one first; of most there is only one.
    pub(super) orders: &'static [Order],
    /// Reads a row, without its line end, which is not blank.
    pub(super) read: fn(&[u8], Around) -> Row,
}

const ONE: &[Order] = &[Order::MonthDayYear];

/// The table. Who comes first wins where two read equally many rows: the particular before the general.
#[rustfmt::skip]
pub(super) static FAMILIES: [Family; 19] = [
    Family { name: "facts", systems: &[], orders: ONE, read: facts },
    Family { name: "EPLF", systems: &[], orders: ONE, read: eplf::read },
    Family { name: "Mac OS", systems: &["MACOS"], orders: ONE, read: mac::read },
    Family { name: "NetWare", systems: &["NETWARE", "HELLSOFT"], orders: ONE, read: netware::read },
    Family { name: "Unix", systems: &[], orders: ONE, read: rows_of_unix },
    Family { name: "DOS", systems: &["WINDOWS", "DOS"], orders: &[Order::MonthDayYear, Order::DayMonthYear, Order::YearMonthDay], read: dos::read },
    Family { name: "VMS", systems: &["VMS"], orders: ONE, read: vms::read },
    Family { name: "OS/400", systems: &["OS/400"], orders: &[Order::YearMonthDay, Order::DayMonthYear, Order::MonthDayYear], read: os400::read },
    Family { name: "z/OS data sets", systems: &["MVS", "Z/OS"], orders: ONE, read: mvs::read },
    Family { name: "z/OS members", systems: &["MVS", "Z/OS"], orders: ONE, read: pds::read },
    Family { name: "z/OS jobs", systems: &[], orders: ONE, read: jes::read },
    Family { name: "z/VM CMS", systems: &["Z/VM", "VM IS "], orders: &[Order::MonthDayYear, Order::YearMonthDay, Order::DayMonthYear], read: cms::read },
    Family { name: "OS/2", systems: &["OS/2"], orders: &[Order::MonthDayYear, Order::DayMonthYear], read: os2::read },
    Family { name: "NonStop", systems: &["NONSTOP", "TANDEM"], orders: ONE, read: nonstop::read },
    Family { name: "VxWorks", systems: &["VXWORKS", "NORTEL"], orders: ONE, read: vxworks::read },
    Family { name: "SuperTCP", systems: &["SUPERTCP"], orders: &[Order::MonthDayYear, Order::DayMonthYear], read: supertcp::read },
    Family { name: "Chameleon", systems: &["CHAMELEON", "NETMANAGE", "NEWT"], orders: ONE, read: chameleon::read },
    Family { name: "dls", systems: &[], orders: ONE, read: dls::read },
    Family { name: "Unix without dates", systems: &[], orders: ONE, read: dateless::read },
];

/// Rows of MLSD where LIST was asked for, or by whoever reads both alike.
fn facts(row: &[u8], _: Around) -> Row {
    if row.starts_with(b" ") { Row::Foreign } else { mlsx::read(row).into() }
}

/// Rows of `ls -l`, with the sum above them in the language of the host.
fn rows_of_unix(row: &[u8], around: Around) -> Row {
    match unix::read(row, around.now) {
        Some(entry) => Row::Entry(entry),
        None if is_sum(row) => Row::Ornament,
        None => Row::Foreign,
    }
}

/// Whether a row is the `total 123` of `ls`.
pub(super) fn is_sum(row: &[u8]) -> bool {
    const WORDS: [&str; 16] = [
        "total",
        "totale",
        "insgesamt",
        "gesamt",
        "totalt",
        "totaal",
        "合計",
        "总用量",
        "總計",
        "總用量",
        "итого",
        "всего",
        "razem",
        "celkem",
        "합계",
        "yhteensä",
    ];
    let row = row.trim_ascii();
    let digits = row.iter().rev().take_while(|byte| matches!(byte, b'0'..=b'9' | b' ')).count();
    let word = row.get(..row.len() - digits).unwrap_or_default();
    !word.is_empty() && WORDS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// An entry with what most families know; `None` where there is no name.
fn entry(
    name: &[u8],
    kind: Kind,
    size: Option<u64>,
    when: Option<(Timestamp, Precision)>,
) -> Option<Entry> {
    let name = name.trim_ascii();
    if name.is_empty() {
        return None;
    }
    let mut entry = Entry::new(name.to_vec(), kind);
    entry.role = role_of(name);
    entry.size = size;
    if let Some((modified, precision)) = when {
        entry.modified = Some(modified);
        entry.precision = precision;
    }
    Some(entry)
}

/// The kind of an entry that is a folder or a file.
fn folder_if(folder: bool) -> Kind {
    if folder { Kind::Folder } else { Kind::File }
}
