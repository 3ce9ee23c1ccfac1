//! Data connections: agreeing on one, opening it, and telling the tap how it ended.
//!
//! Passive: the server listens and we connect (EPSV, or PASV where that is refused). Active: we listen
//! and the server connects (PORT, or EPRT over IPv6). What goes over the connection is `transfer.rs`'s
//! business. RFC 959 section 3.3, RFC 1123 section 4.1.2.6, RFC 2428.
//!
//! House rule of this file: a data connection has the same two hosts at its ends as the control
//! connection. Of a 227 only the port is believed, and whoever else connects to us is turned away.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wharf_proto::address::{self, Eprt, canonical};
use wharf_proto::command::EpsvArgument;
use wharf_proto::tap::{HalfEnd, Party, What};
use wharf_proto::{Command, Reply, Text};

use crate::teller::Teller;
use crate::tls::{Security, Stream};
use crate::{Connection, Error, TlsFault};

const NOT_LOGGED_IN: u16 = 530;
/// How long the first port that EPSV gives may take: there are firewalls that know PASV only, and drop
/// without a word what they do not know.
const TRIAL: Duration = Duration::from_secs(10);

/// How much is received at a time under TLS.
const TLS_BUFFER: usize = 128 * 1024;

/// Who opens the data connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// We do; the way out through firewalls and NATs on our side.
    #[default]
    Passive,
    /// The server does; the way RFC 959 has without being asked.
    Active,
}

/// How a session makes its data connections, and what it learnt about that.
#[derive(Debug)]
pub(crate) struct DataPlane {
    pub(crate) way: Way,
    plain: bool,
    epsv: Epsv,
    /// The port for the next active data connection, bound so that nobody else takes it.
    reserved: Option<TcpSocket>,
    opened: u32,
}

/// What is known about EPSV on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Epsv {
    Untried,
    Works,
    Refused,
}

/// A data connection that is agreed on and not yet open.
pub(crate) enum Plan {
    /// The server listens there.
    Connect { to: SocketAddr, patience: Duration },
    /// We listen here, for this host only.
    Accept { listener: TcpListener, at: SocketAddr, peer: IpAddr, patience: Duration },
}

impl DataPlane {
    pub(crate) fn new(way: Way, plain: bool) -> Self {
        Self { way, plain, epsv: Epsv::Untried, reserved: None, opened: 0 }
    }

    /// Agrees with the server on the next data connection.
    pub(crate) async fn agree(&mut self, control: &mut Connection) -> Result<Plan, Error> {
        match self.way {
            Way::Passive => self.agree_passive(control).await,
            Way::Active => self.agree_active(control).await,
        }
    }

    async fn agree_passive(&mut self, control: &mut Connection) -> Result<Plan, Error> {
        if !self.plain && self.epsv != Epsv::Refused {
            let reply = control.command(&Command::Epsv(EpsvArgument::Same)).await?;
            if !reply.code.is_refusal() {
                let longest = if self.on_trial(control) { TRIAL } else { Duration::MAX };
                return planned_by(control, &reply, longest);
            }
            if reply.code.value() == NOT_LOGGED_IN {
                return Err(Error::Refused { last: control.last_boxed() });
            }
            // Not only 500 and 502: there are servers that answer 501, 504, 522 or 550.
            self.epsv = Epsv::Refused;
        }
        let reply = control.command(&Command::Pasv).await?;
        if reply.code.is_refusal() {
            return Err(Error::Refused { last: control.last_boxed() });
        }
        planned_by(control, &reply, Duration::MAX)
    }

    async fn agree_active(&mut self, control: &mut Connection) -> Result<Plan, Error> {
        let listener =
            self.listen(control.client()).map_err(|e| Error::DataListen { source: e })?;
        let at = listener.local_addr().map_err(|e| Error::DataListen { source: e })?;
        let command = match at {
            SocketAddr::V4(at) => Command::Port(at),
            SocketAddr::V6(_) => Command::Eprt(Eprt::Address(at)),
        };
        let reply = control.command(&command).await?;
        if reply.code.is_refusal() {
            return Err(Error::Refused { last: control.last_boxed() });
        }
        control.teller().tell(What::DataPlanned { listener: Party::Client, address: at });
        let peer = control.server().ip();
        Ok(Plan::Accept { listener, at, peer, patience: control.patience() })
    }

    /// Listens at the host of `here`: for the first time at any port, then at one port after the other,
    /// as long as the next one can be had. One session is then easily told from another in a capture.
    fn listen(&mut self, here: SocketAddr) -> io::Result<TcpListener> {
        const TRIES: usize = 16;
        const BACKLOG: u32 = 4;
        let after = |socket: &TcpSocket| {
            let next = socket.local_addr()?.port().checked_add(1);
            bind(at_port(here, next.ok_or(io::ErrorKind::AddrInUse)?))
        };
        if let Some(socket) = self.reserved.take() {
            self.reserved = after(&socket).ok();
            return socket.listen(BACKLOG);
        }
        let mut socket = bind(at_port(here, 0))?;
        for _ in 1..TRIES {
            self.reserved = after(&socket).ok();
            if self.reserved.is_some() {
                break;
            }
            socket = bind(at_port(here, 0))?;
        }
        socket.listen(BACKLOG)
    }

    /// What to do when the connection could not be made: whether trying again is worth it. EPSV that
    /// was granted and whose port is dead is often a firewall that only knows PASV.
    pub(crate) fn try_otherwise(&mut self, control: &Connection) -> bool {
        let worth = self.on_trial(control);
        if worth {
            self.epsv = Epsv::Refused;
        }
        worth
    }

    /// Whether the connection that is being made is the first one by EPSV, which may still prove to be of
    /// no use. Over IPv6 there is nothing else to use.
    fn on_trial(&self, control: &Connection) -> bool {
        self.way == Way::Passive
            && !self.plain
            && self.epsv == Epsv::Untried
            && control.server().is_ipv4()
    }

    /// Takes an open connection into the books.
    pub(crate) fn opened(&mut self, stream: TcpStream, control: &Connection) -> DataConnection {
        self.opened += 1;
        control.acknowledge_quickly(&stream);
        if self.on_trial(control) {
            self.epsv = Epsv::Works;
        }
        let opener = match self.way {
            Way::Passive => Party::Client,
            Way::Active => Party::Server,
        };
        let teller = control.teller().clone();
        if let (Ok(client), Ok(server)) = (stream.local_addr(), stream.peer_addr()) {
            teller.tell(What::DataOpened { conn: self.opened, opener, client, server });
        }
        let books = Books { conn: self.opened, teller, sent: 0, received: 0, over: [false; 2] };
        DataConnection { stream: Stream::Plain(stream), books, resumed: None }
    }
}

/// The plan that a 227 or 229 makes; which of the two it is, the reply says and not the command (some
/// servers answer PASV with 229).
fn planned_by(control: &Connection, reply: &Reply, longest: Duration) -> Result<Plan, Error> {
    let text = reply.text();
    let named = match reply.code.value() {
        229 => address::parse_229(text).map(|port| at_port(control.server(), port)),
        _ => address::parse_227(text).map(SocketAddr::V4),
    };
    let named = named.map_err(|_| Error::Malformed {
        wanted: "an address for the data connection",
        last: control.last_boxed(),
    })?;
    control.teller().tell(What::DataPlanned { listener: Party::Server, address: named });
    let to = at_port(control.server(), named.port());
    if to != named {
        tracing::info!(%named, %to, "the reply names another address than the server's; not used");
    }
    Ok(Plan::Connect { to, patience: control.patience().min(longest) })
}

/// The same host, zone included, at another port.
fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

fn bind(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = socket_for(at)?;
    socket.bind(at)?;
    Ok(socket)
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}

impl Plan {
    /// How long opening may take.
    pub(crate) fn patience(&self) -> Duration {
        match self {
            Self::Connect { patience, .. } | Self::Accept { patience, .. } => *patience,
        }
    }

    /// Opens the connection, however long it takes.
    pub(crate) async fn open(&self, teller: &Teller) -> io::Result<TcpStream> {
        match self {
            Self::Connect { to, .. } => {
                let stream = socket_for(*to)?.connect(*to).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            }
            Self::Accept { listener, peer, .. } => loop {
                let (stream, from) = listener.accept().await?;
                if canonical(from.ip()) == *peer {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                let why = Text::from(format!("{from} connected, which is not the server"));
                teller.tell(What::DataRefused { why });
            },
        }
    }
}

/// An open data connection; dropped before its time it is broken off.
pub(crate) struct DataConnection {
    pub(crate) stream: Stream,
    pub(crate) books: Books,
    /// Under TLS: whether it has resumed an earlier TLS session of this control connection.
    pub(crate) resumed: Option<bool>,
}

/// What the tap is told of a data connection: how each of its halves ended.
pub(crate) struct Books {
    conn: u32,
    teller: Teller,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Whether our half and the server's half have ended.
    over: [bool; 2],
}

impl DataConnection {
    /// Begins TLS on it.
    pub(crate) async fn cover(self, security: &Security) -> Result<Self, TlsFault> {
        let Self { stream, books, resumed } = self;
        let Stream::Plain(stream) = stream else { return Ok(Self { stream, books, resumed }) };
        let (conn, teller) = (Some(books.conn), books.teller.clone());
        match security.begin(stream, TLS_BUFFER).await {
            Ok((stream, facts)) => {
                let resumed = Some(facts.resumed);
                teller.tell(What::Secured { conn, facts });
                Ok(Self { stream, books, resumed })
            }
            Err(fault) => {
                teller.tell(What::NotSecured { conn, why: fault.to_string().into() });
                Err(fault)
            }
        }
    }
}

impl Books {
    /// The server's half has ended.
    pub(crate) fn theirs_ended(&mut self, how: HalfEnd) {
        self.half_ended(Party::Server, how);
    }

    /// Our half has ended.
    pub(crate) fn ours_ended(&mut self, how: HalfEnd) {
        self.half_ended(Party::Client, how);
    }

    fn half_ended(&mut self, by: Party, how: HalfEnd) {
        let (index, bytes) = match by {
            Party::Client => (0, self.sent),
            Party::Server => (1, self.received),
        };
        if !std::mem::replace(&mut self.over[index], true) {
            self.teller.tell(What::DataEnded { conn: self.conn, by, bytes, how });
        }
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        // The socket closes after this; what the server still sends then is answered with RST.
        let how = if self.over[1] { HalfEnd::Fin } else { HalfEnd::Reset };
        self.ours_ended(how);
    }
}
