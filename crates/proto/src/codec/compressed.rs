//! Compressed mode (RFC 959 section 3.4.3): strings of bytes, runs of one byte, runs of the filler byte,
//! and escape sequences with the descriptor codes of block mode.
//!
//! The filler is a space in text, in the code of the text, and a zero in everything else. An escape
//! sequence speaks of the string that follows it. So the string that ends a record, or the file, has to
//! be held until it is known to be that; where there is none, a run of no filler bytes stands in, for
//! a string must have a byte. Records and what is behind the last one are ended as in block mode.
//!
//! The choice that the RFC leaves to the sender is what is worth a run: four equal bytes, which take two,
//! or three fillers, which take one. Fewer would cost as much for the string that they interrupt.

use super::WireError;
use super::frame::{Codes, Content, Item, Step, Unit, split_front};

/// The most bytes in a string.
const STRING: usize = 127;

/// The most bytes in a run.
const RUN: usize = 63;

const ESCAPE: u8 = 0;
const REPLICATED: u8 = 0x80;
const FILLER: u8 = 0xc0;

/// So many equal bytes are a run; of fillers one less is enough.
const WORTH_A_RUN: usize = 4;

/// How many bytes are looked at together.
const LANES: usize = 32;

/// More than ever has to be held: a string, and what shows that no run begins in it.
const ENOUGH: usize = 256;

/// The bytes of a file and its ends of records to strings and runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoder {
    filler: u8,
    records: bool,
    /// What cannot be written before it is known what follows.
    pending: Vec<u8>,
    /// The pending bytes, though there be none, end a record.
    ended: bool,
}

impl Encoder {
    /// An encoder at the beginning of a file, made of records or not, with this filler byte.
    #[must_use]
    pub(super) const fn new(filler: u8, records: bool) -> Self {
        Self { filler, records, pending: Vec::new(), ended: false }
    }

    /// Appends more data. What depends on the bytes behind them is held.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        self.flush_record(out);
        out.reserve(data.len() + data.len() / STRING + 2);
        let mut rest = data;
        if !self.pending.is_empty() {
            let held = self.pending.len();
            self.pending.extend(rest.iter().take(ENOUGH));
            let used = strings(&self.pending, self.filler, out);
            let Some(used_of_rest) = used.checked_sub(held) else {
                self.pending.drain(..used);
                return;
            };
            self.pending.clear();
            split_front(&mut rest, used_of_rest);
        }
        let used = strings(rest, self.filler, out);
        split_front(&mut rest, used);
        self.pending.extend_from_slice(rest);
    }

    /// Ends a record.
    pub(super) fn end_record(&mut self, out: &mut Vec<u8>) {
        self.flush_record(out);
        self.ended = true;
    }

    /// A record, or the end of one, of which it is known that the file goes on behind it.
    pub(super) fn record(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.flush_record(out);
        if self.pending.is_empty() {
            last_strings(data, self.filler, Codes::END_OF_RECORD, out);
        } else {
            self.data(data, out);
            self.end_record(out);
        }
    }

    /// Writes a restart marker behind all that has come.
    pub(super) fn marker(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.flush_record(out);
        self.flush(Codes::NONE, out);
        let text = text.get(..STRING).unwrap_or(text);
        out.extend_from_slice(&[ESCAPE, Codes::MARKER.byte()]);
        write_string(text, out);
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.ended) {
            self.flush(Codes::END_OF_RECORD.and(Codes::END_OF_FILE), out);
        } else {
            if self.records {
                self.flush(Codes::NONE, out);
            }
            self.flush(Codes::END_OF_FILE, out);
        }
    }

    fn flush_record(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.ended) {
            self.flush(Codes::END_OF_RECORD, out);
        }
    }

    fn flush(&mut self, codes: Codes, out: &mut Vec<u8>) {
        last_strings(&self.pending, self.filler, codes, out);
        self.pending.clear();
    }
}

/// Writes all strings and runs of `data` that do not depend on what follows, and leaves at least a byte.
/// How many bytes that were.
fn strings(data: &[u8], filler: u8, out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Some(run) = find_run(data, at, filler) {
        let string = data.get(at..run).unwrap_or_default();
        string.chunks(STRING).for_each(|part| write_string(part, out));
        let end = run + run_length(data, run, usize::MAX);
        at = run;
        while end - at >= RUN && at + RUN < data.len() {
            write_run(data, at, RUN, filler, out);
            at += RUN;
        }
        if end == data.len() {
            return at;
        }
        if at < end && worth_a_run(data, at, filler) {
            write_run(data, at, end - at, filler, out);
            at = end;
        }
    }
    // In the last bytes a run may be beginning, and no string is shorter than it could be.
    let rest = data.get(at..).unwrap_or_default();
    let known = rest.len().saturating_sub(WORTH_A_RUN - 1);
    let whole = rest.get(..known).unwrap_or_default().chunks_exact(STRING);
    let used = at + whole.len() * STRING;
    whole.for_each(|part| write_string(part, out));
    used
}

/// Writes all strings and runs of the last `data`, and the codes before the last of them.
fn last_strings(data: &[u8], filler: u8, codes: Codes, out: &mut Vec<u8>) {
    let mut at = 0;
    let mut run = find_run(data, 0, filler);
    let escape = |end: usize, out: &mut Vec<u8>| {
        if end == data.len() && !codes.is_none() {
            out.extend_from_slice(&[ESCAPE, codes.byte()]);
        }
    };
    if data.is_empty() {
        escape(0, out);
        if !codes.is_none() {
            out.push(FILLER);
        }
    }
    while at < data.len() {
        if run == Some(at) {
            let count = run_length(data, at, RUN);
            escape(at + count, out);
            write_run(data, at, count, filler, out);
            at += count;
            run = find_run(data, at, filler);
        } else {
            let end = run.unwrap_or(data.len()).min(at + STRING);
            escape(end, out);
            write_string(data.get(at..end).unwrap_or_default(), out);
            at = end;
        }
    }
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(u8::try_from(bytes.len()).unwrap_or_default());
    out.extend_from_slice(bytes);
}

fn write_run(data: &[u8], at: usize, count: usize, filler: u8, out: &mut Vec<u8>) {
    let (Some(&byte), Ok(count)) = (data.get(at), u8::try_from(count)) else { return };
    if byte == filler {
        out.push(FILLER | count);
    } else {
        out.extend_from_slice(&[REPLICATED | count, byte]);
    }
}

/// Where the next run that is worth it begins.
fn find_run(data: &[u8], from: usize, filler: u8) -> Option<usize> {
    let mut at = from;
    loop {
        // Three equal bytes in a row are rare in what does not compress: look for them in strides.
        while let Some(stride) = data.get(at..at + LANES + 2) {
            let (first, second, third) = (&stride[..LANES], &stride[1..=LANES], &stride[2..]);
            let equal = |i: usize| u8::from(first[i] == second[i]) & u8::from(first[i] == third[i]);
            if (0..LANES).fold(0, |any, i| any | equal(i)) != 0 {
                break;
            }
            at += LANES;
        }
        let end = (at + LANES).min(data.len());
        if let Some(run) = (at..end).find(|start| worth_a_run(data, *start, filler)) {
            return Some(run);
        }
        at = end;
        if at >= data.len() {
            return None;
        }
    }
}

/// Whether a run that is worth it begins here.
fn worth_a_run(data: &[u8], at: usize, filler: u8) -> bool {
    let Some(&[first, second, third, ref rest @ ..]) = data.get(at..) else { return false };
    first == second && first == third && (first == filler || rest.first() == Some(&first))
}

/// How many bytes from here on are equal, so many at most.
fn run_length(data: &[u8], at: usize, most: usize) -> usize {
    let rest = data.get(at..).unwrap_or_default();
    let Some(&first) = rest.first() else { return 0 };
    let rest = rest.get(..most).unwrap_or(rest);
    let equal =
        |stride: &&[u8; LANES]| stride.iter().fold(0, |any, byte| any | (byte ^ first)) == 0;
    let known = rest.as_chunks::<LANES>().0.iter().take_while(equal).count() * LANES;
    let rest = rest.get(known..).unwrap_or_default();
    known + rest.iter().position(|byte| *byte != first).unwrap_or(rest.len())
}

/// Strings and runs to what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decoder {
    filler: u8,
    state: State,
    /// What an escape sequence said of the string that has not come yet.
    codes: Codes,
    /// What has come of a marker.
    marker: Vec<u8>,
}

/// ```text
///         ┌──▶ Escape ──▶ Start
/// Start ──┼──▶ Replicated ──▶ Body
///         └──▶ Body ──▶ Start, or Done behind the end of the file
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Start,
    Escape,
    Replicated { count: usize },
    Body(Unit),
    Done,
}

impl Decoder {
    /// A decoder at the beginning of a file, with this filler byte.
    #[must_use]
    pub(super) const fn new(filler: u8) -> Self {
        Self { filler, state: State::Start, codes: Codes::NONE, marker: Vec::new() }
    }

    /// What is next, taken off the front of `wire`; nothing when that is used up or the file has ended.
    ///
    /// # Errors
    /// An escape sequence is not one of RFC 959.
    pub(super) fn next<'a>(&mut self, wire: &mut &'a [u8]) -> Result<Option<Item<'a>>, WireError> {
        loop {
            match &mut self.state {
                State::Start => {
                    let [first, ..] = *split_front(wire, 1) else { return Ok(None) };
                    if self.codes.is_none()
                        && let Some(item) = self.whole(first, wire)
                    {
                        return Ok(Some(item));
                    }
                    self.state = self.begin(first)?;
                }
                State::Escape => {
                    let [codes, ..] = *split_front(wire, 1) else { return Ok(None) };
                    self.codes = self.codes.and(Codes::parse(codes)?);
                    self.state = State::Start;
                }
                State::Replicated { count } => {
                    let [byte, ..] = *split_front(wire, 1) else { return Ok(None) };
                    let run = Content::Run(*count, byte);
                    self.state = self.body(run)?;
                }
                State::Body(unit) => match unit.step(wire, &mut self.marker) {
                    Step::Found(item) => {
                        if matches!(item, Item::EndOfFile { .. }) {
                            self.state = State::Done;
                        }
                        return Ok(Some(item));
                    }
                    Step::Waits => return Ok(None),
                    Step::Over => self.state = State::Start,
                },
                State::Done => return Ok(None),
            }
        }
    }

    /// Whether the end of the file has come.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The usual string or run, which is all there and of which there is nothing to be said.
    fn whole<'a>(&self, first: u8, wire: &mut &'a [u8]) -> Option<Item<'a>> {
        let count = usize::from(first & 0x3f);
        match first {
            ESCAPE | REPLICATED | FILLER => None,
            FILLER.. => Some(Item::Run { byte: self.filler, count }),
            REPLICATED.. => split_front(wire, 1).first().map(|&byte| Item::Run { byte, count }),
            _ if wire.len() < first.into() => None,
            _ => Some(Item::Data(split_front(wire, first.into()))),
        }
    }

    /// The state behind the first byte of a string, run or escape sequence.
    fn begin(&mut self, first: u8) -> Result<State, WireError> {
        let count = usize::from(first & 0x3f);
        match first {
            ESCAPE => Ok(State::Escape),
            FILLER.. => self.body(Content::Run(count, self.filler)),
            REPLICATED.. => Ok(State::Replicated { count }),
            _ => self.body(Content::Bytes(first.into())),
        }
    }

    /// The state in which a string is read, with what has been said of it.
    fn body(&mut self, content: Content) -> Result<State, WireError> {
        Ok(State::Body(Unit::new(std::mem::take(&mut self.codes), content)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(data: &[u8], size: usize) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(b' ', false), Vec::new());
        data.chunks(size).for_each(|chunk| encoder.data(chunk, &mut out));
        encoder.finish(&mut out);
        out
    }

    /// All items in chunks of this size, with data and runs joined.
    fn decode(wire: &[u8], size: usize) -> Result<(Vec<u8>, Vec<Item<'static>>), WireError> {
        let (mut decoder, mut data, mut items) = (Decoder::new(b' '), Vec::new(), Vec::new());
        for mut chunk in wire.chunks(size) {
            while let Some(item) = decoder.next(&mut chunk)? {
                match item {
                    Item::Data(more) => data.extend_from_slice(more),
                    Item::Run { byte, count } => data.resize(data.len() + count, byte),
                    Item::EndOfRecord => items.push(Item::EndOfRecord),
                    Item::Suspect => items.push(Item::Suspect),
                    Item::Marker(text) => items.push(Item::Marker(text)),
                    Item::EndOfFile { with_data } => items.push(Item::EndOfFile { with_data }),
                }
            }
        }
        Ok((data, items))
    }

    #[test]
    fn strings_runs_and_fillers_are_as_the_rfc_draws_them() {
        assert_eq!(encode(b"abcXXXXX   de", 99), b"\x03abc\x85X\xc3\0\x40\x02de");
        assert_eq!(encode(b"XXXY  Z", 99), b"\0\x40\x07XXXY  Z");
        assert_eq!(encode(&[b'X'; 64], 99), b"\xbfX\0\x40\x01X");
        assert_eq!(encode(&[b' '; 126], 99), b"\xff\0\x40\xff");
        assert_eq!(encode(b"", 99), b"\0\x40\xc0");
    }

    #[test]
    fn long_data_are_cut_into_strings() {
        let data: Vec<u8> = (0..=254).map(|n: u8| n).collect();
        let wire = encode(&data, 99);
        assert_eq!((wire[0], wire[128], &wire[256..]), (127, 127, &b"\0\x40\x01\xfe"[..]));
    }

    #[test]
    fn the_code_for_the_end_stands_before_the_last_string_of_a_record() {
        let (mut encoder, mut out) = (Encoder::new(b' ', true), Vec::new());
        encoder.record(b"one   ", &mut out);
        encoder.record(b"", &mut out);
        encoder.data(b"two", &mut out);
        encoder.end_record(&mut out);
        encoder.finish(&mut out);
        assert_eq!(out, b"\x03one\0\x80\xc3\0\x80\xc0\0\xc0\x03two");
        let (data, items) = decode(&out, 2).unwrap();
        assert_eq!(data, b"one   two");
        let end = Item::EndOfFile { with_data: false };
        assert_eq!(items, [Item::EndOfRecord, Item::EndOfRecord, Item::EndOfRecord, end]);
    }

    #[test]
    fn a_line_without_its_end_is_not_made_a_record() {
        let (mut encoder, mut out) = (Encoder::new(b' ', true), Vec::new());
        encoder.record(b"one", &mut out);
        encoder.data(b"two", &mut out);
        encoder.finish(&mut out);
        assert_eq!(out, b"\0\x80\x03one\x03two\0\x40\xc0");
    }

    #[test]
    fn a_marker_is_a_string_behind_its_code() {
        let (mut encoder, mut out) = (Encoder::new(b' ', false), Vec::new());
        encoder.data(b"ab", &mut out);
        encoder.marker(b"123456", &mut out);
        encoder.finish(&mut out);
        assert_eq!(out, b"\x02ab\0\x10\x06123456\0\x40\xc0");
        let expected = [Item::Marker(b"123456".to_vec()), Item::EndOfFile { with_data: false }];
        for size in 1..9 {
            assert_eq!(decode(&out, size).unwrap(), (b"ab".to_vec(), expected.to_vec()));
        }
    }

    #[test]
    fn codes_hold_for_the_next_string_alone_whatever_its_kind() {
        let (data, items) =
            decode(b"\0\x20\x82a\x01b\0\x80\0\x20\xc1\0\x10\x840\0\x40\x01c", 1).unwrap();
        assert_eq!(data, b"aab c");
        let marker = Item::Marker(b"0000".to_vec());
        let end = Item::EndOfFile { with_data: true };
        assert_eq!(items, [Item::Suspect, Item::Suspect, Item::EndOfRecord, marker, end]);
    }

    #[test]
    fn an_unknown_code_is_an_error_and_a_cut_file_is_not_done() {
        assert_eq!(decode(b"\0\x08\x01a", 9), Err(WireError::UnknownDescriptor(8)));
        let mut decoder = Decoder::new(b' ');
        while decoder.next(&mut &b"\x05abc"[..]).unwrap().is_none() {}
        assert!(!decoder.is_done());
    }

    /// Bytes with runs of all lengths about the limits.
    fn data() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b' '), Just(b'x'), any::<u8>()];
        let run = (byte, prop_oneof![1usize..6, 60usize..68, 125usize..131])
            .prop_map(|(byte, count)| vec![byte; count]);
        let noise = proptest::collection::vec(any::<u8>(), 0..300);
        proptest::collection::vec(prop_oneof![run, noise], 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference_and_the_data_come_back(data in data(), size in 1usize..400) {
            let wire = encode(&data, size);
            prop_assert_eq!(&wire, &encode(&data, usize::MAX));
            let (back, items) = decode(&wire, size).unwrap();
            prop_assert_eq!(&back, &data);
            prop_assert_eq!(items, [Item::EndOfFile { with_data: !data.is_empty() }]);
            prop_assert!(wire.len() <= data.len() + data.len().div_ceil(STRING) * 2 + 3);
        }

        #[test]
        fn a_record_at_once_is_as_in_parts(data in data(), size in 1usize..400) {
            let (mut encoder, mut whole) = (Encoder::new(0, true), Vec::new());
            encoder.record(&data, &mut whole);
            encoder.record(b"x", &mut whole);
            let (mut encoder, mut parts) = (Encoder::new(0, true), Vec::new());
            data.chunks(size).for_each(|chunk| encoder.data(chunk, &mut parts));
            encoder.end_record(&mut parts);
            encoder.record(b"x", &mut parts);
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn any_bytes_are_strings_or_an_error(
            wire in proptest::collection::vec(any::<u8>(), 0..300), size in 1usize..5,
        ) {
            prop_assert_eq!(decode(&wire, size), decode(&wire, 300));
        }
    }
}
