//! DOS and IIS: `04-27-00  09:09PM       <DIR>          licensed` and `04-14-00  03:47PM            589 readme.htm`,
//! with years of two or four digits, clocks of twelve or twenty-four hours, and junctions and links:
//! `<SYMLINKD>     name [C:\target]`. What stands in the brackets is a word of the host's language.

use super::{Around, Row, folder_if};
use crate::listing::columns::Columns;
use crate::listing::numeric::Day;
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], around: Around) -> Row {
    match entry(row, around) {
        Some(entry) => Row::Entry(entry),
        None if is_ornament(row) => Row::Ornament,
        None => Row::Foreign,
    }
}

fn entry(row: &[u8], around: Around) -> Option<Entry> {
    let columns = Columns::of(row);
    let day = Day::numeric(columns.get(0)?, around.order)?;
    let time = columns.get(1)?;
    // The half of the day may stand behind a blank.
    let (when, at) = match columns.get(2)? {
        half @ (b"AM" | b"PM" | b"am" | b"pm") => (day.at(&[time, half].concat())?, 3),
        _ => (day.at(time)?, 2),
    };
    let what = columns.get(at)?;
    if what.starts_with(b"<") {
        // A label of brackets takes up the column of sizes: ten blanks, where they are there.
        let label = row.get(columns.start(at)?..)?;
        let (label, name) = label.split_at_checked(memchr::memchr(b'>', label)? + 1)?;
        let name = name.strip_prefix(b"          ").unwrap_or(name);
        let link = label.starts_with(b"<SYMLINK") || label.starts_with(b"<JUNCTION");
        if !link {
            return super::entry(name, Kind::Folder, None, Some(when));
        }
        let (name, target) = without_target(name);
        return super::entry(name, Kind::Link { target }, None, Some(when));
    }
    let size: Vec<u8> = what.iter().copied().filter(|byte| !matches!(byte, b',' | b'.')).collect();
    let size = decimal(&size)?;
    // The name of a file stands behind one blank, and others belong to it.
    let name = columns.behind(at)?;
    let mut entry = super::entry(name, folder_if(false), Some(size), Some(when))?;
    if name.ends_with(b" ") || name.starts_with(b" ") {
        entry.name = name.to_vec();
    }
    Some(entry)
}

/// The name of a link, and its target in brackets behind it.
fn without_target(name: &[u8]) -> (&[u8], Option<Vec<u8>>) {
    let parted = || {
        let inner = name.trim_ascii_end().strip_suffix(b"]")?;
        let at = memchr::memmem::find(inner, b" [")?;
        Some((inner.get(..at)?, inner.get(at + 2..)?.to_vec()))
    };
    parted().map_or((name, None), |(name, target)| (name, Some(target)))
}

/// What the command DIR prints around the rows.
fn is_ornament(row: &[u8]) -> bool {
    let row = row.trim_ascii();
    let sums =
        [&b" File(s)"[..], b" Dir(s)"].iter().any(|sum| memchr::memmem::find(row, sum).is_some());
    sums && row.first().is_some_and(u8::is_ascii_digit)
}
