//! OS/2: `     0           DIR   04-11-95   16:26  ADDRESS` and `   612      A          04-21-95   10:32  FILE.TXT`.
//! Some count their years on from 1900, three digits long.

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
    let size = decimal(columns.get(0)?)?;
    let is_letters = |word: &[u8]| word.iter().all(|byte| b"ARHSDI".contains(byte));
    let at = (1..4).find(|&nth| !columns.get(nth).is_some_and(is_letters))?;
    let folder = (1..at).any(|nth| columns.get(nth) == Some(b"DIR"));
    let when = Day::numeric(columns.get(at)?, around.order)?.at(columns.get(at + 1)?)?;
    let size = Some(size).filter(|_| !folder);
    super::entry(columns.rest(at + 2)?, folder_if(folder), size, Some(when))
}
