//! Why two servers do not come together, in words for whoever has to know, and what their keepers can do about it.

use wharf_proto::Verb;

use super::crossing::Crossing;
use super::{CopyError, Ends};
use crate::{Error, Exchange};

/// What a server is known by, in its greeting or its answer to SYST, and what allows transfers between servers there.
struct Remedy {
    mark: &'static str,
    /// That it connects to another host.
    connects: &'static str,
    /// That another host connects to it.
    listens: &'static str,
    /// That the other host has no TLS session to resume.
    resumes: &'static str,
}

const REMEDIES: [Remedy; 5] = [
    Remedy {
        mark: "vsftpd",
        connects: "port_promiscuous=YES",
        listens: "pasv_promiscuous=YES",
        resumes: "require_ssl_reuse=NO",
    },
    Remedy {
        mark: "proftpd",
        connects: "AllowForeignAddress on",
        listens: "AllowForeignAddress on",
        resumes: "TLSOptions NoSessionReuseRequired",
    },
    Remedy { mark: "pure-ftpd", connects: "its option -w", listens: "its option -w", resumes: "" },
    Remedy {
        mark: "pyftpdlib",
        connects: "permit_foreign_addresses",
        listens: "permit_foreign_addresses",
        resumes: "",
    },
    Remedy {
        mark: "wharf",
        connects: "--allow-fxp, for users with an account",
        listens: "--allow-fxp, for users with an account",
        resumes: "--any-tls-session for that user",
    },
];

/// An error of a crossing as a reason, with what would help where the server is known.
pub(super) fn words(ends: &mut Ends, crossing: Crossing, fault: &CopyError) -> String {
    let session = ends.of(fault.side);
    let control = &session.control;
    let greeting = control.greeted_with().map(|reply| String::from_utf8_lossy(reply.text()));
    let greeting = greeting.unwrap_or_default().to_lowercase();
    let host = match control.port() {
        21 => control.host().to_owned(),
        port => format!("{} port {port}", control.host()),
    };
    let known = REMEDIES.iter().find(|remedy| greeting.contains(remedy.mark));
    let listens = crossing.listener == fault.side;
    let helps = known.map_or("", |known| known.against(&fault.error, listens));
    let helps = if helps.is_empty() { String::new() } else { format!(" ({helps} allows it)") };
    format!("{host} ({}): {}{helps}", fault.side, fault.error)
}

impl Remedy {
    /// What helps against a refusal by the server that listens, or by the one that connects.
    fn against(&self, error: &Error, listens: bool) -> &'static str {
        let (Error::Refused { last }, Some(code)) = (error, error.code()) else { return "" };
        let opens = last.verb.is_some_and(Verb::opens_transfer);
        match (opens, code) {
            (true, _) if is_about_tls(last) => self.resumes,
            (true, 425) if listens => self.listens,
            // The other family of addresses, or a port that cannot be reached.
            (true, _) | (false, 522) => "",
            (false, _) => self.connects,
        }
    }
}

fn is_about_tls(last: &Exchange) -> bool {
    let Some(reply) = &last.reply else { return false };
    let text = String::from_utf8_lossy(reply.text()).to_lowercase();
    ["tls", "ssl", "reuse"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::Reply;
    use wharf_proto::reply::Code;

    #[test]
    fn what_helps_depends_on_what_was_refused() {
        let refused = |verb: Verb, code, text: &str| Error::Refused {
            last: Box::new(Exchange {
                verb: Some(verb),
                command: verb.name().into(),
                reply: Code::new(code).map(|code| Reply::line(code, text)),
                unended: false,
            }),
        };
        let vsftpd = &REMEDIES[0];
        for (error, listens, helps) in [
            (refused(Verb::Port, 500, "Illegal PORT command."), false, "port_promiscuous=YES"),
            (refused(Verb::Eprt, 522, "use family (1)"), false, ""),
            (
                refused(Verb::Retr, 425, "Security: Bad IP connecting."),
                true,
                "pasv_promiscuous=YES",
            ),
            (refused(Verb::Retr, 425, "Failed to establish connection."), false, ""),
            (refused(Verb::Retr, 522, "SSL session reuse required"), true, "require_ssl_reuse=NO"),
            (Error::Stopped, true, ""),
        ] {
            assert_eq!(vsftpd.against(&error, listens), helps, "{error}");
        }
    }
}
