//! The data connection of block mode, from its making on, and the bytes that wait to go out over it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::data::DataConnection;
use crate::{Error, Session, TlsFault};

/// The data connection.
pub(super) enum Door {
    Opening(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>),
    Covering(Pin<Box<dyn Future<Output = Result<DataConnection, TlsFault>> + Send>>),
    Open(Box<DataConnection>),
}

/// What came through the door, or went.
pub(super) enum Came {
    Opened(io::Result<TcpStream>),
    Covered(Result<DataConnection, TlsFault>),
    Bytes(io::Result<usize>),
    Sent(io::Result<usize>),
}

/// Bytes that are to go out.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// Whether TLS may still hold some of what was sent.
    held: bool,
}

impl Outgoing {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether there is nothing to do.
    fn is_idle(&self) -> bool {
        self.len() == 0 && !self.held
    }

    /// Where to put more, behind what waits.
    pub(super) fn more(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..std::mem::take(&mut self.sent));
        &mut self.bytes
    }

    /// Sends what it can; nothing is ready where there is nothing to send.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        data: &mut DataConnection,
    ) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut data.stream);
        if self.len() > 0 {
            let sent = stream.as_mut().poll_write(context, &self.bytes[self.sent..]);
            if let Poll::Ready(Ok(count)) = sent {
                self.sent += count;
                self.held = true;
            }
            return sent;
        }
        if self.held {
            match stream.poll_flush(context) {
                Poll::Ready(Ok(())) => self.held = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}

impl Door {
    /// Agrees on a data connection and begins to make it.
    pub(super) async fn open(session: &mut Session) -> Result<Self, Error> {
        let plan = session.data.agree(&mut session.control).await?;
        let teller = session.control.teller().clone();
        Ok(Self::Opening(Box::pin(async move {
            let late = |_| Err(io::ErrorKind::TimedOut.into());
            timeout(plan.patience(), plan.open(&teller)).await.unwrap_or_else(late)
        })))
    }

    /// Gives the data connection up: nothing comes through any more.
    pub(super) fn close(&mut self) {
        if let Self::Open(data) = self {
            data.stream.hear_tls();
        }
        *self = Self::Opening(Box::pin(std::future::pending()));
    }

    /// Whether the next step is worth waiting for: `hungry` is whoever wants bytes.
    pub(super) fn has_a_step(&self, hungry: bool, out: &Outgoing) -> bool {
        !matches!(self, Self::Open(_)) || hungry || !out.is_idle()
    }

    /// The next step: bytes go out and, if that is wanted, come in. It can be dropped.
    pub(super) async fn step(
        &mut self,
        buffer: &mut [u8],
        hungry: bool,
        out: &mut Outgoing,
    ) -> Came {
        match self {
            Self::Opening(opening) => Came::Opened(opening.await),
            Self::Covering(covering) => Came::Covered(covering.await),
            Self::Open(data) => {
                poll_fn(|context| {
                    if let Poll::Ready(sent) = out.poll(context, data) {
                        return Poll::Ready(Came::Sent(sent));
                    }
                    if !hungry {
                        return Poll::Pending;
                    }
                    let mut space = ReadBuf::new(buffer);
                    let read = Pin::new(&mut data.stream).poll_read(context, &mut space);
                    read.map(|read| Came::Bytes(read.map(|()| space.filled().len())))
                })
                .await
            }
        }
    }
}
