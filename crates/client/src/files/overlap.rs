//! The overlap: the last bytes that are there already of a file that is gone on with, fetched again and compared.
//!
//! A size and a time do not prove that the rest of a file belongs to its beginning: the clock of a server has whole
//! seconds, some have none, and a server may take REST and begin elsewhere. So a download goes on a little before the
//! end of what it has, and an upload has the server make a digest of what is there before it goes on, or looks at the
//! end of that. Where its rest came behind REST, it is looked once more whether its beginning has stayed. RFC 3659 section 5.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wharf_proto::command::Range;
use wharf_proto::reply::Class;
use wharf_proto::{Command, Text};

use super::local;
use crate::digest::Digest;
use crate::listing::Bounded;
use crate::transfer::{Order, Restart};
use crate::{BYTES, Error, Proof, Session, quiet};

/// How many bytes are compared, where there are as many.
pub(super) const LENGTH: u64 = 64 * 1024;
/// Of how many of the last bytes a digest is asked for, at most: of more it would be long in coming.
pub(crate) const DIGESTED: u64 = 1 << 30;
/// How far it is looked for bytes that are not zero.
const SEARCHED: u64 = 64 << 20;

/// What came again is not what is here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("what is there already is not of the same file")]
struct Differs;

/// What comes behind is not wanted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no more is wanted")]
struct Enough;

/// Whether this is what a transfer was broken off with, because enough had come.
pub(super) fn is_enough(error: &Error) -> bool {
    matches!(error, Error::Sink(error) if error.get_ref().is_some_and(|inner| inner.is::<Enough>()))
}

/// The same.
pub(super) fn enough() -> io::Error {
    io::Error::other(Enough)
}

/// Whether this is what an [`Overlap`] says where the bytes differ.
pub(super) fn is_difference(error: &Error) -> bool {
    matches!(error, Error::Sink(error) if error.get_ref().is_some_and(|inner| inner.is::<Differs>()))
}

/// The same.
pub(super) fn difference() -> Error {
    Error::Sink(io::Error::other(Differs))
}

/// The last bytes of the first `at` of a file, `most` at most.
pub(super) fn tail(file: &File, at: u64, most: u64, path: &Path) -> Result<Vec<u8>, Error> {
    let length = at.min(most);
    piece(file, at - length, length, path)
}

/// So many bytes of a file, from `at` on.
pub(super) fn piece(file: &File, at: u64, length: u64, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut bytes, at).map_err(local("read", path))?;
    Ok(bytes)
}

/// Where, before `at`, a file has its last byte that is not zero; `at` where it has none, and `None` where none is near.
fn telling(file: &File, at: u64, path: &Path) -> Result<Option<u64>, Error> {
    let mut end = at;
    while end > at.saturating_sub(SEARCHED) {
        let start = end.saturating_sub(LENGTH);
        let bytes = piece(file, start, end - start, path)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok(Some(start + last as u64 + 1));
        }
        end = start;
    }
    Ok((end == 0).then_some(at))
}

/// Takes the bytes of a transfer that begins with what is known, compares that, and hands on what is behind it.
pub(super) struct Overlap<'k, W> {
    known: &'k [u8],
    to: W,
}

impl<'k, W> Overlap<'k, W> {
    /// `known` is to come first; what is behind it goes to `to`.
    pub(super) fn new(known: &'k [u8], to: W) -> Self {
        Self { known, to }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Overlap<'_, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.known.is_empty() {
            return Pin::new(&mut self.to).poll_write(context, bytes);
        }
        let (known, behind) = self.known.split_at(self.known.len().min(bytes.len()));
        if !bytes.starts_with(known) {
            return Poll::Ready(Err(io::Error::other(Differs)));
        }
        self.known = behind;
        Poll::Ready(Ok(known.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(context)
    }
}

/// Wants nothing.
struct Nothing;

impl AsyncWrite for Nothing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(enough()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Session {
    /// Whether the server's `remote`, of `there` bytes, is the beginning of the file `source`: by a digest of what is
    /// there, where the server makes one, else by its last bytes. `None` where it tells neither, as of a file that may
    /// only be written.
    pub(super) async fn is_beginning(
        &mut self,
        remote: &Text,
        there: u64,
        (file, source): (&File, &Path),
    ) -> Result<Option<bool>, Error> {
        let agrees = self.has_digest_of(remote, there, source).await?;
        // One that differs may be of all that is there, where only the end was asked for: then the bytes say more.
        if agrees == Some(true) || (agrees.is_some() && there <= DIGESTED) {
            return Ok(agrees);
        }
        let known = tail(file, there, LENGTH, source)?;
        let start = there - known.len() as u64;
        Ok(self.has_bytes(remote, start, &known, Some(there)).await?.or(agrees))
    }

    /// Whether what the server had of the file `source`, its first `at` bytes, is still there now that all `total` of them
    /// should be: by a digest, else by bytes that say so. `None` where neither can be had.
    ///
    /// A file that was emptied and filled with zeros up to `at` has the right size and the right end. So the bytes that are
    /// looked at are the last ones before `at` that are not all zeros.
    pub(super) async fn has_kept(
        &mut self,
        remote: &Text,
        (at, total): (u64, u64),
        (file, source): (&File, &Path),
    ) -> Result<Option<bool>, Error> {
        if total - at < DIGESTED
            && let Some(agrees) = self.has_digest_of(remote, total, source).await?
        {
            return Ok(Some(agrees));
        }
        let Some(end) = telling(file, at, source)? else { return Ok(None) };
        let start = end.saturating_sub(LENGTH);
        let stop = if end == at { total.min(at + LENGTH) } else { end };
        let known = piece(file, start, stop - start, source)?;
        self.has_bytes(remote, start, &known, Some(total)).await
    }

    /// Whether the server's `remote`, of `size` bytes where that is known, has these from `start` on; `None` where it does
    /// not send them. What is behind them is broken off.
    pub(crate) async fn has_bytes(
        &mut self,
        remote: &Text,
        start: u64,
        known: &[u8],
        size: Option<u64>,
    ) -> Result<Option<bool>, Error> {
        self.set_form(BYTES).await?;
        let command = Command::Retr(remote.clone());
        let expected = size.map(|size| size.saturating_sub(start));
        let restart = Restart::Rest;
        let order = Order { command: &command, offset: start, restart, expected, how: BYTES };
        let mut compared = Overlap::new(known, Nothing);
        match self.receive(&order, &mut compared, &mut quiet()).await {
            Ok(transfer) => Ok(Some(transfer.moved >= known.len() as u64)),
            Err(error) if is_enough(&error) => Ok(Some(true)),
            Err(error) if is_difference(&error) => Ok(Some(false)),
            Err(Error::Unproven { missing: Proof::Size { .. }, .. }) => Ok(Some(false)),
            Err(Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The last bytes, [`LENGTH`] at most, of the server's `remote` of `there`; `None` where it does not send them.
    pub(crate) async fn tail_of(
        &mut self,
        remote: &Text,
        there: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.set_form(BYTES).await?;
        let command = Command::Retr(remote.clone());
        let length = there.min(LENGTH);
        let (offset, restart, expected) = (there - length, Restart::Rest, Some(length));
        let order = Order { command: &command, offset, restart, expected, how: BYTES };
        let limit = usize::try_from(length).unwrap_or(0);
        let mut tail = Bounded { bytes: Vec::new(), limit };
        match self.receive(&order, &mut tail, &mut quiet()).await {
            Ok(_) => Ok(Some(tail.bytes)),
            // More than was asked for does not begin where it is told to.
            Err(
                Error::Refused { .. }
                | Error::Sink(_)
                | Error::Unproven { missing: Proof::Size { .. }, .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the server says by a digest that its `remote` has the bytes up to `there` of the file `source`; `None`
    /// where it makes none, or not of this file.
    async fn has_digest_of(
        &mut self,
        remote: &Text,
        there: u64,
        source: &Path,
    ) -> Result<Option<bool>, Error> {
        let start = there.saturating_sub(DIGESTED);
        let range = Range { start, end: Some(there) };
        let Some(theirs) = self.digest_of_part(remote, range).await? else { return Ok(None) };
        let ours = Digest::of_file_beside(theirs.algorithm, source, range).await?;
        Ok(Some(ours == theirs))
    }

    /// The server's digest of the end of a file, by RANG and HASH, or of all of it; `None` where it makes none.
    async fn digest_of_part(
        &mut self,
        remote: &Text,
        range: Range,
    ) -> Result<Option<Digest>, Error> {
        let Some(asking) = self.asking().await? else { return Ok(None) };
        if asking.takes_ranges() && self.features().await?.has("RANG") {
            if self.quote(&Command::Rang(range)).await?.code.class() != Class::Intermediate {
                return Ok(None);
            }
        } else if range.start > 0 {
            return Ok(None);
        }
        let length = range.end.map(|end| end.saturating_sub(range.start));
        self.ask_digest(asking, remote, length).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn what_is_known_is_compared_however_it_is_cut_and_the_rest_is_handed_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for piece in [1, 2, 3, 9] {
            for (sent, wanted) in
                [("knownnew", Some("new")), ("known", Some("")), ("knowxnew", None)]
            {
                let mut out = Vec::new();
                let mut overlap = Overlap::new(b"known", &mut out);
                let written = runtime.block_on(async {
                    for piece in sent.as_bytes().chunks(piece) {
                        overlap.write_all(piece).await?;
                    }
                    io::Result::Ok(())
                });
                match wanted {
                    Some(wanted) => assert_eq!(out, wanted.as_bytes()),
                    None => assert!(is_difference(&Error::Sink(written.unwrap_err()))),
                }
            }
        }
    }
}
