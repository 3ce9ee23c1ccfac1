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
use wharf_proto::listing::{Entry, Hints, Role, Rows, mlsx, read_listing};
use wharf_proto::params::{Format, Type};
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text};

use crate::transfer::{Order, Restart};
use crate::{BYTES, Connection, Error, Proof, Session, Transfer, quiet};

/// How long a row may be.
const LONGEST_ROW: usize = 64 << 10;

/// What a server says behind 226 of a folder that it could not open.
const NOT_OPENED: &[u8] = b"failed to open directory";

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
        rows.for_each(|row| listing.add(row.map_err(Text::from)));
        listing
    }

    fn add(&mut self, row: Result<Entry, Text>) {
        match row {
            Ok(entry) if entry.role == Role::Member => self.entries.push(entry),
            Ok(_) => {}
            Err(row) => self.unread.push(row),
        }
    }
}

/// Hears of the rows of a listing, one after the other: an entry, or a row that nobody can read, as it came. An error
/// ends the listing, as [`Error::Sink`].
pub type RowWatch<'a> = dyn FnMut(Result<Entry, Text>) -> io::Result<()> + Send + 'a;

impl Session {
    /// What is in a folder (the current one, where `path` is `None`): by MLSD where the server has it,
    /// else by LIST.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong`, `RowTooLong`, and every error that a transfer can have.
    pub async fn list(&mut self, path: Option<&Text>) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        let mut each = |row| {
            listing.add(row);
            Ok(())
        };
        self.list_rows(path, self.listing_limit, &mut each).await?;
        Ok(listing)
    }

    /// The same, each entry handed over as it comes, in the server's order and without the folder itself and the one
    /// above. By MLSD a folder of any size takes no memory; what the rows of LIST mean is seen from all of them only, so
    /// they are held until the last has come.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong` (by LIST), `RowTooLong`, `Sink` for an error of `each`, and every error that a transfer
    /// can have.
    pub async fn list_each(
        &mut self,
        path: Option<&Text>,
        each: &mut RowWatch<'_>,
    ) -> Result<(), Error> {
        let mut members = |row: Result<Entry, Text>| match row {
            Ok(entry) if entry.role != Role::Member => Ok(()),
            row => each(row),
        };
        self.list_rows(path, usize::MAX, &mut members).await
    }

    async fn list_rows(
        &mut self,
        path: Option<&Text>,
        limit: usize,
        each: &mut RowWatch<'_>,
    ) -> Result<(), Error> {
        if self.features().await?.has("MLST") {
            let mut rows = ByRow { each, rest: Vec::new(), now: now(), limit, taken: 0 };
            let listed = self.receive_listing(Command::Mlsd(path.cloned()), &mut rows).await;
            match listed {
                // A row without an end is none, and there may have been more behind it.
                Ok(()) if !rows.rest.is_empty() => return Err(self.cut_short(rows.taken as u64)),
                Err(error) if self.has_no_mlsd(&error) => {}
                // MLSD lists folders only; LIST will tell whether it is a file or nothing.
                Err(Error::Refused { .. }) if path.is_some() && rows.taken == 0 => {}
                Err(Error::Sink(_)) if rows.is_too_long() => {
                    let of_all = rows.taken > limit;
                    return Err(match of_all {
                        true => Error::ListingTooLong { limit },
                        false => Error::RowTooLong { limit: LONGEST_ROW },
                    });
                }
                done => return done,
            }
        }
        let bytes = self.list_text(path).await?;
        for row in self.rows_of(&bytes).await? {
            each(row.map_err(Text::from)).map_err(Error::Sink)?;
        }
        Ok(())
    }

    /// Reads the rows of LIST. What the server is, it is asked only where the rows do not tell.
    async fn rows_of<'l>(&mut self, bytes: &'l [u8]) -> Result<Rows<'l>, Error> {
        let (now, rows) = (now(), read_listing(bytes, now()));
        if !rows.is_in_doubt() || self.plain {
            return Ok(rows);
        }
        let hints = Hints { now, system: self.system().await?.as_bytes() };
        Ok(read_listing(bytes, hints))
    }

    /// The bytes of LIST: text for people, in the form of the server's own system.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong`, `RowTooLong`, and every error that a transfer can have.
    pub async fn list_text(&mut self, path: Option<&Text>) -> Result<Vec<u8>, Error> {
        self.collect(Command::List(path.cloned())).await
    }

    /// The bytes of NLST: a name a line.
    ///
    /// # Errors
    /// `Refused`, `ListingTooLong`, `RowTooLong`, and every error that a transfer can have.
    pub async fn list_names(&mut self, path: Option<&Text>) -> Result<Vec<u8>, Error> {
        self.collect(Command::Nlst(path.cloned())).await
    }

    async fn collect(&mut self, command: Command) -> Result<Vec<u8>, Error> {
        let first = self.collect_once(command.clone()).await?;
        if first.last().is_none_or(|last| *last == b'\n') {
            return Ok(first);
        }
        // Some servers never end the last row: then it is the same once more.
        let second = self.collect_once(command).await?;
        match second.last() == Some(&b'\n') || second == first {
            true => Ok(second),
            false => Err(self.cut_short(second.len() as u64)),
        }
    }

    async fn collect_once(&mut self, command: Command) -> Result<Vec<u8>, Error> {
        let limit = self.listing_limit;
        let mut bytes = Bounded { bytes: Vec::new(), limit };
        match self.receive_listing(command, &mut bytes).await {
            Ok(())
                if bytes.bytes.split(|byte| *byte == b'\n').any(|row| row.len() > LONGEST_ROW) =>
            {
                Err(Error::RowTooLong { limit: LONGEST_ROW })
            }
            Ok(()) => Ok(bytes.bytes),
            Err(Error::Sink(_)) => Err(Error::ListingTooLong { limit }),
            Err(error) => Err(error),
        }
    }

    /// The error of a listing that ends in the midst of a row, after so many bytes.
    pub(crate) fn cut_short(&self, moved: u64) -> Error {
        let last = self.control.last_boxed();
        Error::Unproven { missing: Proof::LastRow, moved, last, source: None }
    }

    async fn receive_listing<W: AsyncWrite + Unpin>(
        &mut self,
        command: Command,
        to: &mut W,
    ) -> Result<(), Error> {
        self.set_type(Type::Ascii(Format::NonPrint)).await?;
        // The rows are cut by whoever reads them, so their line ends need no translation.
        let order = Order {
            command: &command,
            offset: 0,
            restart: Restart::Known,
            expected: None,
            how: BYTES,
        };
        let transfer = self.receive(&order, to, &mut quiet()).await?;
        was_opened(&command, transfer)
    }
}

/// Whether a listing is one: vsftpd calls it done where it could not open the folder, and says so behind that.
pub(crate) fn was_opened(command: &Command, listing: Transfer) -> Result<(), Error> {
    let said = listing.reply.lines.iter().any(|line| {
        let words = line.as_bytes().to_ascii_lowercase();
        words.windows(NOT_OPENED.len()).any(|part| part == NOT_OPENED)
    });
    match said {
        true => Err(Error::Refused { last: Connection::exchange(command, Some(listing.reply)) }),
        false => Ok(()),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// Bytes in memory, up to a limit.
pub(crate) struct Bounded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) limit: usize,
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

/// Rows of MLSD, each read and handed over when it is whole.
struct ByRow<'w, 'e> {
    each: &'w mut RowWatch<'e>,
    /// The beginning of a row whose end has not come.
    rest: Vec<u8>,
    now: Timestamp,
    /// How many bytes there may be in all.
    limit: usize,
    taken: usize,
}

impl ByRow<'_, '_> {
    fn is_too_long(&self) -> bool {
        self.taken > self.limit || self.rest.len() > LONGEST_ROW
    }

    /// Takes in what comes, and hands over the rows that end in it.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.taken = self.taken.saturating_add(bytes.len());
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (row, behind) = (&bytes[..end], &bytes[end + 1..]);
            if self.rest.is_empty() {
                hand_over(row, self.now, self.each)?;
            } else {
                self.rest.extend_from_slice(row);
                self.last()?;
            }
            bytes = behind;
        }
        self.rest.extend_from_slice(bytes);
        if self.is_too_long() { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }

    /// Hands over the row that has come so far.
    fn last(&mut self) -> io::Result<()> {
        let handed = hand_over(&self.rest, self.now, self.each);
        self.rest.clear();
        handed
    }
}

/// Reads a row of MLSD; one without facts, as other servers write theirs.
fn hand_over(row: &[u8], now: Timestamp, each: &mut RowWatch<'_>) -> io::Result<()> {
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    match mlsx::read(row) {
        Some(entry) => each(Ok(entry)),
        None => read_listing(row, now).try_for_each(|row| each(row.map_err(Text::from))),
    }
}

impl AsyncWrite for ByRow<'_, '_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.take(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
