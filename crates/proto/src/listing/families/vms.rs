//! VMS and MultiNet: `README.TXT;1  213/216  29-JAN-1996 03:33:12  [ANONYMOUS]   (RWED,RWED,,)`.
//!
//! The version behind the semicolon belongs to the name, and leads to just that version; of a folder it is cut
//! off together with `.DIR`, because paths have neither. Sizes count blocks of 512 bytes, so those told here
//! are rounded up. A long name has a row of its own, and the rest follows in the next one.

use super::{Around, Row, folder_if};
use crate::listing::Entry;
use crate::listing::columns::Columns;
use crate::listing::numeric::Day;
use crate::number::decimal;

const BLOCK: u64 = 512;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    let columns = Columns::of(row);
    let Some(name) = columns.get(0).filter(|name| is_versioned(name)) else {
        return if is_ornament(row) { Row::Ornament } else { Row::Foreign };
    };
    if columns.count() == 1 {
        return Row::Part;
    }
    entry(row, name, &columns).into()
}

fn entry(row: &[u8], name: &[u8], columns: &Columns<'_>) -> Option<Entry> {
    let (plain, _) = name.split_at(memchr::memrchr(b';', name)?);
    let folder = plain.len() > 4 && plain.to_ascii_uppercase().ends_with(b".DIR");
    let shown = if folder { plain.get(..plain.len() - 4)? } else { name };
    let when = (1..columns.count()).find_map(|nth| {
        let day = Day::named(columns.get(nth)?)?;
        let time = columns.get(nth + 1).and_then(|time| day.at(time));
        time.or_else(|| day.alone()).map(|when| (nth, when))
    });
    let Some((nth, when)) = when else {
        // The host says in place of the rest that it may not tell it.
        let says = row.get(columns.start(1)?..)?.to_ascii_lowercase();
        let withheld = memchr::memmem::find(&says, b"privilege").is_some();
        return super::entry(shown, folder_if(folder), None, None).filter(|_| withheld);
    };
    let blocks = columns.get(nth - 1).filter(|_| nth > 1);
    let blocks = blocks.and_then(|blocks| blocks.split(|&byte| byte == b'/').next());
    let size = blocks.and_then(decimal::<u64>).and_then(|blocks| blocks.checked_mul(BLOCK));
    let mut entry = super::entry(shown, folder_if(folder), size.filter(|_| !folder), Some(when))?;
    entry.owner = in_brackets(row).map(<[u8]>::to_vec);
    Some(entry)
}

/// Whether a name ends in a version.
fn is_versioned(name: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b';', name) else { return false };
    let version = name.get(at + 1..).unwrap_or_default();
    at > 0 && decimal::<u32>(version).is_some()
}

fn in_brackets(row: &[u8]) -> Option<&[u8]> {
    let (_, rest) = row.split_at_checked(memchr::memchr(b'[', row)? + 1)?;
    rest.get(..memchr::memchr(b']', rest)?)
}

/// What DIRECTORY prints around the rows.
fn is_ornament(row: &[u8]) -> bool {
    let starts = |word: &[u8]| row.trim_ascii_start().starts_with(word);
    (starts(b"Directory ") && row.contains(&b'['))
        || starts(b"Total of ")
        || starts(b"Grand total of ")
}
