//! VxWorks, and Nortel's devices: `    2048    JAN-01-1980  00:00:00   BOOT              <DIR>`.

use super::{Around, Row, folder_if};
use crate::listing::Entry;
use crate::listing::columns::Columns;
use crate::listing::numeric::Day;
use crate::number::decimal;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    let is_rule = |word: &[u8]| word.len() > 2 && word.iter().all(|byte| *byte == b'-');
    let heading = columns.get(0) == Some(b"size") && columns.get(1) == Some(b"date");
    if heading || (columns.count() == 4 && columns.from(0).iter().all(|word| is_rule(word))) {
        return Row::Ornament;
    }
    entry(&columns).into()
}

fn entry(columns: &Columns<'_>) -> Option<Entry> {
    let size = decimal(columns.get(0)?)?;
    let when = Day::named(columns.get(1)?)?.at(columns.get(2)?)?;
    let name = columns.rest(3)?;
    let plain = name.strip_suffix(b"<DIR>").filter(|plain| plain.ends_with(b" "));
    let size = Some(size).filter(|_| plain.is_none());
    super::entry(plain.unwrap_or(name), folder_if(plain.is_some()), size, Some(when))
}
