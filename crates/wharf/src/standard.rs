//! Standard input and standard output as the ends of a transfer: without the buffers that std puts before them, and with a
//! count of what has gone through, for that cannot be taken back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One of the two.
#[derive(Debug)]
pub(crate) struct Standard {
    file: File,
    /// How many bytes have gone through.
    pub(crate) moved: u64,
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
        Ok(Self { file, moved: 0 })
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
        self.moved += (into.filled().len() - before) as u64;
        read
    }
}

impl AsyncWrite for Standard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.file).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.moved += count as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_shutdown(context)
    }
}
