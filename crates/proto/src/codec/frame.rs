//! What block and compressed mode have in common: the descriptor codes (RFC 959 section 3.4.2), and
//! what a decoder finds in the bytes.

use super::WireError;

/// The longest restart marker that is taken. It has to come back in a line of its own, as the argument
/// of REST.
const MARKER_MAX: usize = 255;

/// A set of descriptor codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Codes(u8);

impl Codes {
    /// Nothing to say of the data.
    pub(super) const NONE: Self = Self(0);
    /// What it marks is the end of a record.
    pub(super) const END_OF_RECORD: Self = Self(128);
    /// What it marks is the end of the file.
    pub(super) const END_OF_FILE: Self = Self(64);
    /// The sender does not trust the data.
    pub(super) const SUSPECT: Self = Self(32);
    /// What it marks is a restart marker and no data.
    pub(super) const MARKER: Self = Self(16);

    const KNOWN: u8 = 128 | 64 | 32 | 16;

    /// Reads a descriptor byte.
    ///
    /// # Errors
    /// A bit to which RFC 959 gives no meaning is set.
    pub(super) const fn parse(byte: u8) -> Result<Self, WireError> {
        if byte & !Self::KNOWN == 0 {
            Ok(Self(byte))
        } else {
            Err(WireError::UnknownDescriptor(byte))
        }
    }

    /// The descriptor byte.
    pub(super) const fn byte(self) -> u8 {
        self.0
    }

    /// These codes and those.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are no codes.
    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether the code is there.
    pub(super) const fn has(self, code: Self) -> bool {
        self.0 & code.0 != 0
    }

    /// Takes the code out, and says whether it was there.
    pub(super) const fn take(&mut self, code: Self) -> bool {
        let had = self.has(code);
        self.0 &= !code.0;
        had
    }
}

/// What a decoder finds in the bytes on the wire, in the order of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// Bytes of the file.
    Data(&'a [u8]),
    /// The same byte of the file so many times.
    Run {
        /// The byte.
        byte: u8,
        /// How often.
        count: usize,
    },
    /// The record ends here.
    EndOfRecord,
    /// The sender does not trust the data that follow.
    Suspect,
    /// The sender could start again from here.
    Marker(Vec<u8>),
    /// The file ends here; bytes behind it are not looked at.
    EndOfFile {
        /// Data came together with the end, and no end of record.
        with_data: bool,
    },
}

/// A block, or a string of bytes, that is just being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// What is still to be said of it.
    codes: Codes,
    content: Content,
    filled: bool,
}

/// What of a unit has not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// So many bytes on the wire.
    Bytes(usize),
    /// So many times this byte.
    Run(usize, u8),
}

/// How far reading a unit has come.
pub(super) enum Step<'a> {
    /// As far as this.
    Found(Item<'a>),
    /// More bytes of the wire are needed.
    Waits,
    /// The unit has been read.
    Over,
}

impl Unit {
    /// A unit with these codes and this content.
    pub(super) fn new(codes: Codes, content: Content) -> Result<Self, WireError> {
        let (Content::Bytes(length) | Content::Run(length, _)) = content;
        let marker = codes.has(Codes::MARKER);
        if marker && length > MARKER_MAX {
            return Err(WireError::MarkerTooLong(length));
        }
        Ok(Self { codes, content, filled: length > 0 && !marker })
    }

    /// Goes on reading. A marker that comes in parts is put together in `marker`.
    pub(super) fn step<'a>(&mut self, wire: &mut &'a [u8], marker: &mut Vec<u8>) -> Step<'a> {
        if self.codes.take(Codes::SUSPECT) {
            return Step::Found(Item::Suspect);
        }
        let is_marker = self.codes.has(Codes::MARKER);
        match &mut self.content {
            Content::Bytes(0) | Content::Run(0, _) => return self.after(marker),
            Content::Run(count, byte) => {
                let (byte, count) = (*byte, std::mem::take(count));
                if !is_marker {
                    return Step::Found(Item::Run { byte, count });
                }
                marker.resize(count, byte);
            }
            Content::Bytes(left) => {
                let data = split_front(wire, *left);
                if data.is_empty() {
                    return Step::Waits;
                }
                *left -= data.len();
                if !is_marker {
                    return Step::Found(Item::Data(data));
                }
                marker.extend_from_slice(data);
            }
        }
        self.step(wire, marker)
    }

    /// What is to be said after the data, thing by thing.
    fn after(&mut self, marker: &mut Vec<u8>) -> Step<'static> {
        if self.codes.take(Codes::MARKER) {
            return Step::Found(Item::Marker(std::mem::take(marker)));
        }
        if self.codes.take(Codes::END_OF_RECORD) {
            self.filled = false;
            return Step::Found(Item::EndOfRecord);
        }
        if self.codes.take(Codes::END_OF_FILE) {
            return Step::Found(Item::EndOfFile { with_data: self.filled });
        }
        Step::Over
    }
}

/// Splits what there is of the next `count` bytes off the front.
pub(super) fn split_front<'a>(wire: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = wire.split_at(count.min(wire.len()));
    *wire = rest;
    front
}
