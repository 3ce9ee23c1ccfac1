//! Listings: one entry, and its row in LIST, NLST and MLSD, both ways (RFC 959 section 4.1.3 and
//! RFC 3659 section 7).
//!
//! Writers append to a buffer and allocate nothing for an entry, so that a server streams a folder of
//! any size in constant memory; readers give entries that own their parts. Choosing, sorting and
//! globbing entries is not done here. We write LIST as Unix hosts do; read it is in the shapes of all the
//! families in `families.rs`, of which the listing's rows elect one (`vote.rs`).
//!
//! A row is a line, and none of the three formats has an escape. The bytes LF and NUL of a name are
//! therefore written as `?`: the row stays a row and shows that something is there, but the name in it
//! does not lead to the file, which can be reached only after it is renamed on the server. How many
//! names that befell is told ([`Format::write`]). A CR that is part of a name stands in rows of facts as
//! it is: a row ends with one CR and an LF, and RFC 3659 section 2.2 has readers take off no more than
//! that. In LIST and NLST it is a `?` too, since many who read those take any CR for the end of a row.
//! All other bytes of names go out untouched.

mod columns;
mod date;
mod families;
pub mod mlsx;
mod months;
pub mod names;
mod numeric;
pub mod unix;
mod vote;

pub use mlsx::{Fact, FactSet, Permissions};
pub use vote::{Hints, Rows, read_listing};

use crate::time::Timestamp;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind<B = Vec<u8>> {
    /// A file with bytes to fetch.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, not followed.
    Link {
        /// Where it leads, when that is known.
        target: Option<B>,
    },
    /// A device, socket, pipe, or something of another host that is neither file nor folder.
    Other,
}

/// How an entry belongs to the folder that is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is in the folder.
    #[default]
    Member,
    /// It is the folder itself, `.` or `type=cdir`.
    Itself,
    /// It is the folder above, `..` or `type=pdir`.
    Parent,
}

/// How exactly the time of an entry is known. LIST tells minutes at best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// The second, or better.
    #[default]
    Second,
    /// The minute; what is after it is zero.
    Minute,
    /// The day; what is after it is zero.
    Day,
    /// The day by a clock that goes by an unknown zone; what is after it is zero.
    LocalDay,
}

impl Precision {
    /// Whether a time can be the one that was told so.
    ///
    /// ```
    /// use wharf_proto::listing::Precision;
    /// use wharf_proto::time::Timestamp;
    /// let (told, time) = (Timestamp::new(86_400, 0), Timestamp::new(86_399, 0));
    /// assert!(!Precision::Day.allows(told, time));
    /// assert!(Precision::LocalDay.allows(told, time));
    /// ```
    #[must_use]
    pub fn allows(self, told: Timestamp, time: Timestamp) -> bool {
        const HOUR: i64 = 3600;
        let range = match self {
            Self::Second => 0..1,
            Self::Minute => 0..60,
            Self::Day => 0..24 * HOUR,
            // The farthest zones are 14 hours ahead of UTC and 12 behind it.
            Self::LocalDay => -14 * HOUR..(24 + 12) * HOUR,
        };
        range.contains(&(time.seconds().saturating_sub(told.seconds())))
    }
}

/// What tells an entry from all others on the server: entries with the same value are the same file
/// (RFC 3659 section 7.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unique<B = Vec<u8>> {
    /// A file of a Unix file system; written as two hexadecimal numbers.
    Node {
        /// The device that the file system is on.
        device: u64,
        /// The number of the file in it.
        inode: u64,
    },
    /// What a server wrote.
    Token(B),
}

/// What the bytes of a file are, as far as somebody has said (RFC 3659 sections 7.5.8 to 7.5.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labels<B = Vec<u8>> {
    /// The media type: `text/html`.
    pub media_type: Option<B>,
    /// The charset, by its name at IANA.
    pub charset: Option<B>,
    /// The language, by its tag of RFC 5646.
    pub lang: Option<B>,
}

impl<B> Labels<B> {
    /// Nobody has said anything.
    pub const NONE: Self = Self { media_type: None, charset: None, lang: None };

    /// The label of this fact, if it is one.
    pub fn of_mut(&mut self, fact: Fact) -> Option<&mut Option<B>> {
        match fact {
            Fact::MediaType => Some(&mut self.media_type),
            Fact::Charset => Some(&mut self.charset),
            Fact::Lang => Some(&mut self.lang),
            Fact::Type
            | Fact::Size
            | Fact::Modify
            | Fact::Create
            | Fact::Perm
            | Fact::Unique
            | Fact::UnixMode
            | Fact::UnixOwner
            | Fact::UnixGroup => None,
        }
    }

    fn map<C>(self, mut to: impl FnMut(B) -> C) -> Labels<C> {
        Labels {
            media_type: self.media_type.map(&mut to),
            charset: self.charset.map(&mut to),
            lang: self.lang.map(to),
        }
    }
}

/// One entry of a folder. `B` holds the bytes of names: a `Vec<u8>` for whoever keeps entries, a slice
/// for whoever only writes them ([`EntryRef`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry<B = Vec<u8>> {
    /// The name as the host has it. From a server it is not to be trusted; see
    /// [`names::is_plain`].
    pub name: B,
    /// File, folder or what else.
    pub kind: Kind<B>,
    /// Member of the folder, or the folder or its parent.
    pub role: Role,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Time of the last modification, in UTC (from LIST: as if the server's clock went by UTC).
    pub modified: Option<Timestamp>,
    /// Time of the making, in UTC.
    pub created: Option<Timestamp>,
    /// How exact the time of the last modification is.
    pub precision: Precision,
    /// The permission bits of Unix, the lower twelve of `st_mode`. For [`Kind::Other`] the bits above
    /// them tell which kind of device, if they are there.
    pub mode: Option<u32>,
    /// The owner's name, or number.
    pub owner: Option<B>,
    /// The group's name, or number.
    pub group: Option<B>,
    /// How many names the file has.
    pub links: Option<u64>,
    /// What the file can be recognised by.
    pub unique: Option<Unique<B>>,
    /// What the user may do with it.
    pub permissions: Option<Permissions>,
    /// What its bytes are.
    pub labels: Labels<B>,
}

/// An entry that borrows its names, for writing.
pub type EntryRef<'a> = Entry<&'a [u8]>;

impl<B> Entry<B> {
    /// An entry of which nothing but name and kind is known.
    pub const fn new(name: B, kind: Kind<B>) -> Self {
        Self {
            name,
            kind,
            role: Role::Member,
            size: None,
            modified: None,
            created: None,
            precision: Precision::Second,
            mode: None,
            owner: None,
            group: None,
            links: None,
            unique: None,
            permissions: None,
            labels: Labels::NONE,
        }
    }

    /// The same with other holders of the names.
    pub fn map<C>(self, mut to: impl FnMut(B) -> C) -> Entry<C> {
        let Self { role, size, modified, created, precision, mode, links, permissions, .. } = self;
        let kind = match self.kind {
            Kind::File => Kind::File,
            Kind::Folder => Kind::Folder,
            Kind::Link { target } => Kind::Link { target: target.map(&mut to) },
            Kind::Other => Kind::Other,
        };
        let unique = self.unique.map(|unique| match unique {
            Unique::Node { device, inode } => Unique::Node { device, inode },
            Unique::Token(token) => Unique::Token(to(token)),
        });
        let (owner, group) = (self.owner.map(&mut to), self.group.map(&mut to));
        let (name, labels) = (to(self.name), self.labels.map(to));
        Entry {
            name,
            kind,
            role,
            size,
            modified,
            created,
            precision,
            mode,
            owner,
            group,
            links,
            unique,
            permissions,
            labels,
        }
    }
}

impl Entry {
    /// The same, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> EntryRef<'_> {
        let kind = match &self.kind {
            Kind::File => Kind::File,
            Kind::Folder => Kind::Folder,
            Kind::Link { target } => Kind::Link { target: target.as_deref() },
            Kind::Other => Kind::Other,
        };
        let unique = self.unique.as_ref().map(|unique| match unique {
            Unique::Node { device, inode } => Unique::Node { device: *device, inode: *inode },
            Unique::Token(token) => Unique::Token(token.as_slice()),
        });
        let Labels { media_type, charset, lang } = &self.labels;
        let labels = Labels {
            media_type: media_type.as_deref(),
            charset: charset.as_deref(),
            lang: lang.as_deref(),
        };
        EntryRef {
            role: self.role,
            size: self.size,
            modified: self.modified,
            created: self.created,
            precision: self.precision,
            mode: self.mode,
            owner: self.owner.as_deref(),
            group: self.group.as_deref(),
            links: self.links,
            unique,
            permissions: self.permissions,
            labels,
            ..EntryRef::new(&self.name, kind)
        }
    }
}

impl EntryRef<'_> {
    /// An entry that owns its names.
    #[must_use]
    pub fn to_owned(&self) -> Entry {
        self.map(<[u8]>::to_vec)
    }
}

/// The format of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Rows like those of `ls -l` (LIST).
    Unix,
    /// Names alone (NLST).
    Names,
    /// Facts and names (MLSD).
    Facts(FactSet),
}

impl Format {
    /// Appends the row of an entry, with CR LF at its end, and says whether its name stands there as it
    /// is. `now` decides whether a Unix row has the time of day or the year.
    pub fn write<B: AsRef<[u8]>>(
        self,
        out: &mut Vec<u8>,
        entry: &Entry<B>,
        now: Timestamp,
    ) -> bool {
        match self {
            Self::Unix => unix::write(out, entry, now),
            Self::Names => names::write(out, entry.name.as_ref()),
            Self::Facts(facts) => mlsx::write(out, entry, facts),
        }
    }
}

/// A row without the CR of its end, whose LF is gone already.
fn without_cr(row: &[u8]) -> &[u8] {
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// A row without its end, if that is there: a CR at the end of a row that has none belongs to the name.
fn without_end(row: &[u8]) -> &[u8] {
    row.strip_suffix(b"\n").map_or(row, without_cr)
}

/// The role that a name tells of itself.
fn role_of(name: &[u8]) -> Role {
    match name {
        b"." => Role::Itself,
        b".." => Role::Parent,
        _ => Role::Member,
    }
}

/// Appends a number to a base of 8 to 16, right-aligned in a column of up to 24.
fn write_number<const BASE: u64>(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut text = [b' '; 24];
    let (mut start, mut rest) = (text.len(), number);
    for place in text.iter_mut().rev() {
        let [digit, ..] = (rest % BASE).to_le_bytes();
        *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        rest /= BASE;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    let column = text.len().saturating_sub(width);
    out.extend_from_slice(&text[start.min(column)..]);
}

/// Appends a name with the bytes replaced that would break the row for anybody, and says whether there were none.
fn write_name(out: &mut Vec<u8>, name: &[u8]) -> bool {
    put_name(out, name, |rest| memchr::memchr3(b'\r', b'\n', 0, rest))
}

/// The same for a row of facts, in which a CR may stand.
fn write_fact_name(out: &mut Vec<u8>, name: &[u8]) -> bool {
    put_name(out, name, |rest| memchr::memchr2(b'\n', 0, rest))
}

fn put_name(out: &mut Vec<u8>, name: &[u8], next_bad: impl Fn(&[u8]) -> Option<usize>) -> bool {
    let mut rest = name;
    while let Some(at) = next_bad(rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        out.push(b'?');
        rest = tail.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    rest.len() == name.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::new(1_795_352_700, 0);

    fn number<const BASE: u64>(value: u64, width: usize) -> String {
        let mut out = Vec::new();
        write_number::<BASE>(&mut out, value, width);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_in_either_base_and_in_columns() {
        assert_eq!(number::<10>(0, 0), "0");
        assert_eq!(number::<10>(0, 4), "   0");
        assert_eq!(number::<10>(12345, 4), "12345");
        assert_eq!(number::<10>(u64::MAX, 0), u64::MAX.to_string());
        assert_eq!(number::<16>(0xAB0F, 0), "ab0f");
        assert_eq!(number::<8>(u64::MAX, 0), format!("{:o}", u64::MAX));
        assert_eq!(number::<10>(7, 99).len(), 24);
    }

    #[test]
    fn a_name_cannot_break_the_row_in_any_format() {
        let entry = Entry::new(&b"a\r\nb\0c"[..], Kind::Link { target: Some(&b"x\ny"[..]) });
        for format in [Format::Unix, Format::Names, Format::Facts(FactSet::ALL)] {
            let mut out = Vec::new();
            assert!(!format.write(&mut out, &entry, NOW));
            let text = out.strip_suffix(b"\r\n").unwrap();
            assert!(memchr::memchr2(b'\n', 0, text).is_none(), "{}", text.escape_ascii());
            let name: &[u8] =
                if format == Format::Facts(FactSet::ALL) { b"a\r?b?c" } else { b"a??b?c" };
            assert!(text.windows(6).any(|part| part == name), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_cr_in_a_name_or_at_its_end_comes_back_from_rows_of_facts_and_is_shown_in_others() {
        for name in [&b"a\rb"[..], b"\ra", b"a\r", b"\r", b"\r\r"] {
            let mut out = Vec::new();
            let facts = Format::Facts(FactSet::ALL);
            assert!(facts.write(&mut out, &Entry::new(name, Kind::File), NOW));
            facts.write(&mut out, &Entry::new(b"z", Kind::File), NOW);
            let read: Vec<Entry> = read_listing(&out, NOW).flatten().collect();
            assert_eq!(read[0].name, name, "{}", out.escape_ascii());
            assert_eq!(read[1].name, b"z");
            for format in [Format::Unix, Format::Names] {
                let mut out = Vec::new();
                assert!(!format.write(&mut out, &Entry::new(name, Kind::File), NOW));
                let row = out.strip_suffix(b"\r\n").unwrap();
                assert!(!row.contains(&b'\r') && row.contains(&b'?'), "{}", row.escape_ascii());
            }
        }
    }

    /// As other servers write them.
    #[test]
    fn a_cr_at_the_end_of_a_name_is_not_taken_for_that_of_the_row() {
        let rows = b"-rw-r--r-- 1 u g 5 Nov 22 13:05 a\r\r\n-rw-r--r-- 1 u g 5 Nov 22 13:05 b\r\n";
        let read: Vec<Entry> = read_listing(rows, NOW).flatten().collect();
        assert_eq!([&read[0].name[..], &read[1].name], [&b"a\r"[..], b"b"]);
        assert_eq!(names::read_all(b"a\r\r\nb\r\n").collect::<Vec<_>>(), [&b"a\r"[..], b"b"]);
    }

    #[test]
    fn owned_and_borrowed_entries_are_written_alike() {
        let (mut owned, mut borrowed) = (Vec::new(), Vec::new());
        Format::Unix.write(&mut owned, &Entry::new(b"a".to_vec(), Kind::File), NOW);
        Format::Unix.write(&mut borrowed, &EntryRef::new(b"a", Kind::File), NOW);
        assert_eq!(owned, borrowed);
    }

    #[test]
    fn listing_of_unix_rows_is_read_with_its_bad_rows() {
        let listing = b"total 8\r\n-rw-r--r-- 1 u g 5 Nov 22 13:05 a\r\n\r\nwhat?\r\n\
            drwxr-xr-x 2 u g 4096 Nov 22 13:05 b";
        let rows: Vec<_> = read_listing(listing, NOW).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].as_ref().unwrap().name, b"a");
        assert_eq!(rows[1], Err(&b"what?"[..]));
        assert_eq!(rows[2].as_ref().unwrap().kind, Kind::Folder);
    }

    #[test]
    fn listing_of_facts_is_read() {
        let listing = b"type=cdir; /\r\ntype=file;size=5; a\r\ntype=dir; total 8\r\n";
        let entries: Vec<Entry> = read_listing(listing, NOW).flatten().collect();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].role, Role::Itself);
        assert_eq!(entries[1].size, Some(5));
        assert_eq!(entries[2].name, b"total 8");
    }

    #[test]
    fn every_byte_but_three_goes_through_a_name_untouched_and_but_two_in_rows_of_facts() {
        let name: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        let changed = |out: &[u8]| {
            (0..=255).filter(|&byte: &u8| out[usize::from(byte)] != byte).collect::<Vec<u8>>()
        };
        assert!(!write_name(&mut out, &name));
        assert_eq!(changed(&out), [0, b'\n', b'\r']);
        out.clear();
        assert!(!write_fact_name(&mut out, &name));
        assert_eq!(changed(&out), [0, b'\n']);
    }
}
