//! FORMAT C (RFC 959 section 3.1.1.5): on the wire the first character of every line says how the paper
//! moves before the line is printed, on the disk the moves are control characters.
//!
//! | wire | the paper moves | disk, between two lines | disk, before the first |
//! | --- | --- | --- | --- |
//! | blank | up one line | LF | |
//! | `0` | up two lines | LF LF | LF |
//! | `-` | up three lines | LF LF LF | LF LF |
//! | `1` | to a new page | LF FF | FF |
//! | `+` | not at all | CR | |
//!
//! This is how `asa` prints such files on Unix, so that ours can be shown and printed there. The `-` is
//! not in the RFC, but in the standard it refers to. Both sides are text in lines; the code and the line
//! ends of the wire are made elsewhere.
//!
//! - **From the disk to the wire and back nothing changes**: any file comes back as it was.
//! - From the wire to the disk and back the page looks the same, but a blank with no text and a blank
//!   with text come back as `0` with that text, the first line of all cannot overprint, and a line whose
//!   first character is none of the five is kept whole and comes back with a blank before it.
//! - A CR on the disk is a move unless LF follows; then it belongs to the line.

use super::frame::split_front;
use memchr::{memchr, memchr2};

const LF: u8 = b'\n';
const CR: u8 = b'\r';
const FF: u8 = 0x0c;

const ONE_LINE: u8 = b' ';
const TWO_LINES: u8 = b'0';
const THREE_LINES: u8 = b'-';
const NEW_PAGE: u8 = b'1';
const OVERPRINT: u8 = b'+';

/// A file on the disk to lines with control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoder {
    state: Writing,
}

/// ```text
///         ┌────────── LF ───────────┐
///         ▼                         │
/// Between { lines: 1 to 3 } ──▶ Line ⇄ Return (a CR, and what follows is not known)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// The paper has moved by so many lines since the last line, whose end has not been written; at the
    /// beginning of the file there is no such line.
    Between {
        lines: u8,
        first: bool,
    },
    Line,
    Return,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder at the beginning of a file.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self { state: Writing::Between { lines: 1, first: true } }
    }

    /// An encoder that goes on behind so many LF.
    #[must_use]
    pub(super) fn resume(lines: u8) -> Self {
        Self { state: Writing::Between { lines: lines.clamp(1, 3), first: false } }
    }

    /// How many LF came since the last line, if nothing else did. With that an encoder can go on here.
    pub(super) const fn place(&self) -> Option<u8> {
        match self.state {
            Writing::Between { lines, first: false } => Some(lines),
            Writing::Between { first: true, .. } | Writing::Line | Writing::Return => None,
        }
    }

    /// Appends the next part of the file.
    pub(super) fn encode(&mut self, local: &[u8], out: &mut Vec<u8>) {
        out.reserve(local.len() + local.len() / 16);
        let mut rest = local;
        while let Some(&byte) = rest.first() {
            self.state = match (self.state, byte) {
                (Writing::Line, _) => {
                    let end = memchr2(LF, CR, rest).unwrap_or(rest.len());
                    out.extend_from_slice(split_front(&mut rest, end));
                    match *split_front(&mut rest, 1) {
                        [] => Writing::Line,
                        [LF, ..] => Writing::Between { lines: 1, first: false },
                        [_, ..] => Writing::Return,
                    }
                }
                (Writing::Return, LF) => {
                    out.push(CR);
                    Writing::Line
                }
                (Writing::Return, _) => {
                    start(OVERPRINT, false, out);
                    Writing::Line
                }
                (Writing::Between { lines, first }, LF) => {
                    split_front(&mut rest, 1);
                    if lines < 3 {
                        Writing::Between { lines: lines + 1, first }
                    } else {
                        start(THREE_LINES, first, out);
                        Writing::Between { lines: 1, first: false }
                    }
                }
                (Writing::Between { lines, first }, FF) => {
                    split_front(&mut rest, 1);
                    if lines > 1 {
                        start(control(lines - 1), first, out);
                    }
                    start(NEW_PAGE, first && lines == 1, out);
                    Writing::Line
                }
                (Writing::Between { lines, first }, _) => {
                    start(control(lines), first, out);
                    Writing::Line
                }
            };
        }
    }

    /// Ends the file.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        match self.state {
            Writing::Line => {}
            Writing::Return => start(OVERPRINT, false, out),
            Writing::Between { lines: 1, first: true } => {}
            Writing::Between { lines: 1, first: false } => out.push(LF),
            Writing::Between { lines, first } => {
                start(control(lines - 1), first, out);
                out.push(LF);
            }
        }
    }
}

/// Begins a line of the wire, behind the end of the line before.
fn start(control: u8, first: bool, out: &mut Vec<u8>) {
    if !first {
        out.push(LF);
    }
    out.push(control);
}

/// The control character for so many lines.
const fn control(lines: u8) -> u8 {
    match lines {
        0 | 1 => ONE_LINE,
        2 => TWO_LINES,
        _ => THREE_LINES,
    }
}

/// Lines with control characters to a file on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoder {
    state: Place,
}

/// Where in the lines a decoder is. It can go on at any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the first line.
    #[default]
    Beginning,
    /// Before another line; the end of the last one is not written.
    Between,
    /// Within a line.
    Line,
}

impl Decoder {
    /// A decoder at this place.
    #[must_use]
    pub(super) const fn new(place: Place) -> Self {
        Self { state: place }
    }

    /// Where the decoder is.
    pub(super) const fn place(&self) -> Place {
        self.state
    }

    /// Appends the next part of the lines.
    pub(super) fn decode(&mut self, lines: &[u8], out: &mut Vec<u8>) {
        out.reserve(lines.len());
        let mut rest = lines;
        while let Some(&byte) = rest.first() {
            let first = match self.state {
                Place::Line => {
                    let end = memchr(LF, rest).unwrap_or(rest.len());
                    out.extend_from_slice(split_front(&mut rest, end));
                    if !split_front(&mut rest, 1).is_empty() {
                        self.state = Place::Between;
                    }
                    continue;
                }
                Place::Beginning => true,
                Place::Between => false,
            };
            let (between, before): (&[u8], &[u8]) = match byte {
                TWO_LINES => (b"\n\n", b"\n"),
                THREE_LINES => (b"\n\n\n", b"\n\n"),
                NEW_PAGE => (b"\n\x0c", b"\x0c"),
                OVERPRINT => (b"\r", b""),
                _ => (b"\n", b""),
            };
            out.extend_from_slice(if first { before } else { between });
            if matches!(byte, ONE_LINE | TWO_LINES | THREE_LINES | NEW_PAGE | OVERPRINT) {
                split_front(&mut rest, 1);
            }
            self.state = Place::Line;
        }
    }

    /// Ends the file.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if self.state == Place::Between {
            out.push(LF);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(file: &[u8], size: usize) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        file.chunks(size).for_each(|chunk| encoder.encode(chunk, &mut out));
        encoder.finish(&mut out);
        out
    }

    fn decode(lines: &[u8], size: usize) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        lines.chunks(size).for_each(|chunk| decoder.decode(chunk, &mut out));
        decoder.finish(&mut out);
        out
    }

    fn both_ways(lines: &[u8], file: &[u8]) {
        assert_eq!(decode(lines, 1).escape_ascii().to_string(), file.escape_ascii().to_string());
        assert_eq!(encode(file, 1).escape_ascii().to_string(), lines.escape_ascii().to_string());
    }

    #[test]
    fn the_five_controls_are_moves_of_the_paper() {
        both_ways(b" a\n b\n0c\n-d\n1e\n+f\n", b"a\nb\n\nc\n\n\nd\n\x0ce\rf\n");
    }

    #[test]
    fn the_first_line_moves_by_one_less() {
        both_ways(b" a\n", b"a\n");
        both_ways(b"0a\n", b"\na\n");
        both_ways(b"-a\n", b"\n\na\n");
        both_ways(b"1a\n", b"\x0ca\n");
        assert_eq!(decode(b"+a\n", 9), b"a\n");
    }

    #[test]
    fn moves_longer_than_three_lines_need_empty_lines() {
        both_ways(b" a\n-\n0b\n", b"a\n\n\n\n\nb\n");
        both_ways(b"-\n b\n", b"\n\n\nb\n");
        both_ways(b" a\n0\n1b\n", b"a\n\n\n\x0cb\n");
        both_ways(b" \n1b", b"\n\x0cb");
    }

    #[test]
    fn empty_files_and_last_lines_keep_their_ends() {
        both_ways(b"", b"");
        both_ways(b" a", b"a");
        both_ways(b" \n", b"\n");
        both_ways(b"0\n", b"\n\n");
        both_ways(b" a\n \n", b"a\n\n");
        both_ways(b" a\n+", b"a\r");
    }

    #[test]
    fn empty_lines_are_joined_with_the_move_of_the_next() {
        assert_eq!(encode(&decode(b" a\n \n b\n", 9), 9), b" a\n0b\n");
    }

    #[test]
    fn a_line_without_control_is_kept() {
        assert_eq!(decode(b"total\n\nabc\n", 2), b"total\n\nabc\n");
    }

    #[test]
    fn cr_before_lf_stays_in_the_line() {
        both_ways(b" a\r\n b\r\n", b"a\r\nb\r\n");
        both_ways(b" \n+b\n", b"\rb\n");
    }

    #[test]
    fn both_go_on_from_their_places() {
        let (file, mut out) = (b"a\n\nb\n", Vec::new());
        let mut encoder = Encoder::new();
        encoder.encode(&file[..3], &mut out);
        let mut resumed = Encoder::resume(encoder.place().unwrap());
        resumed.encode(&file[3..], &mut out);
        resumed.finish(&mut out);
        assert_eq!(out, encode(file, 9));
        for at in 0..out.len() {
            let (mut decoder, mut back) = (Decoder::default(), Vec::new());
            decoder.decode(&out[..at], &mut back);
            let mut resumed = Decoder::new(decoder.place());
            resumed.decode(&out[at..], &mut back);
            resumed.finish(&mut back);
            assert_eq!(back, file);
        }
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = proptest::sample::select(&b"\n\n\n\r\x0c 0-1+xy"[..]);
        proptest::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn every_file_comes_back(file in bytes(), size in 1usize..9) {
            prop_assert_eq!(decode(&encode(&file, size), size), file);
        }

        #[test]
        fn chunks_make_no_difference(bytes in bytes(), size in 1usize..9) {
            prop_assert_eq!(encode(&bytes, size), encode(&bytes, 99));
            prop_assert_eq!(decode(&bytes, size), decode(&bytes, 99));
        }

        #[test]
        fn what_is_printed_stays_the_same(lines in bytes()) {
            let file = decode(&lines, 99);
            prop_assert_eq!(decode(&encode(&file, 99), 99), file);
        }
    }
}
