//! A connection, be it in clear or under TLS: what is read and written is the same to whoever does it.
//!
//! Reading and writing can be dropped at any await. Under TLS what has been written may wait inside until it is
//! flushed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection.
pub(crate) enum Stream {
    /// In clear.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<Covered>),
}

/// A connection under TLS, which may end before the connection does (CCC, RFC 4217 section 12.3).
pub(crate) struct Covered {
    tls: TlsStream<BufReader<TcpStream>>,
    /// Whether TLS has ended: what goes over the connection is in clear again.
    is_over: bool,
}

impl Stream {
    /// The socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.tls.get_ref().0.get_ref(),
        }
    }

    /// Whether TLS covers it.
    pub(crate) fn is_covered(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => !stream.is_over,
        }
    }

    /// A connection on which TLS has begun.
    pub(crate) fn covered(tls: TlsStream<BufReader<TcpStream>>) -> Self {
        Self::Tls(Box::new(Covered { tls, is_over: false }))
    }

    /// Ends TLS in order, and goes on in clear: says that nothing follows, and awaits that the other side says so. It
    /// must not have been asked anything, for what it says in clear before we do is lost.
    ///
    /// # Errors
    /// The connection broke, or something came under TLS that nobody awaits.
    pub(crate) async fn uncover(&mut self) -> io::Result<()> {
        let Self::Tls(stream) = self else { return Ok(()) };
        if stream.is_over {
            return Ok(());
        }
        stream.tls.get_mut().1.send_close_notify();
        stream.tls.flush().await?;
        match stream.tls.read(&mut [0; 64]).await? {
            0 => {
                stream.is_over = true;
                Ok(())
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "something was said meanwhile")),
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_read(buffer),
            Self::Tls(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                // Whoever waits next registers anew.
                let mut nobody = Context::from_waker(Waker::noop());
                match Pin::new(stream).poll_read(&mut nobody, &mut buffer) {
                    Poll::Ready(result) => result.map(|()| buffer.filled().len()),
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
        }
    }

    /// Takes in what TLS itself has to say and is here already, and no bytes of what it covers: before the connection
    /// is given up, because the tickets on it are those that the next ones need.
    pub(crate) fn hear_tls(&mut self) {
        // What is wrong with it matters no more.
        let _ = self.try_read(&mut []);
    }

    /// The same connection for an upload.
    pub(crate) fn uploading(&mut self) -> Uploading<'_> {
        Uploading(self)
    }
}

impl AsyncRead for Covered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.is_over {
            true => Pin::new(self.tls.get_mut().0).poll_read(cx, buffer),
            false => Pin::new(&mut self.tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Covered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.is_over {
            true => Pin::new(self.tls.get_mut().0).poll_write(cx, bytes),
            false => Pin::new(&mut self.tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_over {
            true => Pin::new(self.tls.get_mut().0).poll_flush(cx),
            false => Pin::new(&mut self.tls).poll_flush(cx),
        }
    }

    /// Under TLS a close_notify goes before the FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_over {
            true => Pin::new(self.tls.get_mut().0).poll_shutdown(cx),
            false => Pin::new(&mut self.tls).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A connection for an upload: between the bytes that go out it takes in what TLS itself has to say, which is
/// new tickets, new keys, and why the server breaks off.
pub(crate) struct Uploading<'a>(&'a mut Stream);

impl AsyncWrite for Uploading<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Stream::Tls(stream) = &mut *self.0 {
            // A server says nothing of its own during an upload; if it does, it is not for us.
            let mut waste = [0; 512];
            let heard = Pin::new(stream).poll_read(cx, &mut ReadBuf::new(&mut waste));
            if let Poll::Ready(Err(error)) = heard
                && error.kind() != io::ErrorKind::UnexpectedEof
            {
                return Poll::Ready(Err(error));
            }
        }
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
