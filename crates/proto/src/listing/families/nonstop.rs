//! HP NonStop, once Tandem: `IARPTS01      101            16354 13-Mar-01 15:06:38  244, 10 "nnnn"`. A file that is
//! open has an `O` behind its code.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::numeric::Day;
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    if columns.get(0) == Some(b"File") && columns.get(1) == Some(b"Code") {
        return Row::Ornament;
    }
    entry(row, &columns).into()
}

fn entry(row: &[u8], columns: &Columns<'_>) -> Option<Entry> {
    let code = columns.get(1)?;
    decimal::<u32>(code.strip_suffix(b"O").unwrap_or(code))?;
    let at = if columns.get(2)? == b"O" { 3 } else { 2 };
    let size = decimal(columns.get(at)?)?;
    let when = Day::named(columns.get(at + 1)?)?.at(columns.get(at + 2)?)?;
    let owner = row.get(columns.start(at + 3)?..)?;
    let owner = owner.split(|&byte| byte == b'"').next().unwrap_or_default().trim_ascii();
    let mut entry = super::entry(columns.get(0)?, Kind::File, Some(size), Some(when))?;
    entry.owner = Some(owner.iter().copied().filter(|byte| *byte != b' ').collect());
    Some(entry)
}
