//! The representation layer: between the bytes of a local file and the bytes on a data connection, for
//! every TYPE, STRU and MODE (RFC 959 sections 3.1 to 3.5).
//!
//! ```text
//!              structure and type                 mode
//! local file ─▶ lines, records, pages ─▶ blocks, strings, escape codes ─▶ data connection     Outbound
//! local file ◀─ lines, records, pages ◀─ blocks, strings, escape codes ◀─ data connection     Inbound
//! ```
//!
//! [`Outbound`] and [`Inbound`] take the next bytes, of any number, and append what comes of them to a
//! buffer; how the bytes are cut makes no difference to the result (but for the very bytes of MODE Z).
//! Nothing here reads, writes or waits, and both hold little: a block, a string, a line's end, at
//! most 1 MiB of a first record. Listings on the way in, REST of stream mode and SIZE are not here.
//!
//! What a local file is:
//! - **Text** (TYPE A and E): lines ended by LF. Its characters are bytes as they are in TYPE A, and UTF-8
//!   in TYPE E. Under FORMAT C it holds the moves of the paper, under T and N the same as any text.
//! - **Records** of text are its lines. Those of other files, and **pages**, have a form on the disk if they
//!   are more than a plain file: `docs/records.md` has them to the byte.
//!
//! All combinations are carried out, except TYPE L with another size than 8. A file that goes out and comes
//! back is equal, except:
//!
//! | what | how it comes back | why |
//! | --- | --- | --- |
//! | TYPE A, STRU F or P, a line ended by CR LF | ended by LF | on the wire both are CR LF |
//! | TYPE E, a character beyond Latin-1 | as SUB, U+001A | the code page does not have it |
//! | TYPE E, a byte that is not UTF-8 | as UTF-8 | it was taken for Latin-1 |
//! | STRU P, a plain file of more than 65280 bytes | is refused | indexes and lengths are one byte |
//! | a file with the first bytes of a form, and not in it | is refused | nobody could tell |
//!
//! What comes in and goes out again is equal too, except:
//!
//! | what | how it goes out | why |
//! | --- | --- | --- |
//! | TYPE A, STRU F or P, an LF alone | as CR LF | it is a line end on the disk |
//! | text, STRU R, a record with LF, or NL, in it | as two | on the disk it is two lines |
//! | FORMAT C, empty lines, first characters that are no controls | as moves that print the same | see `carriage` |
//! | the codes of a last record, of pages the index of the last | as we write them | they are not kept |

mod block;
mod carriage;
mod compressed;
mod deflate;
mod ebcdic;
mod form;
mod frame;
mod framer;
mod inbound;
mod marker;
mod outbound;
mod pages;
mod records;
mod stream;
mod text;

pub use ebcdic::CodePage;
pub use inbound::Inbound;
pub use marker::Marker;
pub use outbound::Outbound;

use crate::Text;
use crate::params::{Mode, Representation, Structure, Type};
use thiserror::Error;

/// What may be set beside the representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The code page of TYPE E.
    pub code_page: CodePage,
    /// A restart marker every so many bytes of a local file, or soon behind them, in block and compressed
    /// mode; none if this is nothing or zero.
    pub marker_interval: Option<u64>,
    /// How hard MODE Z tries, from 0 to 9.
    pub level: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { code_page: CodePage::default(), marker_interval: None, level: 6 }
    }
}

/// How the bytes of a file are put on the wire: all that a codec has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// TYPE, STRU and MODE.
    pub representation: Representation,
    /// What may be set beside them.
    pub settings: Settings,
}

impl Coding {
    /// Whether a file ends in the data connection, and not with it.
    pub const fn is_framed(&self) -> bool {
        self.representation.mode.is_framed()
    }
}

/// Whether there is a codec for it: all but TYPE L with another size than 8.
pub const fn is_carried_out(how: Representation) -> bool {
    match how.kind {
        Type::Ascii(_) | Type::Ebcdic(_) | Type::Image | Type::Local(8) => true,
        Type::Local(_) => false,
    }
}

/// Whether the bytes of the file and of the transfer are the same, so that no codec is needed.
pub const fn passes_through(how: Representation) -> bool {
    matches!(how.kind, Type::Image | Type::Local(8))
        && matches!((how.structure, how.mode), (Structure::File, Mode::Stream))
}

/// Whether the bytes of a file are the same on both sides, whatever the mode puts around them on the wire.
pub const fn is_exact(how: Representation) -> bool {
    passes_through(Representation { mode: Mode::Stream, ..how })
}

/// What became of a push to [`Inbound`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// So many bytes of the wire were taken.
    pub consumed: usize,
    /// The file has ended, and what was not taken is behind it.
    pub ended: bool,
    /// What was in the transfer beside the file, in order.
    pub events: Vec<Event>,
}

/// Something in a transfer that is not the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A restart marker came, to be answered with `110 MARK text = here`. All of the file before it has
    /// been appended to the buffer.
    Marker {
        /// What the sender wrote.
        text: Text,
        /// Our place in the file at that point; nothing if we could not go on there.
        here: Option<Marker>,
    },
    /// The sender does not trust the data that follow.
    Suspect {
        /// So many bytes into the local file.
        at: u64,
    },
}

/// What a transfer could not keep as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Characters that the code page does not have, sent as SUB.
    pub substituted: u64,
    /// Bytes that were not UTF-8, taken for Latin-1.
    pub assumed: u64,
    /// Line ends within records of text, which make two lines of a record.
    pub split: u64,
}

/// Why bytes from the data connection are not a file in the agreed representation. The sender broke
/// the rules, or the connection broke.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// A descriptor has a code that RFC 959 does not assign; most often the sender and we do not agree
    /// where a block begins.
    #[error("descriptor code {0:#04x} is not one of RFC 959")]
    UnknownDescriptor(u8),
    /// A restart marker is longer than could be given back in a REST command.
    #[error("restart marker of {0} bytes")]
    MarkerTooLong(usize),
    /// Behind the escape byte of a record file stands none of the codes.
    #[error("{0:#04x} behind an escape byte is not a code of RFC 959")]
    UnknownEscape(u8),
    /// More records followed a first one that was too long to be held, and was stored as a plain file.
    #[error("a first record of more than {0} bytes, with others behind it")]
    FirstRecordTooLong(usize),
    /// A page has a header that RFC 959 does not allow.
    #[error("a page of type {kind} with a header of {header} bytes and {data} bytes of data")]
    BadPage {
        /// The type of the page.
        kind: u8,
        /// How long its header is.
        header: u8,
        /// How long its data are.
        data: u8,
    },
    /// What should be deflated data is not.
    #[error("the deflated data are damaged")]
    BadDeflate,
    /// Data came behind the last page of a file, or behind its end in what was deflated.
    #[error("data behind the end of the file")]
    BehindEnd,
    /// The connection ended, the file did not.
    #[error("the data connection ended before the end of the file")]
    Cut,
}

/// Why a local file cannot be sent in the agreed representation.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalError {
    /// It begins as a file of records does, and is none from this byte on.
    #[error("the file of records is damaged at byte {0}")]
    BrokenRecords(u64),
    /// It begins as a file of pages does, and is none.
    #[error("the file of pages is damaged")]
    BrokenPages,
    /// It has more bytes than 256 pages of 255 bytes.
    #[error("the file is too long for pages with an index and a length of one byte")]
    TooLongForPages,
}

/// Pages have no place from which a transfer could go on.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a file in pages cannot be restarted")]
pub struct NoRestart;
