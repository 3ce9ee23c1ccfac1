//! Reads a capture file: pcap and pcapng, of either byte order and any resolution of time, as it is or packed
//! by gzip or zstd (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).
//!
//! It reads from any source, a pipe as well as a file, one frame at a time, and keeps nothing but the frame that
//! it gives. Of a file that breaks off every whole frame is given before the error. What is in a frame is
//! `packet.rs`'s business.

mod input;
mod ng;
mod old;

use crate::packet::{Link, Segment};
use crate::tls::Keys;
use input::Input;
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;
use wharf_proto::Moment;

/// Longest frame that is read; capture tools cut at a quarter of it.
const MAX_FRAME: u32 = 1 << 20;
/// The largest window of a zstd file, as a power of two: more than its packer takes without being told to.
const ZSTD_WINDOW: u32 = 25;
/// What files begin with that are no capture but hold one.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A capture file that is being read.
///
/// ```
/// use wharf_ladder::capture::{Capture, Error};
/// assert!(matches!(Capture::open(&b"%PDF"[..]), Err(Error::NotACapture(_))));
/// ```
pub struct Capture<'a> {
    input: Input<Box<dyn Read + Send + 'a>>,
    format: Format,
    facts: Facts,
}

/// What kind of file.
#[derive(Debug)]
enum Format {
    Old(old::Reader),
    Ng(ng::Reader),
}

/// What is known of the file as a whole.
#[derive(Debug, Default)]
struct Facts {
    /// When the first frame was captured, since 1970.
    origin: Option<Duration>,
    frames: u64,
    /// Frames of a link type that is not read, and one of these link types.
    unread: Option<(u32, u64)>,
    /// Frames of which the end was not captured, and the most that was captured of one.
    cut: Option<(u64, usize)>,
    keys: Keys,
}

/// A captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its number, from 1, as other readers of captures count too.
    pub no: u64,
    /// When, since the first frame.
    pub at: Moment,
    /// What its bytes begin with; none where that is a link type that is not read.
    pub link: Option<Link>,
    /// Its bytes, as far as they were captured.
    pub bytes: &'a [u8],
    /// How many bytes it had on the wire.
    pub original: usize,
}

/// Where a frame is, for the readers of the two formats.
struct Found {
    at: Duration,
    link: u32,
    /// Where its bytes are in the input.
    length: usize,
    /// How many bytes it had on the wire.
    original: usize,
    /// How many bytes of the file follow that are not the frame's.
    behind: usize,
}

/// The byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// Why a capture cannot be read, or not further.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It begins with these bytes, and no capture does.
    NotACapture([u8; 4]),
    /// It breaks off, after so many whole frames.
    Truncated {
        /// How many were read.
        frames: u64,
    },
    /// After so many frames there is something of an impossible length: the file is damaged.
    Damaged {
        /// How many were read.
        frames: u64,
        /// The length that the next one would have.
        length: u32,
    },
    /// The source failed, or what it was packed with is damaged.
    Io(io::Error),
}

impl<'a> Capture<'a> {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// [`Error::NotACapture`], [`Error::Io`], and [`Error::Truncated`] within the header.
    pub fn open(source: impl Read + Send + 'a) -> Result<Self, Error> {
        Self::of(unpacked(source).map_err(Error::Io)?)
    }

    /// The same of a source that was unpacked already.
    ///
    /// # Errors
    /// Those of [`Capture::open`].
    pub fn of(unpacked: Box<dyn Read + Send + 'a>) -> Result<Self, Error> {
        let mut input = Input::new(unpacked);
        let magic: [u8; 4] = array(input.peek(4, 0)?);
        let format = match old::Reader::open(magic, &mut input)? {
            Some(reader) => Format::Old(reader),
            None if magic == ng::MAGIC => Format::Ng(ng::Reader::default()),
            None => return Err(Error::NotACapture(magic)),
        };
        Ok(Self { input, format, facts: Facts::default() })
    }

    /// The same with secrets that are known already, and share what the file brings.
    #[must_use]
    pub fn with_keys(mut self, keys: Keys) -> Self {
        self.facts.keys = keys;
        self
    }

    /// The next frame; none at the end of the file.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Damaged`] and [`Error::Io`], of which [`io::ErrorKind::WouldBlock`] is none to give up
    /// at: the source has nothing just now, and may be asked again.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let found = match &mut self.format {
            Format::Old(reader) => reader.next(&mut self.input, &self.facts)?,
            Format::Ng(reader) => reader.next(&mut self.input, &self.facts)?,
        };
        let Some(Found { at, link, length, original, behind }) = found else { return Ok(None) };
        self.facts.frames += 1;
        let since = at.saturating_sub(*self.facts.origin.get_or_insert(at));
        let number = link;
        let link = Link::of_number(number);
        if link.is_none() {
            let (_, count) = self.facts.unread.get_or_insert((number, 0));
            *count += 1;
        }
        if length < original {
            let (count, most) = self.facts.cut.get_or_insert((0, 0));
            (*count, *most) = (*count + 1, length.max(*most));
        }
        let bytes = self.input.take(length, behind);
        Ok(Some(Frame { no: self.facts.frames, at: Moment::after(since), link, bytes, original }))
    }

    /// Gives every TCP segment of the rest of the file, in its order, and how many frames there were in all.
    ///
    /// # Errors
    /// Those of [`Capture::next_frame`], after the segments before them were given.
    pub fn each_segment(&mut self, mut take: impl FnMut(&Segment<'_>)) -> Result<u64, Error> {
        while let Some(frame) = self.next_frame()? {
            if let Some(segment) = Segment::of_frame(&frame) {
                take(&segment);
            }
        }
        Ok(self.frames())
    }

    /// Whether these bytes are the beginning of a capture, unpacked.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.len() >= 4 && (old::is_magic(array(bytes)) || array(bytes) == ng::MAGIC)
    }

    /// How many frames were read.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.facts.frames
    }

    /// When the first frame was captured, since the beginning of 1970; none before it was read.
    #[must_use]
    pub fn origin(&self) -> Option<Duration> {
        self.facts.origin
    }

    /// A link type of frames that could not be read, and how many those were.
    #[must_use]
    pub fn unread(&self) -> Option<(u32, u64)> {
        self.facts.unread
    }

    /// How many frames were cut when they were captured, and how many bytes there are of the longest of these.
    #[must_use]
    pub fn cut(&self) -> Option<(u64, usize)> {
        self.facts.cut
    }

    /// The TLS secrets that the file has brought so far, and those that were learnt otherwise: who copies this shares
    /// what comes.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.facts.keys
    }
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Facts {
    fn damaged(&self, length: u32) -> Error {
        Error::Damaged { frames: self.frames, length }
    }
}

/// A source without what it may be packed with: gzip or zstd, known by their first bytes.
///
/// # Errors
/// Those of the source.
pub fn unpacked<'a>(mut source: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut head = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut head)?;
    let (gzip, zstd) = (head.starts_with(&GZIP), head.starts_with(&ZSTD));
    let whole = io::Cursor::new(head).chain(source);
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        (_, true) => {
            let mut decoder = zstd::Decoder::new(whole)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        (false, false) => Box::new(whole),
    })
}

impl Order {
    fn long(self, bytes: &[u8]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(array(bytes)),
            Self::Big => u32::from_be_bytes(array(bytes)),
        }
    }

    fn short(self, bytes: &[u8]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(array(bytes)),
            Self::Big => u16::from_be_bytes(array(bytes)),
        }
    }
}

/// The first bytes, filled up with zeros where there are fewer.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    if let Some(whole) = bytes.first_chunk() {
        return *whole;
    }
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

/// A length of the file as one of the memory.
fn size(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture(_) => f.write_str("neither pcap nor pcapng"),
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
            Self::NotACapture(_) | Self::Truncated { .. } | Self::Damaged { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
