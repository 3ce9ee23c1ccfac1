//! The overlap: the last bytes that are there already of a file that is gone on with, fetched again and compared.
//!
//! A size and a time do not prove that the rest of a file belongs to its beginning: the clock of a server has whole
//! seconds, some have none, and a server may take REST and begin elsewhere. So a download goes on a little before the
//! end of what it has, and an upload has the server make a digest of what is there before it goes on, or looks at the
//! end of that. RFC 3659 section 5.

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
use crate::transfer::{Order, Restart};
use crate::{BYTES, Error, Proof, Session, quiet};

/// How many bytes are compared, where there are as many.
pub(super) const LENGTH: u64 = 64 * 1024;
/// Of how many of the last bytes a digest is asked for, at most: of more it would be long in coming.
const DIGESTED: u64 = 1 << 30;

/// What came again is not what is here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("what is there already is not of the same file")]
struct Differs;

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
        let command = Command::Retr(remote.clone());
        let (expected, how) = (Some(known.len() as u64), BYTES);
        let offset = there - known.len() as u64;
        let order = Order { command: &command, offset, restart: Restart::Rest, expected, how };
        let mut compared = Overlap::new(&known, tokio::io::sink());
        match self.receive(&order, &mut compared, &mut quiet()).await {
            Ok(_) => Ok(Some(true)),
            Err(error) if is_difference(&error) => Ok(Some(false)),
            Err(Error::Unproven { missing: Proof::Size { .. }, .. }) => Ok(Some(false)),
            Err(Error::Refused { .. }) => Ok(agrees),
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
        let reply = self.quote(&asking.question(remote)).await?;
        Ok(asking.answer(&reply))
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
