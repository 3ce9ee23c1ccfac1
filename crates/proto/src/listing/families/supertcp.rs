//! SuperTCP for Windows 3: the name first, then `<DIR>` or the size, then a date of numbers:
//! `DESIGN1.DOC          11264      05-11-95        14:20`.

use super::{Around, Row, folder_if};
use crate::listing::Entry;
use crate::listing::columns::Columns;
use crate::listing::numeric::Day;
use crate::number::decimal;

pub(super) fn read(row: &[u8], around: Around) -> Row {
    entry(row, around).into()
}

fn entry(row: &[u8], around: Around) -> Option<Entry> {
    let columns = Columns::of(row);
    let [name, size, day, time] = columns.from(0) else { return None };
    let folder = *size == b"<DIR>";
    let size = if folder { None } else { Some(decimal(size)?) };
    let when = Day::numeric(day, around.order)?.at(time)?;
    super::entry(name, folder_if(folder), size, Some(when))
}
