//! Files of records on the disk of a host that has none: what a file that is not text is stored as
//! under STRU R, so that the same records can be fetched (RFC 959 section 3.1.2). Text needs no such
//! form; there a line is a record.
//!
//! - **A file of one record is a plain file.** Every plain file is sent as one record and comes back as
//!   the same plain file. An empty file has no record.
//! - **Any other file of records** begins with eight bytes, `93 57 52 45 43 0D 0A 1A`. Behind them every
//!   record has a descriptor of four bytes before it, as z/OS writes variable records: two bytes with
//!   the length, the four included, the higher first; a byte that tells which part of a record this is
//!   (0 all of it, 1 the first, 2 the last, 3 one between); a byte of zeros. No part is longer than
//!   32760 bytes with its descriptor. What is behind the eight bytes is a file of the record format VBS.
//!
//! Whether a second record follows the first is known only when it comes. The first one is held until
//! then, up to 1 MiB. One that is longer is stored as a plain file, and should another follow it, the
//! transfer fails; no host is known that has such records. A single record that looks like a file of
//! records, for it begins with the eight bytes, is stored in the form.

use super::form::{Beginning, Form, RECORDS};
use super::frame::{Item, split_front};
use super::{LocalError, WireError};

/// The most data behind a descriptor.
const PART: usize = 32_760 - 4;

/// The most bytes of a first record that are held.
const HOLD: usize = 1024 * 1024;

const WHOLE: u8 = 0;
const FIRST: u8 = 1;
const LAST: u8 = 2;
const BETWEEN: u8 = 3;

/// A file on disk to its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    state: Reading,
    /// A part of a record has been read, its last has not.
    open: bool,
    /// How many bytes of the file have been read.
    at: u64,
}

/// ```text
/// Start ──anything──▶ Plain
///       ──the eight bytes──▶ Descriptor ⇄ Part
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reading {
    Start(Beginning),
    Plain,
    Descriptor { bytes: [u8; 4], have: usize },
    Part { kind: u8, left: usize },
}

impl Reading {
    const DESCRIPTOR: Self = Self::Descriptor { bytes: [0; 4], have: 0 };
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the beginning of a file.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self { state: Reading::Start(Beginning::new(&RECORDS)), open: false, at: 0 }
    }

    /// A reader that goes on at a place which [`place`](Self::place) gave.
    #[must_use]
    pub(super) const fn resume(at: u64, described: bool) -> Self {
        let state = if described { Reading::DESCRIPTOR } else { Reading::Plain };
        Self { state, open: false, at }
    }

    /// Whether reading can go on here later, and then whether behind the eight bytes.
    pub(super) const fn place(&self) -> Option<bool> {
        match self.state {
            Reading::Plain => Some(false),
            Reading::Descriptor { have: 0, .. } if !self.open => Some(true),
            Reading::Start(_) | Reading::Descriptor { .. } | Reading::Part { .. } => None,
        }
    }

    /// What is next, data or the end of a record, taken off the front of `local`; nothing when that is
    /// used up.
    ///
    /// # Errors
    /// The file begins as one of records, and is damaged.
    pub(super) fn next<'a>(
        &mut self,
        local: &mut &'a [u8],
    ) -> Result<Option<Item<'a>>, LocalError> {
        loop {
            match &mut self.state {
                Reading::Start(beginning) => {
                    let before = local.len();
                    let form = beginning.look(local);
                    self.at += (before - local.len()) as u64;
                    match form {
                        None => return Ok(None),
                        Some(Form::Structured) => self.state = Reading::DESCRIPTOR,
                        Some(Form::Plain(head)) => {
                            self.state = Reading::Plain;
                            if !head.is_empty() {
                                return Ok(Some(Item::Data(head)));
                            }
                        }
                    }
                }
                Reading::Plain => {
                    let data = std::mem::take(local);
                    self.at += data.len() as u64;
                    return Ok((!data.is_empty()).then_some(Item::Data(data)));
                }
                Reading::Descriptor { bytes, have } => {
                    let more = split_front(local, 4 - *have);
                    for (slot, byte) in bytes.iter_mut().skip(*have).zip(more) {
                        *slot = *byte;
                    }
                    *have += more.len();
                    self.at += more.len() as u64;
                    if *have < 4 {
                        return Ok(None);
                    }
                    let [high, low, kind, zero] = *bytes;
                    let length = usize::from(u16::from_be_bytes([high, low]));
                    let fits =
                        if self.open { matches!(kind, LAST | BETWEEN) } else { kind <= FIRST };
                    let left = length.checked_sub(4).filter(|_| fits && zero == 0);
                    let left = left.ok_or(LocalError::BrokenRecords(self.at - 4))?;
                    self.state = Reading::Part { kind, left };
                }
                Reading::Part { kind, left: 0 } => {
                    self.open = matches!(*kind, FIRST | BETWEEN);
                    self.state = Reading::DESCRIPTOR;
                    if !self.open {
                        return Ok(Some(Item::EndOfRecord));
                    }
                }
                Reading::Part { left, .. } => {
                    let data = split_front(local, *left);
                    *left -= data.len();
                    self.at += data.len() as u64;
                    return Ok((!data.is_empty()).then_some(Item::Data(data)));
                }
            }
        }
    }

    /// What is still to be sent when the file has ended: data, and whether they end a record.
    ///
    /// # Errors
    /// The file begins as one of records, and stops within one.
    pub(super) fn finish(&self) -> Result<(&'static [u8], bool), LocalError> {
        match self.state {
            Reading::Start(beginning) => {
                let taken = beginning.taken();
                Ok((taken, !taken.is_empty()))
            }
            Reading::Plain => Ok((&[], true)),
            Reading::Descriptor { have: 0, .. } if !self.open => Ok((&[], false)),
            Reading::Descriptor { .. } | Reading::Part { .. } => {
                Err(LocalError::BrokenRecords(self.at))
            }
        }
    }
}

/// Records to a file on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    state: Writing,
}

/// ```text
/// First ──a second record──▶ Described
///       ──more than is held──▶ Plain
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writing {
    First { held: Vec<u8>, ended: bool },
    Plain { ended: bool },
    Described(Parts),
}

/// The parts of the records behind the eight bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    /// What has come of the next part.
    part: Vec<u8>,
    /// A part of the record has been written.
    open: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A writer at the beginning of a file.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self { state: Writing::First { held: Vec::new(), ended: false } }
    }

    /// A writer that goes on at a place which [`place`](Self::place) gave.
    #[must_use]
    pub(super) fn resume(described: bool) -> Self {
        let state = if described {
            Writing::Described(Parts::default())
        } else {
            Writing::Plain { ended: false }
        };
        Self { state }
    }

    /// Whether all that came has been written and writing can go on here later, and then whether behind
    /// the eight bytes.
    pub(super) fn place(&self) -> Option<bool> {
        match &self.state {
            Writing::Plain { ended: false } => Some(false),
            Writing::Described(parts) if parts.is_empty() => Some(true),
            Writing::First { .. } | Writing::Plain { .. } | Writing::Described(_) => None,
        }
    }

    /// Takes more data of a record.
    ///
    /// # Errors
    /// They belong to a second record, and the first was too long.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.state {
            Writing::First { held, ended: false } => {
                held.extend_from_slice(data);
                if held.len() > HOLD && !held.starts_with(&RECORDS) {
                    out.append(held);
                    self.state = Writing::Plain { ended: false };
                } else if held.len() > HOLD {
                    self.describe(out);
                }
                Ok(())
            }
            Writing::First { ended: true, .. } => {
                self.describe(out);
                self.data(data, out)
            }
            Writing::Plain { ended: true } => Err(WireError::FirstRecordTooLong(HOLD)),
            Writing::Plain { ended: false } => {
                out.extend_from_slice(data);
                Ok(())
            }
            Writing::Described(parts) => {
                parts.data(data, out);
                Ok(())
            }
        }
    }

    /// Ends a record.
    ///
    /// # Errors
    /// It is a second record, and the first was too long.
    pub(super) fn end_record(&mut self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match &mut self.state {
            Writing::Plain { ended: true } => return Err(WireError::FirstRecordTooLong(HOLD)),
            Writing::First { ended: true, .. } => {
                self.describe(out);
                return self.end_record(out);
            }
            Writing::First { ended, .. } | Writing::Plain { ended } => *ended = true,
            Writing::Described(parts) => parts.end_record(out),
        }
        Ok(())
    }

    /// Ends the file. A record that had no end has it here.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.state {
            Writing::First { held, ended } => {
                let plain = !held.is_empty() && !held.starts_with(&RECORDS);
                if plain {
                    out.append(held);
                } else if *ended || !held.is_empty() {
                    *ended = true;
                    self.describe(out);
                }
            }
            Writing::Described(parts) if !parts.is_empty() => parts.end_record(out),
            Writing::Plain { .. } | Writing::Described(_) => {}
        }
    }

    /// Writes what is held in the form for several records.
    fn describe(&mut self, out: &mut Vec<u8>) {
        let Writing::First { held, ended } = &mut self.state else { return };
        let mut parts = Parts::default();
        out.extend_from_slice(&RECORDS);
        parts.data(held, out);
        if *ended {
            parts.end_record(out);
        }
        self.state = Writing::Described(parts);
    }
}

impl Parts {
    /// Whether this is between two records.
    fn is_empty(&self) -> bool {
        self.part.is_empty() && !self.open
    }

    fn data(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let mut rest = data;
        while self.part.len() + rest.len() > PART {
            let room = PART - self.part.len();
            self.part.extend_from_slice(split_front(&mut rest, room));
            write(if self.open { BETWEEN } else { FIRST }, &self.part, out);
            self.part.clear();
            self.open = true;
        }
        self.part.extend_from_slice(rest);
    }

    fn end_record(&mut self, out: &mut Vec<u8>) {
        write(if self.open { LAST } else { WHOLE }, &self.part, out);
        self.part.clear();
        self.open = false;
    }
}

/// Appends a part of a record with its descriptor.
fn write(kind: u8, data: &[u8], out: &mut Vec<u8>) {
    let [high, low] = u16::try_from(data.len() + 4).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&[high, low, kind, 0]);
    out.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write_all(records: &[Vec<u8>], size: usize) -> Result<Vec<u8>, WireError> {
        let (mut writer, mut out) = (Writer::new(), Vec::new());
        for record in records {
            for chunk in record.chunks(size) {
                writer.data(chunk, &mut out)?;
            }
            writer.end_record(&mut out)?;
        }
        writer.finish(&mut out);
        Ok(out)
    }

    fn read_all(file: &[u8], size: usize) -> Result<Vec<Vec<u8>>, LocalError> {
        let (mut reader, mut records, mut record) = (Reader::new(), Vec::new(), Vec::new());
        for mut chunk in file.chunks(size) {
            while let Some(item) = reader.next(&mut chunk)? {
                match item {
                    Item::Data(data) => record.extend_from_slice(data),
                    Item::EndOfRecord => records.push(std::mem::take(&mut record)),
                    Item::Run { .. } | Item::Suspect | Item::Marker(_) | Item::EndOfFile { .. } => {
                        unreachable!()
                    }
                }
            }
        }
        let (data, ended) = reader.finish()?;
        record.extend_from_slice(data);
        if ended {
            records.push(record);
        }
        Ok(records)
    }

    #[test]
    fn a_plain_file_is_one_record_and_back() {
        for file in [&b"a"[..], b"\x93", b"\x93WREC\r\n", b"\x93WREC\r\nx", &[0xff; 9]] {
            assert_eq!(read_all(file, 1).unwrap(), [file]);
            assert_eq!(write_all(&[file.to_vec()], 2).unwrap(), file);
        }
        assert_eq!(read_all(b"", 1).unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(write_all(&[], 1).unwrap(), b"");
    }

    #[test]
    fn several_records_have_descriptors_behind_the_eight_bytes() {
        let records = [b"one".to_vec(), Vec::new(), b"three".to_vec()];
        let file = write_all(&records, 2).unwrap();
        assert_eq!(file, b"\x93WREC\r\n\x1a\0\x07\0\0one\0\x04\0\0\0\x09\0\0three");
        for size in 1..9 {
            assert_eq!(read_all(&file, size).unwrap(), records);
        }
    }

    #[test]
    fn one_record_that_is_empty_or_looks_like_the_form_is_written_in_the_form() {
        for record in [&b""[..], &RECORDS, b"\x93WREC\r\n\x1amore"] {
            let file = write_all(&[record.to_vec()], 3).unwrap();
            assert!(file.starts_with(&RECORDS) && file.len() == 12 + record.len());
            assert_eq!(read_all(&file, 3).unwrap(), [record]);
        }
    }

    #[test]
    fn a_long_record_is_written_in_parts() {
        let records = [vec![1; PART], vec![2; PART + 1], vec![3; 3 * PART]];
        let file = write_all(&records, 1000).unwrap();
        assert_eq!(read_all(&file, 777).unwrap(), records);
        let kinds: Vec<u8> = [8, 32_768, 65_528, 65_533].iter().map(|at| file[at + 2]).collect();
        assert_eq!(kinds, [WHOLE, FIRST, LAST, FIRST]);
    }

    #[test]
    fn a_first_record_too_long_to_hold_must_stay_alone() {
        let long = vec![5; HOLD + 1];
        assert_eq!(write_all(std::slice::from_ref(&long), 9999).unwrap(), long);
        let error = WireError::FirstRecordTooLong(HOLD);
        assert_eq!(write_all(&[long.clone(), Vec::new()], 9999), Err(error));
        assert_eq!(write_all(&[long.clone(), vec![1]], 9999), Err(error));
        assert_eq!(write_all(&[vec![1], long.clone()], 9999).map(|file| file.len()), {
            Ok(8 + 5 + long.len() + 4 * long.len().div_ceil(PART))
        });
    }

    #[test]
    fn a_damaged_file_of_records_is_not_sent() {
        let file = |rest: &[u8]| [&RECORDS, rest].concat();
        let read = |rest: &[u8]| read_all(&file(rest), 5);
        assert_eq!(read(b"\0\x03\0\0"), Err(LocalError::BrokenRecords(8)));
        assert_eq!(read(b"\0\x04\x04\0"), Err(LocalError::BrokenRecords(8)));
        assert_eq!(read(b"\0\x04\x02\0"), Err(LocalError::BrokenRecords(8)));
        assert_eq!(read(b"\0\x04\0\x01"), Err(LocalError::BrokenRecords(8)));
        assert_eq!(read(b"\0\x04\x01\0\0\x04\0\0"), Err(LocalError::BrokenRecords(12)));
        assert_eq!(read(b"\0\x05\0\0"), Err(LocalError::BrokenRecords(12)));
        assert_eq!(read(b"\0\x04\x01\0"), Err(LocalError::BrokenRecords(12)));
        assert_eq!(read(b"\0"), Err(LocalError::BrokenRecords(9)));
        assert_eq!(read(b""), Ok(vec![]));
    }

    fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = prop_oneof![Just(0x93), Just(b'W'), Just(0), any::<u8>()];
        let record = proptest::collection::vec(byte, 0..30);
        proptest::collection::vec(prop_oneof![record, Just(RECORDS.to_vec())], 0..9)
    }

    proptest! {
        #[test]
        fn records_come_back(records in records(), size in 1usize..12) {
            let file = write_all(&records, size).unwrap();
            prop_assert_eq!(&file, &write_all(&records, 1000).unwrap());
            prop_assert_eq!(read_all(&file, size).unwrap(), records);
        }

        #[test]
        fn any_file_is_read_or_damaged_and_chunks_make_no_difference(
            rest in proptest::collection::vec(0u8..6, 0..60), size in 1usize..12,
        ) {
            let file = [&RECORDS[..], &rest].concat();
            prop_assert_eq!(read_all(&file, size), read_all(&file, 1000));
        }
    }
}
