//! Rows of `ls -l` without a date, or with one that no calendar has, as printers and cameras write them:
//! `-rw-rw-rw- 1 ftp ftp 123 image.jpg`, `drwxrwxrwx 1 0 0 0 DCIM`, `-rw-r--r-- 1 u g 5 00 00 0000 x`.
//!
//! The last number before the name is the size. A date that means nothing is passed over.

use super::{Around, Row};
use crate::listing::columns::Columns;
use crate::listing::unix::read_mode;
use crate::listing::{Entry, Kind, unix};
use crate::number::decimal;
use crate::time::month_by_name;

/// Behind the permissions stand at most links, owner, group and size.
const SIZE_AT_MOST: usize = 4;

pub(super) fn read(row: &[u8], around: Around) -> Row {
    // What has a date is Unix's.
    if unix::read(row, around.now).is_some() { Row::Foreign } else { entry(row).into() }
}

fn entry(row: &[u8]) -> Option<Entry> {
    let columns = Columns::of(row);
    let (kind, mode) = read_mode(columns.get(0)?)?;
    let is_number = |nth: &usize| columns.get(*nth).and_then(decimal::<u64>).is_some();
    let at = (1..=SIZE_AT_MOST).rev().filter(|nth| nth + 1 < columns.count()).find(is_number)?;
    let size = columns.get(at).and_then(decimal).filter(|_| !matches!(kind, Kind::Folder));
    let from = if is_shaped_like_a_date(columns.from(at + 1)) { at + 4 } else { at + 1 };
    let mut entry = super::entry(columns.rest(from)?, kind, size, None)?;
    entry.mode = Some(mode);
    Some(entry)
}

/// Whether three columns look like month, day, and time or year.
fn is_shaped_like_a_date(columns: &[&[u8]]) -> bool {
    let [month, day, last, _, ..] = columns else { return false };
    let number = |text: &[u8]| text.len() <= 2 && text.iter().all(u8::is_ascii_digit);
    let time = last.len() >= 4 && last.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
    (month_by_name(month).is_some() || number(month)) && number(day) && time
}
