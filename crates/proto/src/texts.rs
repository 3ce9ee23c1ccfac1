//! Every sentence the server says, with its code.
//!
//! The machine decides what to say; this file alone knows how it is worded. A sentence tells the reader what
//! to do where something was refused.

use crate::command::Range;
use crate::params::{Mode, Structure, Type};
use crate::path::VirtualPath;
use crate::reply::{Code, Reply};
use crate::server::Fault;
use crate::time::Timestamp;
use crate::{Text, Verb, address};
use std::net::{SocketAddr, SocketAddrV4};

/// Something the server says. Multi-line replies (FEAT, HELP, STAT, MLST) are put together by their
/// handlers from [`code`] and lines.
#[derive(Clone, Debug)]
pub(crate) enum Say<'a> {
    Ready(&'a str),
    PasswordWanted { anonymous: bool },
    LoggedIn { name: &'a Text, anonymous: bool },
    LoginRefused,
    LoginFirst,
    UserFirst,
    TooManyWrongPasswords,
    TooManyBeforeLogin,
    NotAllowed(Verb),
    Goodbye,
    TimedOut(&'a str),
    ShuttingDown,

    UnknownVerb,
    LineTooLong,
    BadArgument(Verb),
    NotDone(Verb),
    Superfluous(Verb),
    NoHelp,
    TypeNotDone(Type),
    StructureNotDone(Structure),
    ModeNotDone(Mode),
    BadName(Verb),

    TypeIs(Type),
    StructureIs(Structure),
    ModeIs(Mode),
    WillDial(SocketAddr),
    ForeignAddress,
    WrongFamily { ours_is_ipv6: bool },
    PassiveNeedsIpv4,
    OnlyEpsv(Verb),
    EpsvAllNoted,
    Listening(SocketAddrV4),
    ListeningExtended(u16),
    NotListening(&'a Text),

    Entered(&'a VirtualPath),
    FolderIs(&'a VirtualPath),
    Made(&'a VirtualPath),
    Removed,
    Deleted,
    RenameTo,
    Renamed,
    RenameFirst,
    RestartAt(u64),
    Size(u64),
    Modified(Timestamp),
    Fault(&'a Fault, Verb),

    Starting { code: u16, kind: Type, size: Option<u64> },
    StoringAs(u16, &'a VirtualPath),
    Complete { bytes: u64, code: u16 },
    NotOpened(&'a Text),
    OpenTimedOut,
    Broken(&'a Text),
    Aborted,
    AbortDone,
    NothingToAbort,

    System,
    NoopDone,
    Utf8Always,
    Utf8Off,
    NoSuchOption,
    Noted,
    ServerId,
    NoSuchMount,
    OneFact,
    FactSet(&'a VirtualPath),
    Joined,
    SpaceFor(u64),
    RangeIs(Range),
    SiteDone,
    NoSuchSite,
    UmaskIs(Option<u32>),
    IdleIs(u64),
    IdleBounds(u64),
    InternalFault,
}

/// The code of this value, for the handlers that put several lines together. Values outside 100..=699
/// become 500.
pub(crate) fn code(value: u16) -> Code {
    const SYNTAX: Code = match Code::new(500) {
        Some(code) => code,
        None => unreachable!(),
    };
    Code::new(value).unwrap_or(SYNTAX)
}

impl Say<'_> {
    /// The reply.
    pub(crate) fn reply(&self) -> Reply {
        let (value, text) = self.worded();
        Reply::line(code(value), text)
    }

    fn worded(&self) -> (u16, Text) {
        match self {
            Self::Listening(_) | Self::ListeningExtended(_) | Self::NotListening(_) => {
                self.passive()
            }
            Self::Entered(_) | Self::FolderIs(_) | Self::Made(_) => self.folder(),
            Self::Fault(fault, verb) => worded_fault(fault, *verb),
            Self::Starting { .. }
            | Self::StoringAs(..)
            | Self::Complete { .. }
            | Self::NotOpened(_)
            | Self::Broken(_) => self.transfer(),
            _ => self.extended().unwrap_or_else(|| self.plain()),
        }
    }

    /// What the verbs of `server/extended.rs` say.
    #[rustfmt::skip]
    fn extended(&self) -> Option<(u16, Text)> {
        let (code, text): (u16, Text) = match self {
            Self::Noted => (200, "Noted.".into()),
            Self::ServerId => (200, "Name=Wharf; Version=1;".into()),
            Self::NoSuchMount => (550, "There is one tree here, and it is mounted at \"/\".".into()),
            Self::OneFact => (504, "One of the facts modify and UNIX.mode can be set at a time.".into()),
            Self::FactSet(path) => (213, Text::from([b"Set: ", path.as_bytes()].concat())),
            Self::Joined => (250, "Joined.".into()),
            Self::SpaceFor(bytes) => (200, format!("There is space for {bytes} bytes.").into()),
            Self::RangeIs(Range { end: None, .. }) => (350, "The whole file.".into()),
            Self::RangeIs(Range { start, end: Some(end) }) => (350, format!("Bytes {start} to {}.", end.saturating_sub(1)).into()),
            Self::SiteDone => (200, "Done.".into()),
            Self::NoSuchSite => (504, "No such word; SITE HELP lists those that there are.".into()),
            Self::UmaskIs(Some(mask)) => (200, format!("UMASK is {mask:03o}.").into()),
            Self::UmaskIs(None) => (200, "UMASK is the server's own.".into()),
            Self::IdleIs(seconds) => (200, format!("An idle session is closed after {seconds} s.").into()),
            Self::IdleBounds(most) => (501, format!("Between 1 and {most} seconds, please.").into()),
            _ => return None,
        };
        Some((code, text))
    }

    fn passive(&self) -> (u16, Text) {
        match self {
            Self::Listening(at) => {
                (227, format!("Entering Passive Mode {}.", address::print_227(*at)).into())
            }
            Self::ListeningExtended(port) => (
                229,
                format!("Entering Extended Passive Mode {}", address::print_229(*port)).into(),
            ),
            Self::NotListening(why) => (425, sentence("No port for a data connection", why)),
            _ => internal(),
        }
    }

    fn folder(&self) -> (u16, Text) {
        let quoted = |path: &VirtualPath, behind: &str| {
            Text::from([path.quoted().as_slice(), behind.as_bytes()].concat())
        };
        match self {
            Self::Entered(path) => {
                (250, Text::from([b"Now in ", path.quoted().as_slice(), b"."].concat()))
            }
            Self::FolderIs(path) => (257, quoted(path, " is the current folder.")),
            Self::Made(path) => (257, quoted(path, " made.")),
            _ => internal(),
        }
    }

    fn transfer(&self) -> (u16, Text) {
        match self {
            Self::Starting { code, kind, size } => {
                let doing = if *code == 125 {
                    "Data connection open; starting"
                } else {
                    "Opening the data connection"
                };
                let size = size.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"));
                (*code, format!("{doing}, TYPE {kind}{size}.").into())
            }
            // The form is that of RFC 1123 section 4.1.2.9.
            Self::StoringAs(code, path) => {
                (*code, Text::from([b"FILE: ", path.as_bytes()].concat()))
            }
            Self::Complete { bytes, code: 226 } => {
                (226, format!("Done, {bytes} bytes; data connection closed.").into())
            }
            Self::Complete { bytes, code } => (*code, format!("Done, {bytes} bytes.").into()),
            Self::NotOpened(why) => (425, sentence("The data connection could not be opened", why)),
            Self::Broken(why) => (426, sentence("The transfer broke off", why)),
            _ => internal(),
        }
    }

    #[rustfmt::skip]
    fn plain(&self) -> (u16, Text) {
        let (code, text): (u16, &str) = match self {
            Self::Ready(greeting) => (220, greeting),
            Self::PasswordWanted { anonymous: true } => (331, "Anonymous access: any password will do; your e-mail address is customary."),
            Self::PasswordWanted { anonymous: false } => (331, "Password, please."),
            Self::LoggedIn { anonymous: true, .. } => (230, "Logged in anonymously."),
            Self::LoggedIn { name, .. } => return (230, sentence("Logged in as", name)),
            Self::LoginRefused => (530, "Login refused: check the name and the password."),
            Self::LoginFirst => (530, "Please log in first, with USER and PASS."),
            Self::UserFirst => (503, "USER comes before PASS."),
            Self::TooManyWrongPasswords => (421, "Too many wrong passwords; closing."),
            Self::TooManyBeforeLogin => (421, "Too many commands before a login; closing."),
            Self::NotAllowed(verb) => return (refusal(*verb), format!("{verb} is not allowed to this account.").into()),
            Self::Goodbye => (221, "Goodbye."),
            Self::TimedOut(what) => return (421, format!("Closing: {what}.").into()),
            Self::ShuttingDown => (421, "The server is shutting down; please come back later."),
            Self::UnknownVerb => (500, "No such command; HELP lists those that there are."),
            Self::LineTooLong => (500, "The line is too long; it was not carried out."),
            Self::BadArgument(verb) => return (501, format!("Syntax: {verb}{}", verb.row().usage()).into()),
            Self::NotDone(verb) => return (502, format!("{verb} is not done here.").into()),
            Self::Superfluous(verb) => return (202, format!("{verb} is not needed here.").into()),
            Self::NoHelp => (504, "No such command; HELP alone lists those that there are."),
            Self::TypeNotDone(kind) => return (504, format!("TYPE {kind} is not done here; A, I and L 8 are.").into()),
            Self::StructureNotDone(value) => return (504, format!("STRU {value} is not done here; F is.").into()),
            Self::ModeNotDone(value) => return (504, format!("MODE {value} is not done here; S is.").into()),
            Self::BadName(verb) => (refusal(*verb), "That name cannot be used here."),
            Self::TypeIs(kind) => return (200, format!("TYPE is {kind}.").into()),
            Self::StructureIs(value) => return (200, format!("STRU is {value}.").into()),
            Self::ModeIs(value) => return (200, format!("MODE is {value}.").into()),
            Self::WillDial(at) => return (200, format!("Data connections will go to port {}.", at.port()).into()),
            Self::ForeignAddress => (501, "Data connections go only to your own address, to port 1024 or above."),
            Self::WrongFamily { ours_is_ipv6: false } => (522, "This connection speaks IPv4; use family (1)."),
            Self::WrongFamily { ours_is_ipv6: true } => (522, "This connection speaks IPv6; use family (2)."),
            Self::PassiveNeedsIpv4 => (522, "PASV can name only an IPv4 address; use EPSV."),
            Self::OnlyEpsv(verb) => return (503, format!("{verb} is closed: you have sent EPSV ALL.").into()),
            Self::EpsvAllNoted => (200, "From now on only EPSV sets up data connections."),
            Self::Removed => (250, "Folder removed."),
            Self::Deleted => (250, "File deleted."),
            Self::RenameTo => (350, "Found; RNTO with the new name comes next."),
            Self::Renamed => (250, "Renamed."),
            Self::RenameFirst => (503, "RNFR comes right before RNTO."),
            Self::RestartAt(offset) => return (350, format!("The next transfer starts at byte {offset}.").into()),
            Self::Size(bytes) => return (213, bytes.to_string().into()),
            Self::Modified(time) => return (213, time.whole_seconds().print_mdtm().into()),
            Self::OpenTimedOut => (425, "The data connection did not open in time; a firewall may be in the way, try the other of active and passive mode."),
            Self::Aborted => (426, "Transfer broken off at your request; data connection closed."),
            Self::AbortDone => (226, "ABOR done."),
            Self::NothingToAbort => (226, "No transfer was running."),
            Self::System => (215, "UNIX Type: L8"),
            Self::NoopDone => (200, "Still here."),
            Self::Utf8Always => (200, "Names are UTF-8."),
            Self::Utf8Off => (504, "Names are always UTF-8 here."),
            Self::NoSuchOption => (501, "No such option; OPTS UTF8 ON, OPTS MLST facts and OPTS HASH name are."),
            Self::InternalFault | Self::Noted | Self::ServerId | Self::NoSuchMount | Self::OneFact | Self::FactSet(_) | Self::Joined
            | Self::SpaceFor(_) | Self::RangeIs(_) | Self::SiteDone | Self::NoSuchSite | Self::UmaskIs(_)
            | Self::IdleIs(_) | Self::IdleBounds(_)
            | Self::Listening(_) | Self::ListeningExtended(_) | Self::NotListening(_)
            | Self::Entered(_) | Self::FolderIs(_) | Self::Made(_) | Self::Fault(..)
            | Self::Starting { .. } | Self::StoringAs(..) | Self::Complete { .. } | Self::NotOpened(_) | Self::Broken(_) => return internal(),
        };
        (code, text.into())
    }
}

fn internal() -> (u16, Text) {
    (451, "The server made a mistake; the command was not carried out.".into())
}

fn sentence(start: &str, rest: &Text) -> Text {
    Text::from([start.as_bytes(), b": ", rest.as_bytes(), b"."].concat())
}

/// The code with which a verb refuses for good: 550, or 553 where RFC 959 knows only that.
fn refusal(verb: Verb) -> u16 {
    if verb.row().allows(550) { 550 } else { 553 }
}

/// A fault of the tree: with the code that fits it best, where the verb's row has that code.
fn worded_fault(fault: &Fault, verb: Verb) -> (u16, Text) {
    let never = refusal(verb);
    let (best, text): (u16, Text) = match fault {
        Fault::NotFound => (never, "There is no such file or folder.".into()),
        Fault::Exists => (never, "There is something of that name already.".into()),
        Fault::NotAFolder => (never, "That is not a folder.".into()),
        Fault::NotAFile => (never, "That is not a plain file.".into()),
        Fault::NotEmpty => (never, "The folder is not empty.".into()),
        Fault::Denied => (never, "Permission denied.".into()),
        Fault::Name => (never, "That name cannot be used here.".into()),
        Fault::Busy => (450, "Somebody is writing that file; try again later.".into()),
        Fault::Full => (452, "No space is left on the server.".into()),
        Fault::Offset => (554, "REST points behind the end of the file.".into()),
        Fault::Unsupported(why) => (504, (*why).into()),
        Fault::System(why) => (451, sentence("The server's file system failed", why)),
    };
    (if verb.row().allows(best) { best } else { never }, text)
}
