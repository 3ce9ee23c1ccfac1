//! Records in stream mode (RFC 959 section 3.4.1): ends of records and of the file are codes of two
//! bytes, and the first of them, all ones, is doubled where it is data.
//!
//! We send the two ends apart, `FF 01` and `FF 02`, as z/OS does, and take them together as well.
//! Files without records have no codes in stream mode and do not come here.

use super::WireError;
use super::frame::{Item, split_front};
use memchr::memchr;

const ESCAPE: u8 = 0xff;
const END_OF_RECORD: u8 = 1;
const END_OF_FILE: u8 = 2;
const BOTH_ENDS: u8 = 3;

/// The bytes of a file and its ends of records to the stream. Nothing is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoder;

impl Encoder {
    /// Appends more data.
    pub(super) fn data(self, data: &[u8], out: &mut Vec<u8>) {
        out.reserve(data.len() + 2);
        let mut rest = data;
        while let Some(at) = memchr(ESCAPE, rest) {
            out.extend_from_slice(split_front(&mut rest, at + 1));
            out.push(ESCAPE);
        }
        out.extend_from_slice(rest);
    }

    /// Ends a record.
    pub(super) fn end_record(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[ESCAPE, END_OF_RECORD]);
    }

    /// Ends the file.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[ESCAPE, END_OF_FILE]);
    }
}

/// The stream to what is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoder {
    state: State,
}

/// ```text
/// Data ──FF──▶ Escaped ──FF, 01──▶ Data
///                      ──02──────▶ Done
///                      ──03──▶ Ending ──▶ Done
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Data,
    Escaped,
    Ending,
    Done,
}

impl Decoder {
    /// A decoder at the beginning of a file.
    #[must_use]
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// What is next, taken off the front of `wire`; nothing when that is used up or the file has ended.
    ///
    /// # Errors
    /// The byte behind an escape byte is no code.
    pub(super) fn next<'a>(&mut self, wire: &mut &'a [u8]) -> Result<Option<Item<'a>>, WireError> {
        let end = Item::EndOfFile { with_data: false };
        loop {
            match self.state {
                State::Data => match memchr(ESCAPE, wire) {
                    Some(0) => {
                        split_front(wire, 1);
                        self.state = State::Escaped;
                    }
                    Some(at) => return Ok(Some(Item::Data(split_front(wire, at)))),
                    None if wire.is_empty() => return Ok(None),
                    None => return Ok(Some(Item::Data(std::mem::take(wire)))),
                },
                State::Escaped => {
                    let code = split_front(wire, 1);
                    let (state, item) = match *code {
                        [] => return Ok(None),
                        [ESCAPE, ..] => (State::Data, Item::Data(code)),
                        [END_OF_RECORD, ..] => (State::Data, Item::EndOfRecord),
                        [END_OF_FILE, ..] => (State::Done, end),
                        [BOTH_ENDS, ..] => (State::Ending, Item::EndOfRecord),
                        [other, ..] => return Err(WireError::UnknownEscape(other)),
                    };
                    self.state = state;
                    return Ok(Some(item));
                }
                State::Ending => {
                    self.state = State::Done;
                    return Ok(Some(end));
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// Whether the end of the file has come.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records, the rest behind them if there is one, and whether the file ended.
    fn decode(wire: &[u8], size: usize) -> Result<(Vec<Vec<u8>>, bool), WireError> {
        let (mut decoder, mut records) = (Decoder::new(), vec![Vec::new()]);
        for mut chunk in wire.chunks(size) {
            while let Some(item) = decoder.next(&mut chunk)? {
                match item {
                    Item::Data(data) => records.last_mut().unwrap().extend_from_slice(data),
                    Item::EndOfRecord => records.push(Vec::new()),
                    Item::EndOfFile { with_data } => assert!(!with_data),
                    Item::Run { .. } | Item::Suspect | Item::Marker(_) => unreachable!(),
                }
            }
        }
        if records.last().is_some_and(Vec::is_empty) {
            records.pop();
        }
        Ok((records, decoder.is_done()))
    }

    #[test]
    fn ends_and_doubled_bytes_are_written_as_zos_writes_them() {
        let mut out = Vec::new();
        Encoder.data(b"a\xffb", &mut out);
        Encoder.end_record(&mut out);
        Encoder.data(b"\xff\xff", &mut out);
        Encoder.end_record(&mut out);
        Encoder.finish(&mut out);
        assert_eq!(out, b"a\xff\xffb\xff\x01\xff\xff\xff\xff\xff\x01\xff\x02");
    }

    #[test]
    fn both_ends_together_are_taken() {
        let expected = (vec![b"a".to_vec(), b"b".to_vec()], true);
        for size in 1..7 {
            assert_eq!(decode(b"a\xff\x01b\xff\x03", size).unwrap(), expected);
        }
    }

    #[test]
    fn bytes_behind_the_end_are_left() {
        let mut wire = &b"\xff\x02abc"[..];
        let mut decoder = Decoder::new();
        while decoder.next(&mut wire).unwrap().is_some() {}
        assert_eq!(wire, b"abc");
    }

    #[test]
    fn an_escape_without_a_code_is_an_error_or_waits() {
        assert_eq!(decode(b"a\xff\x00", 9), Err(WireError::UnknownEscape(0)));
        assert_eq!(decode(b"a\xff\x04", 9), Err(WireError::UnknownEscape(4)));
        assert_eq!(decode(b"a\xff", 9), Ok((vec![b"a".to_vec()], false)));
    }

    proptest! {
        #[test]
        fn records_come_back(
            records in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![Just(ESCAPE), any::<u8>()], 1..20), 0..20),
            size in 1usize..7,
        ) {
            let mut wire = Vec::new();
            for record in &records {
                Encoder.data(record, &mut wire);
                Encoder.end_record(&mut wire);
            }
            Encoder.finish(&mut wire);
            prop_assert_eq!(decode(&wire, size).unwrap(), (records, true));
        }
    }
}
