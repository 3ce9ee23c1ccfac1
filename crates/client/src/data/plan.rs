//! A data connection that is agreed on: where it will be, as 227 or 229 say it, and how it is opened.
//!
//! Of a 227 only the port is believed, unless the caller wants more: see `data.rs`. RFC 959 section 4.2, RFC 2428.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wharf_proto::address::{self, canonical, is_private};
use wharf_proto::tap::{Party, What};
use wharf_proto::{Reply, Text};

use crate::teller::Teller;
use crate::{Connection, DataAddress, Error, Proxy, dial};

/// A data connection that is agreed on and not yet open.
pub(crate) enum Plan {
    /// The server listens there.
    Connect { to: SocketAddr, patience: Duration, tunnel: Option<Tunnel> },
    /// We listen here, for this host only.
    Accept { listener: TcpListener, at: SocketAddr, peer: IpAddr, patience: Duration },
}

/// What a data connection goes through, and where it is to come out.
pub(crate) struct Tunnel {
    proxy: Arc<Proxy>,
    /// Where the control connection has found it.
    at: SocketAddr,
    host: String,
}

impl Plan {
    /// How long opening may take.
    pub(crate) fn patience(&self) -> Duration {
        match self {
            Self::Connect { patience, .. } | Self::Accept { patience, .. } => *patience,
        }
    }

    /// Where somebody listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Connect { to, .. } => *to,
            Self::Accept { at, .. } => *at,
        }
    }

    /// Opens the connection, however long it takes.
    pub(crate) async fn open(&self, teller: &Teller) -> io::Result<TcpStream> {
        match self {
            Self::Connect { to, tunnel, .. } => {
                let stream = match tunnel {
                    None => socket_for(*to)?.connect(*to).await?,
                    Some(Tunnel { proxy, at, host }) => {
                        dial::tunnel(proxy, *at, host, to.port()).await?
                    }
                };
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

/// The plan that a 227 or 229 makes; which of the two it is, the reply says and not the command (some
/// servers answer PASV with 229).
pub(super) fn planned_by(
    control: &Connection,
    reply: &Reply,
    longest: Duration,
) -> Result<Plan, Error> {
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
    let own = at_port(control.server(), named.port());
    let tunnel = control.proxy().filter(|proxy| proxy.is_tunnel());
    let believed = control.data_address() == DataAddress::Named
        && (tunnel.is_some() || could_be_meant(named.ip(), own.ip()));
    let to = if believed { named } else { own };
    if own != named && tunnel.is_none() {
        let verdict = if believed { "it is believed" } else { "the server's own is taken" };
        control.teller().explain(format_args!("{} names {}: {verdict}", reply.code, named.ip()));
    }
    let tunnel = tunnel.map(|proxy| {
        let host = if believed { named.ip().to_string() } else { control.host().to_owned() };
        Tunnel { proxy: Arc::clone(proxy), at: control.server(), host }
    });
    Ok(Plan::Connect { to, patience: control.patience().min(longest), tunnel })
}

/// Whether a server at `server` can mean `named` when it tells where its data is: not this machine, not everybody, and
/// nothing private behind what is public.
fn could_be_meant(named: IpAddr, server: IpAddr) -> bool {
    let nobody = named.is_unspecified()
        || named.is_multicast()
        || matches!(named, IpAddr::V4(ip) if ip.is_broadcast())
        || (named.is_loopback() && !server.is_loopback());
    !nobody && (!is_private(named) || is_private(server))
}

/// The same host, zone included, at another port.
pub(super) fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

pub(super) fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}
