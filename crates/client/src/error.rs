//! What can go wrong in a session, a variant for each cause that a caller can tell apart.
//!
//! Every error knows the last command and reply where there is one, and [`Error::advice`] names the
//! likely cause and a remedy. How errors become exit codes is the program's business.

mod advice;
mod cause;
mod course;
mod exchange;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use wharf_proto::codec::WireError;
use wharf_proto::command::{Algorithm, Unsendable};
use wharf_proto::reply::ReplyError;
use wharf_proto::{Reply, Text, Verb};

pub use self::exchange::Exchange;
use self::exchange::{Answered, Said};
use crate::{ProxyFault, TlsFault};

/// Why something was refused, where that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// What was to be fetched or deleted is a folder.
    Folder,
    /// What was to be fetched or deleted is there, and is none for this user.
    Barred,
    /// What was to be made is there.
    There,
    /// What was stored under a temporary name may not have its own.
    Name,
    /// The folder that it was to be made in, or that it is looked for in, is not there.
    NoneAbove {
        /// Its path.
        folder: Text,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("it is a folder"),
            Self::Barred => {
                f.write_str("it is there, but the server does not let this user do that")
            }
            Self::There => f.write_str("it is there already"),
            Self::Name => {
                f.write_str("what was stored whole gets no other name than the temporary one")
            }
            Self::NoneAbove { folder } => write!(f, "the folder {folder} is not there"),
        }
    }
}

/// What a transfer needs to be called done, and did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// The data connection ended by a reset, not by FIN: its last bytes may be missing.
    DataEnd,
    /// The data connection ended in order, and the blocks or records in it did not: the rest of the file is missing.
    EndMark,
    /// Under TLS: the data connection ended without the close_notify that says so. Anybody in between could
    /// have ended it.
    CloseNotify,
    /// The server never said that the transfer is complete.
    FinalReply,
    /// The digests of the two sides differ.
    Digest {
        /// Of which kind they are.
        algorithm: Algorithm,
    },
    /// The file was changed while it was moved: what arrived may be of both versions.
    Unchanged,
    /// The server took what was to go behind the beginning of a file, and does not have that beginning any more.
    Beginning,
    /// The last row of a listing has no line end: what is behind it may be missing.
    LastRow,
    /// The bytes that came are not as many as the file has.
    Size {
        /// How many the file has.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataEnd => f.write_str("the data connection was reset instead of closed"),
            Self::EndMark => {
                f.write_str("the data connection ended before the mark that ends the file")
            }
            Self::CloseNotify => {
                f.write_str("the data connection ended without the close_notify of TLS")
            }
            Self::FinalReply => f.write_str("the server did not confirm it"),
            Self::Digest { algorithm } => {
                write!(f, "its {} is not the one that the server tells", algorithm.name())
            }
            Self::Unchanged => f.write_str("the file was changed while it was moved"),
            Self::Beginning => {
                f.write_str("the server did not keep the beginning of the file, which it had")
            }
            Self::LastRow => f.write_str("the listing ends in the midst of a row"),
            Self::Size { expected, found } => {
                write!(f, "the file has {expected} bytes, {found} arrived")
            }
        }
    }
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The host's name leads to no address.
    #[error("{host}: no such host ({source})")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address of the host took the connection.
    #[error("no connection to {host} port {port}{}", Attempts(attempts))]
    Connect {
        /// The host as it was named.
        host: String,
        /// Its port.
        port: u16,
        /// What came of each address.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// The proxy did not take us to the server.
    #[error("{proxy}: {fault}")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// Why.
        fault: ProxyFault,
    },
    /// The server greeted us with a refusal.
    #[error("the server does not want us: {}", Said(reply))]
    Unwelcome {
        /// The greeting.
        reply: Reply,
    },
    /// The control connection ended before its time.
    #[error("the control connection was lost {last}{}", Because(source))]
    ControlLost {
        /// What was said last.
        last: Box<Exchange>,
        /// The network's error; `None` where the server closed in order.
        source: Option<io::Error>,
    },
    /// A reply did not come in time.
    #[error("no reply within {} s {last}", waited.as_secs())]
    NoReply {
        /// What was said last.
        last: Box<Exchange>,
        /// How long it was awaited.
        waited: Duration,
    },
    /// What came over the control connection is not FTP.
    #[error("{source}")]
    NotFtp {
        /// What was said last.
        last: Box<Exchange>,
        /// What is wrong with it.
        source: ReplyError,
    },
    /// The server is closing the session: 421.
    #[error("the server ends the session: {}", Answered(last))]
    Closing {
        /// The command it interrupts, none where it came between commands, and the 421.
        last: Box<Exchange>,
    },
    /// The reply cannot be one to that command: the two sides are out of step.
    #[error("the reply does not fit the command, {last}")]
    OutOfStep {
        /// The command and the reply.
        last: Box<Exchange>,
    },
    /// A command cannot be sent, because the reply to an earlier one never came.
    #[error("an earlier reply is still missing, {last}")]
    ReplyOwed {
        /// What was said last.
        last: Box<Exchange>,
    },
    /// The control connection is in clear since CCC, and what would be said is a secret.
    #[error("the control connection is in clear since CCC: no password is said there")]
    Cleared,
    /// The reply is of the right kind and does not say what it must.
    #[error("{wanted} expected in the reply, {last}")]
    Malformed {
        /// What it must say.
        wanted: &'static str,
        /// The command and the reply.
        last: Box<Exchange>,
    },
    /// The login was refused.
    #[error("{user}: login refused: {}", Answered(last))]
    Login {
        /// Who wanted in.
        user: Text,
        /// The command that was refused, and how.
        last: Box<Exchange>,
    },
    /// The server asks for a password, and there is none. No empty one was sent: that would count as a failed login.
    #[error("{user}: the server wants a password, and none is known")]
    NoPassword {
        /// Who wanted in.
        user: Text,
    },
    /// The server refused a command.
    #[error("{} was refused: {}", last.command, Answered(last))]
    Refused {
        /// The command and the refusal.
        last: Box<Exchange>,
    },
    /// The server refused a command, for a reason that it did not say and that was found out.
    #[error("{} was refused: {}; {reason}", last.command, Answered(last))]
    RefusedFor {
        /// The command and the refusal.
        last: Box<Exchange>,
        /// The reason.
        reason: Refusal,
    },
    /// The server refused to protect the session, or its data. Nothing secret has been said.
    #[error("no TLS: {} was refused: {}", last.command, Answered(last))]
    NotProtected {
        /// The command and the refusal.
        last: Box<Exchange>,
    },
    /// Behind the yes to AUTH TLS something came in clear, which would have passed for an answer under TLS.
    #[error("something in clear came behind the beginning of TLS, {last}")]
    Injected {
        /// What was said last.
        last: Box<Exchange>,
    },
    /// TLS could not be begun, or broke.
    #[error("no TLS: {fault}, {last}")]
    Tls {
        /// Why.
        fault: TlsFault,
        /// What was said last.
        last: Box<Exchange>,
    },
    /// The server turned a data connection away that had a TLS session of its own.
    #[error("{} was refused, and its data connection did not resume the TLS session: {}",
            last.command, Answered(last))]
    NotResumed {
        /// The command and the refusal.
        last: Box<Exchange>,
        /// Whether earlier ones of this session have: then the server's tickets are used up, and another session has
        /// new ones.
        spent: bool,
    },
    /// A name cannot be sent over FTP.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
    /// No data connection could be made to the server.
    #[error("no data connection to {address} ({source}), {last}")]
    DataConnect {
        /// Where the server said it listens.
        address: SocketAddr,
        /// Whether that is another host than the server, because the one that a 227 names is believed.
        elsewhere: bool,
        /// What the network said.
        source: io::Error,
        /// What was said last.
        last: Box<Exchange>,
    },
    /// The server did not connect to us.
    #[error("the server did not connect to {address} within {} s, {last}", waited.as_secs())]
    DataAccept {
        /// Where we listened.
        address: SocketAddr,
        /// How long.
        waited: Duration,
        /// What was said last.
        last: Box<Exchange>,
    },
    /// No way of making a data connection works with this server.
    #[error("no data connection{}", Ways(tried))]
    NoWay {
        /// What came of each way, in the order in which they were tried.
        tried: Vec<Self>,
    },
    /// No port for a data connection could be had on this machine.
    #[error("no port to listen on for the data connection ({source})")]
    DataListen {
        /// What the system said.
        source: io::Error,
    },
    /// The data connection moved no byte for too long.
    #[error("the data connection stood still for {} s after {moved} bytes", waited.as_secs())]
    Stalled {
        /// How many bytes had gone over it.
        moved: u64,
        /// How long it stood still.
        waited: Duration,
        /// What was said last.
        last: Box<Exchange>,
    },
    /// The bytes have moved, and it is not proven that they are all.
    #[error("not proven complete after {moved} bytes: {missing}{}", Since(source))]
    Unproven {
        /// The proof that is missing.
        missing: Proof,
        /// How many bytes went over the data connection.
        moved: u64,
        /// What was said last.
        last: Box<Exchange>,
        /// What kept the proof from coming, where that is an error of its own.
        source: Option<Box<Self>>,
    },
    /// What came is not in the representation that was agreed on.
    #[error("what came is not in the TYPE, STRU and MODE that were agreed on: {source}")]
    NotInForm {
        /// What is wrong with it.
        source: WireError,
    },
    /// What is received cannot be written here.
    #[error("cannot write what arrives: {0}")]
    Sink(#[source] io::Error),
    /// What is to be sent cannot be read here.
    #[error("cannot read what is to be sent: {0}")]
    Source(#[source] io::Error),
    /// Something is wrong with a file on this machine.
    #[error("cannot {doing} {}: {source}", Escaped(path))]
    Local {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A server lists a name that leads out of its folder, or that no path can have.
    #[error("{name}: this name leads out of its folder, and is left alone")]
    UnsafeName {
        /// The name.
        name: Text,
    },
    /// Folders lie within each other deeper than anybody means it.
    #[error("more than {depth} folders within each other")]
    TooDeep {
        /// How many are gone into.
        depth: usize,
    },
    /// Two servers do not transfer between each other, and the data may go no other way.
    #[error("the servers do not transfer between each other: {why}")]
    NotDirect {
        /// What they said.
        why: String,
    },
    /// As many sessions are in use as the server lets in.
    #[error("as many sessions are in use as the server lets in")]
    NoSession,
    /// It was stopped by whoever had begun it.
    #[error("stopped")]
    Stopped,
    /// The listing is longer than is read into memory.
    #[error("the listing is longer than {limit} bytes")]
    ListingTooLong {
        /// The limit.
        limit: usize,
    },
    /// A row of the listing is longer than any name could make it.
    #[error("a row of the listing is longer than {limit} bytes")]
    RowTooLong {
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// The command and the reply that were last before it, where it knows them.
    pub fn last(&self) -> Option<&Exchange> {
        match self {
            Self::NoWay { tried } => tried.last().and_then(Self::last),
            Self::ControlLost { last, .. }
            | Self::NoReply { last, .. }
            | Self::NotFtp { last, .. }
            | Self::Closing { last }
            | Self::OutOfStep { last }
            | Self::ReplyOwed { last }
            | Self::Malformed { last, .. }
            | Self::Login { last, .. }
            | Self::Refused { last }
            | Self::RefusedFor { last, .. }
            | Self::NotProtected { last }
            | Self::Injected { last }
            | Self::Tls { last, .. }
            | Self::NotResumed { last, .. }
            | Self::DataConnect { last, .. }
            | Self::DataAccept { last, .. }
            | Self::Stalled { last, .. }
            | Self::Unproven { last, .. } => Some(last),
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Cleared
            | Self::NoPassword { .. }
            | Self::Proxy { .. }
            | Self::Unwelcome { .. }
            | Self::Unsendable(_)
            | Self::DataListen { .. }
            | Self::NotInForm { .. }
            | Self::Sink(_)
            | Self::Source(_)
            | Self::Local { .. }
            | Self::UnsafeName { .. }
            | Self::TooDeep { .. }
            | Self::NotDirect { .. }
            | Self::NoSession
            | Self::Stopped
            | Self::ListingTooLong { .. }
            | Self::RowTooLong { .. } => None,
        }
    }

    /// The code of the refusal, where this is one.
    pub fn code(&self) -> Option<u16> {
        let reply = match self {
            Self::Unwelcome { reply } => Some(reply),
            Self::Closing { last }
            | Self::Login { last, .. }
            | Self::Refused { last }
            | Self::RefusedFor { last, .. }
            | Self::NotProtected { last }
            | Self::NotResumed { last, .. } => last.reply.as_ref(),
            _ => None,
        };
        reply.map(|reply| reply.code.value())
    }

    /// Whether the server said that a file or folder is not there. 550 says that as well as "you may
    /// not", so its words are looked at.
    ///
    /// ```
    /// # use wharf_client::{Error, Exchange};
    /// # use wharf_proto::{Reply, Verb, reply::Code};
    /// let refused = |text: &str| Error::Refused { last: Box::new(Exchange {
    ///     verb: Some(Verb::Retr),
    ///     command: "RETR x".into(),
    ///     reply: Code::new(550).map(|code| Reply::line(code, text)),
    ///     unended: false,
    /// }) };
    /// assert!(refused("x: No such file or directory").is_not_found());
    /// assert!(!refused("x: Permission denied").is_not_found());
    /// ```
    pub fn is_not_found(&self) -> bool {
        const DENIALS: [&str; 12] = [
            "permission",
            "denied",
            "privilege",
            "not allowed",
            "forbidden",
            "prohibited",
            "read-only",
            "not permitted",
            // It is there, and something else.
            "not a plain file",
            "not a regular file",
            "is a directory",
            "not empty",
        ];
        let last = match self {
            Self::RefusedFor { reason: Refusal::NoneAbove { .. }, .. } => return true,
            Self::Refused { last } => last,
            _ => return false,
        };
        let Some(reply) = &last.reply else { return false };
        let reads = matches!(
            last.verb,
            Some(
                Verb::Retr
                    | Verb::Size
                    | Verb::Mdtm
                    | Verb::Cwd
                    | Verb::Cdup
                    | Verb::List
                    | Verb::Nlst
                    | Verb::Mlsd
                    | Verb::Mlst
                    | Verb::Dele
                    | Verb::Rmd
                    | Verb::Rnfr
                    | Verb::Stat
            )
        );
        let text = String::from_utf8_lossy(reply.text()).to_lowercase();
        let said = match reply.code.value() {
            550 => !DENIALS.iter().any(|denial| text.contains(denial)),
            // An error of syntax, some say (RFC 3659 section 7.2.1 has 501 for what MLSD cannot list).
            501 => ["no such", "not found", "not exist"].iter().any(|words| text.contains(words)),
            _ => false,
        };
        reads && said
    }
}

struct Attempts<'a>(&'a [(SocketAddr, io::Error)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(address, error)| write!(f, "; {}: {error}", address.ip()))
    }
}

struct Ways<'a>(&'a [Error]);

impl fmt::Display for Ways<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(nth, error)| {
            f.write_str(if nth == 0 { ": " } else { "; " })?;
            error.fmt(f)
        })
    }
}

struct Because<'a>(&'a Option<io::Error>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(error) => write!(f, ": {error}"),
            None => f.write_str(": the server closed it"),
        }
    }
}

/// What kept a proof from coming.
struct Since<'a>(&'a Option<Box<Error>>);

impl fmt::Display for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |error| write!(f, " ({error})"))
    }
}

/// A path whose name may have come from a server.
struct Escaped<'a>(&'a PathBuf);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wharf_proto::write_safe(f, self.0.as_os_str().as_encoded_bytes())
    }
}
