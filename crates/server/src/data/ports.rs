//! The pool of passive ports: one for the whole server.
//!
//! A session that is to listen gets a [`Passive`], its place on a port for one data connection. Without a
//! configured range each has a port of its own. In a range free ports come first, from a random start; when
//! none is left, clients with different addresses share one, since their connections can be told apart.
//! Each local address has the range to itself. How a port works is in `ports/port.rs`.

mod port;

use super::Setting;
use super::open::{DataConnection, Ends};
use crate::limits::Counter;
use crate::origin::Origin;
use ipnet::IpNet;
use port::Port;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use wharf_proto::address::unmapped;
use wharf_proto::tap::{Party, What};

/// How long a command may take to follow its connection without our looking at the queue.
const MOMENT: Duration = Duration::from_millis(50);

/// The passive ports of a server.
pub(crate) struct Ports {
    range: Option<RangeInclusive<u16>>,
    /// Without a range, how many of them one address may have.
    most: u32,
    /// How many it has.
    own: Mutex<Counter<Origin>>,
    /// The ports of the range on which somebody waits. Locked before any of them is.
    open: Mutex<HashMap<SocketAddr, Arc<Port>>>,
}

/// A session's place on a port, for one data connection; dropping it gives the place back and closes what
/// came for it.
pub(crate) struct Passive {
    ports: Arc<Ports>,
    port: Arc<Port>,
    client: IpAddr,
    call: Arc<Notify>,
}

impl Ports {
    /// The ports of this range; without one, any, and `most` of them for one address.
    pub(crate) fn new(range: Option<RangeInclusive<u16>>, most: u32) -> Arc<Self> {
        Arc::new(Self { range, most, own: Mutex::default(), open: Mutex::default() })
    }

    /// A place at the host of `here` (zone included, whatever the port) for a connection from this client,
    /// both canonical, or from a server in one of these networks. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// What the system reports; where the range is used up, why.
    pub(crate) fn open(
        self: &Arc<Self>,
        here: SocketAddr,
        client: IpAddr,
        foreign: &[IpNet],
    ) -> io::Result<Passive> {
        let (port, call) = match &self.range {
            Some(range) => self.place_in(range, here, client, foreign)?,
            None => self.own_port(here, client, foreign)?,
        };
        Ok(Passive { ports: Arc::clone(self), port, client, call })
    }

    fn own_port(
        &self,
        here: SocketAddr,
        client: IpAddr,
        foreign: &[IpNet],
    ) -> io::Result<(Arc<Port>, Arc<Notify>)> {
        if !self.own().add(Origin::of(client), self.most) {
            let why = format!(
                "{} passive ports are waiting for connections from your address",
                self.most
            );
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        Port::open(at_port(here, 0), client, foreign)
            .inspect_err(|_| self.own().remove(&Origin::of(client)))
    }

    fn own(&self) -> MutexGuard<'_, Counter<Origin>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place_in(
        &self,
        range: &RangeInclusive<u16>,
        here: SocketAddr,
        client: IpAddr,
        foreign: &[IpNet],
    ) -> io::Result<(Arc<Port>, Arc<Notify>)> {
        // The order must not be foreseeable (RFC 2577 section 8).
        let random = RandomState::new().hash_one(client);
        let start = usize::try_from(random % range.len().max(1) as u64).unwrap_or(0);
        let all = || {
            let order = range.clone().skip(start).chain(range.clone().take(start));
            order.map(|port| at_port(here, port))
        };
        let mut open = self.lock();
        for at in all() {
            if open.contains_key(&at) {
                continue;
            }
            match Port::open(at, client, foreign) {
                Ok((port, call)) => {
                    open.insert(at, Arc::clone(&port));
                    return Ok((port, call));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        let mut yours = 0;
        for port in all().filter_map(|at| open.get(&at)) {
            match Some(port).filter(|_| foreign.is_empty()).and_then(|port| port.join(client)) {
                Some(call) => return Ok((Arc::clone(port), call)),
                None => yours += 1,
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, used_up(range.len(), yours)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Port>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_port(mut here: SocketAddr, port: u16) -> SocketAddr {
    here.set_port(port);
    here
}

/// Why there is no port, when `yours` of `all` are waiting for the same client and others have the rest.
fn used_up(all: usize, yours: usize) -> String {
    match (all, yours) {
        (1, 1) => "the one passive port is waiting for a connection from your address".to_owned(),
        (_, 0) => "no passive port is free".to_owned(),
        _ if yours == all => {
            format!("all {all} passive ports are waiting for connections from your address")
        }
        _ => format!(
            "{yours} of {all} passive ports are waiting for connections from your address, and the rest \
             are in use elsewhere"
        ),
    }
}

impl Passive {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Whether nobody else can have the port: it is not one of a range.
    pub(crate) fn is_own(&self) -> bool {
        self.ports.range.is_none()
    }

    /// The same place for the next data connection. Whatever has come meanwhile was meant for the last one, or
    /// for nobody, and is reset.
    pub(crate) fn again(self) -> Option<Self> {
        self.port.empty(self.client).then_some(self)
    }

    /// The control peer's connection, if it is waiting already.
    pub(crate) fn accept_waiting(&self, setting: &Setting) -> Option<DataConnection> {
        debug_assert_eq!(setting.client.ip(), self.client, "a place belongs to one session");
        let arrivals = self.port.arrivals(self.client);
        for why in arrivals.refused {
            setting.teller.tell(What::DataRefused { why });
        }
        let (stream, from) = arrivals.stream?;
        // A runtime that cannot watch it can watch nothing: the client sees that its connection ends.
        let stream = TcpStream::from_std(stream).ok()?;
        let ends = Ends { client: from, server: unmapped(self.port.address()) };
        Some(DataConnection::new(stream, ends, setting, Party::Client))
    }

    /// Takes connections in as they come; to be polled as long as the place is held and not awaited. It begins
    /// after a moment, since the command most often follows the connection at once.
    pub(crate) async fn take_in(&self) -> Infallible {
        tokio::time::sleep(MOMENT).await;
        self.port.take_in().await
    }

    /// The control peer's connection, whenever it comes. A stranger's is closed, and the wait goes on
    /// (RFC 2577 section 7): nobody can use the port up. The session's timer bounds the wait.
    pub(crate) async fn accept(&self, setting: &Setting) -> DataConnection {
        loop {
            if let Some(data) = self.accept_waiting(setting) {
                return data;
            }
            tokio::select! {
                never = self.port.take_in() => match never {},
                () = self.call.notified() => {}
            }
        }
    }
}

impl Drop for Passive {
    fn drop(&mut self) {
        if self.is_own() {
            self.ports.own().remove(&Origin::of(self.client));
        }
        let mut open = self.ports.lock();
        if self.port.leave(self.client) {
            // Only ports of a range are in the pool.
            open.remove(&self.port.address());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpStream as Socket};
    use std::sync::atomic::{AtomicU8, Ordering};
    use wharf_proto::tap::Event;

    const MOST: u32 = 9;
    const ADA: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
    const EVE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));

    fn local(ip: IpAddr) -> SocketAddr {
        SocketAddr::new(ip, 21)
    }

    /// A session of this client, and what its tap hears.
    struct Heard(Setting, Arc<Mutex<Vec<String>>>);

    fn session(client: IpAddr) -> Heard {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let tap = move |event: &Event| {
            if let What::DataRefused { why } = &event.what {
                sink.lock().unwrap().push(why.to_string());
            }
        };
        let taps: Arc<[Arc<dyn crate::Tap>]> = Arc::from([Arc::new(tap) as Arc<dyn crate::Tap>]);
        Heard(super::super::tests::setting(SocketAddr::new(client, 1), taps), heard)
    }

    /// A local address that no other test uses, so that its ports are free.
    fn own_address() -> IpAddr {
        static NEXT: AtomicU8 = AtomicU8::new(10);
        let [.., high, low] = std::process::id().to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(127, high, low, NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    fn connect(from: IpAddr, to: SocketAddr) -> Socket {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.into()
    }

    fn port_of(data: &DataConnection) -> u16 {
        data.stream.peer_addr().unwrap().port()
    }

    fn is_reset(mut socket: &Socket) -> bool {
        let error = socket.read(&mut [0]).err();
        error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    }

    fn refusal(result: io::Result<Passive>) -> String {
        result.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn without_a_range_every_session_has_a_port_of_its_own() {
        let ports = Ports::new(None, MOST);
        let ip = own_address();
        let [one, other] =
            [ports.open(local(ip), ADA, &[]).unwrap(), ports.open(local(ip), BOB, &[]).unwrap()];
        assert_ne!(one.address(), other.address());
        assert_eq!(one.address().ip(), ip);
        assert!(ports.lock().is_empty());
    }

    #[tokio::test]
    async fn free_ports_come_first_and_then_one_is_shared_by_different_addresses() {
        let ports = Ports::new(Some(2001..=2003), MOST);
        let ip = own_address();
        let ada = [(); 3].map(|()| ports.open(local(ip), ADA, &[]).unwrap());
        let mut used = ada.each_ref().map(|passive| passive.address().port());
        used.sort_unstable();
        assert_eq!(used, [2001, 2002, 2003]);
        assert_eq!(
            refusal(ports.open(local(ip), ADA, &[])),
            "all 3 passive ports are waiting for connections from your address"
        );
        let bob = [(); 3].map(|()| ports.open(local(ip), BOB, &[]).unwrap());
        assert!(ports.open(local(ip), BOB, &[]).is_err());
        drop(ada);
        assert_eq!(ports.lock().len(), 3, "bob waits on all of them");
        drop(bob);
        assert!(ports.lock().is_empty());
    }

    #[tokio::test]
    async fn the_first_port_of_a_range_is_not_always_the_same() {
        let ports = Ports::new(Some(2001..=2100), MOST);
        let ip = own_address();
        let mut seen =
            [(); 20].map(|()| ports.open(local(ip), ADA, &[]).unwrap().address().port()).to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 1);
    }

    #[tokio::test]
    async fn each_local_address_has_the_range_to_itself() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let [one, other] = [own_address(), own_address()];
        let first = ports.open(local(one), ADA, &[]).unwrap();
        let second = ports.open(local(other), ADA, &[]).unwrap();
        assert_eq!(first.address().port(), second.address().port());
        assert_eq!(
            refusal(ports.open(local(one), ADA, &[])),
            "the one passive port is waiting for a connection from your address"
        );
    }

    #[tokio::test]
    async fn ports_of_other_programs_are_passed_over_and_named_when_nothing_is_left() {
        let ip = own_address();
        let other = std::net::TcpListener::bind((ip, 2001)).unwrap();
        let ports = Ports::new(Some(2001..=2002), MOST);
        let passive = ports.open(local(ip), ADA, &[]).unwrap();
        assert_eq!(passive.address().port(), 2002);
        assert!(
            refusal(ports.open(local(ip), ADA, &[]))
                .starts_with("1 of 2 passive ports are waiting")
        );
        drop(passive);
        let one = Ports::new(Some(2001..=2001), MOST);
        assert_eq!(refusal(one.open(local(ip), ADA, &[])), "no passive port is free");
        drop(other);
        assert!(one.open(local(ip), ADA, &[]).is_ok());
    }

    #[tokio::test]
    async fn an_empty_range_is_an_error_and_no_panic() {
        let (start, end) = (2, 1);
        let ports = Ports::new(Some(start..=end), MOST);
        assert_eq!(refusal(ports.open(local(own_address()), ADA, &[])), "no passive port is free");
    }

    #[tokio::test]
    async fn clients_of_a_shared_port_get_their_own_connections_in_whatever_order_they_come() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let ip = own_address();
        let [ada, bob] = [ADA, BOB].map(|client| ports.open(local(ip), client, &[]).unwrap());
        let (of_ada, of_bob) = (session(ADA), session(BOB));
        let from_bob = connect(BOB, bob.address());
        // Ada's wait takes bob's connection in, and keeps it for him.
        let (wait, from_ada) = tokio::join!(ada.accept(&of_ada.0), async {
            tokio::task::yield_now().await;
            connect(ADA, ada.address())
        });
        let to_ada = wait;
        assert_eq!(port_of(&to_ada), from_ada.local_addr().unwrap().port());
        let to_bob = bob.accept_waiting(&of_bob.0).unwrap();
        assert_eq!(port_of(&to_bob), from_bob.local_addr().unwrap().port());
        assert!(of_ada.1.lock().unwrap().is_empty() && of_bob.1.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_connection_is_seen_at_once_when_it_came_before_it_was_asked_for() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let passive = ports.open(local(own_address()), ADA, &[]).unwrap();
        let of_ada = session(ADA);
        assert!(passive.accept_waiting(&of_ada.0).is_none());
        let first = connect(ADA, passive.address());
        let second = connect(ADA, passive.address());
        let data = passive.accept_waiting(&of_ada.0).unwrap();
        assert_eq!(port_of(&data), first.local_addr().unwrap().port(), "the oldest wins");
        drop(passive);
        assert!(is_reset(&second));
    }

    #[tokio::test]
    async fn a_stranger_is_closed_and_told_to_all_who_wait_and_the_wait_goes_on() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let ip = own_address();
        let [ada, bob] = [ADA, BOB].map(|client| ports.open(local(ip), client, &[]).unwrap());
        let (of_ada, of_bob) = (session(ADA), session(BOB));
        let stranger = connect(EVE, ada.address());
        assert!(ada.accept_waiting(&of_ada.0).is_none());
        assert!(bob.accept_waiting(&of_bob.0).is_none());
        assert!(is_reset(&stranger));
        let why = format!("{} is not the client of this session", stranger.local_addr().unwrap());
        for heard in [&of_ada, &of_bob] {
            assert_eq!(*heard.1.lock().unwrap(), std::slice::from_ref(&why));
        }
        let _data = connect(ADA, ada.address());
        ada.accept(&of_ada.0).await;
    }

    #[tokio::test]
    async fn strangers_do_not_fill_the_queue_while_nobody_asks() {
        let ports = Ports::new(None, MOST);
        let passive = ports.open(local(own_address()), ADA, &[]).unwrap();
        let (of_ada, at) = (session(ADA), passive.address());
        let flood =
            tokio::task::spawn_blocking(move || (0..200).all(|_| is_reset(&connect(EVE, at))));
        tokio::select! {
            never = passive.take_in() => match never {},
            all = flood => assert!(all.unwrap()),
        }
        let _data = connect(ADA, at);
        assert!(passive.accept_waiting(&of_ada.0).is_some());
        assert!(of_ada.1.lock().unwrap().len() < 20, "a flood is not told in full");
    }

    #[tokio::test]
    async fn without_a_range_an_address_has_so_many_ports_and_each_comes_back() {
        let ports = Ports::new(None, 2);
        let ip = own_address();
        let both = [(); 2].map(|()| ports.open(local(ip), ADA, &[]).unwrap());
        assert_eq!(
            refusal(ports.open(local(ip), ADA, &[])),
            "2 passive ports are waiting for connections from your address"
        );
        drop(ports.open(local(ip), BOB, &[]).unwrap());
        drop(both);
        assert!(ports.own().is_empty());
        // An address that is not ours: what could not be opened is not counted.
        assert!(ports.open(local(Ipv4Addr::new(192, 0, 2, 1).into()), ADA, &[]).is_err());
        assert!(ports.own().is_empty());
    }

    #[tokio::test]
    async fn what_is_kept_for_a_session_is_bounded() {
        let ports = Ports::new(None, MOST);
        let passive = ports.open(local(own_address()), ADA, &[]).unwrap();
        let of_ada = session(ADA);
        let sockets = [(); 5].map(|()| connect(ADA, passive.address()));
        let first = sockets[0].local_addr().unwrap().port();
        tokio::select! {
            never = passive.take_in() => match never {},
            reset = tokio::task::spawn_blocking(move || {
                sockets[3..].iter().all(is_reset)
            }) => assert!(reset.unwrap()),
        }
        let data = passive.accept_waiting(&of_ada.0).unwrap();
        assert_eq!(port_of(&data), first);
        assert_eq!(of_ada.1.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_connection_for_a_session_that_has_gone_is_not_given_to_the_next() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let ip = own_address();
        let _bob = ports.open(local(ip), BOB, &[]).unwrap();
        let gone = ports.open(local(ip), ADA, &[]).unwrap();
        let late = connect(ADA, gone.address());
        drop(gone);
        let next = ports.open(local(ip), ADA, &[]).unwrap();
        assert!(next.accept_waiting(&session(ADA).0).is_none());
        assert!(is_reset(&late));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_port_is_free_for_others_as_soon_as_nobody_waits() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let ip = own_address();
        for _ in 0..200 {
            let [ada, bob] = [ADA, BOB].map(|client| ports.open(local(ip), client, &[]).unwrap());
            let at = ada.address();
            drop((ada, bob));
            assert!(ports.lock().is_empty());
            std::net::TcpListener::bind(at).unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_is_used_again_without_what_came_for_it_meanwhile() {
        let ports = Ports::new(None, MOST);
        let passive = ports.open(local(own_address()), ADA, &[]).unwrap();
        let at = passive.address();
        let late = connect(ADA, at);
        let passive = passive.again().unwrap();
        assert!(is_reset(&late));
        assert!(passive.accept_waiting(&session(ADA).0).is_none());
        let _data = connect(ADA, at);
        assert!(passive.accept_waiting(&session(ADA).0).is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_clients_on_one_port_all_get_their_own() {
        let ports = Ports::new(Some(2001..=2001), MOST);
        let ip = own_address();
        let clients = (1..=50).map(|n| IpAddr::V4(Ipv4Addr::new(127, 1, 1, n)));
        let mut waits = Vec::new();
        for client in clients {
            let passive = ports.open(local(ip), client, &[]).unwrap();
            let of_client = session(client);
            let at = passive.address();
            let wait = tokio::spawn(async move { passive.accept(&of_client.0).await });
            waits.push((wait, tokio::task::spawn_blocking(move || connect(client, at))));
        }
        for (wait, socket) in waits {
            let (data, socket) = (wait.await.unwrap(), socket.await.unwrap());
            assert_eq!(data.stream.peer_addr().unwrap(), socket.local_addr().unwrap());
        }
        assert!(ports.lock().is_empty());
    }
}
