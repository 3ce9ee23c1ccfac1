//! Exit codes: one for each kind of end, so that a script can tell them apart.
//!
//! They are part of the contract of the command line and stand in its help. The messages are written by
//! `commands.rs`.

use std::io;
use std::process::ExitCode;

use wharf_client::{AddressError, Error, Proof, ProxyFault, TlsFault};
#[cfg(feature = "sqlite")]
use wharf_server::accounts::store::StoreError;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// Some of it failed, or all of it in a way that has no code of its own.
    Failed = 1,
    /// What was asked for makes no sense.
    Usage = 2,
    /// The network, or the server, is not there.
    Network = 3,
    /// The login was refused, or there is no TLS that can be trusted.
    Login = 4,
    /// The file or folder is not there.
    NotFound = 5,
    /// The server does not want to.
    Refused = 6,
    /// The bytes moved and are not proven to be all.
    Unverified = 7,
    /// A file here cannot be read or written.
    Local = 8,
    /// SIGHUP: the terminal went away. This and the two below are 128 and the signal, as shells have it.
    HungUp = 129,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM: the system, or whoever started the program, wants it to end.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What was asked for makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// It ends so, for this reason: where no error of the library says it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Why {
    pub(crate) exit: Exit,
    pub(crate) words: String,
}

impl Why {
    /// Nothing is there of that name.
    pub(crate) fn not_found(words: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, words: words.into() }
    }

    /// Nothing is here of that name.
    pub(crate) fn not_here(words: impl Into<String>) -> Self {
        Self { exit: Exit::Local, words: words.into() }
    }
}

/// Of many things some failed, each of which has been told.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{failed} of {all} failed")]
pub(crate) struct Failed {
    /// How the whole is to end.
    pub(crate) exit: Exit,
    /// How many failed.
    pub(crate) failed: usize,
    /// Of how many.
    pub(crate) all: usize,
}

/// Something ended so, and has said it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("failed")]
pub(crate) struct Told(pub(crate) Exit);

/// Somebody has told the program to end, with Ctrl-C if nothing else is said.
#[derive(Clone, Copy, Debug, Default, thiserror::Error)]
#[error("{}", by.words())]
pub(crate) struct Interrupted {
    /// How it was told.
    pub(crate) by: Signal,
}

/// A signal that ends a command in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT, which is Ctrl-C.
    #[default]
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    HangUp,
}

impl Signal {
    fn words(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "interrupted by SIGTERM",
            Self::HangUp => "interrupted by SIGHUP",
        }
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
            Self::HangUp => Exit::HungUp,
        }
    }
}

impl Exit {
    /// What it says, in a word for programs.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Network => "network",
            Self::Login => "login",
            Self::NotFound => "not-found",
            Self::Refused => "refused",
            Self::Unverified => "unverified",
            Self::Local => "local",
            Self::Interrupted | Self::HungUp | Self::Terminated => "interrupted",
        }
    }

    /// The exit code of an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Self::Failed)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = cause.downcast_ref::<Error>() {
            Some(Self::of_client(error))
        } else if cause.is::<Usage>() || cause.is::<AddressError>() {
            Some(Self::Usage)
        } else if let Some(exit) = of_store(cause) {
            Some(exit)
        } else if let Some(failed) = cause.downcast_ref::<Failed>() {
            Some(failed.exit)
        } else if let Some(Told(exit)) = cause.downcast_ref() {
            Some(*exit)
        } else if let Some(why) = cause.downcast_ref::<Why>() {
            Some(why.exit)
        } else if let Some(Interrupted { by }) = cause.downcast_ref() {
            Some(by.exit())
        } else {
            cause.downcast_ref::<io::Error>().map(Self::of_local)
        }
    }

    /// The exit code of a client's error.
    pub(crate) fn of_client(error: &Error) -> Self {
        match error {
            Error::Login { .. } if error.is_of_too_many() => Self::Network,
            Error::Login { .. }
            | Error::NotProtected { .. }
            | Error::Injected { .. }
            | Error::Proxy { fault: ProxyFault::Login, .. }
            | Error::Cleared
            | Error::NoPassword { .. }
            | Error::NotResumed { .. } => Self::Login,
            Error::Tls { fault: TlsFault::Broken(_) | TlsFault::Late, .. } => Self::Network,
            Error::Tls { .. } => Self::Login,
            Error::Refused { .. } | Error::RefusedFor { .. } if error.is_not_found() => {
                Self::NotFound
            }
            Error::RefusedFor { .. } => Self::Refused,
            Error::Refused { .. } | Error::Unwelcome { .. } => match error.code() {
                Some(425 | 426 | 421) => Self::Network,
                Some(530 | 332) => Self::Login,
                _ => Self::Refused,
            },
            Error::Unproven { source: Some(source), missing: Proof::FinalReply, .. } => {
                Self::of_client(source)
            }
            Error::Unproven { .. } | Error::NotInForm { .. } => Self::Unverified,
            Error::Sink(error) | Error::Source(error) | Error::Local { source: error, .. } => {
                Self::of_local(error)
            }
            Error::Unsendable(_) => Self::Usage,
            Error::NotDirect { .. } => Self::Refused,
            Error::Stopped => Self::Interrupted,
            Error::ListingTooLong { .. }
            | Error::RowTooLong { .. }
            | Error::UnsafeName { .. }
            | Error::TooDeep { .. } => Self::Failed,
            // What is left is the network's, and so is what later versions may add.
            _ => Self::Network,
        }
    }

    /// A reader that has heard enough, such as `head`, is no trouble at all.
    fn of_local(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Done,
            _ => Self::Local,
        }
    }
}

/// The exit code of an error of the user store.
#[cfg(feature = "sqlite")]
fn of_store(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    Some(match cause.downcast_ref::<StoreError>()? {
        StoreError::File { .. } | StoreError::TooNew { .. } | StoreError::Database(_) => {
            Exit::Local
        }
        StoreError::NoSuchUser(_) => Exit::NotFound,
        StoreError::Exists(_) => Exit::Failed,
        StoreError::Said(_) => Exit::Usage,
    })
}

#[cfg(not(feature = "sqlite"))]
fn of_store(_: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use std::time::Duration;
    use wharf_client::{CertificateFault, Exchange};
    use wharf_proto::reply::Code;
    use wharf_proto::{Reply, Verb};

    fn said(verb: Verb, code: u16, text: &str) -> Box<Exchange> {
        let reply = Some(Reply::line(Code::new(code).unwrap(), text));
        Box::new(Exchange { verb: Some(verb), command: verb.name().into(), reply, unended: false })
    }

    fn code(error: Error) -> Exit {
        Exit::of(&anyhow::Error::from(error).context("in the midst of something"))
    }

    #[test]
    fn refusals_are_told_apart_by_their_codes_and_words() {
        for (verb, refusal, text, exit) in [
            (Verb::Retr, 550, "no such file", Exit::NotFound),
            (Verb::Retr, 550, "Permission denied.", Exit::Refused),
            (Verb::Stor, 550, "no such file", Exit::Refused),
            (Verb::Stor, 553, "name", Exit::Refused),
            (Verb::Retr, 425, "no data connection", Exit::Network),
            (Verb::Retr, 426, "broken", Exit::Network),
            (Verb::List, 530, "log in", Exit::Login),
            (Verb::Stor, 552, "full", Exit::Refused),
        ] {
            let error = Error::Refused { last: said(verb, refusal, text) };
            assert_eq!(code(error), exit, "{refusal} {text}");
        }
        let login = Error::Login { user: "ann".into(), last: said(Verb::Pass, 530, "no") };
        assert_eq!(code(login), Exit::Login);
    }

    #[test]
    fn what_tls_cannot_vouch_for_has_the_code_of_a_login_but_for_the_networks_part() {
        let last = || said(Verb::Auth, 502, "no");
        let tls = |fault| code(Error::Tls { fault, last: last() });
        assert_eq!(code(Error::NotProtected { last: last() }), Exit::Login);
        assert_eq!(code(Error::Injected { last: last() }), Exit::Login);
        assert_eq!(code(Error::NotResumed { last: last(), spent: false }), Exit::Login);
        assert_eq!(tls(TlsFault::NotTls), Exit::Login);
        let why = CertificateFault::UnknownIssuer;
        assert_eq!(tls(TlsFault::Certificate { why, shown: None }), Exit::Login);
        assert_eq!(tls(TlsFault::Late), Exit::Network);
        let cut =
            Error::Unproven { missing: Proof::CloseNotify, moved: 1, last: last(), source: None };
        assert_eq!(code(cut), Exit::Unverified);
    }

    #[test]
    fn a_missing_proof_is_a_failed_verification_unless_the_network_is_to_blame() {
        let unproven = |missing, source: Option<Error>| Error::Unproven {
            missing,
            moved: 1,
            last: Box::default(),
            source: source.map(Box::new),
        };
        assert_eq!(code(unproven(Proof::DataEnd, None)), Exit::Unverified);
        assert_eq!(code(unproven(Proof::FinalReply, None)), Exit::Unverified);
        let silent = Error::NoReply { last: Box::default(), waited: Duration::ZERO };
        assert_eq!(code(unproven(Proof::FinalReply, Some(silent))), Exit::Network);
    }

    #[test]
    fn trouble_of_this_side_has_its_own_codes_and_a_closed_pipe_is_none() {
        let io = |kind: io::ErrorKind| io::Error::from(kind);
        assert_eq!(code(Error::Sink(io(io::ErrorKind::BrokenPipe))), Exit::Done);
        assert_eq!(code(Error::Sink(io(io::ErrorKind::StorageFull))), Exit::Local);
        assert_eq!(Exit::of(&Interrupted::default().into()), Exit::Interrupted);
        assert_eq!(Exit::of(&Usage("what?".to_owned()).into()), Exit::Usage);
        assert_eq!(Exit::of(&anyhow::anyhow!("something")), Exit::Failed);
        let file: Result<(), _> = Err(io(io::ErrorKind::NotFound));
        assert_eq!(Exit::of(&file.context("reading").unwrap_err()), Exit::Local);
    }
}
