//! NetWare, with its own rights in brackets: `d [R----F--] supervisor      512       Jan 16 18:53    login`,
//! and HellSoft, which writes them without the blank: `-[R----F-]   1 owner   456 Apr 07 12:24 name`.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::date::Date;
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], around: Around) -> Row {
    entry(row, around).into()
}

fn entry(row: &[u8], around: Around) -> Option<Entry> {
    let (letter, rest) = row.split_first()?;
    let kind = match letter {
        b'd' => Kind::Folder,
        b'-' => Kind::File,
        _ => return None,
    };
    let rest = rest.trim_ascii_start().strip_prefix(b"[")?;
    let (rights, rest) = rest.split_at_checked(memchr::memchr(b']', rest)?)?;
    if !rights.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b' ')) {
        return None;
    }
    let columns = Columns::of(rest.strip_prefix(b"]")?);
    // The number of links is in the rows of HellSoft only.
    let owner = usize::from(columns.get(0)?.iter().all(u8::is_ascii_digit));
    let at = owner + 2;
    let size = decimal(columns.get(at - 1)?)?;
    let date = Date::read(columns.from(at), around.now)?;
    let name = columns.rest(at + date.columns)?;
    let size = Some(size).filter(|_| kind == Kind::File);
    let mut entry = super::entry(name, kind, size, Some((date.moment, date.precision)))?;
    entry.owner = columns.get(owner).map(<[u8]>::to_vec);
    Some(entry)
}
