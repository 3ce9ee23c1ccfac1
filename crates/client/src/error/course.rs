//! What an error means for who wants to go on: whether another try is of use, and whether the session still is.

use std::io;

use wharf_proto::Verb;

use super::{Error, Proof};
use crate::{ProxyFault, TlsFault};

impl Error {
    /// Whether the same may go well a little later, or over another connection.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Resolve { source, .. } => source.kind() == io::ErrorKind::TimedOut,
            Self::Connect { .. }
            | Self::ControlLost { .. }
            | Self::NoReply { .. }
            | Self::Closing { .. }
            | Self::OutOfStep { .. }
            | Self::DataConnect { .. }
            | Self::DataAccept { .. }
            | Self::NoSession
            | Self::Stalled { .. } => true,
            Self::NoWay { tried } => tried.iter().any(Self::is_passing),
            Self::NotResumed { spent, .. } => *spent,
            Self::Proxy { fault: ProxyFault::NoConnection(error), .. } => error.is_passing(),
            Self::Unwelcome { reply } => reply.code.value() < 500,
            Self::Tls { fault, .. } => matches!(fault, TlsFault::Broken(_) | TlsFault::Late),
            Self::Unproven { missing, .. } => !matches!(
                missing,
                Proof::Size { .. } | Proof::Digest { .. } | Proof::Unchanged | Proof::Beginning
            ),
            Self::Refused { .. } => matches!(self.code(), Some(421 | 425 | 426 | 450)),
            _ => false,
        }
    }

    /// Whether the server let us in no further than to the login: because it does not know us, or because it has enough
    /// of us.
    pub fn is_turned_away(&self) -> bool {
        match self {
            Self::Unwelcome { .. } | Self::Closing { .. } | Self::Login { .. } => true,
            // Some close the connection without a word.
            Self::ControlLost { last, .. } => last.is_before_all(),
            _ => false,
        }
    }

    /// Where the server did not answer when it was asked for a passive data connection: what it was asked. There are
    /// firewalls that drop what they do not know. A new session asks otherwise, as far as the options allow that.
    pub fn unanswered_question(&self) -> Option<Verb> {
        let Self::NoReply { last, .. } = self else { return None };
        last.verb.filter(|verb| last.reply.is_none() && matches!(verb, Verb::Epsv | Verb::Pasv))
    }

    /// Whether the server let us in no further because it has as many sessions as it wants.
    pub fn is_of_too_many(&self) -> bool {
        const WORDS: [&str; 6] = [
            "too many",
            "maximum",
            "limit",
            "try again later",
            "already logged in",
            "connections from",
        ];
        let reply = match self {
            Self::Login { last, .. } | Self::Closing { last } => last.reply.as_ref(),
            Self::Unwelcome { reply } => Some(reply),
            _ => None,
        };
        let text = reply.map(|reply| reply.text().to_ascii_lowercase()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        WORDS.iter().any(|word| text.contains(word))
    }

    /// Whether the session is of no further use.
    pub fn ends_the_session(&self) -> bool {
        match self {
            Self::ControlLost { .. }
            | Self::NoReply { .. }
            | Self::NotFtp { .. }
            | Self::Closing { .. }
            | Self::OutOfStep { .. }
            | Self::ReplyOwed { .. } => true,
            Self::Unproven { source, .. } => source.is_some(),
            Self::NotResumed { spent, .. } => *spent,
            _ => false,
        }
    }
}
