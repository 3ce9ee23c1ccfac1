//! Bytes through TLS: a connection of rustls, and the socket that it is used over.
//!
//! What comes is received into a buffer of our own and handed over record by record, so that what stands behind
//! a close_notify is still there when the connection goes on in clear (CCC). Every function can be dropped at an
//! await and nothing is lost. This is the seam where the kernel's own TLS could come in.

use super::{Held, SessionTls};
use rustix::net::{RecvFlags, SendFlags};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, HandshakeKind, ServerConnection};
use sha2::{Digest, Sha256};
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;
use wharf_proto::Text;
use wharf_proto::tap::TlsFacts;

/// The header of a record, and where it tells how much is behind it.
const HEADER: usize = 5;

/// The kinds of records that there are (RFC 8446 section 5.1).
const RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

/// How much is received at a time during a handshake and on a control connection.
const SMALL: usize = 4096;

/// TLS over a socket, which everybody who calls brings along.
pub(crate) struct TlsStream {
    tls: Connection,
    /// What was received and not yet handed over, from `taken` on.
    incoming: Vec<u8>,
    taken: usize,
    /// The other end has said that nothing will follow.
    closed: bool,
}

impl TlsStream {
    /// As the server of a control connection.
    pub(crate) fn control(session: &SessionTls) -> Result<Self, rustls::Error> {
        Ok(Self::over(ServerConnection::new(session.control())?.into()))
    }

    /// As the server of a data connection; with it what is held back until it is known whose that is.
    pub(crate) fn data(session: &SessionTls) -> Result<(Self, Arc<Held>), rustls::Error> {
        let (config, held) = session.data();
        Ok((Self::over(ServerConnection::new(config)?.into()), held))
    }

    /// As the client of a data connection, to a server there.
    pub(crate) fn data_as_client(
        session: &SessionTls,
        to: SocketAddr,
    ) -> Result<Self, rustls::Error> {
        let name = ServerName::IpAddress(to.ip().into());
        Ok(Self::over(ClientConnection::new(session.as_client()?, name)?.into()))
    }

    fn over(mut tls: Connection) -> Self {
        // What is written is sent at once, and as much as is written is a bound.
        tls.set_buffer_limit(None);
        Self { tls, incoming: Vec::new(), taken: 0, closed: false }
    }

    /// Holds the handshake.
    ///
    /// # Errors
    /// What the network or the other end has against it, in words.
    pub(crate) async fn handshake(&mut self, stream: &TcpStream) -> io::Result<TlsFacts> {
        loop {
            self.flush(stream, false).await?;
            if !self.tls.is_handshaking() {
                return Ok(self.facts());
            }
            if let Err(error) = self.advance(stream, SMALL).await {
                // The other end shall know why; if it does not take that, it knows as much as before.
                let _ = self.flush(stream, false).await;
                return Err(error);
            }
        }
    }

    fn facts(&self) -> TlsFacts {
        let version = match self.tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(_) | None => "TLS",
        };
        let suite = self.tls.negotiated_cipher_suite().map(|suite| suite.suite());
        let cipher = suite.and_then(|suite| suite.as_str()).unwrap_or("unknown");
        let name = match &self.tls {
            Connection::Server(server) => server.server_name().map(Text::from),
            Connection::Client(_) => None,
        };
        let resumed = self.is_resumed();
        TlsFacts { version: version.into(), cipher: cipher.into(), resumed, name }
    }

    /// Whether it resumes an earlier TLS session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The SHA-256 of the certificate that the other end has shown, and we trust.
    pub(crate) fn certificate(&self) -> Option<[u8; 32]> {
        let first = self.tls.peer_certificates()?.first()?;
        Some(Sha256::digest(first).into())
    }

    /// Whether the other end has said that nothing will follow.
    pub(crate) fn has_ended(&self) -> bool {
        self.closed
    }

    /// Some bytes, a buffer full at most; 0 is the end, which the other end has said is one.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection ended without that.
    pub(crate) async fn read(
        &mut self,
        stream: &TcpStream,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            let n = self.take(buffer)?;
            if n > 0 || self.closed {
                return Ok(n);
            }
            self.go_on(stream, buffer.len()).await?;
        }
    }

    /// Some bytes; none at the end. While it waits it holds no buffer.
    ///
    /// # Errors
    /// Those of [`TlsStream::read`].
    pub(crate) async fn read_some(&mut self, stream: &TcpStream) -> io::Result<Vec<u8>> {
        loop {
            let mut bytes = vec![0; SMALL];
            let n = self.take(&mut bytes)?;
            if n > 0 || self.closed {
                bytes.truncate(n);
                return Ok(bytes);
            }
            drop(bytes);
            if self.incoming.is_empty() {
                self.incoming = Vec::new();
            }
            self.go_on(stream, SMALL).await?;
        }
    }

    async fn go_on(&mut self, stream: &TcpStream, chunk: usize) -> io::Result<()> {
        self.advance(stream, chunk).await?;
        // The other end may have asked for new keys, and for an answer to that.
        self.flush(stream, false).await
    }

    /// What is there already; 0 where that is nothing.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        loop {
            match self.tls.reader().read(&mut buffer[n..]) {
                Ok(0) => break,
                Ok(read) => n += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if n == buffer.len() || self.closed || !self.has_record() {
                break;
            }
            self.hand_over()?;
        }
        Ok(n)
    }

    /// Receives more and hands the first record of it over.
    async fn advance(&mut self, stream: &TcpStream, chunk: usize) -> io::Result<()> {
        if !self.has_record() {
            self.receive(stream, chunk).await?;
        }
        match self.has_record() {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    async fn receive(&mut self, stream: &TcpStream, chunk: usize) -> io::Result<()> {
        self.incoming.drain(..self.taken);
        self.taken = 0;
        let incoming = &mut self.incoming;
        let attempt = || {
            incoming.reserve(chunk);
            let room = rustix::buffer::spare_capacity(incoming);
            Ok(rustix::net::recv(stream, room, RecvFlags::empty())?.0)
        };
        match stream.async_io(Interest::READABLE, attempt).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// How long the first record is, when it is there whole. Of what is no record at all, everything: rustls
    /// shall say so at once.
    fn record(&self) -> Option<usize> {
        let waiting = &self.incoming[self.taken..];
        if waiting.first().is_some_and(|kind| !RECORDS.contains(kind)) {
            return Some(waiting.len());
        }
        let header = waiting.get(..HEADER)?;
        let length = HEADER + usize::from(u16::from_be_bytes([header[3], header[4]]));
        (waiting.len() >= length).then_some(length)
    }

    fn has_record(&self) -> bool {
        self.record().is_some()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let Some(length) = self.record() else { return Ok(()) };
        let mut record = &self.incoming[self.taken..self.taken + length];
        while !record.is_empty() {
            self.tls.read_tls(&mut record)?;
            let state = self.tls.process_new_packets().map_err(in_words)?;
            self.closed |= state.peer_has_closed();
        }
        self.taken += length;
        if self.taken == self.incoming.len() {
            self.incoming.clear();
            self.taken = 0;
        }
        Ok(())
    }

    /// Makes records of these bytes, to be sent by [`TlsStream::flush`].
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.writer().write_all(bytes)
    }

    /// Whether something has been written and not sent.
    pub(crate) fn is_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// Sends some of what has been written, without waiting; how many bytes. Where `more` follows, the last segment
    /// waits for it.
    ///
    /// # Errors
    /// `WouldBlock` where there is no room.
    pub(crate) fn try_to_send(&mut self, stream: &TcpStream, more: bool) -> io::Result<usize> {
        self.tls.write_tls(&mut Socket { stream, more })
    }

    /// Sends all that has been written.
    pub(crate) async fn flush(&mut self, stream: &TcpStream, more: bool) -> io::Result<()> {
        while self.is_unsent() {
            stream.async_io(Interest::WRITABLE, || self.try_to_send(stream, more)).await?;
        }
        Ok(())
    }

    /// Says that nothing will follow, by [`TlsStream::flush`].
    pub(crate) fn close(&mut self) {
        self.tls.send_close_notify();
    }

    /// Waits until the other end has said that nothing will follow, and gives what came in clear behind that.
    ///
    /// # Errors
    /// `InvalidData` where it says something else before, and those of [`TlsStream::read`].
    pub(crate) async fn closed(&mut self, stream: &TcpStream) -> io::Result<Vec<u8>> {
        if !self.read_some(stream).await?.is_empty() {
            let why = "something was said under TLS where nothing may be";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(self.incoming.split_off(self.taken))
    }
}

/// An error of rustls in words that belong in a reply.
fn in_words(error: rustls::Error) -> io::Error {
    let why = match error {
        rustls::Error::AlertReceived(alert) => {
            format!("the client refused it: {}", registered(&format!("{alert:?}")))
        }
        error => error.to_string(),
    };
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The name that the registry of TLS has for what rustls calls so: `unknown_ca`, `UnknownCA`.
fn registered(name: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        before = c;
    }
    out
}

/// The socket, as rustls writes to it: many records in one call.
struct Socket<'s> {
    stream: &'s TcpStream,
    more: bool,
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        let more = if self.more { SendFlags::MORE } else { SendFlags::empty() };
        let flags = more | SendFlags::NOSIGNAL;
        let mut none = rustix::net::SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(self.stream, bytes, &mut none, flags)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
