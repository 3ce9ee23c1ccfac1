//! pcapng: sections of blocks; interfaces with a link type and a resolution of time each, frames of an
//! interface, and the secrets of TLS sessions. Other blocks are passed over.

use super::input::Input;
use super::{Error, Facts, Found, MAX_FRAME, Order, array, size};
use std::io::Read;
use std::time::Duration;

/// What a file begins with, in either byte order.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;
/// The secrets of a key log file.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Type and length before a block's body.
const HEAD: usize = 8;
/// The length again, behind it.
const FOOT: usize = 4;
/// Blocks other than frames that are looked into are not longer than this.
const MAX_BLOCK: u32 = 16 << 20;
/// Interfaces of a section that are kept.
const MAX_INTERFACES: usize = 4096;

/// Options of an interface: the resolution of its times, and seconds to add to them.
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

/// What the section says.
#[derive(Debug)]
pub(super) struct Reader {
    order: Order,
    interfaces: Vec<Interface>,
    /// The time of the last frame, which one without a time takes.
    last: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u32,
    /// Frames without a length of their own are cut here; zero for never.
    cut: u32,
    units: u64,
    offset: i64,
}

impl Default for Reader {
    fn default() -> Self {
        Self { order: Order::Little, interfaces: Vec::new(), last: Duration::ZERO }
    }
}

impl Reader {
    /// Reads up to the next frame.
    pub(super) fn next(
        &mut self,
        input: &mut Input<impl Read>,
        facts: &Facts,
    ) -> Result<Option<Found>, Error> {
        loop {
            if input.is_at_end()? {
                return Ok(None);
            }
            let frames = facts.frames;
            if input.peek(4, frames)? == MAGIC {
                self.section(input, facts)?;
                continue;
            }
            let head = input.peek(HEAD, frames)?;
            let kind = self.order.long(head);
            let length = self.order.long(head.get(4..).unwrap_or_default());
            let whole = size(length);
            if whole < HEAD + FOOT || !length.is_multiple_of(4) {
                return Err(facts.damaged(length));
            }
            let body = whole - HEAD - FOOT;
            match kind {
                PACKET | OLD_PACKET | SIMPLE_PACKET => {
                    if length > MAX_FRAME + 64 * 1024 {
                        return Err(facts.damaged(length));
                    }
                    input.peek(whole, frames)?;
                    input.take(HEAD, 0);
                    if let Some(found) = self.frame(kind, body, input, facts)? {
                        return Ok(Some(found));
                    }
                }
                INTERFACE | SECRETS if length <= MAX_BLOCK => {
                    let block = input.peek(whole, frames)?;
                    let body = block.get(HEAD..whole - FOOT).unwrap_or_default();
                    if kind == INTERFACE {
                        self.interface(body)
                    } else {
                        self.secrets(body, facts)
                    }
                    input.take(whole, 0);
                }
                _ => input.skip(whole, frames)?,
            }
        }
    }

    /// A section begins: the byte order may change, and the interfaces are others.
    fn section(&mut self, input: &mut Input<impl Read>, facts: &Facts) -> Result<(), Error> {
        let head = input.peek(12, facts.frames)?;
        let magic: [u8; 4] = array(head.get(8..).unwrap_or_default());
        self.order = match magic {
            [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            _ => return Err(facts.damaged(SECTION)),
        };
        let length = self.order.long(head.get(4..).unwrap_or_default());
        if length < 28 || !length.is_multiple_of(4) {
            return Err(facts.damaged(length));
        }
        self.interfaces.clear();
        input.skip(size(length), facts.frames)
    }

    fn interface(&mut self, body: &[u8]) {
        if self.interfaces.len() >= MAX_INTERFACES {
            return;
        }
        let order = self.order;
        let cut = order.long(body.get(4..).unwrap_or_default());
        let link = u32::from(order.short(body));
        let mut interface = Interface { link, cut, units: 1_000_000, offset: 0 };
        let mut options = body.get(8..).unwrap_or_default();
        while let Some((head, rest)) = options.split_at_checked(4) {
            let (code, length) = (order.short(head), usize::from(order.short(&head[2..])));
            let Some(value) = rest.get(..length) else { break };
            match (code, value) {
                (RESOLUTION, [power, ..]) => interface.units = units(*power),
                (OFFSET, _) => interface.offset = self.wide(value).cast_signed(),
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
    }

    /// A number of eight bytes.
    fn wide(&self, bytes: &[u8]) -> u64 {
        let half = |at: usize| u64::from(self.order.long(bytes.get(at..).unwrap_or_default()));
        let (low, high) = if self.order == Order::Little { (0, 4) } else { (4, 0) };
        half(high) << 32 | half(low)
    }

    fn secrets(&self, body: &[u8], facts: &Facts) {
        let length = size(self.order.long(body.get(4..).unwrap_or_default()));
        if self.order.long(body) == TLS_KEY_LOG {
            let bytes = body.get(8..).unwrap_or_default();
            facts.keys.learn(bytes.get(..length).unwrap_or(bytes));
        }
    }

    /// A block with a frame, whose whole body is in the input.
    fn frame(
        &mut self,
        kind: u32,
        body: usize,
        input: &mut Input<impl Read>,
        facts: &Facts,
    ) -> Result<Option<Found>, Error> {
        let order = self.order;
        let block = input.peek(body + FOOT, facts.frames)?;
        let number = |at: usize| order.long(block.get(at..).unwrap_or_default());
        let (of, head, length, original) = match kind {
            PACKET => (number(0), 20, number(12), number(16)),
            OLD_PACKET => (order.short(block).into(), 20, number(12), number(16)),
            _ => (0, 4, number(0), number(0)),
        };
        let Some(interface) = self.interfaces.get(size(of)) else {
            input.take(body + FOOT, 0);
            return Ok(None);
        };
        let length = match kind {
            SIMPLE_PACKET if interface.cut > 0 => length.min(interface.cut),
            _ => length,
        };
        let (head, length) = (head.min(body), size(length));
        if length > body - head {
            return Err(facts.damaged(u32::try_from(length).unwrap_or(u32::MAX)));
        }
        if kind != SIMPLE_PACKET {
            self.last = interface.time(number(4), number(8));
        }
        let (at, link) = (self.last, interface.link);
        input.take(head, 0);
        let original = size(original).max(length);
        Ok(Some(Found { at, link, length, original, behind: body - head - length + FOOT }))
    }
}

impl Interface {
    fn time(&self, high: u32, low: u32) -> Duration {
        let time = u64::from(high) << 32 | u64::from(low);
        let (seconds, rest) = (time / self.units, time % self.units);
        let nanos = u128::from(rest) * 1_000_000_000 / u128::from(self.units);
        Duration::from_secs(seconds.saturating_add_signed(self.offset))
            .saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
    }
}

/// How many units a second has: a negative power of ten, or of two where the highest bit is set. What is finer
/// than the numbers of this file can say is taken as nanoseconds.
fn units(power: u8) -> u64 {
    let (base, power) = if power & 0x80 == 0 { (10u64, power) } else { (2, power & 0x7f) };
    base.checked_pow(power.into()).unwrap_or(1_000_000_000)
}
