//! Block mode (RFC 959 section 3.4.2): every block has a header of three bytes, the descriptor codes
//! and the number of bytes that follow.
//!
//! The choices, for the RFC leaves them to the sender:
//! - Blocks hold 16 KiB at most. Readers are about that take the count for a signed number.
//! - A record begins a block. Its last block carries the code for the end of a record; the last record
//!   of a file carries that and the code for the end of the file together.
//! - Data behind the last record, a line of text without its line end, stand in a block without a code,
//!   and an empty block ends the file. z/OS sends its last record in a block with the end of the file
//!   and without the end of a record: for the reader, data in a block that ends the file are a record.

use super::WireError;
use super::frame::{Codes, Content, Item, Step, Unit, split_front};

/// The most bytes that we put into a block.
const BLOCK: usize = 16 * 1024;

/// The bytes of a file and its ends of records to blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoder {
    /// Less than a block.
    pending: Vec<u8>,
    /// The pending bytes, though there be none, end a record.
    ended: bool,
    /// Whether the file is made of records.
    records: bool,
}

impl Encoder {
    /// An encoder at the beginning of a file, made of records or not.
    #[must_use]
    pub(super) const fn new(records: bool) -> Self {
        Self { pending: Vec::new(), ended: false, records }
    }

    /// Appends the blocks for more data. What does not fill a block is held.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        self.flush_record(out);
        let mut rest = data;
        if !self.pending.is_empty() {
            let room = BLOCK - self.pending.len();
            self.pending.extend_from_slice(split_front(&mut rest, room));
            if self.pending.len() == BLOCK {
                self.flush(Codes::NONE, out);
            }
        }
        while rest.len() >= BLOCK {
            write(Codes::NONE, split_front(&mut rest, BLOCK), out);
        }
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
        if self.pending.is_empty() && data.len() <= BLOCK {
            write(Codes::END_OF_RECORD, data, out);
        } else {
            self.data(data, out);
            self.end_record(out);
        }
    }

    /// Writes a restart marker behind all that has come.
    pub(super) fn marker(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.flush_record(out);
        if !self.pending.is_empty() {
            self.flush(Codes::NONE, out);
        }
        write(Codes::MARKER, text, out);
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.ended {
            self.ended = false;
            self.flush(Codes::END_OF_RECORD.and(Codes::END_OF_FILE), out);
        } else {
            if self.records && !self.pending.is_empty() {
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
        write(codes, &self.pending, out);
        self.pending.clear();
    }
}

/// Appends one block.
fn write(codes: Codes, data: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    out.reserve(3 + data.len());
    out.extend_from_slice(&[codes.byte(), high, low]);
    out.extend_from_slice(data.get(..usize::from(length)).unwrap_or(data));
}

/// Blocks to what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoder {
    state: State,
    /// What has come of a marker.
    marker: Vec<u8>,
}

/// ```text
/// Header ──three bytes──▶ Body ──▶ Header, or Done behind the end of the file
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Header { bytes: [u8; 3], have: usize },
    Body(Unit),
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Header { bytes: [0; 3], have: 0 }
    }
}

impl Decoder {
    /// A decoder before the first block.
    #[must_use]
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// What is next, taken off the front of `wire`; nothing when that is used up or the file has ended.
    ///
    /// # Errors
    /// A header is not one of RFC 959.
    pub(super) fn next<'a>(&mut self, wire: &mut &'a [u8]) -> Result<Option<Item<'a>>, WireError> {
        loop {
            match &mut self.state {
                State::Header { bytes, have } => {
                    let more = split_front(wire, 3 - *have);
                    for (slot, byte) in bytes.iter_mut().skip(*have).zip(more) {
                        *slot = *byte;
                    }
                    *have += more.len();
                    if *have < 3 {
                        return Ok(None);
                    }
                    let [codes, high, low] = *bytes;
                    let content = Content::Bytes(u16::from_be_bytes([high, low]).into());
                    self.state = State::Body(Unit::new(Codes::parse(codes)?, content)?);
                }
                State::Body(unit) => match unit.step(wire, &mut self.marker) {
                    Step::Found(item) => {
                        if matches!(item, Item::EndOfFile { .. }) {
                            self.state = State::Done;
                        }
                        return Ok(Some(item));
                    }
                    Step::Waits => return Ok(None),
                    Step::Over => self.state = State::default(),
                },
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

    /// All items in chunks of this size, neighbouring data joined.
    fn decode(wire: &[u8], size: usize) -> Result<Vec<String>, WireError> {
        let (mut decoder, mut found) = (Decoder::new(), Vec::<String>::new());
        let mut text = Vec::new();
        for mut chunk in wire.chunks(size) {
            while let Some(item) = decoder.next(&mut chunk)? {
                if let Item::Data(data) = item {
                    text.extend_from_slice(data);
                    continue;
                }
                if !text.is_empty() {
                    found.push(String::from_utf8_lossy(&std::mem::take(&mut text)).into());
                }
                found.push(format!("{item:?}"));
            }
        }
        if !text.is_empty() {
            found.push(String::from_utf8_lossy(&text).into());
        }
        Ok(found)
    }

    #[test]
    fn a_file_is_blocks_and_the_last_has_the_end() {
        let (mut encoder, mut out) = (Encoder::new(false), Vec::new());
        encoder.data(&[7; BLOCK + 1], &mut out);
        encoder.data(&[7; 2], &mut out);
        encoder.finish(&mut out);
        assert_eq!(out[..4], [0, 0x40, 0, 7]);
        assert_eq!(out[3 + BLOCK..], [64, 0, 3, 7, 7, 7]);
    }

    #[test]
    fn an_empty_file_is_one_empty_block() {
        let mut out = Vec::new();
        Encoder::new(false).finish(&mut out);
        assert_eq!(out, [64, 0, 0]);
    }

    #[test]
    fn records_end_in_their_own_block_and_the_last_ends_the_file_too() {
        let (mut encoder, mut out) = (Encoder::new(true), Vec::new());
        encoder.record(b"one", &mut out);
        encoder.record(b"", &mut out);
        encoder.data(b"two", &mut out);
        encoder.end_record(&mut out);
        encoder.finish(&mut out);
        assert_eq!(out, b"\x80\0\x03one\x80\0\0\xc0\0\x03two");
    }

    #[test]
    fn a_line_without_its_end_is_not_made_a_record() {
        let (mut encoder, mut out) = (Encoder::new(true), Vec::new());
        encoder.record(b"one", &mut out);
        encoder.data(b"two", &mut out);
        encoder.finish(&mut out);
        assert_eq!(out, b"\x80\0\x03one\0\0\x03two\x40\0\0");
    }

    #[test]
    fn the_six_character_marker_of_the_rfc_is_written_and_found() {
        let (mut encoder, mut out) = (Encoder::new(false), Vec::new());
        encoder.data(b"x", &mut out);
        encoder.marker(b"123456", &mut out);
        encoder.finish(&mut out);
        assert_eq!(out, b"\0\0\x01x\x10\0\x06123456\x40\0\0");
        let marker = format!("{:?}", Item::Marker(b"123456".to_vec()));
        let end = format!("{:?}", Item::EndOfFile { with_data: false });
        for size in 1..9 {
            assert_eq!(decode(&out, size).unwrap(), ["x", &marker, &end]);
        }
    }

    #[test]
    fn all_codes_of_a_block_are_told_in_order() {
        let end = "EndOfFile { with_data: false }";
        let whole = ["Suspect", "ab", "EndOfRecord", end];
        assert_eq!(decode(b"\xe0\0\x02ab\x00\0\x01z", 3).unwrap(), whole);
    }

    #[test]
    fn the_last_record_of_zos_comes_with_the_end_of_the_file_alone() {
        let end = "EndOfFile { with_data: true }";
        let found = decode(b"\x80\0\x02ab\x40\0\x01c", 1).unwrap();
        assert_eq!(found, ["ab", "EndOfRecord", "c", end]);
    }

    #[test]
    fn what_is_behind_the_end_belongs_to_the_next_file() {
        let (mut decoder, mut wire) = (Decoder::new(), &b"\x40\0\x01a\x40\0\x01b"[..]);
        while decoder.next(&mut wire).unwrap().is_some() {}
        assert!(decoder.is_done());
        assert_eq!(wire, b"\x40\0\x01b");
    }

    #[test]
    fn a_header_that_is_none_is_an_error() {
        assert_eq!(decode(b"\x01\0\x01a", 9), Err(WireError::UnknownDescriptor(1)));
        assert_eq!(decode(b"\x10\x01\0", 9), Err(WireError::MarkerTooLong(256)));
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference_and_the_data_come_back(
            data in proptest::collection::vec(any::<u8>(), 0..40_000), size in 1usize..20_000,
        ) {
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            let mut encoder = Encoder::new(false);
            encoder.data(&data, &mut whole);
            encoder.finish(&mut whole);
            let mut encoder = Encoder::new(false);
            data.chunks(size).for_each(|chunk| encoder.data(chunk, &mut parts));
            encoder.finish(&mut parts);
            prop_assert_eq!(&whole, &parts);
            let (mut decoder, mut back) = (Decoder::new(), Vec::new());
            for mut chunk in whole.chunks(size) {
                while let Some(item) = decoder.next(&mut chunk).unwrap() {
                    if let Item::Data(data) = item {
                        back.extend_from_slice(data);
                    }
                }
            }
            prop_assert!(decoder.is_done());
            prop_assert_eq!(back, data);
        }

        #[test]
        fn any_bytes_are_blocks_or_an_error(
            wire in proptest::collection::vec(any::<u8>(), 0..300), size in 1usize..5,
        ) {
            prop_assert_eq!(decode(&wire, size), decode(&wire, 300));
        }
    }
}
