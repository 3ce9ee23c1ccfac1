//! The driver of one session: control socket and machine, one loop.
//!
//! Bytes, outcomes and time go into the machine; what it asks for is done in the order in which it asks.
//! Replies are written before the next thing is begun, so that a client never sees data of a transfer before
//! the reply that announces it. An idle session holds no buffer.

mod beside;
mod login;
mod tls;
mod transfer;

use crate::accounts::Attempt;
use crate::config::{Config, Host};
use crate::data::early::Early;
use crate::data::ports::{Passive, Ports};
use crate::data::{Done, Prepared, Step};
use crate::deed::{Deed, Moved};
use crate::effects::Errand;
use crate::guard::Guard;
use crate::limits::Place;
use crate::listener::Scheme;
use crate::members::{Admitted, Members};
use crate::storage::Storage;
use crate::tap::Teller;
use crate::tls::{SessionTls, TlsStream};
use crate::turns::{Kind, Turns, Waiter};
use crate::workers::Seat;
use beside::{Away, act_beside, outcome_of};
use login::Back;
use rustix::net::RecvFlags;
use std::convert::Infallible;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};
use wharf_proto::Text;
use wharf_proto::address::unmapped;
use wharf_proto::server::{
    Effect, EffectId, Fault, Outcome, Output, Policy, Session, TlsPolicy, TlsRole,
};
use wharf_proto::tap::{HalfEnd, Party, What};

/// How many bytes are read from a control connection at a time.
const READ: usize = 4096;

/// How many slow pieces of work of each kind run at a time, for all sessions together.
const SLOW_WORK: usize = 8;

/// How long a session waits for its turn at slow work before it says that there is too much of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a passive port is kept for the next data connection: a client that fetches one file after another
/// asks for it at once, and one that does not needs no port.
const SPARE_TIME: Duration = Duration::from_secs(2);

/// How long a client may leave its replies unread.
const WRITE_TIME: Duration = Duration::from_secs(60);

/// How long to wait for a client's own close after ours.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// What all sessions share.
pub(crate) struct Shared {
    /// So many passwords are verified at a time, however many sessions ask.
    login_turns: Turns,
    /// Slow actions on the tree: hashes, copies, walks.
    actions: Kind,
    /// Copies of files that uploads go on with.
    uploads: Arc<Kind>,
    /// Counts of what members with a quota have stored.
    counts: Kind,
    policy: Arc<Policy>,
    /// The same, for listeners where passwords and files may go in clear.
    clear_policy: Arc<Policy>,
    members: Members,
    ports: Arc<Ports>,
    pub(crate) guard: Guard,
    config: Config,
}

impl Shared {
    /// How many threads sessions run on.
    pub(crate) fn threads(&self) -> usize {
        self.config.threads
    }

    pub(crate) fn new(config: Config) -> Self {
        let ports = Ports::new(config.passive_ports.clone(), config.listeners_per_address);
        let mut policy = config.policy.clone();
        // What is wanted of TLS counts where there is TLS, and is strict where nothing was said.
        policy.tls = config.tls.as_ref().map(|_| policy.tls.unwrap_or_default());
        let clear = |tls| TlsPolicy { clear_passwords: true, clear_data: true, ..tls };
        let clear_policy = Policy { tls: policy.tls.map(clear), ..policy.clone() };
        let (policy, clear_policy) = (Arc::new(policy), Arc::new(clear_policy));
        let guard = Guard::new(config.guard.clone(), config.trusted.clone());
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let login_turns = Turns::new(cores);
        let [actions, uploads, counts] = [(); 3].map(|()| Kind::new(SLOW_WORK, PATIENCE));
        let members = Members::default();
        Self {
            login_turns,
            actions,
            uploads: Arc::new(uploads),
            counts,
            policy,
            clear_policy,
            members,
            ports,
            guard,
            config,
        }
    }
}

/// What is held for a session as long as it lives.
pub(crate) struct Staying {
    /// Its place among all sessions.
    pub(crate) place: Place,
    /// Its place on the thread that it runs on.
    #[expect(dead_code, reason = "dropping it gives it back")]
    pub(crate) seat: Seat,
}

/// One session and its connections.
pub(crate) struct Control {
    session: Session,
    stream: TcpStream,
    /// TLS over that stream, once it has begun.
    tls: Option<Box<TlsStream>>,
    /// What the session has of TLS, which outlives CCC.
    session_tls: Option<Arc<SessionTls>>,
    client: SocketAddr,
    server: SocketAddr,
    scheme: Scheme,
    shared: Arc<Shared>,
    staying: Staying,
    teller: Teller,
    stopped: watch::Receiver<bool>,

    /// What is served to all, on the host that the client has chosen.
    storage: Arc<dyn Storage>,
    /// The host that was chosen.
    host: Option<Box<Text>>,
    who: Option<Box<Admitted>>,
    ready: Prepared,
    /// The port of the last passive data connection, for the next one, until then.
    spare: Option<Box<(Passive, Instant)>>,
    transfer: Option<Transfer>,
    /// A login that is verified or a slow action on the tree, under way beside this task.
    errand: Option<Box<Away>>,
    connections: Arc<AtomicU32>,
    unsent: Vec<u8>,
    input_ended: bool,
}

/// A transfer under way.
struct Transfer {
    id: EffectId,
    step: Step,
    moved: Arc<Moved>,
    /// What the log says of it at its end.
    deed: Deed,
}

/// What woke the session.
enum Wake {
    Bytes(io::Result<Vec<u8>>),
    Step(Done),
    Errand(EffectId, Back),
    Deadline,
    Stopped,
}

impl Control {
    pub(crate) fn new(
        stream: TcpStream,
        scheme: Scheme,
        shared: Arc<Shared>,
        staying: Staying,
        teller: Teller,
        stopped: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let (client, server) = (unmapped(stream.peer_addr()?), unmapped(stream.local_addr()?));
        // Each reply is one write; none may wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        // Telnet's Synch arrives in its place among the bytes, not beside them (RFC 959, ABOR).
        rustix::net::sockopt::set_socket_oobinline(&stream, true)?;
        rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
        let storage = Arc::clone(&shared.config.storage);
        let policy = match scheme {
            Scheme::Ftp | Scheme::Ftps => &shared.policy,
            Scheme::FtpInClear => &shared.clear_policy,
        };
        let session = Session::new(Arc::clone(policy), client, server, teller.is_heard());
        Ok(Self {
            session,
            stream,
            tls: None,
            session_tls: None,
            client,
            server,
            scheme,
            shared,
            staying,
            teller,
            stopped,
            storage,
            host: None,
            who: None,
            ready: Prepared::default(),
            spare: None,
            transfer: None,
            errand: None,
            connections: Arc::default(),
            unsent: Vec::new(),
            input_ended: false,
        })
    }

    /// Runs the session to its end.
    #[expect(clippy::manual_async_fn, reason = "an async fn would keep room for the session twice")]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            match self.scheme {
                Scheme::Ftps => self.session.handle_opened_for_tls(self.teller.now()),
                Scheme::Ftp | Scheme::FtpInClear => self.session.handle_opened(self.teller.now()),
            }
            let served = self.serve().await;
            // A transfer that is still there goes down with its session, and is told before it.
            self.transfer = None;
            self.ready = Prepared::default();
            let is_said = self.tls.as_ref().is_none_or(|tls| tls.has_ended());
            let how = match served {
                Ok(()) if self.input_ended && !is_said => HalfEnd::Cut,
                Ok(()) => HalfEnd::Fin,
                Err(error) => self.break_off(&error).await,
            };
            let by = if self.input_ended { Party::Client } else { Party::Server };
            self.teller.tell(What::ControlClosed { by, how });
        }
    }

    async fn serve(&mut self) -> io::Result<()> {
        while self.carry_out().await? {
            // Bytes that are there at once are read without waiting: others have their turn all the same.
            consume_budget().await;
            let wake = self.wait().await;
            let now = self.teller.now();
            match wake {
                Wake::Bytes(read) => self.hear(read)?,
                Wake::Step(done) => {
                    let Some(Transfer { id, moved, deed, .. }) = self.transfer.take() else {
                        continue;
                    };
                    let outcome = self.take(id, moved, deed, done);
                    self.session.handle_outcome(now, id, outcome);
                }
                Wake::Errand(id, back) => {
                    self.errand = None;
                    if let Some(outcome) = self.take_back(id, back) {
                        self.session.handle_outcome(now, id, outcome);
                    }
                }
                Wake::Deadline => {
                    self.spare.take_if(|spare| spare.1 <= Instant::now());
                    self.session.handle_timeout(now);
                }
                Wake::Stopped => self.session.handle_shutdown(now),
            }
        }
        close(&self.stream, &mut self.tls).await
    }

    /// Ends a session that cannot go on; how that looks from outside. Where the network is well, such as behind a
    /// handshake that failed, it is ended in order, so that the client comes to read why.
    async fn break_off(&mut self, error: &io::Error) -> HalfEnd {
        // What the system says is about the connection itself.
        if error.raw_os_error().is_some() {
            return HalfEnd::Reset;
        }
        self.input_ended |= error.kind() == io::ErrorKind::UnexpectedEof;
        match Box::pin(close(&self.stream, &mut None)).await {
            Ok(()) => HalfEnd::Fin,
            Err(_) => HalfEnd::Reset,
        }
    }

    async fn wait(&mut self) -> Wake {
        let deadline = self
            .session
            .deadline()
            .map(|deadline| Instant::now() + deadline.since(self.teller.now()));
        let spare = self.spare.as_ref().map(|spare| spare.1);
        let deadline = deadline.into_iter().chain(spare).min();
        if self.shared.config.quick_acks {
            // The kernel forgets it with each write. Without it the session is the same.
            let _ = rustix::net::sockopt::set_tcp_quickack(&self.stream, true);
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            // Looked at here, so that no stream of bytes can keep it from coming.
            return Wake::Deadline;
        }
        let reads = self.session.wants_bytes() && !self.input_ended;
        tokio::select! {
            biased;
            _ = self.stopped.changed() => Wake::Stopped,
            read = read_some(&self.stream, &mut self.tls), if reads => Wake::Bytes(read),
            never = take_in(&self.ready.listener), if self.ready.listener.is_some() => match never {},
            never = Early::come(&mut self.ready.early), if self.ready.early.is_some() => match never {},
            done = step_of(&mut self.transfer), if self.transfer.is_some() => Wake::Step(done),
            (id, outcome) = outcome_of(&mut self.errand), if self.errand.is_some() => Wake::Errand(id, outcome),
            () = until(deadline), if deadline.is_some() => Wake::Deadline,
        }
    }

    fn hear(&mut self, read: io::Result<Vec<u8>>) -> io::Result<()> {
        let bytes = read.inspect_err(|_| self.input_ends())?;
        if bytes.is_empty() {
            self.input_ends();
            return Ok(());
        }
        if let Some(transfer) = &self.transfer {
            self.session.handle_progress(transfer.moved.wire.load(Ordering::Relaxed));
        }
        self.session.handle_bytes(self.teller.now(), &bytes);
        Ok(())
    }

    fn input_ends(&mut self) {
        self.input_ended = true;
        self.session.handle_input_end(self.teller.now());
    }

    /// Does what the machine asks for; `false` when the session is over.
    async fn carry_out(&mut self) -> io::Result<bool> {
        while let Some(output) = self.session.poll_output() {
            consume_budget().await;
            match output {
                Output::Send(bytes) => self.unsent.extend_from_slice(&bytes),
                Output::Tap(what) => self.teller.tell(what),
                Output::Cancel(id) => {
                    if self.transfer.as_ref().is_some_and(|transfer| transfer.id == id) {
                        self.transfer = None;
                    }
                    if let Some(away) = self.errand.as_mut().filter(|away| away.id == id) {
                        away.waiter = None;
                    }
                }
                Output::Do(id, effect) => {
                    // A transfer moves no byte before its own reply is written, and the one before it can go
                    // with that.
                    if !matches!(effect, Effect::Transfer(_)) {
                        self.flush().await?;
                    }
                    let outcome = match effect {
                        Effect::Secure => Some(self.secure().await?),
                        Effect::Clear => {
                            // What came in clear behind the end of TLS is said after that.
                            let behind = self.clear().await?;
                            self.session.handle_outcome(self.teller.now(), id, Outcome::Done);
                            self.session.handle_bytes(self.teller.now(), &behind);
                            None
                        }
                        effect => self.start(id, effect),
                    };
                    if let Some(outcome) = outcome {
                        self.session.handle_outcome(self.teller.now(), id, outcome);
                    }
                }
                Output::Close => {
                    self.errand = None;
                    self.flush().await?;
                    return Ok(false);
                }
            }
        }
        self.flush().await?;
        Ok(true)
    }

    /// Starts an effect; its outcome, if it is there at once.
    fn start(&mut self, id: EffectId, effect: Effect) -> Option<Outcome> {
        match effect {
            Effect::Authenticate { user, password, code } => {
                self.authenticate(id, Attempt { code, ..self.attempt(user, password) })
            }
            Effect::Recognise(user) => self.recognise(id, user),
            // They take time, and nothing else may happen meanwhile: see `carry_out`.
            Effect::Secure | Effect::Clear => None,
            Effect::Listen { ipv4_only, tls } => Some(self.listen(ipv4_only, tls)),
            Effect::Host(name) => Some(self.choose_host(name.as_ref())),
            Effect::CloseData => {
                (self.ready, self.spare) = (Prepared::default(), None);
                None
            }
            Effect::Tree(action) => {
                self.count_again();
                let mut deed = self.change(&action);
                let Some(who) = &self.who else {
                    return Some(Outcome::Failed(Fault::Denied));
                };
                let (storage, holder) = (Arc::clone(&who.tree), who.holder.clone());
                let (rights, waiter) = (who.rights, Waiter::default());
                let Config { archives, sync_uploads, .. } = self.shared.config;
                let awaited = waiter.awaited();
                let errand = Errand { storage, holder, rights, archives, sync_uploads, awaited };
                if action.is_slow() {
                    let turns = self.shared.actions.of(self.client.ip());
                    let work = act_beside(turns, errand, action, deed);
                    self.errand = Some(Away::new(id, Some(waiter), work));
                    return None;
                }
                let outcome = errand.act(action);
                deed.heard(&outcome);
                Some(outcome)
            }
            Effect::Transfer(plan) => self.begin(id, *plan),
        }
    }

    fn choose_host(&mut self, name: Option<&Text>) -> Outcome {
        let config = &self.shared.config;
        let Some(name) = name else {
            (self.storage, self.host) = (Arc::clone(&config.storage), None);
            return Outcome::Host(config.policy.greeting.as_str().into());
        };
        let known = |host: &&Host| host.name.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        match config.hosts.iter().find(known) {
            Some(host) => {
                (self.storage, self.host) =
                    (Arc::clone(&host.storage), Some(Box::new(name.clone())));
                Outcome::Host(host.greeting.as_str().into())
            }
            None => Outcome::Failed(Fault::NotFound),
        }
    }

    fn listen(&mut self, ipv4_only: bool, tls: Option<TlsRole>) -> Outcome {
        // The old listener goes first: its port may be the only one.
        self.ready = Prepared::default();
        let spare = self.spare.take().and_then(|spare| spare.0.again());
        let foreign = self.who.as_ref().map_or(&[][..], |who| &who.foreign);
        let opened = || self.shared.ports.open(self.server, self.client.ip(), foreign);
        match spare.map_or_else(opened, Ok) {
            Ok(listener) => {
                let mut address = listener.address();
                let covered = tls == Some(TlsRole::Server);
                match covered.then(|| self.setting(&Arc::default())).flatten() {
                    Some(setting) => {
                        self.ready.early = Some(Box::new(Early::new(setting, listener)));
                    }
                    None => self.ready.listener = Some(listener),
                }
                if let (true, Some(public)) = (ipv4_only, self.shared.config.public_address) {
                    address.set_ip(public.into());
                }
                Outcome::Listening(address)
            }
            Err(error) => Outcome::NotListening(Text::from(error.to_string())),
        }
    }

    /// Writes all replies that are due.
    async fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = self.tls.as_mut().filter(|_| !self.unsent.is_empty()) {
            tls.write(&std::mem::take(&mut self.unsent))?;
            return Box::pin(timeout(WRITE_TIME, tls.flush(&self.stream, false))).await?;
        }
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.try_write(&self.unsent[sent..]) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    timeout(WRITE_TIME, self.stream.writable()).await??;
                }
                Err(error) => return Err(error),
            }
        }
        self.unsent = Vec::new();
        Ok(())
    }
}

/// Ends our half, and gives the client a moment to read the last reply and end its own: a close over
/// unread bytes would reset the connection and could take that reply away.
async fn close(stream: &TcpStream, tls: &mut Option<Box<TlsStream>>) -> io::Result<()> {
    if let Some(tls) = tls {
        tls.close();
        Box::pin(timeout(WRITE_TIME, tls.flush(stream, true))).await??;
    }
    rustix::net::shutdown(stream, rustix::net::Shutdown::Write)?;
    let drain = async {
        while !read_some(stream, &mut None).await?.is_empty() {}
        io::Result::Ok(())
    };
    // Whether the client closes in time changes nothing any more.
    let _ = timeout(CLOSE_TIME, drain).await;
    Ok(())
}

/// Some bytes; none at the end. While it waits it holds no buffer.
///
/// Not by `AsyncRead`: that takes a short read for the end of what is there, and before the byte that Telnet's
/// Synch marks as urgent there is one.
async fn read_some(stream: &TcpStream, tls: &mut Option<Box<TlsStream>>) -> io::Result<Vec<u8>> {
    if let Some(tls) = tls {
        return match Box::pin(tls.read_some(stream)).await {
            // Many clients end so, and there is nothing here that could be cut short.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
            read => read,
        };
    }
    let attempt = || {
        let mut room = [MaybeUninit::uninit(); READ];
        let (bytes, _) = rustix::net::recv(stream, &mut room, RecvFlags::empty())?.0;
        Ok(bytes.to_vec())
    };
    stream.async_io(Interest::READABLE, attempt).await
}

async fn take_in(listener: &Option<Passive>) -> Infallible {
    match listener {
        Some(listener) => listener.take_in().await,
        None => std::future::pending().await,
    }
}

async fn step_of(transfer: &mut Option<Transfer>) -> Done {
    match transfer {
        Some(transfer) => (&mut transfer.step).await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what a function of the session gives, which is never called.
    fn size_of_what<F>(_: impl FnOnce(Control) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_session_is_small_because_there_are_many() {
        let bytes = size_of_what(|control| control.run());
        assert!(bytes <= 2048, "{bytes} bytes: what has grown, or holds a buffer while it waits?");
    }
}
