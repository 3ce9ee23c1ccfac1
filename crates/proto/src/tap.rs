//! The tap: what a session says of itself while it runs.
//!
//! Server and client emit the same events, and the ladder, the log, the metrics and the web page are
//! readers of them. Secrets are redacted before an event exists, so no reader can leak one. A tap speaks of
//! what an endpoint can know: lines, connections, byte counts, timers. It does not speak of packets; rows
//! that only a packet capture can prove are the ladder's to infer, and marked so there.

use crate::{Moment, Text, Verb};
use std::fmt;
use std::net::SocketAddr;

/// One end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The side that sends commands.
    Client,
    /// The side that sends replies.
    Server,
}

impl Party {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Names a session in the log, the metrics, the ladder and the web page alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

/// An event of one session, in the order in which its endpoint knew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which session.
    pub session: SessionId,
    /// When, on the endpoint's steady clock.
    pub at: Moment,
    /// Which end tells.
    pub teller: Party,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The control connection is open.
    ControlOpened {
        /// The client's end.
        client: SocketAddr,
        /// The server's end.
        server: SocketAddr,
    },
    /// A command line went by, without its line end; the secret of PASS or ACCT is replaced by `…`.
    Command {
        /// The verb, where the line holds one that the table knows.
        verb: Option<Verb>,
        /// The line as sent, secrets redacted.
        line: Text,
    },
    /// A whole reply went by.
    Reply {
        /// Its three digits.
        code: u16,
        /// Its lines, without code and line end.
        lines: Vec<Text>,
    },
    /// What came in place of a reply, once no more of it is awaited.
    NoReply {
        /// The code of a reply of several lines that did not end; none for a line that is no reply at all.
        code: Option<u16>,
        /// The lines that came, without code and line end, secrets redacted.
        lines: Vec<Text>,
    },
    /// TLS covers a connection.
    Secured {
        /// The data connection; none for the control connection.
        conn: Option<u32>,
        /// What was agreed on.
        facts: TlsFacts,
    },
    /// TLS could not be begun on a connection, which then ends.
    NotSecured {
        /// The data connection; none for the control connection.
        conn: Option<u32>,
        /// Why, in a few words.
        why: Text,
    },
    /// TLS has ended on the control connection, which goes on in clear.
    ControlCleared,
    /// One side has named the address at which it will accept a data connection.
    DataPlanned {
        /// Who listens: the server after PASV and EPSV, the client after PORT and EPRT.
        listener: Party,
        /// Where.
        address: SocketAddr,
    },
    /// A data connection is open.
    DataOpened {
        /// Counts the session's data connections from 1.
        conn: u32,
        /// Who connected (sent the SYN).
        opener: Party,
        /// The client's end.
        client: SocketAddr,
        /// The server's end.
        server: SocketAddr,
    },
    /// A data connection could not be opened, or a stranger's was turned away.
    DataRefused {
        /// Why, in a few words.
        why: Text,
    },
    /// One side has ended its half of a data connection.
    DataEnded {
        /// Which data connection.
        conn: u32,
        /// Whose half ended.
        by: Party,
        /// How many bytes that side had sent on it.
        bytes: u64,
        /// How.
        how: HalfEnd,
    },
    /// A timer ran out.
    TimerRanOut {
        /// Which.
        timer: Timer,
    },
    /// The control connection is closed.
    ControlClosed {
        /// Who closed first.
        by: Party,
        /// How.
        how: HalfEnd,
    },
}

/// What two ends have agreed on under TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version: `TLS 1.3`.
    pub version: Text,
    /// The cipher suite by its name in the registry: `TLS13_AES_128_GCM_SHA256`.
    pub cipher: Text,
    /// Whether an earlier TLS session was resumed.
    pub resumed: bool,
    /// The server name that the client asked for, where it did.
    pub name: Option<Text>,
}

/// How one half of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfEnd {
    /// In order: FIN, under TLS behind close_notify.
    Fin,
    /// A file has ended and the connection stays open: EOF in block and compressed mode.
    Eof,
    /// Broken: RST, or an error of the network.
    Reset,
    /// Without an end of its own: a FIN under TLS that no close_notify came before, or bytes that were on their way when the
    /// other side broke the connection.
    Cut,
}

/// The timers of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// No login within the time allowed.
    Login,
    /// No command within the time allowed.
    Idle,
    /// The data connection did not open in time.
    DataOpen,
    /// The data connection moved no byte within the time allowed.
    DataIdle,
    /// A reply did not come in time.
    Reply,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "no login in time",
            Self::Idle => "no command in time",
            Self::DataOpen => "the data connection did not open in time",
            Self::DataIdle => "the data connection stood still too long",
            Self::Reply => "no reply in time",
        })
    }
}
