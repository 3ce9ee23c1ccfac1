//! MODE Z: what stream mode would send, in the zlib format (RFC 1950 and 1951; the mode itself is an old
//! draft that several servers and clients carry out).
//!
//! The zlib format has an end and a checksum, so that unlike in stream mode the end of the file is proven.
//! How the bytes come in chunks does not matter to what is inflated; the deflated bytes may differ.

use super::WireError;
use super::frame::split_front;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// How many bytes are inflated at a time: however well they were deflated, no more are in memory.
const CHUNK: usize = 64 * 1024;

/// The least room to deflate into.
const ROOM: usize = 4 * 1024;

/// Bytes to deflated bytes.
#[derive(Debug)]
pub(super) struct Encoder {
    stream: Compress,
}

impl Encoder {
    /// An encoder at the beginning of a file. Level 0 does not compress, 9 takes longest.
    #[must_use]
    pub(super) fn new(level: u8) -> Self {
        Self { stream: Compress::new(Compression::new(level.min(9).into()), true) }
    }

    /// Appends what comes of more bytes, if anything does.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let mut rest = data;
        while !rest.is_empty() {
            out.reserve(ROOM);
            let before = self.stream.total_in();
            let status = self.stream.compress_vec(rest, out, FlushCompress::None);
            let used = usize::try_from(self.stream.total_in() - before).unwrap_or(rest.len());
            split_front(&mut rest, used);
            debug_assert!(status.is_ok(), "only a finished stream refuses data");
            if status.is_err() {
                return;
            }
        }
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        while let Ok(Status::Ok | Status::BufError) = {
            out.reserve(ROOM);
            self.stream.compress_vec(&[], out, FlushCompress::Finish)
        } {}
    }
}

/// Deflated bytes to bytes.
#[derive(Debug)]
pub(super) struct Decoder {
    stream: Decompress,
    inflated: Vec<u8>,
    done: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the beginning of a file.
    #[must_use]
    pub(super) fn new() -> Self {
        Self { stream: Decompress::new(true), inflated: Vec::new(), done: false }
    }

    /// The next bytes, of which there are not many at a time; `wire` is taken as far as they need it.
    /// Nothing when that is used up or the file has ended.
    ///
    /// # Errors
    /// The data are not in the zlib format, or their checksum is wrong.
    pub(super) fn next(&mut self, wire: &mut &[u8]) -> Result<Option<&[u8]>, WireError> {
        self.inflated.clear();
        self.inflated.reserve(CHUNK);
        while !self.done && self.inflated.is_empty() {
            let before = self.stream.total_in();
            let status = self
                .stream
                .decompress_vec(wire, &mut self.inflated, FlushDecompress::None)
                .map_err(|_| WireError::BadDeflate)?;
            let used = usize::try_from(self.stream.total_in() - before).unwrap_or(wire.len());
            split_front(wire, used);
            self.done = status == Status::StreamEnd;
            if used == 0 && self.inflated.is_empty() && !self.done {
                break;
            }
        }
        Ok((!self.inflated.is_empty()).then_some(&self.inflated))
    }

    /// Whether the end of the file has come.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(data: &[u8], level: u8, size: usize) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(level), Vec::new());
        data.chunks(size).for_each(|chunk| encoder.data(chunk, &mut out));
        encoder.finish(&mut out);
        out
    }

    fn decode(wire: &[u8], size: usize) -> Result<Vec<u8>, WireError> {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        for mut chunk in wire.chunks(size) {
            while let Some(bytes) = decoder.next(&mut chunk)? {
                out.extend_from_slice(bytes);
            }
        }
        if decoder.is_done() { Ok(out) } else { Err(WireError::Cut) }
    }

    #[test]
    fn the_empty_file_of_other_programs_is_read_and_ours_is_the_same() {
        let empty = b"\x78\x9c\x03\0\0\0\0\x01";
        assert_eq!(decode(empty, 1).unwrap(), b"");
        assert_eq!(encode(b"", 6, 9), empty);
    }

    #[test]
    fn a_cut_file_is_not_done_and_a_damaged_one_is_an_error() {
        let wire = encode(b"abcabcabc", 6, 9);
        assert_eq!(decode(&wire[..wire.len() - 1], 9), Err(WireError::Cut));
        let mut damaged = wire;
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(decode(&damaged, 9), Err(WireError::BadDeflate));
        assert_eq!(decode(b"hello", 9), Err(WireError::BadDeflate));
    }

    #[test]
    fn bytes_behind_the_end_are_left() {
        let wire = [encode(b"abc", 6, 9), b"more".to_vec()].concat();
        let (mut decoder, mut rest) = (Decoder::new(), &wire[..]);
        while decoder.next(&mut rest).unwrap().is_some() {}
        assert_eq!(rest, b"more");
    }

    #[test]
    fn a_little_that_becomes_a_lot_comes_in_small_parts() {
        let wire = encode(&vec![0; 16 << 20], 9, 1 << 20);
        let (mut decoder, mut rest, mut total) = (Decoder::new(), &wire[..], 0);
        while let Some(bytes) = decoder.next(&mut rest).unwrap() {
            assert!(bytes.len() <= 2 * CHUNK);
            total += bytes.len();
        }
        assert_eq!(total, 16 << 20);
    }

    proptest! {
        #[test]
        fn data_come_back(
            data in proptest::collection::vec(0u8..20, 0..3000), level in 0u8..=9, size in 1usize..500,
        ) {
            prop_assert_eq!(decode(&encode(&data, level, size), size).unwrap(), data);
        }
    }
}
