//! One passive port: its listener, and a place for each client that is expected on it.
//!
//! Who a connection is for is told by its address alone, so there is one place an address. Every session with
//! a place takes connections in as they come, for all of them, also before it asks for its own: a client may
//! connect right after 227 and wait for that before it sends its command, and strangers must not fill the
//! queue until then. When the last place is given up the listener is closed at once.

use crate::listener;
use ipnet::IpNet;
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::hash_map::{Entry, HashMap};
use std::collections::vec_deque::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as Unregistered, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wharf_proto::Text;
use wharf_proto::address::unmapped;

/// How many connections may wait in the system: clients that share the port, and strangers among them.
const BACKLOG: i32 = 64;

/// How many connections are kept for a session that has not asked for one yet.
const KEPT: usize = 3;

/// How many refusals are kept for a session to tell; of a flood, the first ones are enough.
const NOTES: usize = 8;

/// How long to wait before accepting again after the system refused (no descriptors left, say).
const RECOVER: Duration = Duration::from_millis(100);

/// How often another port is tried where somebody else took the one that the system gave us.
const TRIES: usize = 16;

/// A port that listens as long as it has places.
pub(super) struct Port {
    address: SocketAddr,
    listener: Unregistered,
    /// The same for a runtime, from when somebody has to be woken: most connections are there when they are
    /// asked for, and cost neither a registration nor a call. It is the runtime of the first who waits; others
    /// are woken by it.
    awaited: OnceLock<TcpListener>,
    places: Mutex<HashMap<IpAddr, Place>>,
}

/// What has come for one session.
#[derive(Default)]
struct Place {
    /// Networks from which another server may connect in its client's place.
    foreign: Vec<IpNet>,
    kept: VecDeque<Arrival>,
    refused: Vec<Text>,
    /// Called whenever one of the two has grown.
    call: Arc<Notify>,
}

/// A connection, and where it came from. No runtime knows it yet: that is for the session which it is for.
pub(super) type Arrival = (TcpStream, SocketAddr);

/// What a session is given when it asks.
#[derive(Default)]
pub(super) struct Arrivals {
    /// The oldest connection of its client.
    pub(super) stream: Option<Arrival>,
    /// Who was turned away since it last asked, and why.
    pub(super) refused: Vec<Text>,
}

impl Port {
    /// Listens, with a first place for this client, and for others from these networks in its place; the call
    /// tells when to ask again.
    pub(super) fn open(
        at: SocketAddr,
        client: IpAddr,
        foreign: &[IpNet],
    ) -> io::Result<(Arc<Self>, Arc<Notify>)> {
        let listener = listen(at)?;
        let address = listener.local_addr()?;
        let place = Place { foreign: foreign.to_vec(), ..Place::default() };
        let call = Arc::clone(&place.call);
        let places = Mutex::new(HashMap::from([(client, place)]));
        Ok((Arc::new(Self { address, listener, awaited: OnceLock::new(), places }), call))
    }

    /// A place for one more client, unless one of this address is expected already, or one of whom nobody knows
    /// the address.
    pub(super) fn join(&self, client: IpAddr) -> Option<Arc<Notify>> {
        let mut places = self.lock();
        if places.values().any(|place| !place.foreign.is_empty()) {
            return None;
        }
        match places.entry(client) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => Some(Arc::clone(&place.insert(Place::default()).call)),
        }
    }

    /// Gives a place up; `true` when it was the last, and the port is of no more use.
    pub(super) fn leave(&self, client: IpAddr) -> bool {
        let mut places = self.lock();
        if places.len() > 1 {
            // What came for this session must not be taken for the next one from its address.
            self.gather(&mut places, |_| true);
        }
        if let Some(place) = places.remove(&client) {
            place.kept.iter().for_each(|(stream, _)| reset(stream));
        }
        if places.is_empty() {
            // Whoever still holds the port for a moment must not keep others from it: it ends here, not when
            // the last descriptor is closed. If it fails it has ended already.
            let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        }
        places.is_empty()
    }

    /// Resets what has come for this client; whether that was all.
    pub(super) fn empty(&self, client: IpAddr) -> bool {
        let mut places = self.lock();
        let all = self.gather(&mut places, |_| true);
        if let Some(place) = places.get_mut(&client) {
            place.kept.drain(..).for_each(|(stream, _)| reset(&stream));
        }
        all
    }

    /// What has come for this client; never waits.
    pub(super) fn arrivals(&self, client: IpAddr) -> Arrivals {
        let mut places = self.lock();
        self.gather(&mut places, |places| {
            places.get(&client).is_some_and(|place| place.kept.is_empty())
        });
        let Some(place) = places.get_mut(&client) else { return Arrivals::default() };
        let refused = std::mem::take(&mut place.refused);
        Arrivals { stream: place.kept.pop_front(), refused }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes in what comes, for all that have a place here. A stranger, and a refusal of the system, never end
    /// the wait.
    pub(super) async fn take_in(&self) -> Infallible {
        loop {
            let accepted = match self.awaited() {
                Ok(awaited) => listener::accept(awaited).await,
                Err(error) => Err(error),
            };
            match accepted {
                Ok(arrival) => sort(&mut self.lock(), arrival),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a data connection");
                    tokio::time::sleep(RECOVER).await;
                }
            }
        }
    }

    fn awaited(&self) -> io::Result<&TcpListener> {
        if let Some(listener) = self.awaited.get() {
            return Ok(listener);
        }
        let listener = TcpListener::from_std(self.listener.try_clone()?)?;
        Ok(self.awaited.get_or_init(|| listener))
    }

    /// Takes in what waits in the system as long as `more` says so: a queue of it at most, so that a flood
    /// ends somewhere. Whether nothing waits any more.
    fn gather(
        &self,
        places: &mut HashMap<IpAddr, Place>,
        more: impl Fn(&HashMap<IpAddr, Place>) -> bool,
    ) -> bool {
        for _ in 0..=BACKLOG {
            if !more(places) {
                return false;
            }
            let Ok(arrival) = accept(&self.listener) else { return true };
            sort(places, arrival);
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn refuse(&mut self, why: Text) {
        if self.refused.len() < NOTES {
            self.refused.push(why);
            self.call.notify_one();
        }
    }
}

/// Connections of this port that have ended may still be in TIME_WAIT; without SO_REUSEADDR a busy server would
/// soon find no port without one. With it the system may give us a port that somebody has bound and not yet
/// listened at, which is found out when we listen.
fn listen(at: SocketAddr) -> io::Result<Unregistered> {
    let mut tries = if at.port() == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(at), kind, None)?;
        socket.set_reuse_address(true)?;
        match socket.bind(&at.into()).and_then(|()| socket.listen(BACKLOG)) {
            Ok(()) => return Ok(socket.into()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// A connection that waits in the system.
fn accept(listener: &Unregistered) -> io::Result<Arrival> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (stream, from) = acceptfrom_with(listener, flags)?;
    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
    // Where even the peer is unknown the connection has ended already.
    Ok((stream.into(), from.ok_or(io::ErrorKind::ConnectionAborted)?))
}

/// Gives a connection to the session that expects one from its address. Any other is closed, and whoever
/// may have waited for it is told (RFC 2577 section 7).
fn sort(places: &mut HashMap<IpAddr, Place>, (stream, peer): Arrival) {
    let peer = unmapped(peer);
    let from = peer.ip();
    let expected = |place: &Place| place.foreign.iter().any(|network| network.contains(&from));
    let client = match places.contains_key(&from) {
        true => Some(from),
        false => places.iter().find(|(_, place)| expected(place)).map(|(client, _)| *client),
    };
    match client.and_then(|client| places.get_mut(&client)) {
        Some(place) if place.kept.len() < KEPT => {
            place.kept.push_back((stream, peer));
            place.call.notify_one();
            return;
        }
        Some(place) => place.refuse(format!("{peer} is one connection too many").into()),
        None => {
            let why = Text::from(format!("{peer} is not the client of this session"));
            places.values_mut().for_each(|place| place.refuse(why.clone()));
        }
    }
    reset(&stream);
}

/// Has the connection end with a reset, so that it cannot look like an empty file.
fn reset(stream: &TcpStream) {
    // If it fails the connection ends with a FIN, as it would have done anyway.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
