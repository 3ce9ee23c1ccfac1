//! Classic pcap: a header, then a record a frame, of micro- or nanoseconds.

use super::input::Input;
use super::{Error, Facts, Found, MAX_FRAME, Order, size};
use std::io::Read;
use std::time::Duration;

/// Bytes of the file's header.
const HEADER: usize = 24;
/// Bytes before each frame.
const RECORD: usize = 16;

/// What the header says.
#[derive(Debug)]
pub(super) struct Reader {
    order: Order,
    /// Nanoseconds in a unit of the fraction of a second.
    unit: u32,
    link: u32,
}

/// Whether a file of this format begins so.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    known(magic).is_some()
}

/// The byte order and the unit of time of a file that begins so.
fn known(magic: [u8; 4]) -> Option<(Order, u32)> {
    match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] => Some((Order::Little, 1000)),
        [0xa1, 0xb2, 0xc3, 0xd4] => Some((Order::Big, 1000)),
        [0x4d, 0x3c, 0xb2, 0xa1] => Some((Order::Little, 1)),
        [0xa1, 0xb2, 0x3c, 0x4d] => Some((Order::Big, 1)),
        _ => None,
    }
}

impl Reader {
    /// Reads the header; nothing where the file is of another format.
    pub(super) fn open(
        magic: [u8; 4],
        input: &mut Input<impl Read>,
    ) -> Result<Option<Self>, Error> {
        let Some((order, unit)) = known(magic) else { return Ok(None) };
        // The upper bits of the link type speak of a checksum behind each frame.
        let header = input.peek(HEADER, 0)?;
        let link = order.long(header.get(20..).unwrap_or_default()) & 0x03ff_ffff;
        input.take(HEADER, 0);
        Ok(Some(Self { order, unit, link }))
    }

    pub(super) fn next(
        &self,
        input: &mut Input<impl Read>,
        facts: &Facts,
    ) -> Result<Option<Found>, Error> {
        if input.is_at_end()? {
            return Ok(None);
        }
        let header = input.peek(RECORD, facts.frames)?;
        let number = |at: usize| self.order.long(header.get(at..).unwrap_or_default());
        let [seconds, fraction, length, original] = [0, 4, 8, 12].map(number);
        if length > MAX_FRAME {
            return Err(facts.damaged(length));
        }
        input.take(RECORD, 0);
        let length = size(length);
        input.peek(length, facts.frames)?;
        let nanos = u64::from(fraction) * u64::from(self.unit);
        let at = Duration::from_secs(seconds.into()) + Duration::from_nanos(nanos);
        let original = size(original).max(length);
        Ok(Some(Found { at, link: self.link, length, original, behind: 0 }))
    }
}
