//! Jobs of z/OS, where FTP speaks with JES: `USER1    JOB01830  USER1    OUTPUT A        RC=0000 5 spool files`,
//! and at the older level `USER1    JOB01830  OUTPUT    3 Spool Files`.
//!
//! A job is fetched by its number, so that is the name.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    if columns.get(0) == Some(b"JOBNAME") && columns.get(1) == Some(b"JOBID") {
        return Row::Ornament;
    }
    entry(&columns).into()
}

fn entry(columns: &Columns<'_>) -> Option<Entry> {
    let number = columns.get(1)?;
    let digits = number.strip_prefix(b"JOB").or_else(|| number.strip_prefix(b"STC"));
    let digits =
        digits.or_else(|| number.strip_prefix(b"TSU")).or_else(|| number.strip_prefix(b"J"));
    decimal::<u32>(digits?)?;
    let is_state =
        |word: Option<&[u8]>| matches!(word, Some(b"INPUT" | b"ACTIVE" | b"OUTPUT" | b"HELD"));
    let owned = is_state(columns.get(3));
    if !owned && !is_state(columns.get(2)) {
        return None;
    }
    let mut entry = super::entry(number, Kind::File, None, None)?;
    entry.owner = columns.get(if owned { 2 } else { 0 }).map(<[u8]>::to_vec);
    Some(entry)
}
