//! Rows of `ls -l`, which no RFC describes and every client reads (LIST; RFC 1123 section 4.1.2.7).
//!
//! We write one shape of it and read many: without group or links, with ACL signs, ISO dates, devices,
//! numbers for owners, spaces in names, months in other languages. Rows without any date are read in
//! `families/dateless.rs`, those of hosts that are no Unix in the files beside it.

use super::columns::Columns;
use super::date::Date;
use super::{Entry, Kind, role_of, without_end, write_name, write_number};
use crate::number::decimal;
use crate::time::{Timestamp, write_ls_date};

const TYPE_BITS: u32 = 0o170_000;

/// The letters of what is neither file, folder nor link, with their bits of `st_mode`.
const SPECIAL: [(u8, u32); 4] =
    [(b'p', 0o010_000), (b'c', 0o020_000), (b'b', 0o060_000), (b's', 0o140_000)];

/// Appends a row with CR LF at its end:
/// `-rw-r--r--   1 owner    group         123 Nov 22 13:05 name`, for links with ` -> target` behind.
///
/// What is not known is made up so that every client can read the row: usual permissions, one link, the
/// owner `ftp`, size 0, the year 1970. Spaces and controls in the owner's and group's names become
/// `_`, for a reader counts columns. Says whether the entry's own name stands there as it is.
pub fn write<B: AsRef<[u8]>>(out: &mut Vec<u8>, entry: &Entry<B>, now: Timestamp) -> bool {
    let as_it_is = write_row(out, entry, now);
    out.extend_from_slice(b"\r\n");
    as_it_is
}

/// Appends a row without its end, for the reply to STAT. Says whether the entry's own name stands there
/// as it is.
pub fn write_row<B: AsRef<[u8]>>(out: &mut Vec<u8>, entry: &Entry<B>, now: Timestamp) -> bool {
    write_mode(out, entry);
    out.push(b' ');
    write_number::<10>(out, entry.links.unwrap_or(1), 3);
    out.push(b' ');
    write_owner(out, entry.owner.as_ref().map_or(b"ftp", AsRef::as_ref));
    out.push(b' ');
    write_owner(out, entry.group.as_ref().map_or(b"ftp", AsRef::as_ref));
    out.push(b' ');
    let target = match &entry.kind {
        Kind::Link { target } => target.as_ref().map(AsRef::as_ref),
        Kind::File | Kind::Folder | Kind::Other => None,
    };
    let size = entry.size.unwrap_or_else(|| target.map_or(0, |target| target.len() as u64));
    write_number::<10>(out, size, 8);
    out.push(b' ');
    write_ls_date(out, entry.modified.unwrap_or_default(), now);
    out.push(b' ');
    let as_it_is = write_name(out, entry.name.as_ref());
    if let Some(target) = target {
        out.extend_from_slice(b" -> ");
        write_name(out, target);
    }
    as_it_is
}

/// Appends the ten letters of type and permissions.
fn write_mode<B>(out: &mut Vec<u8>, entry: &Entry<B>) {
    let (letter, usual) = match entry.kind {
        Kind::File => (b'-', 0o644),
        Kind::Folder => (b'd', 0o755),
        Kind::Link { .. } => (b'l', 0o777),
        Kind::Other => {
            let bits = entry.mode.unwrap_or_default() & TYPE_BITS;
            let known = SPECIAL.iter().find(|(_, special)| *special == bits);
            (known.map_or(b's', |(letter, _)| *letter), 0o644)
        }
    };
    let mode = entry.mode.unwrap_or(usual);
    let mut text = *b"?rwxrwxrwx";
    text[0] = letter;
    for (nth, place) in text[1..].iter_mut().enumerate() {
        if mode >> (8 - nth) & 1 == 0 {
            *place = b'-';
        }
    }
    for (at, bit, letter) in [(3, 0o4000, b's'), (6, 0o2000, b's'), (9, 0o1000, b't')] {
        if mode & bit != 0 {
            text[at] = if text[at] == b'x' { letter } else { letter.to_ascii_uppercase() };
        }
    }
    out.extend_from_slice(&text);
}

/// Appends a name in a column of eight.
fn write_owner(out: &mut Vec<u8>, name: &[u8]) {
    let name = if name.is_empty() { b"_" } else { name };
    let clean = |&byte: &u8| if byte <= b' ' || byte == 0x7F { b'_' } else { byte };
    out.extend(name.iter().map(clean));
    out.extend_from_slice(b"        ".get(name.len()..).unwrap_or_default());
}

/// Reads a row of `ls -l`. `None` when it is none: the `total` of a folder, a message, another host's
/// format.
///
/// Dates are taken as UTC, for a row does not tell its zone (unless it does, in the full ISO form); a
/// year that is left out is the last possible one, seen from `now`.
#[must_use]
pub fn read(row: &[u8], now: Timestamp) -> Option<Entry> {
    let row = without_end(row).trim_ascii_start();
    let columns = Columns::of(row);
    let (kind, mode) = read_mode(columns.get(0)?)?;
    let (at, date) = (1..columns.count()).find_map(|at| {
        // Before the date stands a size, or nothing: an owner of the name of a month is no date.
        let sized = at == 1 || columns.get(at - 1)?.last().is_some_and(u8::is_ascii_digit);
        let date = if sized { Date::read(columns.from(at), now) } else { None };
        date.map(|date| (at, date))
    })?;
    let name = row.get(columns.end(at + date.columns - 1)? + 1..)?;
    let name = if date.padded { name.strip_prefix(b" ").unwrap_or(name) } else { name };
    let mut entry = Entry::new(name.to_vec(), kind);
    entry.mode = Some(mode);
    entry.modified = Some(date.moment);
    entry.precision = date.precision;
    read_columns(&mut entry, row, &columns, at);
    split_target(&mut entry);
    entry.role = role_of(&entry.name);
    Some(entry).filter(|entry| !entry.name.is_empty())
}

/// Type and permissions of the first column: ten letters, and perhaps a sign for ACLs, SELinux or
/// extended attributes.
pub(super) fn read_mode(column: &[u8]) -> Option<(Kind, u32)> {
    let (letters, sign) = column.split_first_chunk::<10>()?;
    if !matches!(sign, b"" | b"+" | b"." | b"@" | b"*") {
        return None;
    }
    let [kind, letters @ ..] = letters;
    let (kind, type_bits) = match kind {
        b'-' | b'f' => (Kind::File, 0),
        b'd' => (Kind::Folder, 0),
        b'l' => (Kind::Link { target: None }, 0),
        b'D' | b'?' => (Kind::Other, 0),
        letter => (Kind::Other, SPECIAL.iter().find(|(special, _)| special == letter)?.1),
    };
    let mut mode = type_bits;
    for (nth, letter) in letters.iter().enumerate() {
        let bit = 0o400 >> nth;
        let special = 0o4000 >> (nth / 3);
        mode |= match letter {
            b'-' => 0,
            b'r' | b'w' | b'x' => bit,
            b's' | b't' => bit | special,
            b'S' | b'T' | b'l' | b'L' => special,
            _ => return None,
        };
    }
    Some((kind, mode))
}

/// The columns between permissions and date: links, owner, group, size, of which any but the size may
/// be missing, and a group may have spaces.
fn read_columns(entry: &mut Entry, row: &[u8], columns: &Columns<'_>, date: usize) {
    let Some(last) = date.checked_sub(1).filter(|&last| last > 0) else { return };
    let size = columns.get(last).unwrap_or_default();
    let mut end = last;
    if columns.get(last - 1).is_some_and(|before| before.ends_with(b",")) {
        end -= 1;
    } else {
        entry.size = decimal(size);
    }
    let mut at = 1;
    if at < end
        && let Some(links) = columns.get(at).and_then(decimal)
    {
        entry.links = Some(links);
        at += 1;
    }
    if at < end {
        entry.owner = columns.get(at).map(<[u8]>::to_vec);
        at += 1;
    }
    if at < end {
        let group = columns.start(at).zip(columns.end(end - 1));
        entry.group = group.and_then(|(start, end)| row.get(start..end)).map(<[u8]>::to_vec);
    }
}

/// Parts `name -> target`. When there is more than one arrow, the size of a link tells which one it is:
/// it is the length of the target.
fn split_target(entry: &mut Entry) {
    const ARROW: &[u8] = b" -> ";
    let Kind::Link { target } = &mut entry.kind else { return };
    let size = entry.size.and_then(|size| usize::try_from(size).ok());
    let by_size =
        size.and_then(|size| entry.name.len().checked_sub(size.checked_add(ARROW.len())?));
    let by_size = by_size.filter(|&at| entry.name.get(at..).unwrap_or_default().starts_with(ARROW));
    if let Some(arrow) = by_size.or_else(|| memchr::memmem::find(&entry.name, ARROW)) {
        *target = Some(entry.name.split_off(arrow + ARROW.len()));
        entry.name.truncate(arrow);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::listing::{Precision, Role};
    use crate::time::parse_mdtm;

    fn now() -> Timestamp {
        parse_mdtm(b"20261122140000").unwrap()
    }

    fn row<B: AsRef<[u8]>>(entry: &Entry<B>) -> String {
        let mut out = Vec::new();
        write_row(&mut out, entry, now());
        out.escape_ascii().to_string()
    }

    fn entry(text: &str) -> Entry {
        read(text.as_bytes(), now()).unwrap_or_else(|| panic!("not read: {text}"))
    }

    #[test]
    fn row_has_all_that_is_known() {
        let mut file = Entry::new(&b"a  b"[..], Kind::File);
        file.mode = Some(0o100_640);
        file.links = Some(12);
        file.owner = Some(b"owner");
        file.group = Some(b"long group");
        file.size = Some(123);
        file.modified = parse_mdtm(b"20261122130501");
        let expected = "-rw-r-----  12 owner    long_group      123 Nov 22 13:05 a  b";
        assert_eq!(row(&file), expected);
    }

    #[test]
    fn row_of_an_entry_with_nothing_known_is_complete() {
        let folder = Entry::new(&b"d"[..], Kind::Folder);
        assert_eq!(row(&folder), "drwxr-xr-x   1 ftp      ftp             0 Jan  1  1970 d");
    }

    #[test]
    fn row_of_a_link_has_its_target_and_its_length() {
        let link = Entry::new(&b"l"[..], Kind::Link { target: Some(&b"../x"[..]) });
        assert_eq!(row(&link), "lrwxrwxrwx   1 ftp      ftp             4 Jan  1  1970 l -> ../x");
        let blind = Entry::new(&b"l"[..], Kind::Link { target: None });
        assert!(row(&blind).ends_with(" 1970 l"));
    }

    #[test]
    fn letters_of_all_modes_come_back() {
        for (mode, kind, letters) in [
            (0o7777, Kind::File, "-rwsrwsrwt"),
            (0o7000, Kind::File, "---S--S--T"),
            (0o020_666, Kind::Other, "crw-rw-rw-"),
            (0o060_660, Kind::Other, "brw-rw----"),
            (0o010_600, Kind::Other, "prw-------"),
            (0o140_755, Kind::Other, "srwxr-xr-x"),
        ] {
            let mut entry = Entry::new(b"x".to_vec(), kind.clone());
            entry.mode = Some(mode);
            assert!(row(&entry).starts_with(letters), "{letters}");
            assert_eq!(read_mode(letters.as_bytes()), Some((kind, mode)));
        }
    }

    #[test]
    fn columns_that_are_there_are_told_apart() {
        let known = |text: &str| {
            let entry = entry(text);
            let text =
                |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(entry.name, b"x y");
            (entry.links, text(entry.owner), text(entry.group), entry.size)
        };
        let some = |text: &str| Some(text.to_string());
        for (row, expected) in [
            ("-rw-r--r-- 1 u g 5 Nov 22 13:05 x y", (Some(1), some("u"), some("g"), Some(5))),
            ("-rw-r--r--+ 1 u g 5 Nov 22 13:05 x y", (Some(1), some("u"), some("g"), Some(5))),
            (
                "-rw-r--r--@ 1 501 20 5 Nov 22 13:05 x y",
                (Some(1), some("501"), some("20"), Some(5)),
            ),
            ("-rw-r--r--. 1 u 5 2026-11-22 13:05 x y", (Some(1), some("u"), None, Some(5))),
            ("-rw-r--r-- u g 5 Nov 22 13:05 x y", (None, some("u"), some("g"), Some(5))),
            ("-rw-r--r-- 1 5 Nov 22 13:05 x y", (Some(1), None, None, Some(5))),
            ("-rw-r--r-- 5 Nov 22 13:05 x y", (None, None, None, Some(5))),
            ("-rw-r--r-- Nov 22 13:05 x y", (None, None, None, None)),
            (
                "-rw-r--r-- 1 u Domain Users 5 Nov 22 13:05 x y",
                (Some(1), some("u"), some("Domain Users"), Some(5)),
            ),
            (
                "brw-rw---- 1 root disk 8, 0 Nov 22 13:05 x y",
                (Some(1), some("root"), some("disk"), None),
            ),
            (
                "crw-rw-rw- 1 root root 1,3 Nov 22 13:05 x y",
                (Some(1), some("root"), some("root"), None),
            ),
            (
                "  -rw-r--r-- 1 May Jun 5 Nov 22 13:05 x y",
                (Some(1), some("May"), some("Jun"), Some(5)),
            ),
            (
                "-rw-r--r-- 1 u g 99999999999999999999 Nov 22 13:05 x y",
                (Some(1), some("u"), some("g"), None),
            ),
        ] {
            assert_eq!(known(row), expected, "{row}");
        }
    }

    #[test]
    fn name_keeps_its_own_spaces() {
        assert_eq!(entry("-rw-r--r-- 1 u g 5 Nov 22  2024   a  b \r\n").name, b"  a  b ");
        assert_eq!(entry("-rw-r--r-- 1 u g 5 2024-11-22  a").name, b"a");
    }

    #[test]
    fn link_is_parted_where_its_size_says() {
        let parts = |text| match entry(text) {
            Entry { name, kind: Kind::Link { target: Some(target) }, .. } => {
                (String::from_utf8(name).unwrap(), String::from_utf8(target).unwrap())
            }
            other => panic!("no link with a target: {other:?}"),
        };
        let expect = |name: &str, target: &str| (name.to_string(), target.to_string());
        let row = "lrwxrwxrwx 1 u g 1 Nov 22 13:05 a -> b -> c";
        assert_eq!(parts(row), expect("a -> b", "c"));
        let row = "lrwxrwxrwx 1 u g 6 Nov 22 13:05 a -> b -> c";
        assert_eq!(parts(row), expect("a", "b -> c"));
        let row = "lrwxrwxrwx 1 u g 0 Nov 22 13:05 a -> b -> c";
        assert_eq!(parts(row), expect("a", "b -> c"));
        let bare = entry("lrwxrwxrwx 1 u g 1 Nov 22 13:05 a");
        assert_eq!(bare.kind, Kind::Link { target: None });
    }

    #[test]
    fn precision_and_role_are_told() {
        assert_eq!(entry("-rw-r--r-- 1 u g 5 Nov 22 13:05 x").precision, Precision::Minute);
        assert_eq!(entry("-rw-r--r-- 1 u g 5 Nov 22  2024 x").precision, Precision::Day);
        assert_eq!(entry("drwxr-xr-x 1 u g 5 Nov 22 13:05 .").role, Role::Itself);
        assert_eq!(entry("drwxr-xr-x 1 u g 5 Nov 22 13:05 ..").role, Role::Parent);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for text in [
            "lrwxrwxrwx   1 ftp      ftp             4 Nov 22 13:05  -> docs",
            "",
            "total 8",
            "ls: a: Permission denied",
            "-rw-r--r--",
            "-rw-r--r-- 1 u g 5 Nov 22 13:05",
            "-rw-r--r-- 1 u g 5 Nov 22 13:05 ",
            "-rw-r--r--1 1 u g 5 Nov 22 13:05 x",
            "xrw-r--r-- 1 u g 5 Nov 22 13:05 x",
            "-rw-r--q-- 1 u g 5 Nov 22 13:05 x",
            "d????????? ? ? ? ? ? x",
            "11-22-26 01:05PM 5 x",
            "type=file; x",
        ] {
            assert_eq!(read(text.as_bytes(), now()), None, "{text}");
        }
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let name = || {
            proptest::collection::vec(any::<u8>(), 1..30).prop_map(|mut name| {
                name.retain(|byte| !matches!(byte, 0 | b'\r' | b'\n'));
                name.push(b'x');
                name
            })
        };
        let kind = prop_oneof![
            Just(Kind::File),
            Just(Kind::Folder),
            name().prop_map(|target| Kind::Link { target: Some(target) }),
        ];
        let numbers = (any::<u64>(), 0i64..1_790_000_000, 0u32..0o10000, any::<u64>());
        (name(), kind, numbers, "[!-~]{1,12}").prop_map(|(name, kind, numbers, owner)| {
            let (size, seconds, mode, links) = numbers;
            let mut entry = Entry::new(name, kind);
            entry.size = Some(match &entry.kind {
                Kind::Link { target: Some(target) } => target.len() as u64,
                Kind::Link { target: None } | Kind::File | Kind::Folder | Kind::Other => size,
            });
            let recent = now().seconds() - seconds < 183 * 86_400;
            let unit = if recent { 60 } else { 86_400 };
            entry.precision = if recent { Precision::Minute } else { Precision::Day };
            entry.modified = Some(Timestamp::new(seconds / unit * unit, 0));
            entry.mode = Some(mode);
            entry.links = Some(links);
            entry.group = Some(format!("{owner}g").into_bytes());
            entry.owner = Some(owner.into_bytes());
            entry
        })
    }

    proptest! {
        #[test]
        fn entries_come_back_as_written(entry in any_entry()) {
            let mut out = Vec::new();
            write(&mut out, &entry, now());
            prop_assert_eq!(read(&out, now()), Some(entry));
        }

        #[test]
        fn no_row_makes_the_reader_panic(
            row in "[-dl][-rwx]{9}[+ ][ 0-9a-z,:>-]{0,30}( Nov 22 13:05)?[ -~]{0,20}",
            bytes: Vec<u8>,
        ) {
            let _ = (read(row.as_bytes(), now()), read(&bytes, now()));
        }
    }
}
