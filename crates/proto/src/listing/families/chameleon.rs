//! Chameleon by NetManage: the name first, then `<DIR>` or the size, a date with a name, and attributes:
//! `DESIGN1.DOC          11264      May 11 1995   14:20  A`.

use super::{Around, Row, folder_if};
use crate::listing::columns::Columns;
use crate::listing::months::month;
use crate::listing::{Entry, Precision};
use crate::number::decimal;
use crate::time::{Civil, Timestamp};

pub(super) fn read(row: &[u8], _: Around) -> Row {
    entry(row).into()
}

fn entry(row: &[u8]) -> Option<Entry> {
    let columns = Columns::of(row);
    let [name, size, named, day, year, time, rest @ ..] = columns.from(0) else { return None };
    let attributes = |word: &&[u8]| word.iter().all(|byte| b"RHAS".contains(byte));
    if rest.len() > 1 || !rest.iter().all(attributes) {
        return None;
    }
    let folder = *size == b"<DIR>";
    let size = if folder { None } else { Some(decimal(size)?) };
    let (hour, minute) = time.split_at_checked(memchr::memchr(b':', time)?)?;
    let civil = Civil {
        year: Some(decimal(year)?).filter(|_| year.len() == 4)?,
        month: month(named)?,
        day: decimal(day)?,
        hour: decimal(hour)?,
        minute: decimal(minute.strip_prefix(b":")?)?,
        second: 0,
    };
    let moment = Timestamp::from_civil(civil)?;
    super::entry(name, folder_if(folder), size, Some((moment, Precision::Minute)))
}
