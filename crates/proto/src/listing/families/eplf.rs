//! EPLF, "easily parsed LIST format": `+i8388621.29609,m824255902,/,` and behind a tab the name.
//!
//! Facts begin with a letter: `/` a folder, `r` a file that can be fetched, `s` its size, `m` the second of its
//! modification, `up` its permissions, `i` what it is recognised by. Others are passed over.

use super::{Around, Row};
use crate::listing::{Entry, Kind, Precision, Unique, role_of};
use crate::number::{decimal, octal};
use crate::time::Timestamp;

pub(super) fn read(row: &[u8], _: Around) -> Row {
    entry(row).into()
}

fn entry(row: &[u8]) -> Option<Entry> {
    let row = row.strip_prefix(b"+")?;
    let (facts, name) = row.split_at_checked(memchr::memchr(b'\t', row)?)?;
    let name = name.strip_prefix(b"\t").filter(|name| !name.is_empty())?;
    let mut entry = Entry::new(name.to_vec(), Kind::Other);
    entry.role = role_of(name);
    for fact in facts.split(|&byte| byte == b',') {
        match fact {
            b"/" => entry.kind = Kind::Folder,
            b"r" if entry.kind == Kind::Other => entry.kind = Kind::File,
            [b's', size @ ..] => entry.size = decimal(size),
            [b'm', seconds @ ..] => {
                entry.modified = decimal(seconds).map(|seconds| Timestamp::new(seconds, 0));
                entry.precision = Precision::Second;
            }
            [b'u', b'p', mode @ ..] => entry.mode = octal(mode),
            [b'i', token @ ..] => entry.unique = Some(Unique::Token(token.to_vec())),
            _ => {}
        }
    }
    Some(entry)
}
