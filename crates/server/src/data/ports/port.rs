//! One passive port: its listener, and a place for each client that is expected on it.
//!
//! Who a connection is for is told by its address alone, so there is one place an address. A task takes
//! connections in as they come, also before anybody asks for them: a client may connect right after 227 and
//! wait for that before it sends its command, and strangers must not fill the queue until then. The task
//! belongs to the port: when the last place is given up the listener is closed at once, and the task ends.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::vec_deque::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use wharf_proto::Text;
use wharf_proto::address::canonical;

/// How many connections may wait in the system: clients that share the port, and strangers among them.
const BACKLOG: u32 = 64;

/// How many connections are kept for a session that has not asked for one yet.
const KEPT: usize = 3;

/// How many refusals are kept for a session to tell; of a flood, the first ones are enough.
const NOTES: usize = 8;

/// How long to wait before accepting again after the system refused (no descriptors left, say).
const RECOVER: Duration = Duration::from_millis(100);

/// A port that listens as long as it has places.
pub(super) struct Port {
    address: SocketAddr,
    state: Mutex<State>,
}

struct State {
    /// `None` when the last place has been given up.
    listener: Option<TcpListener>,
    places: HashMap<IpAddr, Place>,
    task: Option<AbortHandle>,
}

/// What has come for one session.
#[derive(Default)]
struct Place {
    kept: VecDeque<TcpStream>,
    refused: Vec<Text>,
    /// Called whenever one of the two has grown.
    call: Arc<Notify>,
}

/// What a session is given when it asks.
#[derive(Default)]
pub(super) struct Arrivals {
    /// The oldest connection of its client.
    pub(super) stream: Option<TcpStream>,
    /// Who was turned away since it last asked, and why.
    pub(super) refused: Vec<Text>,
}

impl Port {
    /// Listens, with a first place for this client; the call tells when to ask again.
    pub(super) fn open(at: SocketAddr, client: IpAddr) -> io::Result<(Arc<Self>, Arc<Notify>)> {
        let listener = listen(at)?;
        let address = listener.local_addr()?;
        let place = Place::default();
        let call = Arc::clone(&place.call);
        let places = HashMap::from([(client, place)]);
        let state = Mutex::new(State { listener: Some(listener), places, task: None });
        let port = Arc::new(Self { address, state });
        let task = tokio::spawn(take_in(Arc::clone(&port)));
        port.lock().task = Some(task.abort_handle());
        Ok((port, call))
    }

    /// A place for one more client, unless one of this address is expected already.
    pub(super) fn join(&self, client: IpAddr) -> Option<Arc<Notify>> {
        match self.lock().places.entry(client) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => Some(Arc::clone(&place.insert(Place::default()).call)),
        }
    }

    /// Gives a place up; `true` when it was the last, and the port is closed.
    pub(super) fn leave(&self, client: IpAddr) -> bool {
        let mut state = self.lock();
        if state.places.len() > 1 {
            // What came for this session must not be taken for the next one from its address.
            state.gather();
        }
        if let Some(place) = state.places.remove(&client) {
            place.kept.iter().for_each(reset);
        }
        if !state.places.is_empty() {
            return false;
        }
        state.listener = None;
        if let Some(task) = state.task.take() {
            task.abort();
        }
        true
    }

    /// What has come for this client; never waits.
    pub(super) fn arrivals(&self, client: IpAddr) -> Arrivals {
        let mut state = self.lock();
        if state.places.get(&client).is_some_and(|place| place.kept.is_empty()) {
            // The task may not have had its turn yet.
            state.gather();
        }
        let Some(place) = state.places.get_mut(&client) else { return Arrivals::default() };
        let refused = std::mem::take(&mut place.refused);
        Arrivals { stream: place.kept.pop_front(), refused }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes in what comes; ready with an error when the system refuses, with `None` at the end.
    fn poll_arrivals(&self, context: &mut Context<'_>) -> Poll<Option<io::Error>> {
        let mut state = self.lock();
        let State { listener: Some(listener), places, .. } = &mut *state else {
            return Poll::Ready(None);
        };
        loop {
            match listener.poll_accept(context) {
                Poll::Ready(Ok((stream, _))) => sort(places, stream),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in what waits in the system: a queue of it at most, so that a flood ends somewhere.
    fn gather(&mut self) {
        let Some(listener) = &self.listener else { return };
        if Handle::try_current().is_err() {
            // The runtime is gone, and all its sessions with it.
            return;
        }
        for _ in 0..=BACKLOG {
            let Ok(stream) = accept(listener) else { return };
            sort(&mut self.places, stream);
        }
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

/// The task of a port. A stranger, and a refusal of the system, never end the wait.
async fn take_in(port: Arc<Port>) {
    while let Some(error) = std::future::poll_fn(|context| port.poll_arrivals(context)).await {
        tracing::warn!(%error, "cannot accept a data connection");
        tokio::time::sleep(RECOVER).await;
    }
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of this port that have ended may still be in TIME_WAIT.
    socket.set_reuseaddr(at.port() != 0)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// A connection that waits in the system, also when the runtime has not heard of it yet.
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
    let fd = rustix::net::accept_with(listener, flags)?;
    TcpStream::from_std(std::net::TcpStream::from(fd))
}

/// Gives a connection to the session that expects one from its address. Any other is closed, and whoever
/// may have waited for it is told (RFC 2577 section 7).
fn sort(places: &mut HashMap<IpAddr, Place>, stream: TcpStream) {
    // Where even the peer is unknown the connection has ended already.
    let Ok(peer) = stream.peer_addr() else { return };
    let client = canonical(peer.ip());
    let peer = SocketAddr::new(client, peer.port());
    match places.get_mut(&client) {
        Some(place) if place.kept.len() < KEPT => {
            place.kept.push_back(stream);
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
    let _ = stream.set_zero_linger();
}
