//! Standard input and standard output as the ends of a transfer: without the buffers that std puts before them, and with a
//! count of what has gone through, for that cannot be taken back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_client::Error;

/// What went through one of the two before something went wrong.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("behind {moved} bytes {way}")]
pub(crate) struct Behind {
    moved: u64,
    way: &'static str,
}

impl Behind {
    /// So many bytes are on standard output.
    pub(crate) fn output(moved: u64) -> Self {
        Self { moved, way: "on standard output" }
    }

    /// So many bytes came from standard input.
    pub(crate) fn input(moved: u64) -> Self {
        Self { moved, way: "from standard input" }
    }

    /// Tells an error of the transfer so, if anything went through before it.
    pub(crate) fn told<T>(self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| match error.is::<Error>() && self.moved > 0 {
            true => error.context(self),
            false => error,
        })
    }
}

/// One of the two.
#[derive(Debug)]
pub(crate) struct Standard {
    file: File,
    /// How many bytes have been read.
    pub(crate) read: u64,
}

impl Standard {
    /// Standard input.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn input() -> io::Result<Self> {
        Self::of(io::stdin().as_fd())
    }

    /// Standard output.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn output() -> io::Result<Self> {
        Self::of(io::stdout().as_fd())
    }

    fn of(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        let file = File::from_std(descriptor.try_clone_to_owned()?.into());
        Ok(Self { file, read: 0 })
    }
}

impl AsyncRead for Standard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.file).poll_read(context, into);
        self.read += (into.filled().len() - before) as u64;
        read
    }
}

impl AsyncWrite for Standard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.file).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_shutdown(context)
    }
}
