//! Passive listeners: one a session, on a port of the range, for the control peer alone.

use super::Setting;
use super::open::DataConnection;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wharf_proto::Text;
use wharf_proto::tap::{Party, What};

/// How many connections may wait on a passive listener: strangers among them.
const BACKLOG: u32 = 16;

/// A listener for one data connection.
#[derive(Debug)]
pub(crate) struct Passive {
    listener: TcpListener,
    address: SocketAddr,
}

impl Passive {
    /// Listens on a port of `range`, or on any.
    ///
    /// # Errors
    /// What the system reports; where the range is used up, that.
    pub(crate) fn open(ip: IpAddr, range: Option<&RangeInclusive<u16>>) -> io::Result<Self> {
        let Some(range) = range else { return Self::bind(SocketAddr::new(ip, 0)) };
        let count = u64::from(*range.end() - *range.start()) + 1;
        // The order must not be foreseeable (RFC 2577 section 8): a random start in the range.
        let start = RandomState::new().hash_one(()) % count;
        let port =
            |n: u64| u16::try_from(u64::from(*range.start()) + (start + n) % count).unwrap_or(0);
        for n in 0..count {
            match Self::bind(SocketAddr::new(ip, port(n))) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                result => return result,
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "all passive ports are in use"))
    }

    fn bind(at: SocketAddr) -> io::Result<Self> {
        let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(at.port() != 0)?;
        socket.bind(at)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The control peer's connection, if it is waiting already.
    pub(crate) fn accept_waiting(&self, setting: &Setting) -> Option<DataConnection> {
        loop {
            let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
            let fd = rustix::net::accept_with(&self.listener, flags).ok()?;
            let stream = TcpStream::from_std(std::net::TcpStream::from(fd)).ok()?;
            if let Some(data) = admit(stream, setting) {
                return Some(data);
            }
        }
    }

    /// The control peer's connection, whenever it comes. A stranger's is closed, and the wait goes on
    /// (RFC 2577 section 7): nobody can use the port up. The session's timer bounds the wait.
    pub(crate) async fn accept(&self, setting: &Setting) -> Result<DataConnection, Text> {
        loop {
            let (stream, _) = self.listener.accept().await.map_err(|error| error.to_string())?;
            if let Some(data) = admit(stream, setting) {
                return Ok(data);
            }
        }
    }
}

fn admit(stream: TcpStream, setting: &Setting) -> Option<DataConnection> {
    let peer = stream.peer_addr().ok()?;
    if wharf_proto::address::canonical(peer.ip()) == setting.client.ip() {
        return DataConnection::new(stream, setting, Party::Client).ok();
    }
    let why = Text::from(format!("{peer} is not the client of this session"));
    setting.teller.tell(What::DataRefused { why });
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn a_range_is_used_up_port_by_port_and_then_refused() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let probe = Passive::open(ip, None).unwrap();
        let port = probe.address().port();
        let range = port..=port;
        assert!(Passive::open(ip, Some(&range)).is_err());
        drop(probe);
        assert_eq!(Passive::open(ip, Some(&range)).unwrap().address().port(), port);
    }
}
