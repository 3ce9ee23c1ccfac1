//! CMS under z/VM: `PROFILE  EXEC     V         37          2          1 2004-03-15  8:12:21 MAIN01`, and folders
//! of its shared file system: `SOURCE   DIR      -          -          -          - 2004-03-15  8:12:21`.
//!
//! A name and a type make the name, with a point between. Bytes are told only of files with records of one
//! length (`F`): those are counted, and how long they are.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::numeric::Day;
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], around: Around) -> Row {
    entry(row, around).into()
}

fn entry(row: &[u8], around: Around) -> Option<Entry> {
    let columns = Columns::of(row);
    let (name, second) = (columns.get(0)?, columns.get(1)?);
    let number = |nth| columns.get(nth).and_then(decimal::<u64>);
    let dashes = |from: usize| (from..from + 3).all(|nth| columns.get(nth) == Some(b"-"));
    let (kind, size, at) = if second == b"DIR" && dashes(2) {
        (Kind::Folder, None, if columns.get(5) == Some(b"-") { 6 } else { 5 })
    } else {
        let (length, records) = (number(3)?, number(4)?);
        number(5)?;
        let size = match columns.get(2)? {
            b"F" => length.checked_mul(records),
            b"V" => None,
            _ => return None,
        };
        (Kind::File, size, 6)
    };
    let when = Day::numeric(columns.get(at)?, around.order)?.at(columns.get(at + 1)?)?;
    let whole = if kind == Kind::Folder { name.to_vec() } else { [name, b".", second].concat() };
    super::entry(&whole, kind, size, Some(when))
}
