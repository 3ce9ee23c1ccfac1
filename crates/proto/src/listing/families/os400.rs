//! OS/400: `QPGMR          36864 18.09.06 14:21:26 *FILE      FOO.FILE`, and members without size and date:
//! `QPGMR                                    *MEM       FOO.FILE/FOO.MBR`.
//!
//! Dates come in the order of the job that serves. A name may be a path of two parts; a slash at its end only
//! says that it is a folder.

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
    let is_type = |nth| {
        columns.get(nth).is_some_and(|word| {
            word.len() > 1
                && word.starts_with(b"*")
                && word.iter().skip(1).all(u8::is_ascii_alphanumeric)
        })
    };
    let (at, size, when) = if is_type(1) {
        (1, None, None)
    } else if is_type(4) {
        let day = Day::numeric(columns.get(2)?, around.order)?;
        (4, Some(decimal(columns.get(1)?)?), Some(day.at(columns.get(3)?)?))
    } else {
        return None;
    };
    let kind = match columns.get(at)? {
        b"*DIR" | b"*DDIR" | b"*LIB" | b"*FLR" | b"*FILE" => Kind::Folder,
        b"*STMF" | b"*DSTMF" | b"*MEM" | b"*SAVF" | b"*DOC" => Kind::File,
        b"*SYMLNK" => Kind::Link { target: None },
        _ => Kind::Other,
    };
    let name = columns.rest(at + 1)?;
    let folder = name.ends_with(b"/");
    let name = if folder { name.strip_suffix(b"/")? } else { name };
    let kind = if folder { Kind::Folder } else { kind };
    let mut entry = super::entry(name, kind, size, when)?;
    entry.owner = columns.get(0).map(<[u8]>::to_vec);
    Some(entry)
}
