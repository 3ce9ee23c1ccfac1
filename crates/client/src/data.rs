//! Data connections: agreeing on one, opening it, and telling the tap how it ended.
//!
//! Passive: the server listens and we connect (EPSV, or PASV where that is refused). Active: we listen
//! and the server connects (PORT, or EPRT over IPv6). What goes over the connection is `transfer.rs`'s
//! business. What is agreed on is in `data/plan.rs`, the open connection in `data/open.rs`. RFC 959 section 3.3,
//! RFC 1123 section 4.1.2.6, RFC 2428.
//!
//! House rule of this file: a data connection has the same two hosts at its ends as the control
//! connection. Of a 227 only the port is believed, unless the caller wants more
//! ([`DataAddress`](crate::DataAddress)), and whoever else connects to us is turned away.
//!
//! Which way is taken: EPSV, where it has no use PASV, and where the caller allows it the other way, once. Each is
//! given up after a short time as long as it has not been seen to work. What works is remembered for the host, and so
//! is a way whose question was not answered at all: the session is lost then, and the next one takes another way.

mod open;
mod plan;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wharf_proto::address::Eprt;
use wharf_proto::command::{EpsvArgument, Telnet};
use wharf_proto::tap::{Party, What};
use wharf_proto::{Command, Reply, Verb};

use crate::memory::Learnt;
use crate::tls::Stream;
use crate::{Connection, Error, Memory, Options, Proxy};

pub(crate) use self::open::{Books, DataConnection};
pub(crate) use self::plan::Plan;
use self::plan::{at_port, planned_by, socket_for};

const NOT_LOGGED_IN: u16 = 530;
/// How long a way may take that has not been seen to work: there are firewalls that drop without a word what they
/// do not know.
pub(crate) const TRIAL: Duration = Duration::from_secs(10);

/// What servers say of themselves in their greeting that were seen to take PORT and what follows it in one segment.
const BEAR_PORT_AHEAD: [&[u8]; 1] = [b"(vsFTPd "];

/// Who opens the data connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// We do; the way out through firewalls and NATs on our side.
    #[default]
    Passive,
    /// The server does; the way RFC 959 has without being asked.
    Active,
}

impl Way {
    fn other(self) -> Self {
        match self {
            Self::Passive => Self::Active,
            Self::Active => Self::Passive,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passive => "passive",
            Self::Active => "active",
        })
    }
}

/// The command by which a data connection is agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Passive, for any address family (RFC 2428).
    Epsv,
    /// Passive, IPv4 only.
    Pasv,
    /// Active, for any address family (RFC 2428).
    Eprt,
    /// Active, IPv4 only.
    Port,
}

impl Setup {
    fn way(self) -> Way {
        match self {
            Self::Epsv | Self::Pasv => Way::Passive,
            Self::Eprt | Self::Port => Way::Active,
        }
    }
}

/// How a session makes its data connections, and what it learnt about that.
#[derive(Debug)]
pub(crate) struct DataPlane {
    pub(crate) way: Way,
    plain: bool,
    /// The one command to be used, where it shall be no other.
    only: Option<Setup>,
    /// The way that was wished for.
    wished: Way,
    /// Whether the other way may be tried.
    switch: Switch,
    epsv: Epsv,
    /// What came of the ways that were tried for the connection that is being made.
    tried: Vec<Error>,
    memory: Memory,
    /// What the memory knows this server by.
    key: String,
    /// The port for the next active data connection, bound so that nobody else takes it.
    reserved: Option<TcpSocket>,
    opened: u32,
    /// Whether a connection has come about in this way, in this session or in another one with the same server.
    proven: bool,
}

/// A data connection that is asked for in a way that is known to be granted: then the command that uses it need not
/// wait for the answer.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) command: Command,
    /// Where we listen, if it is we who do.
    listener: Option<(TcpListener, SocketAddr)>,
}

impl Question {
    /// The plan that the answer makes, which is no refusal.
    pub(crate) fn planned(self, control: &Connection, reply: &Reply) -> Result<Plan, Error> {
        let Some((listener, at)) = self.listener else {
            return DataPlane::planned(control, reply);
        };
        control.teller().tell(What::DataPlanned { listener: Party::Client, address: at });
        let (peer, patience) = (control.server().ip(), control.patience());
        Ok(Plan::Accept { listener, at, peer, patience })
    }
}

/// The way that data connections were seen to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proven {
    way: Way,
    epsv: Epsv,
}

/// Whether the other way may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// It may, as long as the present one has not been seen to work.
    Allowed,
    /// It has been.
    Done,
    /// It may not.
    Barred,
}

/// What is known about EPSV on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Epsv {
    Untried,
    Works,
    Refused,
}

impl DataPlane {
    pub(crate) fn new(options: &Options, control: &Connection) -> Self {
        let key = format!("{}:{}", control.host(), control.port());
        let only = options.setup;
        let learnt = if options.plain || only.is_some() {
            Learnt::default()
        } else {
            options.memory.of(&key)
        };
        let tunnelled = options.proxy.as_ref().is_some_and(Proxy::is_tunnel);
        let switch = if options.fallback && !options.plain && !tunnelled && only.is_none() {
            Switch::Allowed
        } else {
            Switch::Barred
        };
        let way = learnt.way.filter(|_| switch == Switch::Allowed).unwrap_or(options.way);
        let way = only.map_or(way, Setup::way);
        if learnt.no_epsv || learnt.way.is_some() {
            let epsv = if learnt.no_epsv { ", and EPSV is of no use" } else { "" };
            control.teller().explain(format_args!("known from earlier: {way} mode{epsv}"));
        }
        let epsv = if learnt.no_epsv && control.server().is_ipv4() {
            Epsv::Refused
        } else {
            Epsv::Untried
        };
        let memory = options.memory.clone();
        let plain = options.plain;
        let (wished, tried, reserved, opened) = (options.way, Vec::new(), None, 0);
        let proven = false;
        Self {
            way,
            plain,
            only,
            wished,
            switch,
            epsv,
            tried,
            memory,
            key,
            reserved,
            opened,
            proven,
        }
    }

    /// Agrees with the server on the next data connection.
    pub(crate) async fn agree(&mut self, control: &mut Connection) -> Result<Plan, Error> {
        match self.way {
            Way::Passive => self.agree_passive(control).await,
            Way::Active => self.agree_active(control).await,
        }
    }

    /// Asks for the next data connection, where it is known to be granted: then the command that uses it need not wait
    /// for the answer. There are servers that connect before they answer PORT, and break when the file is asked for
    /// meanwhile; so in active mode this is for those that are known to bear it.
    pub(crate) fn sure_question(&mut self, control: &Connection) -> Option<Question> {
        let passive = |command| Some(Question { command, listener: None });
        match self.way {
            _ if !self.proven => None,
            Way::Passive if self.may_epsv() => passive(Command::Epsv(EpsvArgument::Same)),
            Way::Passive => passive(Command::Pasv),
            Way::Active if bears_port_ahead(control) => {
                let (command, listener, at) = self.await_server(control).ok()?;
                Some(Question { command, listener: Some((listener, at)) })
            }
            Way::Active => None,
        }
    }

    /// The plan that the answer to a question for a passive connection makes.
    pub(crate) fn planned(control: &Connection, reply: &Reply) -> Result<Plan, Error> {
        planned_by(control, reply, Duration::MAX)
    }

    /// Whether nobody knows yet if this plan for a passive connection comes to anything.
    pub(crate) fn must_be_tried(&self, plan: &Plan) -> bool {
        !self.proven && matches!(plan, Plan::Connect { .. })
    }

    /// The way that was seen to work.
    pub(crate) fn proven(&self) -> Option<Proven> {
        let Self { way, epsv, .. } = *self;
        self.proven.then_some(Proven { way, epsv })
    }

    /// Takes a way that another session has seen to work.
    pub(crate) fn take_over(&mut self, Proven { way, epsv }: Proven) {
        self.set_way(way);
        (self.epsv, self.proven) = (epsv, true);
    }

    /// Whether EPSV is the question for a passive connection, and not PASV.
    fn may_epsv(&self) -> bool {
        match self.only {
            None => !self.plain && self.epsv != Epsv::Refused,
            Some(only) => only == Setup::Epsv,
        }
    }

    async fn agree_passive(&mut self, control: &mut Connection) -> Result<Plan, Error> {
        if self.may_epsv() {
            let longest = if self.on_trial(control) { TRIAL } else { Duration::MAX };
            let question = Command::Epsv(EpsvArgument::Same);
            match ask(control, &question, longest).await {
                // Not only 500 and 502: there are servers that answer 501, 504, 522 or 550, and those whose 229 says
                // nothing.
                Err(error) if is_of_the_question(&error) && self.only.is_none() => {
                    control.teller().explain(format_args!("{error}: PASV from now on"));
                    self.epsv = Epsv::Refused;
                    self.tried.push(error);
                }
                Err(error @ Error::NoReply { .. }) if self.on_trial(control) => {
                    self.epsv = Epsv::Refused;
                    self.learn();
                    return Err(error);
                }
                result => return result,
            }
        }
        let longest = if self.switch == Switch::Allowed { TRIAL } else { Duration::MAX };
        let asked = ask(control, &Command::Pasv, longest).await;
        if matches!(asked, Err(Error::NoReply { .. })) && self.switch == Switch::Allowed {
            self.switch_over();
            self.learn();
        }
        asked
    }

    async fn agree_active(&mut self, control: &mut Connection) -> Result<Plan, Error> {
        if control.proxy().is_some_and(|proxy| proxy.is_tunnel()) {
            let source =
                io::Error::new(io::ErrorKind::Unsupported, "a proxy takes in no connections");
            return Err(Error::DataListen { source });
        }
        let awaited = self.await_server(control);
        let (command, listener, at) = awaited.map_err(|source| Error::DataListen { source })?;
        let reply = control.command(&command).await?;
        if reply.code.is_refusal() {
            return Err(Error::Refused { last: control.last_boxed() });
        }
        control.teller().tell(What::DataPlanned { listener: Party::Client, address: at });
        let peer = control.server().ip();
        let longest = if self.switch == Switch::Barred { Duration::MAX } else { TRIAL };
        Ok(Plan::Accept { listener, at, peer, patience: control.patience().min(longest) })
    }

    /// Listens for the server, and gives the command that tells it where.
    fn await_server(
        &mut self,
        control: &Connection,
    ) -> io::Result<(Command, TcpListener, SocketAddr)> {
        let listener = self.listen(control.client())?;
        let at = listener.local_addr()?;
        let command = match at {
            SocketAddr::V4(at) if self.only != Some(Setup::Eprt) => Command::Port(at),
            _ => Command::Eprt(Eprt::Address(at)),
        };
        Ok((command, listener, at))
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
    pub(crate) fn try_otherwise(&mut self, control: &Connection, error: &Error) -> bool {
        if matches!(error, Error::DataConnect { .. }) && self.on_trial(control) {
            control.teller().explain(format_args!("{error}: PASV in place of EPSV"));
            self.epsv = Epsv::Refused;
            return true;
        }
        if self.switch != Switch::Allowed || !is_of_the_way(error) {
            return false;
        }
        self.switch_over();
        control.teller().explain(format_args!("{error}: {} mode instead", self.way));
        true
    }

    /// The session has ended with this error. Where it took the way that an earlier session had seen to work, and that no
    /// longer does, later ones begin with the one that was wished for.
    pub(crate) fn is_lost_with(&mut self, error: &Error) {
        if self.switch == Switch::Allowed && self.way != self.wished && is_of_the_way(error) {
            self.switch_over();
            self.learn();
        }
    }

    fn switch_over(&mut self) {
        self.switch = Switch::Done;
        self.way = self.way.other();
    }

    /// Keeps what came of a way that another one is tried after.
    pub(crate) fn has_tried(&mut self, error: Error) {
        self.tried.push(error);
    }

    /// The error of a connection that no way led to: what came of each.
    pub(crate) fn concluded(&mut self, error: Error) -> Error {
        let mut tried = std::mem::take(&mut self.tried);
        if tried.is_empty() || !is_of_the_way(&error) {
            return error;
        }
        tried.push(error);
        Error::NoWay { tried }
    }

    /// Takes the way that the caller wants, and no other.
    pub(crate) fn set_way(&mut self, way: Way) {
        self.proven &= way == self.way;
        (self.way, self.switch) = (way, Switch::Barred);
    }

    /// Remembers for later sessions what has been seen to work.
    fn learn(&self) {
        let no_epsv = self.epsv == Epsv::Refused;
        let way = (self.way != self.wished && self.only.is_none()).then_some(self.way);
        self.memory.learn(&self.key, |learnt| (learnt.no_epsv, learnt.way) = (no_epsv, way));
    }

    /// What becomes of 0xFF and CR in names there, if that has been found out.
    pub(crate) fn telnet(&self) -> Option<Telnet> {
        self.memory.of(&self.key).telnet
    }

    /// Remembers that.
    pub(crate) fn learn_telnet(&self, telnet: Telnet) {
        self.memory.learn(&self.key, |learnt| learnt.telnet = Some(telnet));
    }

    /// Whether files can be given their times there, if that has been found out.
    pub(crate) fn takes_times(&self) -> Option<bool> {
        self.memory.of(&self.key).times
    }

    /// Remembers that, or that it must be found out anew.
    pub(crate) fn learn_times(&self, times: Option<bool>) {
        self.memory.learn(&self.key, |learnt| learnt.times = times);
    }

    /// Whether the connection that is being made is the first one by EPSV, which may still prove to be of
    /// no use. Over IPv6 there is nothing else to use.
    fn on_trial(&self, control: &Connection) -> bool {
        self.way == Way::Passive
            && !self.plain
            && self.only.is_none()
            && self.epsv == Epsv::Untried
            && control.server().is_ipv4()
    }

    /// Takes an open connection into the books.
    pub(crate) fn opened(&mut self, stream: TcpStream, control: &Connection) -> DataConnection {
        self.opened += 1;
        self.tried.clear();
        self.proven = true;
        control.acknowledge_quickly(&stream);
        if self.on_trial(control) {
            self.epsv = Epsv::Works;
        }
        if self.opened == 1 {
            control.teller().explain(format_args!("{} mode works", self.way));
            if !self.plain && self.only.is_none() {
                self.learn();
            }
            // From here on a failure is a failure.
            if self.switch == Switch::Allowed {
                self.switch = Switch::Barred;
            }
        }
        let opener = match self.way {
            Way::Passive => Party::Client,
            Way::Active => Party::Server,
        };
        let teller = control.teller().clone();
        if let (Ok(client), Ok(server)) = (stream.local_addr(), stream.peer_addr()) {
            teller.tell(What::DataOpened { conn: self.opened, opener, client, server });
        }
        let books = Books::new(self.opened, teller);
        DataConnection { stream: Stream::Plain(stream), books, resumed: None }
    }
}

/// Whether this server is one that was seen to take PORT and the command behind it in one segment, by what it says
/// of itself: no other one is tried with that, because some do not answer then. These do one thing after the other, and
/// read no command before the one ahead of it is answered.
pub(crate) fn bears_port_ahead(control: &Connection) -> bool {
    let greeting = control.greeted_with().map(Reply::text).unwrap_or_default();
    BEAR_PORT_AHEAD.iter().any(|name| greeting.windows(name.len()).any(|words| words == *name))
}

/// Asks the server to listen, for an answer within so long.
async fn ask(
    control: &mut Connection,
    question: &Command,
    longest: Duration,
) -> Result<Plan, Error> {
    let reply = control.command_within(question, longest).await?;
    if reply.code.is_refusal() {
        return Err(Error::Refused { last: control.last_boxed() });
    }
    planned_by(control, &reply, longest)
}

/// Whether an error is about the way of making the data connection, and not about what is to go over it.
fn is_of_the_way(error: &Error) -> bool {
    match error {
        Error::DataConnect { .. } | Error::DataAccept { .. } => true,
        error => error.code() == Some(425) || is_of_the_question(error),
    }
}

/// Whether the server did not want to be asked so for a data connection, or answered what cannot be read.
fn is_of_the_question(error: &Error) -> bool {
    let (Error::Refused { last } | Error::Malformed { last, .. }) = error else { return false };
    let asks = [Verb::Pasv, Verb::Port, Verb::Eprt, Verb::Epsv];
    let asked = last.verb.is_some_and(|verb| asks.contains(&verb));
    asked && error.code() != Some(NOT_LOGGED_IN)
}

fn bind(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = socket_for(at)?;
    socket.bind(at)?;
    Ok(socket)
}
