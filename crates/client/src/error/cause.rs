//! What an error is, in a word that programs can compare, and the reply that it came with.

use wharf_proto::Reply;

use super::{Error, Proof};
use crate::{ProxyFault, TlsFault};

impl Error {
    /// What it is, in a word that stays the same from version to version: `not-found`, `login`, `no-reply`...
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "no-such-host",
            Self::Connect { .. } => "no-connection",
            Self::Proxy { fault: ProxyFault::Login, .. } => "proxy-login",
            Self::Proxy { .. } => "proxy",
            Self::Login { .. } | Self::Unwelcome { .. } if self.is_of_too_many() => {
                "too-many-sessions"
            }
            Self::Unwelcome { .. } => "unwelcome",
            Self::ControlLost { .. } => "control-lost",
            Self::NoReply { .. } => "no-reply",
            Self::NotFtp { .. } => "not-ftp",
            Self::Closing { .. } => "closing",
            Self::OutOfStep { .. } | Self::ReplyOwed { .. } => "out-of-step",
            Self::Cleared => "in-clear",
            Self::Malformed { .. } => "malformed-reply",
            Self::Login { .. } => "login",
            Self::NoPassword { .. } => "no-password",
            Self::Refused { .. } | Self::RefusedFor { .. } if self.is_not_found() => "not-found",
            Self::Refused { .. } | Self::RefusedFor { .. } => "refused",
            Self::NotProtected { .. } => "no-tls",
            Self::Injected { .. } => "injected",
            Self::Tls { fault: TlsFault::Certificate { .. }, .. } => "certificate",
            Self::Tls { .. } => "tls",
            Self::NotResumed { .. } => "tls-not-resumed",
            Self::Unsendable(_) => "unsendable",
            Self::DataConnect { .. } | Self::DataAccept { .. } | Self::NoWay { .. } => {
                "no-data-connection"
            }
            Self::DataListen { .. } => "no-port",
            Self::Stalled { .. } => "stalled",
            Self::Unproven { missing, .. } => missing.cause(),
            Self::NotInForm { .. } => "not-in-form",
            Self::Sink(_) | Self::Source(_) | Self::Local { .. } => "local",
            Self::UnsafeName { .. } => "unsafe-name",
            Self::TooDeep { .. } => "too-deep",
            Self::NotDirect { .. } => "not-direct",
            Self::NoSession => "no-session",
            Self::Stopped => "interrupted",
            Self::ListingTooLong { .. } | Self::RowTooLong { .. } => "listing-too-long",
        }
    }

    /// The last reply that the server has given before it, where it is known.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Unwelcome { reply } => Some(reply),
            _ => self.last()?.reply.as_ref(),
        }
    }
}

impl Proof {
    /// What a transfer is that lacks it.
    fn cause(self) -> &'static str {
        match self {
            Self::DataEnd | Self::EndMark | Self::CloseNotify | Self::LastRow => "cut",
            Self::FinalReply => "unconfirmed",
            Self::Digest { .. } => "digest-differs",
            Self::Unchanged => "changed",
            Self::Beginning => "not-kept",
            Self::Size { .. } => "size-differs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exchange;
    use wharf_proto::Verb;
    use wharf_proto::reply::Code;

    #[test]
    fn what_a_server_refuses_is_told_apart_by_its_words_and_comes_with_its_reply() {
        let said = |verb, code, text: &str| {
            let reply = Code::new(code).map(|code| Reply::line(code, text));
            Box::new(Exchange { verb: Some(verb), command: "X".into(), reply, unended: false })
        };
        let refused = |code, text| Error::Refused { last: said(Verb::Retr, code, text) };
        let login = |text| Error::Login { user: "ann".into(), last: said(Verb::Pass, 530, text) };
        for (error, cause) in [
            (refused(550, "no such file"), "not-found"),
            (refused(550, "Permission denied"), "refused"),
            (login("no"), "login"),
            (login("Too many users"), "too-many-sessions"),
        ] {
            assert_eq!(error.cause(), cause, "{error}");
            assert!(error.reply().is_some(), "{error}");
        }
        assert!(Error::Stopped.reply().is_none());
    }
}
