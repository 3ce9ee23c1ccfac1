//! Opening a data connection: dialling the client, and what both ways have in common.

use super::{Setting, pump};
use crate::deed::Moved;
use crate::tap::Teller;
use crate::tls::TlsStream;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use wharf_proto::Text;
use wharf_proto::address::unmapped;
use wharf_proto::server::TlsRole;
use wharf_proto::tap::{HalfEnd, Party, What};

/// What a data connection is told that begins a TLS session instead of resuming one.
const OF_ITS_OWN: &str = "a data connection must resume the TLS session of its control connection";

/// An open data connection. Dropped before its end it is reset, so that a cut file can never look whole.
pub(crate) struct DataConnection {
    pub(super) stream: TcpStream,
    pub(super) tls: Option<Box<TlsStream>>,
    conn: u32,
    teller: Teller,
    moved: Arc<Moved>,
    /// Whose half the bytes are on.
    carries: Party,
    /// The tap knows how that half has ended.
    told: bool,
    ended: bool,
}

/// Where a data connection begins and ends.
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
}

impl DataConnection {
    pub(super) fn new(stream: TcpStream, ends: Ends, setting: &Setting, opener: Party) -> Self {
        let Ends { client, server } = ends;
        if setting.quick_acks {
            // Without it the transfer is the same.
            let _ = rustix::net::sockopt::set_tcp_quickack(&stream, true);
        }
        let conn = setting.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let teller = setting.teller.clone();
        teller.tell(What::DataOpened { conn, opener, client, server });
        let tls = None;
        let moved = Arc::clone(&setting.moved);
        Self { stream, tls, conn, teller, moved, carries: Party::Server, told: false, ended: false }
    }

    /// Puts the connection under TLS, if it is not: as one that belongs to this session.
    ///
    /// # Errors
    /// Why not, in words that belong in a reply.
    pub(super) async fn secure(&mut self, setting: &Setting, role: TlsRole) -> Result<(), Text> {
        if self.tls.is_some() {
            return Ok(());
        }
        let secured = timeout(setting.handshake_time, self.shake_hands(setting, role)).await;
        let secured = secured.unwrap_or_else(|_| Err("it took too long".to_owned()));
        secured.map_err(|why| {
            let told = Text::from(why.as_str());
            self.teller.tell(What::NotSecured { conn: Some(self.conn), why: told });
            Text::from(format!("TLS: {why}"))
        })
    }

    async fn shake_hands(&mut self, setting: &Setting, role: TlsRole) -> Result<(), String> {
        let Some(session) = &setting.tls else {
            return Err("the control connection has none".to_owned());
        };
        let words = |error: &io::Error| plain_words(error);
        let (tls, held) = match role {
            TlsRole::Server => TlsStream::data(session).map(|(tls, held)| (tls, Some(held))),
            TlsRole::Client => {
                let to = self.stream.peer_addr().map_err(|e| words(&e))?;
                TlsStream::data_as_client(session, to).map(|tls| (tls, None))
            }
        }
        .map_err(|error| error.to_string())?;
        let mut tls = Box::new(tls);
        let facts = tls.handshake(&self.stream).await.map_err(|error| words(&error))?;
        let is_own = facts.resumed || setting.any_tls_session;
        self.teller.tell(What::Secured { conn: Some(self.conn), facts });
        match held {
            Some(_) if !is_own => {
                self.part(setting, tls).await;
                return Err(OF_ITS_OWN.to_owned());
            }
            Some(held) => held.keep(),
            None => {}
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Ends a connection that is not wanted in order: a client whose connection is reset does not come to read the
    /// reply that says why.
    async fn part(&mut self, setting: &Setting, mut tls: Box<TlsStream>) {
        tls.close();
        let ended = async {
            tls.flush(&self.stream, true).await?;
            rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Write)?;
            self.half_ended(Party::Server, 0, HalfEnd::Fin);
            pump::drain(self).await
        };
        // Nothing has been transferred and nothing will be; how it ends changes nothing about that.
        if let Ok(Ok(_)) = timeout(setting.linger_time, ended).await {
            self.half_ended(Party::Client, 0, HalfEnd::Fin);
        }
        self.ended = true;
    }

    /// Counts bytes that have moved.
    pub(super) fn count(&self, bytes: usize) {
        self.moved.wire.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes of the file, where a codec makes them others than those that move.
    pub(super) fn count_in_file(&self, bytes: usize) {
        self.moved.file.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes have moved.
    pub(super) fn moved(&self) -> u64 {
        self.moved.wire.load(Ordering::Relaxed)
    }

    /// Tells the tap how one half, or the file on it, has come to its end.
    pub(super) fn half_ended(&self, by: Party, bytes: u64, how: HalfEnd) {
        self.teller.tell(What::DataEnded { conn: self.conn, by, bytes, how });
    }

    /// The same connection for the next transfer.
    pub(super) fn again(mut self, setting: &Setting) -> Self {
        self.moved = Arc::clone(&setting.moved);
        (self.carries, self.told, self.ended) = (Party::Server, false, false);
        self
    }

    /// What moves now is an upload.
    pub(super) fn receives(&mut self) {
        self.carries = Party::Client;
    }

    /// The half with the bytes has come to its end, which the tap is told.
    pub(super) fn carried(&mut self, how: HalfEnd) {
        self.told = true;
        self.half_ended(self.carries, self.moved(), how);
    }

    /// The transfer is whole: no reset is due.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for DataConnection {
    fn drop(&mut self) {
        if !self.ended {
            // What the client has reset is closed already, and has no peer.
            let by = match self.stream.peer_addr() {
                Ok(_) => Party::Server,
                Err(_) => Party::Client,
            };
            // If it fails the connection ends with a FIN, as it would have done anyway.
            let _ = self.stream.set_zero_linger();
            let untold = if self.told { 0 } else { self.moved() };
            if self.carries == by {
                return self.half_ended(by, untold, HalfEnd::Reset);
            }
            if untold > 0 {
                self.half_ended(self.carries, untold, HalfEnd::Cut);
            }
            self.half_ended(by, 0, HalfEnd::Reset);
        }
    }
}

/// Connects to the client from port L-1, where L is the control port (RFC 959 section 3.2: 20 beside 21), or
/// from any port where the system does not let us bind that one. The session's timer bounds the wait.
pub(super) async fn dial(setting: &Setting, to: SocketAddr) -> Result<DataConnection, Text> {
    let (mut from, mut any) = (setting.server, setting.server);
    from.set_port(setting.server.port().wrapping_sub(1));
    any.set_port(0);
    let stream = match connect(from, to).await {
        // Another connection of ours holds this pair of ports, or the port is not ours to bind.
        Err(error) if is_about_our_port(&error) => connect(any, to).await,
        result => result,
    };
    let stream = stream.map_err(|error| Text::from(format!("{to}: {}", plain_words(&error))))?;
    let from = stream.local_addr().map_err(|error| Text::from(plain_words(&error)))?;
    let ends = Ends { client: unmapped(to), server: unmapped(from) };
    Ok(DataConnection::new(stream, ends, setting, Party::Server))
}

async fn connect(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    socket.connect(to).await
}

fn is_about_our_port(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::PermissionDenied
    )
}

/// The system's reason in words that belong in a reply.
pub(super) fn plain_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::BrokenPipe => "the connection was closed".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        io::ErrorKind::UnexpectedEof => {
            "the TLS session was cut off, without close_notify".to_owned()
        }
        _ => error.to_string(),
    }
}
