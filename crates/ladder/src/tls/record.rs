//! The records of one direction (RFC 8446 section 5.1): where each begins, and the bodies of those that are wanted.

use super::DATA;

/// Bytes before a record's body.
const HEAD: usize = 5;
/// No record is longer.
const MAX_BODY: u16 = 16 * 1024 + 2048;

/// A direction as it is being read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Bytes of the body that have not come.
    left: usize,
    state: State,
}

/// Whether there are records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Reads,
    /// It cannot be followed any more.
    Lost,
    /// Where a record might have begun, text did: TLS is over.
    Over,
}

/// A whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) head: [u8; HEAD],
    pub(super) length: u16,
    /// Empty where it is not wanted.
    pub(super) body: Vec<u8>,
}

impl Records {
    /// A direction that cannot be followed any more.
    pub(super) fn lost() -> Self {
        Self { state: State::Lost, ..Self::default() }
    }

    /// How many bytes are held of a record that is not whole.
    pub(super) fn buffered(&self) -> usize {
        self.body.len()
    }

    /// Nothing more comes: what there is of a record will not be whole.
    pub(super) fn let_go(&mut self) {
        if self.state == State::Reads && !self.head.is_empty() {
            *self = Self::lost();
        }
    }

    /// Whether the last record is whole.
    pub(super) fn is_between(&self) -> bool {
        self.state == State::Reads && self.head.is_empty()
    }

    /// A direction in which TLS is over.
    pub(super) fn over() -> Self {
        Self { state: State::Over, ..Self::default() }
    }

    /// Whether it cannot be followed any more.
    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Whether TLS is over.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Reads on from the front of `bytes`, up to the end of a record. Of data the body is wanted only where
    /// `wants_data` says so. What `bytes` still holds at the end, when this gives none, is no record's.
    pub(super) fn next(&mut self, bytes: &mut &[u8], wants_data: bool) -> Option<Record> {
        while self.state == State::Reads && !bytes.is_empty() {
            if self.head.len() < HEAD {
                let count = bytes.len().min(HEAD - self.head.len());
                if self.head.is_empty() && bytes.first().is_some_and(u8::is_ascii_alphanumeric) {
                    self.state = State::Over;
                    return None;
                }
                self.head.extend_from_slice(split(bytes, count));
                if self.head.len() < HEAD {
                    return None;
                }
                let length = self.length();
                let is_record = matches!(*self.head, [20..=24, 3, 0..=4, ..]);
                if !is_record || length > MAX_BODY {
                    *self = Self::lost();
                    return None;
                }
                self.left = length.into();
            }
            let more = split(bytes, bytes.len().min(self.left));
            if wants_data || self.head.first() != Some(&DATA) {
                self.body.extend_from_slice(more);
            }
            self.left -= more.len();
            if self.left == 0 {
                let length = self.length();
                let head = std::mem::take(&mut self.head).try_into().unwrap_or_default();
                return Some(Record { head, length, body: std::mem::take(&mut self.body) });
            }
        }
        None
    }

    fn length(&self) -> u16 {
        match *self.head {
            [_, _, _, high, low] => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }
}

/// Splits the first bytes off.
fn split<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
    *bytes = rest;
    head
}
