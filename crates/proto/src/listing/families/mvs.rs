//! Data sets of z/OS:
//! `WPTA01 3290   2004/03/04  1    3  FB      80  3125  PS  USER.CNTL.DS`.
//!
//! How many bytes a data set has is not told; the numbers are extents and tracks. A partitioned data set (`PO`)
//! is a folder of members. A migrated data set, one on tape and a pseudo directory have fewer columns.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::numeric::{Day, Order};
use crate::listing::{Entry, Kind};

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    let heading = columns.get(0) == Some(b"Volume") && columns.get(1) == Some(b"Unit");
    if heading {
        return Row::Ornament;
    }
    online(&columns).or_else(|| elsewhere(&columns)).into()
}

/// A data set on a disk. The column of tracks may be too narrow and run into that of extents.
fn online(columns: &Columns<'_>) -> Option<Entry> {
    let last = columns.count().checked_sub(1).filter(|last| (7..=9).contains(last))?;
    let organisation = columns.get(last - 1)?;
    let kind = match organisation {
        b"PO" | b"PO-E" | b"POE" | b"POU" => Kind::Folder,
        b"PS" | b"PS-E" | b"PSE" | b"PSU" | b"PS-L" | b"DA" | b"DAU" => Kind::File,
        b"VSAM" | b"VS" | b"IS" | b"GDG" | b"PATH" => Kind::Other,
        _ => return None,
    };
    let date = columns.get(2)?;
    let when = Day::numeric(date, Order::YearMonthDay).and_then(Day::alone);
    if when.is_none() && date != b"**NONE**" {
        return None;
    }
    if !columns.get(3)?.iter().all(|byte| byte.is_ascii_digit() || *byte == b'+') {
        return None;
    }
    super::entry(columns.get(last)?, kind, None, when)
}

/// A data set that is not on a disk, or that the catalogue knows little of.
fn elsewhere(columns: &Columns<'_>) -> Option<Entry> {
    let words = columns.from(0);
    let (name, kind) = match words {
        [b"Migrated" | b"MIGRAT" | b"ARCIVE", name] => (name, Kind::File),
        [_, b"Tape", name] => (name, Kind::File),
        [_, b"Not", b"Direct", b"Access", b"Device", name] => (name, Kind::File),
        [b"Pseudo", b"Directory", name] => (name, Kind::Folder),
        [_, b"Error", b"determining", b"attributes", name] => (name, Kind::File),
        [_, _, b"VSAM", name] | [b"VSAM", name] => (name, Kind::Other),
        [b"GDG", name] => (name, Kind::Other),
        _ => return None,
    };
    super::entry(name, kind, None, None).filter(|entry| is_qualified(&entry.name))
}

/// Whether this is a name of qualifiers.
fn is_qualified(name: &[u8]) -> bool {
    let of_a_qualifier = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'#' | b'@' | b'-' | b'{')
    };
    name.split(|&byte| byte == b'.').all(|part| !part.is_empty() && part.iter().all(of_a_qualifier))
}
