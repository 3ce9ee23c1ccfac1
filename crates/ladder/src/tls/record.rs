//! The records of one direction (RFC 8446 section 5.1): where each begins, and the bodies of those in clear.

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
    /// The bodies that come are encrypted, or data: only their length is wanted.
    passes: bool,
    is_lost: bool,
}

impl Records {
    /// A direction that cannot be followed any more.
    pub(super) fn lost() -> Self {
        Self { is_lost: true, ..Self::default() }
    }

    /// Whether the last record is whole.
    pub(super) fn is_between(&self) -> bool {
        !self.is_lost && self.head.is_empty() && self.left == 0
    }

    /// Reads on; gives each whole record's kind, length and, where it is in clear, body.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut give: impl FnMut(u8, u16, &[u8])) {
        while !self.is_lost && !bytes.is_empty() {
            if self.head.len() < HEAD {
                let count = bytes.len().min(HEAD - self.head.len());
                let (more, rest) = bytes.split_at(count);
                self.head.extend_from_slice(more);
                bytes = rest;
                if self.head.len() < HEAD {
                    return;
                }
                let length = self.length();
                let is_record = matches!(*self.head, [20..=24, 3, 0..=4, ..]);
                if !is_record || length > MAX_BODY {
                    *self = Self::lost();
                    return;
                }
                self.left = length.into();
                self.passes |= matches!(*self.head, [20 | 23, ..]);
            }
            let (more, rest) = bytes.split_at(bytes.len().min(self.left));
            if !self.passes {
                self.body.extend_from_slice(more);
            }
            self.left -= more.len();
            bytes = rest;
            if self.left == 0 {
                give(self.head.first().copied().unwrap_or(0), self.length(), &self.body);
                self.head.clear();
                self.body.clear();
            }
        }
    }

    fn length(&self) -> u16 {
        match *self.head {
            [_, _, _, high, low] => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }
}
