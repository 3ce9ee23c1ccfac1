//! The representation layer: between the bytes of a local file and the bytes on a data connection
//! (RFC 959 sections 3.1 to 3.5).
//!
//! Nothing here reads, writes or waits; every part takes the next bytes, of any number, and appends
//! what comes of them. How the bytes are cut makes no difference to the result.

pub mod block;
pub mod carriage;
pub mod compressed;
pub mod deflate;
pub mod ebcdic;
mod form;
pub mod frame;
pub mod marker;
pub mod pages;
pub mod records;
pub mod stream;

use thiserror::Error;

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
    /// Bytes came behind the last page.
    #[error("data behind the last page")]
    BehindLastPage,
    /// What should be deflated data is not.
    #[error("the deflated data are damaged")]
    BadDeflate,
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
