//! Text logs: what servers and clients have written down of their sessions, as sessions (docs/logs.md).
//!
//! A log tells of the words on the control connection, and of little else. Those words become the same rows that a tap
//! and a capture have; what must have happened besides (the handshake, the bytes of a transfer that the log counts) is
//! marked as inferred, and findings are looked for in the words alone. Each form of log is a [`Form`] in [`FORMS`], with
//! its own reader in `logs/`; [`recognise`] finds out which one it is. Lines that are of no form are counted and passed
//! over. Secrets are redacted whatever the log has kept of them.

mod book;
mod curl;
mod cut;
mod filezilla;
mod ftp;
mod lftp;
mod lines;
mod proftpd;
mod pure_ftpd;
mod stamp;
mod vsftpd;
mod winscp;

pub use book::Logs;
pub use lines::Lines;

use stamp::Stamp;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use wharf_proto::tap::Party;

/// What of a file is looked at to recognise it, at most.
pub const HEAD: usize = 64 * 1024;
/// So many lines that speak of FTP are enough to be sure.
const SURE: usize = 3;

/// A form of log.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Its name on the command line.
    pub name: &'static str,
    /// What writes it.
    pub of: &'static str,
    /// Which end writes it.
    pub teller: Party,
    dialect: fn() -> Box<dyn Dialect>,
}

/// Every form. Of two that read as much of a log the first is taken.
pub static FORMS: [Form; 11] = [
    Form {
        name: "vsftpd",
        of: "vsftpd with log_ftp_protocol=YES",
        teller: Party::Server,
        dialect: || Box::<vsftpd::Vsftpd>::default(),
    },
    Form {
        name: "pure-ftpd",
        of: "pure-ftpd with -d (VerboseLog yes), through syslog",
        teller: Party::Server,
        dialect: || Box::new(pure_ftpd::PureFtpd),
    },
    Form {
        name: "proftpd",
        of: "proftpd's SystemLog with DebugLevel 5, or TraceLog with Trace command:7 response:1",
        teller: Party::Server,
        dialect: || Box::<proftpd::Proftpd>::default(),
    },
    Form {
        name: "proftpd-extended",
        of: "proftpd's ExtendedLog, of any LogFormat with \"%r\" %s",
        teller: Party::Server,
        dialect: || Box::new(proftpd::Extended),
    },
    Form {
        name: "filezilla-server",
        of: "FileZilla Server, 0.9 and 1.x",
        teller: Party::Server,
        dialect: || Box::new(filezilla::Server),
    },
    Form {
        name: "filezilla",
        of: "the FileZilla client, in English",
        teller: Party::Client,
        dialect: || Box::new(filezilla::Client),
    },
    Form {
        name: "winscp",
        of: "WinSCP's session log",
        teller: Party::Client,
        dialect: || Box::new(winscp::WinScp),
    },
    Form {
        name: "ncftp",
        of: "ncftp, ncftpget and ncftpput with -d",
        teller: Party::Client,
        dialect: || Box::new(ftp::NcFtp),
    },
    Form {
        name: "ftp",
        of: "tnftp and other ftp programs with -d",
        teller: Party::Client,
        dialect: || Box::<ftp::Ftp>::default(),
    },
    Form {
        name: "lftp",
        of: "lftp with debug 9, or -d",
        teller: Party::Client,
        dialect: || Box::<lftp::Lftp>::default(),
    },
    Form {
        name: "curl",
        of: "curl with -v",
        teller: Party::Client,
        dialect: || Box::<curl::Curl>::default(),
    },
];

impl Form {
    /// The form of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMS.iter().find(|form| form.name == name)
    }
}

/// What the beginning of a file is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A log of this form.
    Log(&'static Form),
    /// Such a log perhaps, but little was seen of it yet.
    Perhaps(&'static Form),
    /// It tells of FTP, but not of sessions; this is what to switch on instead.
    Useless(&'static str),
    /// Something else.
    Other,
}

/// Finds out what the beginning of a file is.
///
/// ```
/// use wharf_ladder::logs::{Kind, recognise};
/// let log = b"---> USER ann\n<--- 331 Password, please\n---> PASS x\n<--- 230 In\n";
/// assert!(matches!(recognise(log), Kind::Log(form) if form.name == "lftp"));
/// ```
#[must_use]
pub fn recognise(head: &[u8]) -> Kind {
    let head = head.get(..HEAD).unwrap_or(head);
    let mut best: Option<(usize, &'static Form)> = None;
    for form in &FORMS {
        let mut dialect = (form.dialect)();
        let said = head.split(|byte| *byte == b'\n').filter(|line| {
            let heard = dialect.hear(lines::trimmed(line));
            heard.is_some_and(|heard| heard.said.is_speech())
        });
        let count = said.count();
        if count > best.map_or(0, |(most, _)| most) {
            best = Some((count, form));
        }
    }
    match best {
        Some((SURE.., form)) => Kind::Log(form),
        _ => match (proftpd::of_transfers(head), best) {
            (Some(advice), _) => Kind::Useless(advice),
            (None, Some((_, form))) => Kind::Perhaps(form),
            (None, None) => Kind::Other,
        },
    }
}

/// Understands the lines of one form.
trait Dialect: Send {
    /// What a line says, without its end; none where it is not of this form.
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>>;
}

/// A line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard<'l> {
    stamp: Option<Stamp>,
    /// What its session is known by in the log: a process, a number, an address; empty where there is but one at a time.
    key: Cow<'l, [u8]>,
    /// The client's address, where the line names it.
    client: Option<IpAddr>,
    said: Said<'l>,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said<'l> {
    /// The control connection is being opened to this server.
    Opening(SocketAddr),
    /// It could not be.
    NotOpened(&'l [u8]),
    /// It is open; the server's end, where the line names it.
    Opened(Option<SocketAddr>),
    /// A command.
    Command(Cow<'l, [u8]>),
    /// A line of a reply.
    Reply(Cow<'l, [u8]>),
    /// A line of either side.
    Either(&'l [u8]),
    /// A command with its last reply, and the bytes of its transfer.
    Exchange { command: Cow<'l, [u8]>, reply: Option<Cow<'l, [u8]>>, bytes: Option<u64> },
    /// The client connects to a server's data port.
    DataOpened { opener: Party, client: Option<SocketAddr>, server: Option<SocketAddr> },
    /// A data connection could not be opened.
    DataFailed(&'l [u8]),
    /// So many bytes of a transfer.
    Moved(u64),
    /// The data connection has ended.
    DataEnded,
    /// A reply did not come in time.
    TimedOut(&'l [u8]),
    /// TLS covers a connection: its version and cipher suite.
    Secured(&'l [u8], &'l [u8]),
    /// Something else worth a row.
    Note(&'l [u8]),
    /// The control connection has ended; who did it, where the line says so.
    Closed(Option<Party>),
    /// Nothing that a ladder shows.
    Aside,
}

impl Said<'_> {
    /// Whether it is of the dialogue, so that a log that says it tells of sessions.
    fn is_speech(&self) -> bool {
        matches!(
            self,
            Self::Command(_)
                | Self::Reply(_)
                | Self::Either(_)
                | Self::Exchange { .. }
                | Self::Opening(_)
                | Self::Opened(_)
        )
    }
}

/// A line of a log in which there is one session at a time.
fn alone(stamp: Option<Stamp>, said: Said<'_>) -> Option<Heard<'_>> {
    Some(Heard { stamp, key: Cow::Borrowed(b""), client: None, said })
}
