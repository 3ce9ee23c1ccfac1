//! Rows of MLSD and MLST: facts, a space, a name (RFC 3659 section 7).
//!
//! Facts that are asked for and not known are left out, as are facts that we have never heard of when
//! we read. Which facts there are, and which a session may want, is in `mlsx/facts.rs`.

mod facts;

pub use facts::{Fact, FactSet, Permissions};

use super::{Entry, Kind, Role, Unique, role_of, without_end, write_fact_name, write_number};
use crate::number::{decimal, octal};
use crate::time::{parse_mdtm, write_mdtm};

/// The bits of `st_mode` that tell the type of a file, and their values for what is no file.
const TYPE_BITS: u32 = 0o170_000;
const PIPE: u32 = 0o010_000;
const CHARACTERS: u32 = 0o020_000;
const BLOCKS: u32 = 0o060_000;
const SOCKET: u32 = 0o140_000;

/// Appends a row with CR LF at its end, as MLSD sends it over the data connection. Says whether the name
/// stands there as it is.
pub fn write<B: AsRef<[u8]>>(out: &mut Vec<u8>, entry: &Entry<B>, facts: FactSet) -> bool {
    let as_it_is = write_row(out, entry, facts);
    out.extend_from_slice(b"\r\n");
    as_it_is
}

/// Appends a row without its end, as it stands in the reply to MLST (which puts a space before it;
/// the name there is a path). Says whether the name stands there as it is.
pub fn write_row<B: AsRef<[u8]>>(out: &mut Vec<u8>, entry: &Entry<B>, facts: FactSet) -> bool {
    for fact in Fact::ALL {
        if !facts.contains(fact) {
            continue;
        }
        let before = out.len();
        out.extend_from_slice(fact.name().as_bytes());
        out.push(b'=');
        match write_value(out, entry, fact) {
            Some(()) => out.push(b';'),
            None => out.truncate(before),
        }
    }
    out.push(b' ');
    write_fact_name(out, entry.name.as_ref())
}

/// Appends the value of a fact, if it is known. The size of what is no file means nothing to anybody.
fn write_value<B: AsRef<[u8]>>(out: &mut Vec<u8>, entry: &Entry<B>, fact: Fact) -> Option<()> {
    match fact {
        Fact::Type => write_type(out, entry),
        Fact::Size => {
            let size = if matches!(entry.kind, Kind::File) { entry.size } else { None };
            write_number::<10>(out, size?, 0);
        }
        Fact::Modify => write_mdtm(out, entry.modified?.whole_seconds()),
        Fact::Create => write_mdtm(out, entry.created?.whole_seconds()),
        Fact::Perm => out.extend(entry.permissions?.letters()),
        Fact::Unique => match entry.unique.as_ref()? {
            Unique::Node { device, inode } => {
                write_number::<16>(out, *device, 0);
                out.push(b'.');
                write_number::<16>(out, *inode, 0);
            }
            Unique::Token(token) => write_token(out, token.as_ref()),
        },
        Fact::UnixMode => {
            let mode = entry.mode?;
            out.extend([9, 6, 3, 0].map(|shift| b'0' + (mode >> shift & 7) as u8));
        }
        Fact::UnixOwner => write_token(out, entry.owner.as_ref()?.as_ref()),
        Fact::UnixGroup => write_token(out, entry.group.as_ref()?.as_ref()),
        Fact::MediaType => write_token(out, entry.labels.media_type.as_ref()?.as_ref()),
        Fact::Charset => write_token(out, entry.labels.charset.as_ref()?.as_ref()),
        Fact::Lang => write_token(out, entry.labels.lang.as_ref()?.as_ref()),
    }
    Some(())
}

fn write_type<B: AsRef<[u8]>>(out: &mut Vec<u8>, entry: &Entry<B>) {
    let text: &[u8] = match (&entry.kind, entry.role) {
        (Kind::File, _) => b"file",
        (Kind::Folder, Role::Member) => b"dir",
        (Kind::Folder, Role::Itself) => b"cdir",
        (Kind::Folder, Role::Parent) => b"pdir",
        (Kind::Link { .. }, _) => b"OS.unix=slink",
        (Kind::Other, _) => match entry.mode.unwrap_or_default() & TYPE_BITS {
            PIPE => b"OS.unix=fifo",
            CHARACTERS => b"OS.unix=chr",
            BLOCKS => b"OS.unix=blk",
            SOCKET => b"OS.unix=socket",
            _ => b"OS.unix=other",
        },
    };
    out.extend_from_slice(text);
    // A target that would have to be altered is worth less than none.
    if let Kind::Link { target: Some(target) } = &entry.kind
        && target.as_ref().iter().all(|&byte| fits_a_value(byte))
    {
        out.push(b':');
        out.extend_from_slice(target.as_ref());
    }
}

/// Whether a byte can stand in a value without ending it. Bytes beyond ASCII can, against the letter
/// of RFC 3659 section 7.2: link targets and owners have names in every language.
const fn fits_a_value(byte: u8) -> bool {
    !matches!(byte, 0..=b' ' | b';' | 0x7F)
}

fn write_token(out: &mut Vec<u8>, token: &[u8]) {
    out.extend(token.iter().map(|&byte| if fits_a_value(byte) { byte } else { b'_' }));
}

/// Reads a row of MLSD, or that of MLST without the space before it. Facts with an unknown name or a
/// value that makes no sense are passed over; a row without a type is a file when it has a size.
///
/// `None` when there is no name, or when what should be facts has no `=` in it.
#[must_use]
pub fn read(row: &[u8]) -> Option<Entry> {
    let row = without_end(row);
    let (facts, name) = split(row)?;
    if name.is_empty() || !(facts.is_empty() || facts.contains(&b'=')) {
        return None;
    }
    let mut reading = Reading { entry: Entry::new(name.to_vec(), Kind::Other), typed: None };
    for fact in facts.split(|&byte| byte == b';') {
        if let Some(at) = memchr::memchr(b'=', fact) {
            let (fact_name, value) = fact.split_at(at);
            let value = value.strip_prefix(b"=").unwrap_or_default();
            let mut buffer = [0; LONGEST_NAME];
            if let Some(fact_name) = lowered(fact_name.trim_ascii(), &mut buffer) {
                reading.take(fact_name, value);
            }
        }
    }
    Some(reading.finish())
}

/// How long the name of a fact may be that we know.
const LONGEST_NAME: usize = 16;

/// The name of a fact in small letters, unless it is longer than any that we know.
fn lowered<'b>(name: &[u8], buffer: &'b mut [u8; LONGEST_NAME]) -> Option<&'b [u8]> {
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(lower)
}

/// Parts facts and name. They are parted by the first space, but some servers have spaces in values:
/// the first one behind a semicolon is better when there is any.
fn split(row: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(name) = row.strip_prefix(b" ") {
        return Some((b"", name));
    }
    let end = match memchr::memmem::find(row, b"; ") {
        Some(semicolon) => semicolon + 1,
        None => memchr::memchr(b' ', row)?,
    };
    let (facts, name) = row.split_at_checked(end)?;
    Some((facts, name.strip_prefix(b" ")?))
}

/// An entry that is being read, and its type with the bits of `st_mode` for it.
struct Reading {
    entry: Entry,
    typed: Option<(Kind, Role, u32)>,
}

impl Reading {
    fn take(&mut self, fact: &[u8], value: &[u8]) {
        let entry = &mut self.entry;
        let text = || Some(value.to_vec()).filter(|value| !value.is_empty());
        match fact {
            b"type" => self.typed = Some(read_type(value)),
            b"size" => entry.size = decimal(value),
            b"create" => entry.created = parse_mdtm(value),
            b"modify" => entry.modified = parse_mdtm(value),
            b"perm" => entry.permissions = Some(Permissions::of(value)),
            b"unique" => entry.unique = text().map(Unique::Token),
            b"unix.mode" => entry.mode = octal(value).map(|mode| mode & 0o7777),
            b"unix.owner" | b"unix.ownername" => entry.owner = text(),
            b"unix.group" | b"unix.groupname" => entry.group = text(),
            b"media-type" => entry.labels.media_type = text(),
            b"charset" => entry.labels.charset = text(),
            b"lang" => entry.labels.lang = text(),
            b"unix.uid" if entry.owner.is_none() => entry.owner = text(),
            b"unix.gid" if entry.group.is_none() => entry.group = text(),
            _ => {}
        }
    }

    fn finish(self) -> Entry {
        let Self { mut entry, typed } = self;
        let untyped = if entry.size.is_some() { Kind::File } else { Kind::Other };
        let (kind, role, type_bits) = typed.unwrap_or((untyped, Role::Member, 0));
        let by_name = if matches!(kind, Kind::Folder) { role_of(&entry.name) } else { role };
        entry.role = if role == Role::Member { by_name } else { role };
        entry.kind = kind;
        entry.mode = entry.mode.map(|mode| mode | type_bits);
        entry
    }
}

fn read_type(value: &[u8]) -> (Kind, Role, u32) {
    // What nearly all rows are is found at once.
    if value.eq_ignore_ascii_case(b"file") {
        return (Kind::File, Role::Member, 0);
    }
    let lower = value.to_ascii_lowercase();
    let special = |type_bits| (Kind::Other, Role::Member, type_bits);
    match lower.as_slice() {
        b"dir" => (Kind::Folder, Role::Member, 0),
        b"cdir" => (Kind::Folder, Role::Itself, 0),
        b"pdir" => (Kind::Folder, Role::Parent, 0),
        other => match other.strip_prefix(b"os.unix=").unwrap_or_default() {
            link if link.starts_with(b"slink") || link.starts_with(b"symlink") => {
                let colon = memchr::memchr(b':', value);
                let target = colon.and_then(|at| value.get(at + 1..)).map(<[u8]>::to_vec);
                let target = target.filter(|target| !target.is_empty());
                (Kind::Link { target }, Role::Member, 0)
            }
            device if device.starts_with(b"chr") => special(CHARACTERS),
            device if device.starts_with(b"blk") => special(BLOCKS),
            b"fifo" | b"pipe" => special(PIPE),
            b"socket" | b"sock" => special(SOCKET),
            _ => special(0),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    fn row(entry: &Entry<&[u8]>, facts: FactSet) -> String {
        let mut out = Vec::new();
        write_row(&mut out, entry, facts);
        out.escape_ascii().to_string()
    }

    #[test]
    fn row_has_the_facts_that_are_asked_for_and_known() {
        let mut entry = Entry::new(&b"a b"[..], Kind::File);
        entry.size = Some(123);
        entry.modified = Some(Timestamp::new(897_904_845, 14_000_000));
        entry.permissions = Some(Permissions::of(b"rwadf"));
        entry.unique = Some(Unique::Node { device: 0x803, inode: 0x1F });
        entry.mode = Some(0o100_644);
        entry.owner = Some(b"ftp user");
        let all = "type=file;size=123;modify=19980615100045;perm=adfrw;unique=803.1f;\
            UNIX.mode=0644;UNIX.owner=ftp_user; a b";
        assert_eq!(row(&entry, FactSet::ALL), all);
        assert_eq!(row(&entry, FactSet::NONE.with(Fact::Size)), "size=123; a b");
        assert_eq!(row(&entry, FactSet::NONE), " a b");
    }

    #[test]
    fn kinds_and_roles_have_their_types() {
        let row_of = |kind, role, mode| {
            let mut entry = Entry::new(&b"x"[..], kind);
            (entry.role, entry.mode) = (role, mode);
            row(&entry, FactSet::NONE.with(Fact::Type))
        };
        assert_eq!(row_of(Kind::Folder, Role::Member, None), "type=dir; x");
        assert_eq!(row_of(Kind::Folder, Role::Itself, None), "type=cdir; x");
        assert_eq!(row_of(Kind::Folder, Role::Parent, None), "type=pdir; x");
        let link = |target| row_of(Kind::Link { target }, Role::Member, None);
        assert_eq!(link(Some(&b"/a/b"[..])), "type=OS.unix=slink:/a/b; x");
        assert_eq!(link(Some(b"a;size=1")), "type=OS.unix=slink; x");
        assert_eq!(link(Some(b"a b")), "type=OS.unix=slink; x");
        assert_eq!(link(None), "type=OS.unix=slink; x");
        let other = |mode| row_of(Kind::Other, Role::Member, mode);
        assert_eq!(other(Some(0o020_666)), "type=OS.unix=chr; x");
        assert_eq!(other(None), "type=OS.unix=other; x");
    }

    #[test]
    fn size_of_a_folder_is_not_written() {
        let mut entry = Entry::new(&b"x"[..], Kind::Folder);
        entry.size = Some(4096);
        assert_eq!(row(&entry, FactSet::ALL), "type=dir; x");
    }

    #[test]
    fn row_of_another_server_is_read() {
        let entry = read(
            b"Modify=20261122130501.5;Perm=adfrw;Size=9;Type=FILE;Unique=2CU1;UNIX.uid=0;\
            UNIX.ownername=root;UNIX.gid=7;X.new=1; a; b.txt\r\n",
        )
        .unwrap();
        assert_eq!(
            (entry.name, entry.kind, entry.size),
            (b"a; b.txt".to_vec(), Kind::File, Some(9))
        );
        assert_eq!(entry.modified, parse_mdtm(b"20261122130501.5"));
        assert_eq!(entry.permissions, Some(Permissions::of(b"adfrw")));
        assert_eq!(entry.unique, Some(Unique::Token(b"2CU1".to_vec())));
        assert_eq!((entry.owner, entry.group), (Some(b"root".to_vec()), Some(b"7".to_vec())));
    }

    #[test]
    fn missing_and_senseless_values_are_passed_over() {
        let entry =
            read(b"type=file;size=;modify=yesterday;UNIX.mode=9;perm=;unique=;flag; a").unwrap();
        let mut expected = Entry::new(b"a".to_vec(), Kind::File);
        expected.permissions = Some(Permissions::default());
        assert_eq!(entry, expected);
    }

    #[test]
    fn links_devices_and_unknown_types_are_read() {
        let kind = |row: &[u8]| read(row).map(|entry| entry.kind);
        let link = |target: &[u8]| Some(Kind::Link { target: Some(target.to_vec()) });
        assert_eq!(kind(b"type=OS.unix=slink:/A b; x"), link(b"/A b"));
        assert_eq!(kind(b"type=os.unix=SymLink; x"), Some(Kind::Link { target: None }));
        assert_eq!(kind(b"type=OS.unix=chr-13/29; x"), Some(Kind::Other));
        assert_eq!(kind(b"type=OS.vms=index; x"), Some(Kind::Other));
        let mode = |row: &[u8]| read(row).and_then(|entry| entry.mode);
        assert_eq!(mode(b"type=OS.unix=blk-8/0;unix.mode=0660; x"), Some(BLOCKS | 0o660));
    }

    #[test]
    fn row_without_type_is_a_file_when_it_has_a_size() {
        assert_eq!(read(b"size=1; a").map(|entry| entry.kind), Some(Kind::File));
        assert_eq!(
            read(b" a").map(|entry| (entry.kind, entry.name)),
            Some((Kind::Other, b"a".into()))
        );
    }

    #[test]
    fn name_keeps_its_own_spaces() {
        assert_eq!(read(b"type=file;  a ").map(|entry| entry.name), Some(b" a ".to_vec()));
        assert_eq!(read(b"type=file a b").map(|entry| entry.name), Some(b"a b".to_vec()));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for text in [&b""[..], b"\r\n", b"type=file;", b"type=file; ", b"total 8", b" "] {
            assert_eq!(read(text), None, "{}", text.escape_ascii());
        }
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let bytes = || proptest::collection::vec(b'!'..=255, 1..20);
        let target =
            bytes().prop_filter("in a value", |t| t.iter().all(|&byte| fits_a_value(byte)));
        let kind = prop_oneof![
            Just(Kind::File),
            Just(Kind::Folder),
            target.clone().prop_map(|target| Kind::Link { target: Some(target) }),
        ];
        let numbers = (any::<u64>(), 0i64..253_402_300_800, 0u32..0o10000, 0u32..1 << 26);
        (bytes(), kind, target, numbers).prop_map(|(name, kind, owner, numbers)| {
            let (size, seconds, mode, letters) = numbers;
            let letters: Vec<u8> =
                (0..26).filter(|n| letters >> n & 1 == 1).map(|n| b'a' + n).collect();
            let mut entry = Entry::new(name, kind);
            entry.size = matches!(entry.kind, Kind::File).then_some(size);
            entry.modified = Some(Timestamp::new(seconds, 0));
            entry.mode = Some(mode);
            entry.permissions = Some(Permissions::of(&letters));
            entry.unique = Some(Unique::Token(owner.clone()));
            entry.labels.lang = Some(owner.clone());
            entry.labels.media_type = Some(owner.clone());
            entry.owner = Some(owner);
            entry.role =
                if entry.kind == Kind::Folder { role_of(&entry.name) } else { Role::Member };
            entry
        })
    }

    proptest! {
        #[test]
        fn entries_come_back_as_written(entry in entry()) {
            let mut out = Vec::new();
            write(&mut out, &entry, FactSet::ALL);
            prop_assert_eq!(read(&out), Some(entry));
        }

        #[test]
        fn no_row_makes_the_reader_panic(row in "[ -~;= ]{0,60}", bytes: Vec<u8>) {
            let _ = (read(row.as_bytes()), read(&bytes));
        }
    }
}
