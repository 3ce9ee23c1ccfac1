//! Fetching into what takes each byte once: standard output, a pipe, a program.
//!
//! Nothing that was written there can be taken back, so a transfer that broke off is gone on with by another session
//! behind the last byte that was written, or not at all: where the file is still of the same size and time, and the last
//! bytes, which are fetched once more, are the same. RFC 959 section 3.5, RFC 3659 sections 3 to 5.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;
use wharf_proto::{Command, Text};

use super::Get;
use super::download::Facts;
use super::overlap::{LENGTH, Overlap, is_difference};
use crate::transfer::{Order, Restart};
use crate::{Error, Fetched, Progress, Session, Transfer, Watch};

/// What takes each byte of one file once, over as many sessions as it takes.
///
/// ```
/// let pipe = wharf_client::Pipe::new(tokio::io::sink());
/// assert_eq!((pipe.written(), pipe.can_go_on()), (0, true));
/// ```
#[derive(Debug)]
pub struct Pipe<W> {
    to: W,
    written: u64,
    /// The last of the bytes that were written.
    tail: VecDeque<u8>,
    /// What the server told of the file that is being written.
    facts: Facts,
}

impl<W> Pipe<W> {
    /// One into which nothing was written yet.
    pub fn new(to: W) -> Self {
        Self { to, written: 0, tail: VecDeque::new(), facts: Facts::default() }
    }

    /// How many bytes have been written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether another session can go on: nothing was written yet, or the bytes of a file as they are, whose size and time
    /// the server has told. Of others nobody knows where to go on, or whether it is still the same file.
    pub fn can_go_on(&self) -> bool {
        self.written == 0 || self.facts.are_known()
    }

    fn note(&mut self, bytes: &[u8]) {
        let most = usize::try_from(LENGTH).unwrap_or(usize::MAX);
        self.written += bytes.len() as u64;
        self.tail.extend(&bytes[bytes.len().saturating_sub(most)..]);
        self.tail.drain(..self.tail.len().saturating_sub(most));
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Pipe<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.to).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.note(&bytes[..count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(context)
    }
}

impl Session {
    /// Fetches what `pipe` lacks of a file, in this TYPE, STRU and MODE. Where something was written before, by this session
    /// or another one, it goes on behind that by REST. What it comes to is told as of a file that is kept; it is never
    /// [`verified`](Fetched::verified).
    ///
    /// # Errors
    /// `Unproven` where what was written is not of the file as it is now, or that cannot be known; `Refused` where the server
    /// does not go on in the midst of a file; `Sink`, and every error that a transfer can have.
    pub async fn fetch_piped<W: AsyncWrite + Unpin>(
        &mut self,
        remote: &Text,
        how: Representation,
        pipe: &mut Pipe<W>,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let facts = match passes_through(how) {
            true => self.facts(remote, Get { how, ..Get::default() }).await?,
            false => Facts::default(),
        };
        let at = pipe.written;
        if at == 0 {
            pipe.facts = facts;
        } else if !facts.are_known() || facts != pipe.facts {
            return Err(self.changed(at));
        }
        self.set_form(how).await?;
        watch(Progress::Begins { at, total: facts.size });
        let known = Vec::from(pipe.tail.clone());
        let offset = at - known.len() as u64;
        let command = Command::Retr(remote.clone());
        let expected = facts.size.map(|size| size.saturating_sub(offset));
        let order = Order { command: &command, offset, restart: Restart::Rest, expected, how };
        let mut to = Overlap::new(&known, pipe);
        let Transfer { moved, end, suspect, .. } = match self.receive(&order, &mut to, watch).await
        {
            Err(error) if is_difference(&error) => return Err(self.changed(at)),
            fetched => fetched?,
        };
        if at > 0 {
            self.unchanged(remote, facts, moved).await?;
        }
        Ok(Fetched { moved, resumed_at: at, size: facts.size, end, verified: false, suspect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept_however_they_come() {
        let all: Vec<u8> = (0..200_000_u32).map(|nth| (nth % 251) as u8).collect();
        for pieces in [1_000, 65_535, 65_536, 70_000, 200_000] {
            let mut pipe = Pipe::new(());
            all.chunks(pieces).for_each(|piece| pipe.note(piece));
            assert_eq!(pipe.written(), 200_000);
            assert_eq!(pipe.tail, &all[200_000 - 65_536..], "{pieces}");
        }
    }
}
