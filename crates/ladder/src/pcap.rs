//! Reads a capture file: classic pcap, of either byte order, with micro- or nanoseconds, of Ethernet frames
//! (draft-ietf-opsawg-pcap).
//!
//! It reads from any source, a pipe as well as a file, one frame at a time. It does not read pcapng, other
//! link types, or anything compressed, and says so. Of a file that breaks off every whole frame is given
//! before the error.

use crate::packet::Segment;
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;
use wharf_proto::Moment;

/// Longest frame that is read; capture tools cut at a quarter of it.
const MAX_FRAME: u32 = 1 << 20;
/// The link type of Ethernet.
const ETHERNET: u32 = 1;
/// What a file of pcapng begins with, in either byte order.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// A capture file that is being read.
///
/// ```
/// use wharf_ladder::pcap::{Capture, Error};
/// assert!(matches!(Capture::open(&b"%PDF"[..]), Err(Error::NotPcap(_))));
/// ```
#[derive(Debug)]
pub struct Capture<R> {
    source: R,
    order: Order,
    /// Nanoseconds in a unit of the fraction of a second.
    unit: u32,
    /// The time of the first frame.
    origin: Option<Duration>,
    frames: u64,
    frame: Vec<u8>,
}

/// The byte order of a file.
#[derive(Clone, Copy, Debug)]
enum Order {
    Little,
    Big,
}

/// Why a capture cannot be read, or not further.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It begins with these bytes, and no pcap file does.
    NotPcap([u8; 4]),
    /// Its frames are of another link type.
    LinkType(u32),
    /// It breaks off within a frame, after so many whole ones.
    Truncated {
        /// How many were read.
        frames: u64,
    },
    /// After so many frames there is one of an impossible length: the file is damaged.
    Damaged {
        /// How many were read.
        frames: u64,
        /// The length that the next one would have.
        length: u32,
    },
    /// The source failed.
    Io(io::Error),
}

impl<R: Read> Capture<R> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// [`Error::NotPcap`], [`Error::LinkType`], [`Error::Io`], and [`Error::Truncated`] within the header.
    pub fn open(mut source: R) -> Result<Self, Error> {
        let mut magic = [0; 4];
        fill(&mut source, &mut magic, 0)?;
        let (order, unit) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1000),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1),
            _ => return Err(Error::NotPcap(magic)),
        };
        let mut header = [0; 20];
        fill(&mut source, &mut header, 0)?;
        let [.., a, b, c, d] = header;
        // The upper bits speak of a checksum behind each frame.
        let link = order.number([a, b, c, d]) & 0x03ff_ffff;
        if link != ETHERNET {
            return Err(Error::LinkType(link));
        }
        Ok(Self { source, order, unit, origin: None, frames: 0, frame: Vec::new() })
    }

    /// The next frame, and when it was captured after the first; none at the end of the file.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Damaged`] and [`Error::Io`].
    pub fn next_frame(&mut self) -> Result<Option<(Moment, &[u8])>, Error> {
        let mut header = [0; 16];
        let Some((first, rest)) = header.split_first_mut() else { return Ok(None) };
        loop {
            match self.source.read(std::slice::from_mut(first)) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
        fill(&mut self.source, rest, self.frames)?;
        let [s1, s2, s3, s4, f1, f2, f3, f4, l1, l2, l3, l4, ..] = header;
        let seconds = self.order.number([s1, s2, s3, s4]);
        let fraction = self.order.number([f1, f2, f3, f4]);
        let length = self.order.number([l1, l2, l3, l4]);
        if length > MAX_FRAME {
            return Err(Error::Damaged { frames: self.frames, length });
        }
        self.frame.resize(usize::try_from(length).unwrap_or(0), 0);
        fill(&mut self.source, &mut self.frame, self.frames)?;
        self.frames += 1;
        let nanos = u64::from(fraction) * u64::from(self.unit);
        let at = Duration::from_secs(seconds.into()) + Duration::from_nanos(nanos);
        let since = at.saturating_sub(*self.origin.get_or_insert(at));
        Ok(Some((Moment::after(since), &self.frame)))
    }

    /// Gives every TCP segment of the rest of the file, in its order, and how many frames there were in all.
    ///
    /// # Errors
    /// Those of [`Capture::next_frame`], after the segments before them were given.
    pub fn each_segment(&mut self, mut take: impl FnMut(&Segment<'_>)) -> Result<u64, Error> {
        while let Some((at, frame)) = self.next_frame()? {
            if let Some(segment) = Segment::of_ethernet(at, frame) {
                take(&segment);
            }
        }
        Ok(self.frames)
    }
}

impl Order {
    fn number(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// Reads what must be there.
fn fill(source: &mut impl Read, bytes: &mut [u8], frames: u64) -> Result<(), Error> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated { frames },
        _ => Error::Io(error),
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPcap(PCAPNG) => {
                f.write_str("a pcapng file, which is not read yet; `tcpdump -w` writes pcap")
            }
            Self::NotPcap(_) => f.write_str("not a pcap file"),
            Self::LinkType(link) => write!(f, "its frames are of link type {link}, not Ethernet"),
            Self::Truncated { frames } => write!(f, "the file breaks off after frame {frames}"),
            Self::Damaged { frames, length } => {
                write!(f, "damaged after frame {frames}: the next would have {length} bytes")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::NotPcap(_)
            | Self::LinkType(_)
            | Self::Truncated { .. }
            | Self::Damaged { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file with these frames, a second and a half apart.
    fn file(order: Order, nanos: bool, frames: &[&[u8]]) -> Vec<u8> {
        let put = |number: u32| match order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        };
        let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let half = if nanos { 500_000_000 } else { 500_000 };
        let mut file: Vec<u8> = [magic, 0x0002_0004, 0, 0, 65_535, 1].map(put).concat();
        for (n, frame) in (0u32..).zip(frames) {
            let length = u32::try_from(frame.len()).unwrap();
            file.extend([7 + n * 3 / 2, n % 2 * half, length, length].map(put).concat());
            file.extend_from_slice(frame);
        }
        file
    }

    fn frames(file: &[u8]) -> (Vec<(u128, Vec<u8>)>, Option<Error>) {
        let mut out = Vec::new();
        let mut capture = match Capture::open(file) {
            Ok(capture) => capture,
            Err(error) => return (out, Some(error)),
        };
        loop {
            match capture.next_frame() {
                Ok(Some((at, frame))) => {
                    out.push((at.since(Moment::START).as_millis(), frame.to_vec()));
                }
                Ok(None) => return (out, None),
                Err(error) => return (out, Some(error)),
            }
        }
    }

    #[test]
    fn both_byte_orders_and_both_resolutions_are_read() {
        for order in [Order::Little, Order::Big] {
            for nanos in [false, true] {
                let (got, error) = frames(&file(order, nanos, &[b"one", b"", b"three"]));
                assert!(error.is_none());
                let times: Vec<u128> = got.iter().map(|(at, _)| *at).collect();
                assert_eq!(times, [0, 1500, 3000], "{order:?}, nanoseconds: {nanos}");
                assert_eq!(got[2].1, b"three");
            }
        }
    }

    #[test]
    fn a_file_that_breaks_off_gives_its_whole_frames_first() {
        let whole = file(Order::Little, false, &[b"one", b"two"]);
        let (got, error) = frames(&whole[..whole.len() - 1]);
        assert_eq!(got.len(), 1);
        assert_eq!(error.unwrap().to_string(), "the file breaks off after frame 1");
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let why = |file: &[u8]| frames(file).1.map(|error| error.to_string()).unwrap();
        assert_eq!(why(b"%PDF-1.4"), "not a pcap file");
        assert!(why(&PCAPNG).starts_with("a pcapng file"));
        let mut raw = file(Order::Big, false, &[]);
        raw[23] = 101;
        assert_eq!(why(&raw), "its frames are of link type 101, not Ethernet");
        let mut damaged = file(Order::Big, false, &[b"one"]);
        damaged[32] = 0xff;
        assert!(why(&damaged).starts_with("damaged after frame 0"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
            magic in proptest::option::of(0..2u32),
        ) {
            if let Some(nanos) = magic {
                let head = file(Order::Little, nanos == 1, &[]);
                bytes.splice(0..0, head);
            }
            frames(&bytes);
        }
    }
}
