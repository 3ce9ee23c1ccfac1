//! Names in the charset of an old client, for a listener or a user that has one set.
//!
//! Wharf's names are bytes, UTF-8 where they are text (RFC 2640). A client from before that speaks
//! Shift_JIS, GBK or Windows-1251 and cannot be told otherwise. Here a name of the host is put into that
//! charset, and what the client says is put back. Whatever is shown leads back to its file: for any bytes,
//! `from_wire(to_wire(name)) == name`. The rule, for each name of a path by itself:
//!
//! 1. A name that is text which the charset can say, and says unmistakably, so that reading it back gives the
//!    same bytes, is **converted**.
//! 2. Any other name stays **byte for byte**.
//! 3. Should those bytes be readable in the charset as some other name, or should a name begin with the mark
//!    itself, then it goes byte for byte behind the **mark** [`RAW`]: `=raw=` and the bytes.
//!
//! From the client: behind the mark bytes are taken as they are; what reads, and would be written in the same
//! bytes again, is converted; the rest, UTF-8 from a modern client mostly, stays byte for byte.
//!
//! Conversion makes no line and no path: only charsets that keep ASCII are known (no UTF-16, no ISO-2022-JP),
//! and none of them has a byte below 0x30 within a longer character. So NUL, CR, LF and the slash stand for
//! themselves alone. A backslash (0x5C) may be the second byte of a Shift_JIS, GBK or Big5 character; it has
//! no meaning in our paths. 0xFF is a letter of Windows-1251 and others, and the Telnet escape: on the control
//! connection it is doubled, by [`crate::reply`] and by the client. File contents are not converted here, nor
//! EBCDIC.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

/// What stands before a name whose bytes would be read as another name.
pub const RAW: &[u8] = b"=raw=";

/// The charset of names on the wire. The default is UTF-8, in which every name stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Charset(Option<&'static Encoding>);

impl Charset {
    /// The charset of this label, upper or lower case: `Shift_JIS`, `EUC-JP`, `GBK`, `Big5`, `EUC-KR`,
    /// `windows-1251`, `KOI8-R`, `ISO-8859-2` and the others of the Encoding Standard, where `latin1` and
    /// `ascii` mean Windows-1252. `None` for one that is not known or does not keep ASCII.
    #[must_use]
    pub fn named(label: &str) -> Option<Self> {
        let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
        let kept = encoding.is_ascii_compatible();
        kept.then_some(Self((encoding != UTF_8).then_some(encoding)))
    }

    /// Its name in the Encoding Standard.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.unwrap_or(UTF_8).name()
    }

    /// A name or path of the host, as the client is shown it.
    #[must_use]
    pub fn to_wire<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        each_name(self.0, name, to_wire)
    }

    /// A name from a server that writes its names in this charset, as a person is shown it: what is UTF-8 already
    /// stays, and so does what the charset cannot read.
    #[must_use]
    pub fn shown<'w>(&self, wire: &'w [u8]) -> Cow<'w, [u8]> {
        let encoding = self.0.filter(|_| str::from_utf8(wire).is_err());
        encoding.and_then(|it| decoded(it, wire)).unwrap_or(Cow::Borrowed(wire))
    }

    /// A name or path that a person has typed, for a server that writes its names in this charset: what the charset
    /// cannot say stays as it is.
    #[must_use]
    pub fn typed<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        self.words_to_wire(name)
    }

    /// Words that name nothing, as the client is shown them: in the charset, if it has them all.
    #[must_use]
    pub fn words_to_wire<'w>(&self, words: &'w [u8]) -> Cow<'w, [u8]> {
        let encoding = self.0.filter(|_| !words.is_ascii());
        encoding.and_then(|it| encoded(it, words)).unwrap_or(Cow::Borrowed(words))
    }

    /// A name or path from the client, as the host has it. To be asked before `.` and `..` are resolved.
    #[must_use]
    pub fn from_wire<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        each_name(self.0, name, from_wire)
    }
}

/// Converts the names of a path one by one; most need nothing.
fn each_name<'n>(
    encoding: Option<&'static Encoding>,
    path: &'n [u8],
    convert: for<'a> fn(&'static Encoding, &'a [u8]) -> Cow<'a, [u8]>,
) -> Cow<'n, [u8]> {
    let Some(encoding) = encoding else { return Cow::Borrowed(path) };
    let names = || path.split(|&byte| byte == b'/');
    if path.is_ascii() && !names().any(|name| name.starts_with(RAW)) {
        return Cow::Borrowed(path);
    }
    let converted: Vec<_> = names().map(|name| convert(encoding, name)).collect();
    Cow::Owned(converted.join(&b'/'))
}

fn to_wire<'n>(encoding: &'static Encoding, name: &'n [u8]) -> Cow<'n, [u8]> {
    if !name.starts_with(RAW) {
        if let Some(wire) = encoded(encoding, name) {
            return wire;
        }
        if decoded(encoding, name).is_none() {
            return Cow::Borrowed(name);
        }
    }
    Cow::Owned([RAW, name].concat())
}

fn from_wire<'n>(encoding: &'static Encoding, wire: &'n [u8]) -> Cow<'n, [u8]> {
    match wire.strip_prefix(RAW) {
        Some(name) => Cow::Borrowed(name),
        None => decoded(encoding, wire).unwrap_or(Cow::Borrowed(wire)),
    }
}

/// A name in the charset, if it can be read back from there.
fn encoded<'n>(encoding: &'static Encoding, name: &'n [u8]) -> Option<Cow<'n, [u8]>> {
    let (wire, _, lossy) = encoding.encode(str::from_utf8(name).ok()?);
    let back = encoding.decode_without_bom_handling_and_without_replacement(&wire)?;
    (!lossy && back.as_bytes() == name).then_some(wire)
}

/// The name that the charset writes in just these bytes.
fn decoded<'w>(encoding: &'static Encoding, wire: &'w [u8]) -> Option<Cow<'w, [u8]>> {
    let name = encoding.decode_without_bom_handling_and_without_replacement(wire)?;
    let (back, _, lossy) = encoding.encode(&name);
    let same = !lossy && *back == *wire;
    drop(back);
    same.then(|| match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
        Cow::Owned(name) => Cow::Owned(name.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABELS: [&str; 16] = [
        "utf-8",
        "shift_jis",
        "euc-jp",
        "gbk",
        "gb18030",
        "big5",
        "euc-kr",
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1253",
        "windows-1256",
        "iso-8859-2",
        "iso-8859-15",
        "koi8-r",
        "macintosh",
    ];

    fn charset(label: &str) -> Charset {
        Charset::named(label).unwrap()
    }

    #[track_caller]
    fn shown(label: &str, name: &[u8], wire: &[u8]) {
        assert_eq!(*charset(label).to_wire(name), *wire, "{label}");
        assert_eq!(*charset(label).from_wire(wire), *name, "{label}");
    }

    #[test]
    fn names_of_many_scripts_go_out_in_their_charset_and_come_back() {
        shown("shift_jis", "日本.txt".as_bytes(), b"\x93\xFA\x96\x7B.txt");
        shown("euc-jp", "日本".as_bytes(), b"\xC6\xFC\xCB\xDC");
        shown("gbk", "中文".as_bytes(), b"\xD6\xD0\xCE\xC4");
        shown("windows-1251", "яма".as_bytes(), b"\xFF\xEC\xE0");
        shown("windows-1252", "/tmp/é€".as_bytes(), b"/tmp/\xE9\x80");
        shown("utf-8", b"\xE9=raw=\xFF", b"\xE9=raw=\xFF");
    }

    #[test]
    fn a_backslash_may_end_a_shift_jis_character_and_a_slash_never() {
        shown("shift_jis", "表/ソ".as_bytes(), b"\x95\x5C/\x83\x5C");
        shown("shift_jis", b"a\\b", b"a\\b");
        // A lead byte takes no slash with it.
        shown("shift_jis", b"\x95/a", b"\x95/a");
    }

    #[test]
    fn what_the_charset_cannot_say_stays_byte_for_byte() {
        shown("euc-jp", "😀".as_bytes(), "😀".as_bytes());
        shown("shift_jis", b"\x80\xFF", b"\x80\xFF");
    }

    #[test]
    fn bytes_that_would_be_read_as_another_name_go_behind_the_mark() {
        // Katakana, were it Shift_JIS.
        shown("shift_jis", "é".as_bytes(), b"=raw=\xC3\xA9");
        shown("windows-1252", b"caf\xE9", b"=raw=caf\xE9");
        shown("windows-1252", "日".as_bytes(), b"=raw=\xE6\x97\xA5");
        shown("windows-1252", b"=raw=x", b"=raw==raw=x");
        shown("windows-1252", "a/caf\u{e9}/=raw=".as_bytes(), b"a/caf\xE9/=raw==raw=");
    }

    #[test]
    fn utf8_of_a_modern_client_is_understood_where_it_cannot_be_mistaken() {
        assert_eq!(*charset("euc-jp").from_wire("日本語".as_bytes()), *"日本語".as_bytes());
    }

    #[test]
    fn names_of_a_server_are_shown_and_typed_in_its_charset() {
        let sjis = charset("shift_jis");
        assert_eq!(*sjis.shown(b"\x93\xFA\x96\x7B"), *"日本".as_bytes());
        assert_eq!(*sjis.typed("日本/a".as_bytes()), *b"\x93\xFA\x96\x7B/a");
        // A server that writes UTF-8 all the same, and bytes that nobody can read.
        assert_eq!(*sjis.shown("é".as_bytes()), *"é".as_bytes());
        assert_eq!(*sjis.shown(b"\xFF\x80"), *b"\xFF\x80");
        assert_eq!(*sjis.typed("😀".as_bytes()), *"😀".as_bytes());
        assert_eq!(*Charset::default().shown(b"\xE9"), *b"\xE9");
    }

    #[test]
    fn labels_are_known_by_their_standard_names_if_they_keep_ascii() {
        assert_eq!(Charset::named("UTF-8"), Some(Charset::default()));
        assert_eq!(Charset::default().name(), "UTF-8");
        assert_eq!(charset("SJIS").name(), "Shift_JIS");
        assert_eq!(charset("latin1").name(), "windows-1252");
        for label in ["utf-16", "iso-2022-jp", "iso-2022-kr", "hz-gb-2312", "ebcdic", ""] {
            assert_eq!(Charset::named(label), None, "{label}");
        }
    }

    #[test]
    fn no_byte_below_0x30_is_part_of_a_longer_character() {
        for encoding in LABELS.iter().filter_map(|label| charset(label).0) {
            for (first, second) in (0x80..=0xFF).flat_map(|a| (0..0x30).map(move |b| (a, b))) {
                let pair = [first, second];
                let read = decoded(encoding, &pair);
                assert!(
                    read.is_none_or(|name| name.last() == Some(&second)),
                    "{} {first:x} {second:x}",
                    encoding.name()
                );
            }
        }
    }

    /// Bytes with a good share of text, slashes and marks.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            any::<Vec<u8>>(),
            any::<String>().prop_map(String::into_bytes),
            "[あ-んア-ン一-龥é¥я/]{0,6}".prop_map(String::into_bytes),
            Just(RAW.to_vec()),
            Just(b"/".to_vec()),
        ];
        proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_name_that_is_shown_leads_back(name in name(), label in proptest::sample::select(&LABELS[..])) {
            let wire = charset(label).to_wire(&name).into_owned();
            prop_assert_eq!(&*charset(label).from_wire(&wire), &*name);
            // Twice in the charset is still a name.
            let twice = charset(label).to_wire(&wire).into_owned();
            prop_assert_eq!(&*charset(label).from_wire(&twice), &*wire);
        }

        #[test]
        fn conversion_makes_no_line_and_no_path(text in "[^\\x00-\\x2F]{1,8}", label in proptest::sample::select(&LABELS[..])) {
            for bytes in [charset(label).to_wire(text.as_bytes()), charset(label).from_wire(text.as_bytes())] {
                prop_assert!(bytes.iter().all(|&byte| byte >= 0x30), "{}", bytes.escape_ascii());
            }
        }
    }
}
