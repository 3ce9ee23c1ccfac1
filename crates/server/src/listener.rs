//! Listeners: binding, accepting, limits, and the end of the server.
//!
//! Binding and serving are two steps, and only the second needs a runtime: in between, while the process has one
//! thread, its owner may give up what only the first step needed.

use crate::config::Config;
use crate::control::{Control, Shared, Staying};
use crate::descriptors::{self, Held};
use crate::limits::{Bounds, Full, Limits};
use crate::seldom::Seldom;
use crate::tap::{Tap, Teller};
use crate::workers::Workers;
use socket2::{Domain, Socket, Type};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener as Unregistered, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wharf_proto::Moment;
use wharf_proto::server::Unwelcome;
use wharf_proto::tap::SessionId;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long to wait before accepting again after the system refused (no descriptors left, say).
const RECOVER: Duration = Duration::from_millis(100);

/// How long sessions may take to end when the server does.
const FAREWELL: Duration = Duration::from_secs(5);

/// A server that is bound and not yet running.
pub struct Server {
    listeners: Vec<(Unregistered, Scheme)>,
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    held: Arc<Held>,
    taps: Arc<[Arc<dyn Tap>]>,
}

impl Server {
    /// Opens the listeners. Needs no runtime, and starts no thread.
    ///
    /// # Errors
    /// What the system reports, with the address that it is about.
    pub fn bind(config: Config, taps: Vec<Arc<dyn Tap>>) -> io::Result<Self> {
        let plain = config.listen.iter().map(|address| (address, Scheme::Ftp));
        let clear = config.listen_clear.iter().map(|address| (address, Scheme::FtpInClear));
        let implicit = config.listen_implicit.iter().map(|address| (address, Scheme::Ftps));
        if config.tls.is_none() && !config.listen_implicit.is_empty() {
            let why = "to listen for TLS, a certificate is needed";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listeners = plain.chain(clear).chain(implicit).map(|(address, scheme)| {
            listen(*address).map(|listener| (listener, scheme)).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })
        });
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let bounds = Bounds {
            sessions: descriptors::sessions_for(&config),
            reserve: config.reserve,
            per_address: config.sessions_per_address,
            strangers_per_address: config.strangers_per_address,
        };
        let limits = Limits::new(bounds, config.trusted.clone());
        let (shared, held) = (Arc::new(Shared::new(config)), Arc::new(Held::new()));
        Ok(Self { listeners, shared, limits, held, taps: taps.into() })
    }

    /// Where it listens, in the order of the configuration, ports filled in: first in clear, then under TLS from
    /// the first byte on.
    pub fn addresses(&self) -> Vec<(Scheme, SocketAddr)> {
        let address = |(listener, scheme): &(Unregistered, Scheme)| {
            Some((*scheme, listener.local_addr().ok()?))
        };
        self.listeners.iter().filter_map(address).collect()
    }

    /// Serves until `stop` is ready; then tells every session so, and returns when they have ended, or
    /// after a few seconds. Sessions run on [`Config::threads`].
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.start()?.until(stop).await;
        Ok(())
    }

    /// Begins to serve, on the runtime that it is called on. Everything that can fail has been done when it returns.
    ///
    /// # Errors
    /// Where the runtime cannot watch a listener, or the system gives no thread. Nothing has been accepted then.
    pub fn start(self) -> io::Result<Serving> {
        let listeners = self.listeners.into_iter().map(|(listener, scheme)| {
            TcpListener::from_std(listener).map(|listener| (listener, scheme))
        });
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let workers = Arc::new(Workers::start(self.shared.threads())?);
        let (stopping, stopped) = watch::channel(false);
        let origin = Instant::now();
        let number = Arc::new(AtomicU64::new(0));
        let refusals = Arc::new(Seldom::default());
        let mut accepting = JoinSet::new();
        for (listener, scheme) in listeners {
            let acceptor = Acceptor {
                listener,
                scheme,
                workers: Arc::clone(&workers),
                shared: Arc::clone(&self.shared),
                limits: Arc::clone(&self.limits),
                held: Arc::clone(&self.held),
                refusals: Arc::clone(&refusals),
                taps: Arc::clone(&self.taps),
                number: Arc::clone(&number),
                origin,
                stopped: stopped.clone(),
            };
            accepting.spawn(acceptor.run());
        }
        Ok(Serving { accepting, workers, stopping })
    }
}

/// A server that serves; dropping it ends it at once.
pub struct Serving {
    accepting: JoinSet<()>,
    workers: Arc<Workers>,
    stopping: watch::Sender<bool>,
}

impl Serving {
    /// Serves until `stop` is ready, as [`Server::run`] says.
    pub async fn until(mut self, stop: impl Future<Output = ()>) {
        stop.await;
        // There is always a receiver here: the acceptors hold one each until they have seen this.
        let _ = self.stopping.send(true);
        let _ = timeout(FAREWELL, self.stopping.closed()).await;
        self.accepting.shutdown().await;
        self.workers.end().await;
    }
}

/// Whether nothing keeps a server from listening here. Nobody can connect meanwhile.
///
/// # Errors
/// What keeps it.
pub fn may_listen(address: SocketAddr) -> io::Result<()> {
    bound(address).map(drop)
}

fn listen(address: SocketAddr) -> io::Result<Unregistered> {
    let socket = bound(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.ip().is_unspecified() && address.is_ipv6() {
        // [::] takes IPv4 as well, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// The next connection, and where it comes from. No runtime knows it: it goes to that of its session.
pub(crate) async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, from) = listener.accept().await?;
    Ok((stream.into_std()?, from))
}

/// How a session begins at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In clear; TLS comes with AUTH, if it comes.
    Ftp,
    /// The same, where passwords and files may go in clear.
    FtpInClear,
    /// Under TLS from the first byte on.
    Ftps,
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ftp | Self::FtpInClear => "ftp",
            Self::Ftps => "ftps",
        })
    }
}

/// One listener's loop.
struct Acceptor {
    listener: TcpListener,
    scheme: Scheme,
    workers: Arc<Workers>,
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    held: Arc<Held>,
    refusals: Arc<Seldom>,
    taps: Arc<[Arc<dyn Tap>]>,
    number: Arc<AtomicU64>,
    origin: Instant,
    stopped: watch::Receiver<bool>,
}

impl Acceptor {
    async fn run(mut self) {
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener) => accepted,
                _ = self.stopped.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.held.refill();
                    self.admit(stream, peer);
                }
                // The client has gone before its turn came.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => self.recover(&error).await,
            }
        }
    }

    /// The system has refused. Where it has no descriptors left, one that was held back lets the next connection in
    /// the queue be answered: somebody who is trusted gets in, with the rest of what was held.
    async fn recover(&self, error: &io::Error) {
        if self.held.helps_with(error)
            && let Ok(Ok((stream, peer))) = timeout(RECOVER, accept(&self.listener)).await
        {
            if self.limits.trusts(peer.ip()) {
                self.held.release();
                return self.admit(stream, peer);
            }
            self.turn_away(stream, peer, Unwelcome::ServerFull);
            return self.held.refill();
        }
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(RECOVER).await;
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        if !self.shared.guard.admits(self.now(), peer.ip()) {
            return self.turn_away(stream, peer, Unwelcome::Banned);
        }
        let place = match self.limits.enter(peer.ip()) {
            Ok(place) => place,
            Err(Full::Server) => return self.turn_away(stream, peer, Unwelcome::ServerFull),
            Err(Full::Address) => return self.turn_away(stream, peer, Unwelcome::AddressFull),
        };
        let session = SessionId(self.number.fetch_add(1, Ordering::Relaxed) + 1);
        let teller = Teller { session, origin: self.origin, taps: Arc::clone(&self.taps) };
        let (runtime, seat) = self.workers.seat();
        // Its sockets and timers are those of the runtime that it runs on.
        let _entered = runtime.enter();
        match self.control(stream, Staying { place, seat }, teller) {
            Ok(control) => drop(runtime.spawn(control.run())),
            Err(error) => {
                tracing::debug!(%peer, %error, "the connection broke before the greeting")
            }
        }
    }

    fn control(&self, stream: TcpStream, staying: Staying, teller: Teller) -> io::Result<Control> {
        let (shared, stopped) = (Arc::clone(&self.shared), self.stopped.clone());
        let stream = tokio::net::TcpStream::from_std(stream)?;
        Control::new(stream, self.scheme, shared, staying, teller, stopped)
    }

    /// Says why, and closes. Nothing is waited for: there may be many of them.
    fn turn_away(&self, mut stream: TcpStream, peer: SocketAddr, why: Unwelcome) {
        if self.scheme != Scheme::Ftps {
            // One short write into an empty buffer; if even that fails, the close says enough.
            let _ = stream.write(&why.farewell());
        }
        if let Some(connections) = self.refusals.count(self.now()) {
            tracing::warn!(connections, last = %peer, ?why, "turned away");
        }
    }

    fn now(&self) -> Moment {
        Moment::after(self.origin.elapsed())
    }
}
