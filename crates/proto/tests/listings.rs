//! Listings of other hosts as data: `tests/listings/*.txt`. Above `====` stands what the server sends (after a
//! line `SYST`, if there is one, what it calls itself), below it what is read: kind, size, time and name, and
//! rows that nobody can read behind `!`.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use wharf_proto::listing::{Entry, Hints, Kind, Precision, read_listing};
use wharf_proto::time::Timestamp;
use wharf_proto::write_safe;

/// The 22nd of November 2026, 14:05.
const NOW: Timestamp = Timestamp::new(1_795_356_300, 0);

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    write_safe(&mut out, bytes).unwrap();
    out
}

fn told(row: Result<Entry, &[u8]>) -> String {
    let entry = match row {
        Ok(entry) => entry,
        Err(row) => return format!("! {}", escaped(row)),
    };
    let mut line = String::from(match entry.kind {
        Kind::File => "f",
        Kind::Folder => "d",
        Kind::Link { .. } => "l",
        Kind::Other => "o",
    });
    match entry.size {
        Some(size) => write!(line, " {size}").unwrap(),
        None => line.push_str(" -"),
    }
    match entry.modified.map(Timestamp::civil) {
        None => line.push_str(" -"),
        Some(at) => {
            write!(line, " {:04}-{:02}-{:02}", at.year, at.month, at.day).unwrap();
            if entry.precision <= Precision::Minute {
                write!(line, "T{:02}:{:02}", at.hour, at.minute).unwrap();
            }
            if entry.precision == Precision::Second {
                write!(line, ":{:02}", at.second).unwrap();
            }
        }
    }
    write!(line, " {}", escaped(&entry.name)).unwrap();
    if let Kind::Link { target: Some(target) } = &entry.kind {
        write!(line, " -> {}", escaped(target)).unwrap();
    }
    line
}

/// Reads a fixture; `\xHH` in its listing stands for a byte.
///
/// # Errors
/// What is read otherwise.
fn check(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let (listing, expected) = text.split_once("====\n").unwrap();
    let (system, listing) = match listing.strip_prefix("SYST ") {
        Some(rest) => rest.split_once('\n').unwrap(),
        None => ("", listing),
    };
    let listing = unescaped(listing);
    let hints = Hints { now: NOW, system: system.as_bytes() };
    let read: String = read_listing(&listing, hints).map(|row| told(row) + "\n").collect();
    let family = read_listing(&listing, hints).family();
    // The line ends of another host change nothing.
    let with_cr = listing.iter().flat_map(|&byte| match byte {
        b'\n' => vec![b'\r', b'\n'],
        byte => vec![byte],
    });
    let with_cr: Vec<u8> = with_cr.collect();
    let again: String = read_listing(&with_cr, hints).map(|row| told(row) + "\n").collect();
    if read == expected && again == expected {
        return Ok(());
    }
    Err(format!("{} as {family}:\n{read}\nwith CR:\n{again}", path.display()))
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\\x") {
        out.extend_from_slice(before.as_bytes());
        let (digits, behind) = behind.split_at(2);
        out.push(u8::from_str_radix(digits, 16).unwrap());
        rest = behind;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn fixtures() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listings");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn listings_of_every_family_are_read() {
    let failures: Vec<String> = fixtures().iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(fixtures().len() >= 20);
}

/// Each family's rows, however they are cut, repeated or mixed, are read to their end.
fn mixed() -> impl Strategy<Value = Vec<u8>> {
    let texts: Vec<String> =
        fixtures().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let rows: Vec<String> = texts.iter().flat_map(|text| text.lines().map(str::to_owned)).collect();
    let row = proptest::sample::select(rows);
    let cut = (row, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(row, at, how)| {
        let mut bytes = row.into_bytes();
        let at = at.index(bytes.len() + 1);
        match how % 4 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(..at)),
            2 => bytes.insert(at, how),
            _ => {}
        }
        bytes
    });
    proptest::collection::vec(cut, 0..12).prop_map(|rows| rows.join(&b'\n'))
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_give_more_entries_than_rows(
        mixed in mixed(),
        bytes: Vec<u8>,
        system: Vec<u8>,
    ) {
        for listing in [mixed, bytes] {
            let rows = listing.split(|&byte| byte == b'\n').count();
            let hints = Hints { now: NOW, system: &system };
            let read: Vec<_> = read_listing(&listing, hints).collect();
            prop_assert!(read.len() <= rows);
            for entry in read.into_iter().flatten() {
                prop_assert!(!entry.name.is_empty());
                prop_assert!(!entry.name.contains(&b'\n'));
            }
        }
    }
}
