//! Restart markers (RFC 959 section 3.5): what ours say, and where we put them.
//!
//! A marker means something to its sender alone. Ours is the number of bytes of the local file that are
//! behind us, in decimal digits, as REST of a stream transfer has it; where the codecs have to be told
//! more than that in order to go on, a dot and a small number follow. As RFC 959 section 3.4.2 asks, the
//! characters are printable, in the language of the control connection (ASCII, whatever the TYPE of the
//! transfer), and there is no space among them.

use crate::number::decimal;
use std::fmt;

/// A place in a local file from which a transfer in block or compressed mode can go on.
///
/// ```
/// use wharf_proto::codec::Marker;
///
/// let marker = Marker::parse(b"65536").unwrap();
/// assert_eq!(marker.offset(), 65536);
/// assert_eq!(marker.to_string(), "65536");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    offset: u64,
    state: u8,
}

impl Marker {
    /// This many bytes into the file, with what the codec has to know.
    pub(super) const fn new(offset: u64, state: u8) -> Self {
        Self { offset, state }
    }

    /// The place so many bytes into the file, where the codec has nothing to know.
    pub const fn at(offset: u64) -> Self {
        Self { offset, state: 0 }
    }

    /// Parses a marker that we gave out, which has come back as the argument of REST.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(2, |byte| *byte == b'.');
        // A place in a file is an offset that a file can have.
        let offset = decimal(parts.next()?).filter(|offset| i64::try_from(*offset).is_ok())?;
        let state = parts.next().map_or(Some(0), decimal)?;
        Some(Self { offset, state })
    }

    /// How many bytes of the local file are before it.
    pub const fn offset(self) -> u64 {
        self.offset
    }

    /// What the codec has to know.
    pub(super) const fn state(self) -> u8 {
        self.state
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.offset)?;
        if self.state == 0 { Ok(()) } else { write!(f, ".{}", self.state) }
    }
}

/// When the next marker is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    interval: u64,
    due: u64,
}

impl Schedule {
    /// A marker every so many bytes of the local file, from this one on.
    #[must_use]
    pub(super) const fn new(interval: u64, from: u64) -> Self {
        Self { interval, due: from.saturating_add(interval) }
    }

    /// How many of the next `length` bytes, `at` bytes into the file, to take before a marker is due.
    /// Nothing when it is not due within them.
    pub(super) fn within(&self, at: u64, length: usize) -> Option<usize> {
        usize::try_from(self.due.saturating_sub(at)).ok().filter(|left| *left <= length)
    }

    /// Whether a marker is due here.
    pub(super) const fn is_due(&self, at: u64) -> bool {
        at >= self.due
    }

    /// A marker has been put here.
    pub(super) const fn put(&mut self, at: u64) {
        self.due = at.saturating_add(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_parsed_as_it_prints() {
        for marker in
            [Marker::new(0, 0), Marker::new(i64::MAX.unsigned_abs(), 0), Marker::new(4096, 255)]
        {
            assert_eq!(Marker::parse(marker.to_string().as_bytes()), Some(marker));
        }
    }

    #[test]
    fn what_we_did_not_give_out_is_no_marker() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1.2.3",
            "1.256",
            "+1",
            "-1",
            " 1",
            "1 ",
            "x",
            "9223372036854775808",
            "18446744073709551616",
        ] {
            assert_eq!(Marker::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_marker_is_due_an_interval_behind_the_last() {
        let mut schedule = Schedule::new(100, 50);
        assert_eq!((schedule.within(50, 99), schedule.within(50, 100)), (None, Some(100)));
        assert!(schedule.is_due(150) && !schedule.is_due(149));
        schedule.put(170);
        assert_eq!((schedule.within(170, 99), schedule.within(269, 99)), (None, Some(1)));
    }
}
