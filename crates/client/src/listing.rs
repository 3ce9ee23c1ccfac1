//! Listings: asking for one in the best format the server has, and reading it into entries.
//!
//! The formats themselves are read by `wharf_proto::listing`. Rows that nobody can read are kept as they
//! came, never dropped: a folder is not lost because of one odd line. RFC 959 section 4.1.3, RFC 3659
//! section 7.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::io::AsyncWrite;
use wharf_proto::listing::{Entry, Hints, Role, Rows, read_listing};
use wharf_proto::params::{Format, Type};
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text};

use crate::transfer::Order;
use crate::{BYTES, Error, Session, quiet};

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries in the server's order, without the folder itself and the one above.
    pub entries: Vec<Entry>,
    /// The rows that could not be read.
    pub unread: Vec<Text>,
}

impl Listing {
    /// Reads the bytes of a LIST or MLSD, whatever family of hosts they are from.
    ///
    /// ```
    /// let rows = b"type=file;size=3; a b\r\n-rw-r--r-- 1 u g 3 Jan  1  2020 c\r\nmumble\r\n";
    /// let listing = wharf_client::Listing::read(rows);
    /// assert_eq!(listing.entries.len(), 2);
    /// assert_eq!(listing.unread[0].to_string(), "mumble");
    /// ```
    pub fn read(bytes: &[u8]) -> Self {
        Self::of(read_listing(bytes, now()))
    }

    fn of(rows: Rows<'_>) -> Self {
        let mut listing = Self::default();
        for row in rows {
            match row {
                Ok(entry) if entry.role == Role::Member => listing.entries.push(entry),
                Ok(_) => {}
                Err(row) => listing.unread.push(row.into()),
            }
        }
        listing
    }
}

impl Session {
    /// What is in a folder (the current one, where `path` is `None`): by MLSD where the server has it,
    /// else by LIST.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong`, and every error that a transfer can have.
    pub async fn list(&mut self, path: Option<&Text>) -> Result<Listing, Error> {
        if self.features().await?.has("MLST") {
            match self.collect(Command::Mlsd(path.cloned())).await {
                Ok(bytes) => return Ok(Listing::read(&bytes)),
                Err(error) if self.has_no_mlsd(&error) => {}
                // MLSD lists folders only; LIST will tell whether it is a file or nothing.
                Err(Error::Refused { .. }) if path.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        let bytes = self.list_text(path).await?;
        self.read_rows(&bytes).await
    }

    /// Reads the rows of LIST. What the server is, it is asked only where the rows do not tell.
    async fn read_rows(&mut self, bytes: &[u8]) -> Result<Listing, Error> {
        let (now, rows) = (now(), read_listing(bytes, now()));
        if !rows.is_in_doubt() || self.plain {
            return Ok(Listing::of(rows));
        }
        let hints = Hints { now, system: self.system().await?.as_bytes() };
        Ok(Listing::of(read_listing(bytes, hints)))
    }

    /// The bytes of LIST: text for people, in the form of the server's own system.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong`, and every error that a transfer can have.
    pub async fn list_text(&mut self, path: Option<&Text>) -> Result<Vec<u8>, Error> {
        self.collect(Command::List(path.cloned())).await
    }

    /// The bytes of NLST: a name a line.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong`, and every error that a transfer can have.
    pub async fn list_names(&mut self, path: Option<&Text>) -> Result<Vec<u8>, Error> {
        self.collect(Command::Nlst(path.cloned())).await
    }

    async fn collect(&mut self, command: Command) -> Result<Vec<u8>, Error> {
        let text = Type::Ascii(Format::NonPrint);
        self.set_type(text).await?;
        let limit = self.listing_limit;
        let mut bytes = Bounded { bytes: Vec::new(), limit };
        // The rows are cut by whoever reads them, so their line ends need no translation.
        let order =
            Order { command: &command, offset: 0, restart: false, expected: None, how: BYTES };
        match self.receive(&order, &mut bytes, &mut quiet()).await {
            Ok(_) => Ok(bytes.bytes),
            Err(Error::Sink(_)) => Err(Error::ListingTooLong { limit }),
            Err(error) => Err(error),
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// Bytes in memory, up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
