//! TYPE E (RFC 959 section 3.1.1.2): text in EBCDIC on the wire, in UTF-8 on the disk.
//!
//! The choices:
//! - The code pages here hold just the characters of Latin-1. They are converted one by one; a line ends
//!   with LF on the disk and NL on the wire, and the EBCDIC character LF is what Unicode calls NEL. So
//!   every byte from the wire becomes a character and the same byte again.
//! - A character of the disk beyond Latin-1 is sent as SUB, `3F`, and counted.
//! - A byte of the disk that is not UTF-8 is taken for a character of Latin-1, and counted. A file in
//!   Latin-1 thus arrives as it reads, but comes back in UTF-8.
//! - CR is a character like others. A file with DOS line ends comes back as it was.

mod tables;

use std::fmt;
use tables::{LATIN_1_OF_037, LATIN_1_OF_500, LATIN_1_OF_1047};

/// What stands for a character that the code page does not have.
const SUB: u8 = 0x3f;

/// How many bytes are looked at together.
const STRIDE: usize = 32;

/// A code page for TYPE E.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodePage {
    /// Open systems, as z/OS UNIX has it.
    #[default]
    Ibm1047,
    /// United States, Canada and others.
    Ibm037,
    /// International.
    Ibm500,
}

impl CodePage {
    /// Parses its number.
    pub fn parse(number: &str) -> Option<Self> {
        match number {
            "1047" => Some(Self::Ibm1047),
            "037" | "37" => Some(Self::Ibm037),
            "500" => Some(Self::Ibm500),
            _ => None,
        }
    }

    const fn to_latin_1(self) -> &'static [u8; 256] {
        match self {
            Self::Ibm1047 => &LATIN_1_OF_1047,
            Self::Ibm037 => &LATIN_1_OF_037,
            Self::Ibm500 => &LATIN_1_OF_500,
        }
    }

    const fn of_latin_1(self) -> &'static [u8; 256] {
        const OF_1047: [u8; 256] = turned(&LATIN_1_OF_1047);
        const OF_037: [u8; 256] = turned(&LATIN_1_OF_037);
        const OF_500: [u8; 256] = turned(&LATIN_1_OF_500);
        match self {
            Self::Ibm1047 => &OF_1047,
            Self::Ibm037 => &OF_037,
            Self::Ibm500 => &OF_500,
        }
    }
}

impl fmt::Display for CodePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ibm1047 => "1047",
            Self::Ibm037 => "037",
            Self::Ibm500 => "500",
        })
    }
}

/// The table for the other direction.
const fn turned(table: &[u8; 256]) -> [u8; 256] {
    let (mut turned, mut at) = ([0; 256], 0u8);
    loop {
        turned[table[at as usize] as usize] = at;
        if at == u8::MAX {
            return turned;
        }
        at += 1;
    }
}

/// UTF-8 from the disk to EBCDIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoder {
    page: CodePage,
    /// The beginning of a character whose end has not come.
    held: Vec<u8>,
    /// Characters that the code page does not have.
    substituted: u64,
    /// Bytes that were not UTF-8.
    assumed: u64,
}

/// What the next bytes are.
enum Next {
    /// A character, in so many bytes.
    Character(char, usize),
    /// A byte that is not UTF-8.
    Byte(u8),
    /// A character whose end has not come, or nothing.
    Unfinished,
}

impl Encoder {
    /// An encoder at the beginning of a text.
    #[must_use]
    pub(super) const fn new(page: CodePage) -> Self {
        Self { page, held: Vec::new(), substituted: 0, assumed: 0 }
    }

    /// Appends the next part of the text.
    pub(super) fn encode(&mut self, text: &[u8], out: &mut Vec<u8>) {
        out.reserve(text.len());
        let mut rest = text;
        while !self.held.is_empty() {
            let Some((&byte, tail)) = rest.split_first() else { return };
            self.held.push(byte);
            rest = tail;
            let held = std::mem::take(&mut self.held);
            let left = self.characters(&held, out).len();
            self.held.extend_from_slice(held.get(held.len() - left..).unwrap_or_default());
        }
        let left = self.characters(rest, out);
        self.held.extend_from_slice(left);
    }

    /// Appends what is still held when the text has ended, and is no character then.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        for byte in std::mem::take(&mut self.held) {
            self.assumed += 1;
            out.extend(self.page.of_latin_1().get(usize::from(byte)));
        }
    }

    /// Whether nothing is held.
    pub(super) const fn is_clear(&self) -> bool {
        self.held.is_empty()
    }

    /// How many characters the code page does not have.
    pub(super) const fn substituted(&self) -> u64 {
        self.substituted
    }

    /// How many bytes were not UTF-8.
    pub(super) const fn assumed(&self) -> u64 {
        self.assumed
    }

    /// Appends the characters, and gives back what is the beginning of another.
    fn characters<'a>(&mut self, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let table = self.page.of_latin_1();
        let mut rest = text;
        loop {
            while let Some((stride, tail)) = rest.split_first_chunk::<STRIDE>()
                && stride.is_ascii()
            {
                out.extend_from_slice(&stride.map(|byte| table[usize::from(byte)]));
                rest = tail;
            }
            // What is not ASCII comes in clusters; the next stride is tried behind this one.
            let end = rest.len().saturating_sub(STRIDE);
            while rest.len() > end {
                let (byte, length) = match next(rest) {
                    Next::Character(character, length) => {
                        let latin_1 = u8::try_from(character).ok();
                        self.substituted += u64::from(latin_1.is_none());
                        (latin_1.map_or(SUB, |byte| table[usize::from(byte)]), length)
                    }
                    Next::Byte(byte) => {
                        self.assumed += 1;
                        (table[usize::from(byte)], 1)
                    }
                    Next::Unfinished => return rest,
                };
                out.push(byte);
                rest = rest.get(length..).unwrap_or_default();
            }
            if rest.is_empty() {
                return rest;
            }
        }
    }
}

/// What `text` begins with.
fn next(text: &[u8]) -> Next {
    match *text {
        [] => Next::Unfinished,
        [byte @ ..0x80, ..] => Next::Character(byte.into(), 1),
        [lead @ 0xc2..=0xc3, next @ 0x80..=0xbf, ..] => {
            Next::Character(char::from(lead << 6 | next & 0x3f), 2)
        }
        [byte, ..] => {
            let head = text.get(..4).unwrap_or(text);
            let valid = match std::str::from_utf8(head) {
                Ok(_) => head.len(),
                Err(error) if error.valid_up_to() > 0 => error.valid_up_to(),
                Err(error) if error.error_len().is_none() => return Next::Unfinished,
                Err(_) => return Next::Byte(byte),
            };
            let valid = std::str::from_utf8(head.get(..valid).unwrap_or_default());
            match valid.ok().and_then(|text| text.chars().next()) {
                Some(character) => Next::Character(character, character.len_utf8()),
                None => Next::Byte(byte),
            }
        }
    }
}

/// Appends EBCDIC as UTF-8. Every byte is a character, so that nothing has to be remembered.
pub(super) fn decode(page: CodePage, text: &[u8], out: &mut Vec<u8>) {
    let table = page.to_latin_1();
    out.reserve(text.len());
    let character = |byte: u8, out: &mut Vec<u8>| match table[usize::from(byte)] {
        latin_1 @ ..0x80 => out.push(latin_1),
        latin_1 => out.extend_from_slice(&[0xc0 | latin_1 >> 6, 0x80 | latin_1 & 0x3f]),
    };
    let (strides, rest) = text.as_chunks::<STRIDE>();
    for stride in strides {
        let latin_1 = stride.map(|byte| table[usize::from(byte)]);
        if latin_1.is_ascii() {
            out.extend_from_slice(&latin_1);
        } else {
            stride.iter().for_each(|byte| character(*byte, out));
        }
    }
    rest.iter().for_each(|byte| character(*byte, out));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGES: [CodePage; 3] = [CodePage::Ibm1047, CodePage::Ibm037, CodePage::Ibm500];

    /// The wire, and how many characters were substituted and bytes assumed.
    fn encode(page: CodePage, text: &[u8], size: usize) -> (Vec<u8>, u64, u64) {
        let (mut encoder, mut out) = (Encoder::new(page), Vec::new());
        text.chunks(size).for_each(|chunk| encoder.encode(chunk, &mut out));
        encoder.finish(&mut out);
        (out, encoder.substituted(), encoder.assumed())
    }

    fn decode_all(page: CodePage, wire: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        decode(page, wire, &mut out);
        out
    }

    #[test]
    fn every_byte_is_the_character_that_other_programs_make_of_it() {
        let fixture = include_str!("../../tests/codec/ebcdic.txt");
        for row in fixture.lines().filter(|row| !row.starts_with('#')) {
            let mut fields = row.split(' ');
            let page = CodePage::parse(fields.next().unwrap()).unwrap();
            for (byte, field) in (0..=255u8).zip(fields) {
                let expected = match u8::from_str_radix(field, 16).unwrap() {
                    0x85 => '\n',
                    b'\n' => '\u{85}',
                    latin_1 => char::from(latin_1),
                };
                let text = decode_all(page, &[byte]);
                assert_eq!(text, expected.to_string().as_bytes(), "{page} {byte:02x}");
                assert_eq!(encode(page, &text, 1), (vec![byte], 0, 0));
            }
        }
        assert_eq!(fixture.lines().count(), 2 + PAGES.len());
    }

    #[test]
    fn lines_end_with_nl_and_code_pages_differ_in_brackets() {
        let text = b"a[1]^\n";
        assert_eq!(encode(CodePage::Ibm1047, text, 9).0, b"\x81\xad\xf1\xbd\x5f\x15");
        assert_eq!(encode(CodePage::Ibm037, text, 9).0, b"\x81\xba\xf1\xbb\xb0\x15");
        assert_eq!(encode(CodePage::Ibm500, text, 9).0, b"\x81\x4a\xf1\x5a\x5f\x15");
    }

    #[test]
    fn characters_beyond_latin_1_become_sub_and_are_counted() {
        let text = "a\u{e9}\u{20ac}\u{65e5}\u{1f600}b".as_bytes();
        for size in 1..9 {
            assert_eq!(encode(CodePage::Ibm500, text, size), (b"\x81\x51???\x82".to_vec(), 3, 0));
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_taken_for_latin_1_and_counted() {
        let text = b"\xe9t\xe9\xe2\x82\n\xf0\x9f\x98";
        let characters: String = text.iter().copied().map(char::from).collect();
        let (wire, ..) = encode(CodePage::Ibm1047, characters.as_bytes(), 99);
        for size in 1..9 {
            assert_eq!(encode(CodePage::Ibm1047, text, size), (wire.clone(), 0, 7));
        }
    }

    #[test]
    fn numbers_are_parsed_as_they_print() {
        for page in PAGES {
            assert_eq!(CodePage::parse(&page.to_string()), Some(page));
        }
        assert_eq!(CodePage::parse("930"), None);
    }

    proptest! {
        #[test]
        fn every_wire_comes_back(wire in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..40) {
            for page in PAGES {
                prop_assert_eq!(encode(page, &decode_all(page, &wire), size), (wire.clone(), 0, 0));
            }
        }

        #[test]
        fn chunks_make_no_difference(
            parts in proptest::collection::vec("[a-z]{0,40}|\\PC{1,4}", 0..9), cut in 0usize..20, size in 1usize..40,
        ) {
            let text = parts.concat();
            let text = text.as_bytes().get(cut..).unwrap_or_default();
            let whole = encode(CodePage::Ibm1047, text, 1000);
            prop_assert_eq!(encode(CodePage::Ibm1047, text, size), whole);
        }
    }
}
