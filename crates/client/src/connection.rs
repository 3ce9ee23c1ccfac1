//! The control connection: drives the client machine of wharf-proto over a socket.
//!
//! Commands go out one write each, replies come back with what they answer. It knows when to wait and
//! for how long, and nothing of what the commands are for: that is `session.rs`. RFC 959 section 5.4.
//!
//! House rule of this file: whatever waits can be dropped at any await and the connection is as it was.
//! Bytes to send stay in `outgoing` until the socket has taken them, replies in `answers` until somebody
//! asks for them. Under TLS what the socket has not taken stays inside the stream, which is flushed before each
//! wait for a reply.

mod in_force;
mod secure;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wharf_proto::address::unmapped;
use wharf_proto::client::{Answer, Asked, Client, Output, SendError};
use wharf_proto::command::Telnet;
use wharf_proto::redact::redacted;
use wharf_proto::reply::{Class, ReplyError};
use wharf_proto::tap::{HalfEnd, Party, Timer, What};
use wharf_proto::{Command, Reply};

pub(crate) use self::in_force::{InForce, Place, from_the_beginning};
use self::secure::Wishes;
use crate::teller::Teller;
use crate::tls::{Security, Stream};
use crate::{DataAddress, Error, Exchange, Options, Proxy, Throttle, TlsFault, TlsMode, dial};

/// How long the server may take to close its side after we closed ours.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);
/// How long the control connection may be silent before the kernel asks whether the peer is there. It
/// also keeps NATs from forgetting the connection while a long transfer runs.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The codes that only a transfer or ABOR is answered with.
const TRANSFER_CODES: [u16; 6] = [125, 150, 225, 226, 425, 426];

/// An open control connection.
///
/// ```
/// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
/// # let (host, port) = ("127.0.0.1", server.address().port());
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use wharf_client::{Connection, Options};
/// use wharf_proto::Command;
/// let mut connection = Connection::open(host, port, &Options::default()).await?;
/// let reply = connection.command(&Command::Syst).await?;
/// println!("{} {}", reply.code, reply.lines[0]);
/// connection.close().await;
/// # Ok::<(), wharf_client::Error>(()) }).unwrap();
/// ```
pub struct Connection {
    stream: Stream,
    machine: Client,
    in_force: InForce,
    telnet: Telnet,
    life: Life,
    /// Where TLS covers the connection.
    security: Option<Arc<Security>>,
    wishes: Wishes,
    patience: Duration,
    throttle: Option<Throttle>,
    host: String,
    port: u16,
    proxy: Option<Arc<Proxy>>,
    data_address: DataAddress,
    client: SocketAddr,
    server: SocketAddr,
    outgoing: Vec<u8>,
    answers: VecDeque<Answer>,
    greeting: Option<Reply>,
    last: Exchange,
    broken: Option<ReplyError>,
    quick_acks: bool,
}

/// Knows whether the connection has ended, and tells it once; at the latest when it is dropped.
struct Life {
    teller: Teller,
    closed: bool,
}

impl Life {
    fn ended(&mut self, by: Party, how: HalfEnd) {
        if !self.closed {
            self.closed = true;
            self.teller.tell(What::ControlClosed { by, how });
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.ended(Party::Client, HalfEnd::Fin);
    }
}

impl Connection {
    /// Connects to `host`, awaits the greeting, and begins TLS where the options want it.
    ///
    /// # Errors
    /// `Resolve`, `Connect`, `Proxy`, also for TLS at a gateway, `Unwelcome`, `Local` for a file that TLS needs,
    /// `NotProtected`, `Injected`, and those of [`command`](Self::command).
    pub async fn open(host: &str, port: u16, options: &Options) -> Result<Self, Error> {
        // What is wrong with the settings shall be said before anybody is bothered.
        let security = Security::wanted(host, options)?;
        let stream = dial::reach(host, port, options, &Teller::new(options)).await?;
        let connection = Self::over(stream, host, port, options)?;
        let Some(security) = security else { return connection.greeted().await };
        let mut connection = if options.tls.mode == TlsMode::Implicit {
            connection.cover(security).await?.greeted().await?
        } else {
            connection.greeted().await?.ask_for_tls(security).await?
        };
        connection.protect_data().await?;
        Ok(connection)
    }

    /// A connection over a socket that is open already.
    fn over(stream: TcpStream, host: &str, port: u16, options: &Options) -> Result<Self, Error> {
        let lost = |error| Error::ControlLost { last: Box::default(), source: Some(error) };
        stream.set_nodelay(true).map_err(lost)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(lost)?;
        let client = stream.local_addr().map(unmapped).map_err(lost)?;
        let server = stream.peer_addr().map(unmapped).map_err(lost)?;
        let teller = Teller::new(options);
        teller.tell(What::ControlOpened { client, server });
        Ok(Self {
            stream: Stream::Plain(stream),
            machine: Client::new(teller.is_heard()),
            in_force: InForce::default(),
            telnet: Telnet::default(),
            life: Life { teller, closed: false },
            security: None,
            wishes: Wishes { data: options.tls.data, ccc: options.tls.ccc },
            patience: options.timeout,
            throttle: options.throttle.clone(),
            host: host.to_owned(),
            port,
            proxy: options.proxy.clone().map(Arc::new),
            data_address: options.data_address,
            client,
            server,
            outgoing: Vec::new(),
            answers: VecDeque::new(),
            greeting: None,
            last: Exchange::default(),
            broken: None,
            quick_acks: options.quick_acks,
        })
    }

    /// Awaits the greeting, which must be a welcome.
    async fn greeted(mut self) -> Result<Self, Error> {
        let hearing = async |connection: &mut Self| loop {
            let answer = connection.answer().await?;
            if !answer.more {
                return Ok(answer.reply);
            }
        };
        let greeting = self.patiently(hearing).await?;
        if greeting.code.class() != Class::Completion {
            return Err(Error::Unwelcome { reply: greeting });
        }
        self.greeting = Some(greeting);
        Ok(self)
    }

    /// Sends a command and awaits its last reply (or the 3yz that asks for the next command). A reply
    /// that refuses the command is a reply, not an error; only 421 is.
    ///
    /// # Errors
    /// `Unsendable`, `ControlLost`, `NoReply`, `NotFtp`, `Closing`, `OutOfStep`, and `Tls` where it breaks.
    pub async fn command(&mut self, command: &Command) -> Result<Reply, Error> {
        self.command_within(command, Duration::MAX).await
    }

    /// The same, where its reply may take so long at most.
    pub(crate) async fn command_within(
        &mut self,
        command: &Command,
        longest: Duration,
    ) -> Result<Reply, Error> {
        self.command_in(command, self.patience.min(longest)).await
    }

    /// The same, where its reply may take so much longer than others.
    pub(crate) async fn command_taking(
        &mut self,
        command: &Command,
        longer: Duration,
    ) -> Result<Reply, Error> {
        self.command_in(command, self.patience.saturating_add(longer)).await
    }

    async fn command_in(&mut self, command: &Command, waited: Duration) -> Result<Reply, Error> {
        self.send(command)?;
        self.answered(Asked::Verb(command.verb()), waited).await
    }

    /// Sends a line as it is, without a control character in it, and awaits its last reply.
    ///
    /// # Errors
    /// As for [`command`](Self::command).
    pub(crate) async fn line(&mut self, line: &[u8]) -> Result<Reply, Error> {
        self.forget_what_was_said_unasked()?;
        let sent = self.machine.send_line(line);
        let asked = self.queued(sent)?;
        self.in_force.sent_as_typed(line);
        let (verb, command) = redacted(line);
        self.last = Exchange { verb, command, reply: None, unended: false };
        self.answered(asked, self.patience).await
    }

    /// The last reply to what was asked.
    async fn answered(&mut self, asked: Asked, longest: Duration) -> Result<Reply, Error> {
        self.within(longest, async |connection| {
            loop {
                let answer = connection.answer().await?;
                if answer.to == asked && !answer.more {
                    return Ok(answer.reply);
                }
            }
        })
        .await
    }

    /// Says good-bye in TCP only: closes this side and waits a moment for the server to close its own.
    /// QUIT is a command like any other and is not sent here.
    pub async fn close(mut self) {
        self.hear_what_came();
        if self.life.closed {
            return;
        }
        let shut = timeout(FAREWELL, self.stream.shutdown()).await;
        let how = if matches!(shut, Ok(Ok(()))) { HalfEnd::Fin } else { HalfEnd::Reset };
        self.life.ended(Party::Client, how);
        let mut rest = [0; 512];
        let end = async { while matches!(self.stream.read(&mut rest).await, Ok(1..)) {} };
        // Whether the server closes in time changes nothing for us.
        let _ = timeout(FAREWELL, end).await;
    }

    /// The greeting.
    pub fn greeted_with(&self) -> Option<&Reply> {
        self.greeting.as_ref()
    }

    /// The host as it was named.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port as it was named.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The proxy that all connections go through, or to.
    pub(crate) fn proxy(&self) -> Option<&Arc<Proxy>> {
        self.proxy.as_ref()
    }

    /// Which host a 227 is believed to name.
    pub(crate) fn data_address(&self) -> DataAddress {
        self.data_address
    }

    /// The server's end of the connection; that of the proxy, where there is one.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// This end of the connection.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.life.closed
    }

    /// Whether no other command can be sent: it has ended, or replies are owed.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_closed() || self.awaits_replies()
    }

    /// What is in force at the server, as far as it has said so.
    pub(crate) fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The session was elsewhere, and is back.
    pub(crate) fn came_back(&mut self, place: Place) {
        self.in_force.came_back(place);
    }

    /// Ends it, where nobody knows any more how the server stands.
    pub(crate) fn give_up(&mut self) {
        self.life.ended(Party::Client, HalfEnd::Reset);
    }

    /// Whether a command can be sent, as far as what has arrived tells.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.hear_what_came();
        !self.is_spent()
    }

    /// Whether TLS covers it.
    pub fn is_covered(&self) -> bool {
        self.stream.is_covered()
    }

    /// The last command and reply.
    pub fn last(&self) -> &Exchange {
        &self.last
    }

    /// Queues a command; [`answer`](Self::answer) writes it.
    pub(crate) fn send(&mut self, command: &Command) -> Result<(), Error> {
        self.forget_what_was_said_unasked()?;
        let sent = self.machine.send(command);
        self.queued(sent)?;
        self.in_force.sent(command);
        self.speaks_of(command);
        Ok(())
    }

    /// What the server said without being asked answers nothing that comes after it.
    fn forget_what_was_said_unasked(&mut self) -> Result<(), Error> {
        let idle = self.machine.owed() == 0;
        self.hear_what_came();
        if idle {
            while let Some(answer) = self.answers.pop_front() {
                // Neither does it answer the command before.
                self.last = Exchange::default();
                self.judge(answer)?;
            }
        }
        Ok(())
    }

    /// From now on commands are written for a server that makes this of what has a meaning in Telnet.
    pub(crate) fn set_telnet(&mut self, telnet: Telnet) {
        self.telnet = telnet;
        self.machine.set_telnet(telnet);
    }

    /// Whether a command can be sent to this server.
    pub(crate) fn can_be_sent(&self, command: &Command) -> Result<(), Error> {
        Ok(command.encode_for(self.telnet).map(drop)?)
    }

    /// Whether nobody in between has a part in the login, and nothing comes behind it.
    pub(crate) fn is_plainly_reached(&self) -> bool {
        !self.wishes.ccc && self.proxy.as_ref().is_none_or(|proxy| proxy.is_tunnel())
    }

    /// Queues a command behind others whose replies are owed, for a server that takes commands so.
    pub(crate) fn send_behind(&mut self, command: &Command) -> Result<(), Error> {
        let sent = self.machine.send_behind(command);
        self.queued(sent)?;
        self.in_force.sent(command);
        Ok(())
    }

    /// Takes from the machine what it has to send, unless it could not take the command.
    fn queued<T>(&mut self, sent: Result<T, SendError>) -> Result<T, Error> {
        match sent {
            Ok(done) => {
                self.drain_machine();
                Ok(done)
            }
            Err(SendError::Unsendable(unsendable)) => Err(unsendable.into()),
            Err(_) => Err(Error::ReplyOwed { last: self.last_boxed() }),
        }
    }

    /// From now on replies are to this command, of several in a row.
    pub(crate) fn speaks_of(&mut self, command: &Command) {
        self.last = *Self::exchange(command, None);
    }

    /// What is to be said of a command of several in a row, and of its reply.
    pub(crate) fn exchange(command: &Command, reply: Option<Reply>) -> Box<Exchange> {
        let line = command.encode().unwrap_or_default();
        let (_, shown) = redacted(line.strip_suffix(b"\r\n").unwrap_or(&line));
        Box::new(Exchange { verb: Some(command.verb()), command: shown, reply, unended: false })
    }

    /// The next reply, with what it answers. Waits as long as it takes, and can be dropped.
    pub(crate) async fn answer(&mut self) -> Result<Answer, Error> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return self.judge(answer);
            }
            if let Some(source) = self.broken.clone() {
                return Err(Error::NotFtp { last: self.last_boxed(), source });
            }
            if self.life.closed {
                return Err(self.lost(None));
            }
            self.flush().await?;
            self.acknowledge_quickly(self.stream.socket());
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) => self.life.ended(Party::Server, HalfEnd::Fin),
                Ok(count) => self.hear(&buffer[..count]),
                Err(error) => {
                    self.life.ended(Party::Server, HalfEnd::Reset);
                    return Err(self.lost(Some(error)));
                }
            }
        }
    }

    /// Runs `work`, and gives up when it takes longer than a reply may.
    pub(crate) async fn patiently<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.within(self.patience, work).await
    }

    async fn within<T>(
        &mut self,
        waited: Duration,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match timeout(waited, work(self)).await {
            Ok(result) => result,
            Err(_) => Err(self.overdue(waited)),
        }
    }

    /// The error of a reply that did not come in time.
    pub(crate) fn overdue(&self, waited: Duration) -> Error {
        let mut last = self.last_boxed();
        if let Some(begun) = self.machine.unended() {
            let (code, lines) = (Some(begun.code.value()), begun.lines.clone());
            self.life.teller.tell(What::NoReply { code, lines });
            (last.reply, last.unended) = (Some(begun), true);
        }
        self.life.teller.tell(What::TimerRanOut { timer: Timer::Reply });
        Error::NoReply { last, waited }
    }

    /// From now on each segment is acknowledged at once: a server that waits for that before it sends its next reply
    /// (Nagle's algorithm) would keep a session waiting that has many short dialogues.
    pub(crate) fn hurry(&mut self) {
        self.quick_acks = true;
    }

    /// Asks the kernel to acknowledge at once what comes next, where that is wanted. It forgets it with
    /// each write, and the session is the same without it.
    pub(crate) fn acknowledge_quickly(&self, stream: &TcpStream) {
        if self.quick_acks {
            let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
        }
    }

    /// Whether replies are owed, or are here and nobody has asked for them.
    pub(crate) fn awaits_replies(&self) -> bool {
        self.machine.owed() > 0 || !self.answers.is_empty()
    }

    /// Whether a transfer waits for its last reply.
    pub(crate) fn owes_a_transfer(&self) -> bool {
        self.machine.owes_a_transfer()
    }

    pub(crate) fn teller(&self) -> &Teller {
        &self.life.teller
    }

    /// How fast files may move.
    pub(crate) fn throttle(&self) -> Option<Throttle> {
        self.throttle.clone()
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn last_boxed(&self) -> Box<Exchange> {
        Box::new(self.last.clone())
    }

    fn lost(&self, source: Option<io::Error>) -> Error {
        let last = self.last_boxed();
        match source.map(|error| TlsFault::of(error, None)) {
            Some(TlsFault::Broken(error)) => Error::ControlLost { last, source: Some(error) },
            Some(fault) => {
                // With TLS 1.3 a server looks at a client's certificate when the client takes the handshake for done.
                if let TlsFault::Refused(_) = &fault {
                    let why = fault.to_string().into();
                    self.life.teller.tell(What::NotSecured { conn: None, why });
                }
                Error::Tls { fault, last }
            }
            None => Error::ControlLost { last, source: None },
        }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let sent = loop {
            if self.outgoing.is_empty() {
                break self.stream.flush().await;
            }
            match self.stream.write(&self.outgoing).await {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) => break Err(error),
            }
        };
        let Err(error) = sent else { return Ok(()) };
        // Why the server went away may be in what it sent before: a 421, say.
        self.hear_what_came();
        self.outgoing.clear();
        if self.answers.is_empty() {
            self.life.ended(Party::Server, HalfEnd::Reset);
            return Err(self.lost(Some(error)));
        }
        Ok(())
    }

    /// Takes in what has arrived, without waiting; of a server that never stops, a part.
    fn hear_what_came(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..16 {
            if self.life.closed {
                return;
            }
            match self.stream.try_read(&mut buffer) {
                Ok(0) => self.life.ended(Party::Server, HalfEnd::Fin),
                Ok(count) => self.hear(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.life.ended(Party::Server, HalfEnd::Reset),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.machine.handle_bytes(bytes);
        self.drain_machine();
    }

    fn drain_machine(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(bytes) => self.outgoing.extend_from_slice(&bytes),
                Output::Reply(answer) => {
                    self.in_force.heard(&answer);
                    self.answers.push_back(answer);
                }
                Output::Tap(what) => self.life.teller.tell(what),
                Output::Broken(error) => self.broken = Some(error),
            }
        }
    }

    /// Remembers the reply, and makes an error of those that end the session.
    fn judge(&mut self, answer: Answer) -> Result<Answer, Error> {
        let code = answer.reply.code.value();
        self.last.reply = Some(answer.reply.clone());
        if code == 421 && answer.to != Asked::Greeting {
            return Err(Error::Closing { last: self.last_boxed() });
        }
        let of_a_transfer = match answer.to {
            Asked::Verb(verb) => verb.opens_transfer(),
            Asked::Greeting | Asked::Line | Asked::Nothing => true,
        };
        if !answer.legal && !of_a_transfer && TRANSFER_CODES.contains(&code) {
            return Err(Error::OutOfStep { last: self.last_boxed() });
        }
        Ok(answer)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("client", &self.client)
            .field("server", &self.server)
            .field("last", &self.last)
            .field("closed", &self.life.closed)
            .finish_non_exhaustive()
    }
}
