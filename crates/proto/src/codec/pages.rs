//! STRU P (RFC 959 section 3.1.2.3): pages with a header each, on the wire and on the disk.
//!
//! All fields of a header are one logical byte, and the types that we carry out have logical bytes of
//! eight bits. So a page has 255 bytes at most, an index is at most 255, and a plain file of more than
//! 65280 bytes cannot be sent: RFC 959 leaves no room for it.
//!
//! - **A plain file is simple pages** (type 1) of 255 bytes, the last one of what is left, indexed from
//!   0; behind them stands the last page (type 0, index 0). Text is made ready for the wire first.
//!   Exactly such pages are stored as a plain file.
//! - **Any other pages**, with gaps between the indexes, other lengths, descriptors, access controls,
//!   are stored behind the eight bytes `93 57 50 41 47 0D 0A 1A` just as they came, to the last page, and
//!   are sent as they are stored. Text in them is not translated, for that would change their lengths.
//!
//! Which of the two it is, is known for certain only at the end. Pages that could be a plain file are held
//! until then, 66304 bytes with their headers at most.

use super::form::{Beginning, Form, PAGES};
use super::frame::split_front;
use super::{LocalError, WireError};

/// The most data of a page.
const DATA: usize = 255;

const LAST_PAGE: u8 = 0;
const SIMPLE_PAGE: u8 = 1;
const DESCRIPTOR_PAGE: u8 = 2;
const ACCESS_CONTROLLED_PAGE: u8 = 3;

/// The header without the optional fields.
const HEADER: usize = 4;

/// Follows pages, to know where the last one ends and whether they are a plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tracker {
    state: Tracking,
    plain: Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tracking {
    Header {
        bytes: [u8; HEADER],
        have: usize,
    },
    /// Optional fields and data.
    Rest {
        left: usize,
    },
    Done,
}

/// Whether the pages so far could be a plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plain {
    /// So many pages, all full.
    Full(u16),
    /// The last had less, so none can follow.
    Short,
    No,
}

impl Tracking {
    const BETWEEN: Self = Self::Header { bytes: [0; HEADER], have: 0 };
}

impl Tracker {
    const fn new() -> Self {
        Self { state: Tracking::BETWEEN, plain: Plain::Full(0) }
    }

    /// Takes pages off the front of `bytes`, up to the end of a header or the end of the last page, and
    /// gives them.
    fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
        match &mut self.state {
            Tracking::Header { bytes: header, have } => {
                let more = split_front(bytes, HEADER - *have);
                for (slot, byte) in header.iter_mut().skip(*have).zip(more) {
                    *slot = *byte;
                }
                *have += more.len();
                if *have == HEADER {
                    let header = *header;
                    self.begin(header)?;
                }
                Ok(more)
            }
            Tracking::Rest { left } => {
                let more = split_front(bytes, *left);
                *left -= more.len();
                if *left == 0 {
                    self.state = Tracking::BETWEEN;
                }
                Ok(more)
            }
            Tracking::Done => Ok(&[]),
        }
    }

    fn begin(&mut self, bytes: [u8; HEADER]) -> Result<(), WireError> {
        let [header, index, data, kind] = bytes;
        let allowed = match kind {
            LAST_PAGE => header == 4 && data == 0,
            SIMPLE_PAGE => header == 4,
            DESCRIPTOR_PAGE => header >= 4,
            ACCESS_CONTROLLED_PAGE => header == 5,
            _ => false,
        };
        if !allowed {
            return Err(WireError::BadPage { kind, header, data });
        }
        if kind == LAST_PAGE {
            self.state = Tracking::Done;
            return Ok(());
        }
        self.plain = match self.plain {
            Plain::Full(pages) if kind == SIMPLE_PAGE && u16::from(index) == pages => match data {
                u8::MAX => Plain::Full(pages + 1),
                0 => Plain::No,
                _ => Plain::Short,
            },
            Plain::Full(_) | Plain::Short | Plain::No => Plain::No,
        };
        let left = usize::from(header) - HEADER + usize::from(data);
        self.state = if left == 0 { Tracking::BETWEEN } else { Tracking::Rest { left } };
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.state == Tracking::Done
    }
}

/// A file on the disk to pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoder {
    state: Writing,
}

/// ```text
/// Start ──anything──▶ Plain
///       ──the eight bytes──▶ Paged
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writing {
    Start(Beginning),
    Plain { page: Vec<u8>, pages: u16 },
    Paged(Tracker),
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
        Self { state: Writing::Start(Beginning::new(&PAGES)) }
    }

    /// Takes bytes off the front of the file until it is known whether it is in pages already. Gives
    /// bytes that have been taken and belong to a plain file, for [`data`](Self::data), text made ready
    /// for the wire before.
    pub(super) fn begin(&mut self, local: &mut &[u8]) -> &'static [u8] {
        let Writing::Start(beginning) = &mut self.state else { return &[] };
        match beginning.look(local) {
            None => &[],
            Some(Form::Structured) => {
                self.state = Writing::Paged(Tracker::new());
                &[]
            }
            Some(Form::Plain(head)) => {
                self.state = Writing::Plain { page: Vec::new(), pages: 0 };
                head
            }
        }
    }

    /// What [`begin`](Self::begin) has taken and not given, when the file has ended.
    pub(super) fn begin_at_end(&mut self) -> &'static [u8] {
        let Writing::Start(beginning) = &self.state else { return &[] };
        let head = beginning.taken();
        self.state = Writing::Plain { page: Vec::new(), pages: 0 };
        head
    }

    /// Whether the file is in pages already, and goes to [`data`](Self::data) as it is.
    pub(super) const fn is_paged(&self) -> bool {
        matches!(self.state, Writing::Paged(_))
    }

    /// Appends the pages for more data.
    ///
    /// # Errors
    /// A plain file is too long, or a file in pages is damaged.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), LocalError> {
        let mut rest = data;
        match &mut self.state {
            Writing::Start(_) => {}
            Writing::Plain { page, pages } => {
                while !rest.is_empty() {
                    page.extend_from_slice(split_front(&mut rest, DATA - page.len()));
                    if page.len() == DATA {
                        write(page, pages, out)?;
                    }
                }
            }
            Writing::Paged(tracker) => {
                while !rest.is_empty() {
                    let pages = tracker.next(&mut rest).map_err(|_| LocalError::BrokenPages)?;
                    if pages.is_empty() {
                        return Err(LocalError::BrokenPages);
                    }
                    out.extend_from_slice(pages);
                }
            }
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), LocalError> {
        match &mut self.state {
            Writing::Start(_) => {}
            Writing::Plain { page, pages } => {
                if !page.is_empty() {
                    write(page, pages, out)?;
                }
            }
            Writing::Paged(tracker) if tracker.is_done() => return Ok(()),
            Writing::Paged(_) => return Err(LocalError::BrokenPages),
        }
        out.extend_from_slice(&[4, 0, 0, LAST_PAGE]);
        Ok(())
    }
}

/// Appends a simple page, and makes room for the next.
fn write(page: &mut Vec<u8>, pages: &mut u16, out: &mut Vec<u8>) -> Result<(), LocalError> {
    let index = u8::try_from(*pages).map_err(|_| LocalError::TooLongForPages)?;
    let length = u8::try_from(page.len()).map_err(|_| LocalError::TooLongForPages)?;
    out.extend_from_slice(&[4, index, length, SIMPLE_PAGE]);
    out.append(page);
    *pages += 1;
    Ok(())
}

/// Pages to a file on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decoder {
    tracker: Tracker,
    /// Pages that could be a plain file.
    held: Vec<u8>,
    /// They are not, and the eight bytes are written.
    paged: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the beginning of a file.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self { tracker: Tracker::new(), held: Vec::new(), paged: false }
    }

    /// Takes pages off the front of `wire`, up to the end of the last page.
    ///
    /// # Errors
    /// A header is not one of RFC 959.
    pub(super) fn data(&mut self, wire: &mut &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        while !wire.is_empty() && !self.tracker.is_done() {
            let pages = self.tracker.next(wire)?;
            if self.paged {
                out.extend_from_slice(pages);
                continue;
            }
            self.held.extend_from_slice(pages);
            if self.tracker.plain == Plain::No {
                self.paged = true;
                out.extend_from_slice(&PAGES);
                out.append(&mut self.held);
            }
        }
        Ok(())
    }

    /// Whether the last page has come.
    pub(super) fn is_done(&self) -> bool {
        self.tracker.is_done()
    }

    /// Ends the file, when the last page has come. A plain file is given to `to_local` before it is
    /// written, for its text is still as it was on the wire.
    pub(super) fn finish(&mut self, to_local: impl FnOnce(&[u8]) -> Vec<u8>, out: &mut Vec<u8>) {
        if self.paged {
            return;
        }
        let (mut rest, mut data) = (&self.held[..], Vec::with_capacity(self.held.len()));
        while let [_, _, length, _, ..] = *split_front(&mut rest, HEADER) {
            data.extend_from_slice(split_front(&mut rest, length.into()));
        }
        let mut file = to_local(&data);
        if file.starts_with(&PAGES) {
            // Nobody could tell this file from one in pages.
            out.extend_from_slice(&PAGES);
            out.append(&mut self.held);
        } else {
            out.append(&mut file);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(file: &[u8], size: usize) -> Result<Vec<u8>, LocalError> {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        for mut chunk in file.chunks(size) {
            let head = encoder.begin(&mut chunk);
            encoder.data(head, &mut out)?;
            encoder.data(chunk, &mut out)?;
        }
        let head = encoder.begin_at_end();
        encoder.data(head, &mut out)?;
        encoder.finish(&mut out)?;
        Ok(out)
    }

    fn decode(wire: &[u8], size: usize) -> Result<Vec<u8>, WireError> {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        for mut chunk in wire.chunks(size) {
            decoder.data(&mut chunk, &mut out)?;
            if !chunk.is_empty() {
                return Err(WireError::BehindEnd);
            }
        }
        if !decoder.is_done() {
            return Err(WireError::Cut);
        }
        decoder.finish(<[u8]>::to_vec, &mut out);
        Ok(out)
    }

    #[test]
    fn a_plain_file_is_simple_pages_in_order_and_a_last_page() {
        assert_eq!(encode(b"abc", 1).unwrap(), b"\x04\0\x03\x01abc\x04\0\0\0");
        assert_eq!(encode(b"", 1).unwrap(), b"\x04\0\0\0");
        let wire = encode(&[7; 256], 100).unwrap();
        assert_eq!(wire[..4], [4, 0, 255, 1]);
        assert_eq!(wire[259..], [4, 1, 1, 1, 7, 4, 0, 0, 0]);
    }

    #[test]
    fn the_longest_plain_file_comes_back_and_one_byte_more_is_refused() {
        let file = vec![3; 256 * DATA];
        assert_eq!(decode(&encode(&file, 4096).unwrap(), 1000).unwrap(), file);
        assert_eq!(encode(&[&file[..], &[1]].concat(), 4096), Err(LocalError::TooLongForPages));
    }

    #[test]
    fn pages_of_all_types_with_gaps_are_kept_as_they_came() {
        // A descriptor with two optional fields, a hole from 1 to 6, an access controlled page.
        let wire = b"\x06\0\x02\x02XYfd\x04\0\x01\x01a\x05\x07\x01\x03Ab\x04\x09\0\0";
        let file = decode(wire, 1).unwrap();
        assert_eq!(file, [&PAGES[..], wire].concat());
        for size in 1..20 {
            assert_eq!(encode(&file, size).unwrap(), wire);
            assert_eq!(decode(wire, size).unwrap(), file);
        }
    }

    #[test]
    fn pages_that_are_not_full_or_not_in_order_are_no_plain_file() {
        for wire in [
            &b"\x04\x01\x01\x01a\x04\0\0\0"[..],
            b"\x04\0\x01\x01a\x04\x01\x01\x01b\x04\0\0\0",
            b"\x04\0\0\x01\x04\0\0\0",
        ] {
            let file = decode(wire, 9).unwrap();
            assert!(file.starts_with(&PAGES));
            assert_eq!(encode(&file, 9).unwrap(), wire);
        }
    }

    #[test]
    fn a_plain_file_that_looks_like_the_form_is_no_page_file() {
        assert_eq!(encode(&PAGES, 3), Err(LocalError::BrokenPages));
        assert_eq!(encode(&[&PAGES[..], b"\x04\0\0\0x"].concat(), 3), Err(LocalError::BrokenPages));
        let wire = encode(&PAGES[..7], 3).unwrap();
        assert_eq!(decode(&wire, 3).unwrap(), &PAGES[..7]);
    }

    #[test]
    fn plain_pages_that_would_look_like_the_form_are_stored_in_it() {
        let wire = [&b"\x04\0\x08\x01"[..], &PAGES, b"\x04\0\0\0"].concat();
        let file = decode(&wire, 5).unwrap();
        assert_eq!(file, [&PAGES[..], &wire].concat());
        assert_eq!(encode(&file, 5).unwrap(), wire);
    }

    #[test]
    fn headers_that_the_rfc_does_not_allow_are_errors() {
        for (header, data, kind) in
            [(5, 0, 0), (4, 1, 0), (5, 1, 1), (3, 0, 2), (4, 1, 3), (4, 0, 4)]
        {
            let error = Err(WireError::BadPage { kind, header, data });
            assert_eq!(decode(&[header, 0, data, kind], 9), error);
        }
        assert_eq!(decode(b"\x04\0\x01\x01a", 9), Err(WireError::Cut));
        assert_eq!(decode(b"\x04\0\0\0a", 9), Err(WireError::BehindEnd));
    }

    proptest! {
        #[test]
        fn any_pages_come_back_and_chunks_make_no_difference(
            pages in proptest::collection::vec(
                (0u8..4, prop_oneof![Just(1u8), 2u8..4], 0u8..3, proptest::collection::vec(any::<u8>(), 0..9)), 0..9),
            size in 1usize..30,
        ) {
            let mut wire = Vec::new();
            for (index, kind, optional, data) in &pages {
                let optional = match *kind { 1 => 0, 2 => *optional, _ => 1 };
                wire.extend_from_slice(&[4 + optional, *index, u8::try_from(data.len()).unwrap(), *kind]);
                wire.extend(std::iter::repeat_n(9, optional.into()));
                wire.extend_from_slice(data);
            }
            wire.extend_from_slice(&[4, 0, 0, 0]);
            let file = decode(&wire, size).unwrap();
            prop_assert_eq!(&file, &decode(&wire, 1000).unwrap());
            prop_assert_eq!(encode(&file, size).unwrap(), wire);
        }
    }
}
