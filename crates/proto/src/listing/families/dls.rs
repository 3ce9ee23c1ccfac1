//! The output of `dls`, a listing with descriptions: `README         763  Information about this server`,
//! `pub/              =  Public area`. A long name has a row of its own.
//!
//! A name and a number begin many a row, so only the rows of folders are votes.

use super::{Around, Row};
use crate::listing::Kind;
use crate::listing::columns::Columns;
use crate::number::decimal;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    if row.starts_with(b" ") {
        return Row::Foreign;
    }
    let (Some(name), Some(what)) = (columns.get(0), columns.get(1)) else { return Row::Part };
    let folder = name.strip_suffix(b"/");
    match (folder, what) {
        (Some(name), b"-" | b"=") => super::entry(name, Kind::Folder, None, None).into(),
        (None, size) => {
            let target = columns.get(3).filter(|_| columns.get(2) == Some(b"->"));
            let target = target.map(<[u8]>::to_vec);
            let kind = target.map_or(Kind::File, |target| Kind::Link { target: Some(target) });
            let size = decimal::<u64>(size);
            let entry = size.and_then(|size| super::entry(name, kind, Some(size), None));
            entry.map_or(Row::Foreign, Row::Guess)
        }
        (Some(_), _) => Row::Foreign,
    }
}
