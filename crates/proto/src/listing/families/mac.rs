//! Mac OS before X, by the server of Peter Lewis and those that imitate it (NetPresenz, WebSTAR):
//! `-------r--         326  1391972  1392298 Nov 22  1995 MegaPhone.sit` and
//! `drwxrwxr-x               folder        2 May 10  1996 network`.
//!
//! A file has two forks, and the row has the size of each and of both. What a client fetches is the data fork,
//! the second number. That the third is the sum of the others tells these rows from those of Unix.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::date::Date;
use crate::listing::unix::read_mode;
use crate::listing::{Entry, Kind};
use crate::number::decimal;

pub(super) fn read(row: &[u8], around: Around) -> Row {
    entry(row, around).into()
}

fn entry(row: &[u8], around: Around) -> Option<Entry> {
    let columns = Columns::of(row);
    let (kind, mode) = read_mode(columns.get(0)?)?;
    let number = |nth| columns.get(nth).and_then(decimal::<u64>);
    let (size, at) = match (&kind, columns.get(1)?) {
        (Kind::Folder, b"folder") => {
            number(2)?;
            (None, 3)
        }
        _ => {
            let (resources, data, both) = (number(1)?, number(2)?, number(3)?);
            (Some(data).filter(|_| resources.checked_add(data) == Some(both)), 4)
        }
    };
    if kind != Kind::Folder {
        size?;
    }
    let date = Date::read(columns.from(at), around.now)?;
    let when = Some((date.moment, date.precision));
    let mut entry = super::entry(columns.behind(at + date.columns - 1)?, kind, size, when)?;
    entry.mode = Some(mode);
    Some(entry)
}
