//! What an error is likely to come of, and what helps.

use std::io;
use std::net::SocketAddr;

use wharf_proto::Verb;
use wharf_proto::reply::ReplyError;

use super::{Error, Exchange, Proof, Refusal};
use crate::ProxyFault;
use crate::files::is_temporary;

const WRITE_FTPES: &str = "the server wants TLS: write ftpes:// in place of ftp://";
const OF_A_FOLDER: &str = "get -r takes a folder with all that is in it, ls lists it";
const TO_REMOVE_A_FOLDER: &str = "it is a folder: rm -r removes it with all that is in it";
const ANOTHER_NAME: &str = "give it another name; of a tree it can be left out by --exclude";
const FEW_TICKETS: &str = "the server gives too few tickets for TLS 1.3: --tls-max 1.2 can resume one TLS session any \
                           number of times";
const WHERE_PASSWORDS_ARE: &str = "it may be in the environment (WHARF_PASSWORD; WHARF_TARGET_PASSWORD for the server that \
                                   is copied to), in ~/.netrc, or in the settings of the host; at a terminal it is \
                                   asked for";

impl Error {
    /// The likely cause and a remedy, where one can be guessed from what happened.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Resolve { source, .. } => Some(resolve_advice(source)),
            Self::Connect { attempts, .. } => Some(connect_advice(attempts)),
            Self::Proxy { fault, .. } => Some(proxy_advice(fault)),
            Self::Closing { last } if wants_tls(last) => Some(WRITE_FTPES),
            Self::Closing { .. } if self.is_of_silence() => Some(
                "the server ends sessions in which nothing is said for a while, and running again opens a new one; \
                 its keeper can have it wait longer",
            ),
            Self::Unwelcome { .. } | Self::Closing { .. } => {
                Some("the server may have too many users or be going down: try again later")
            }
            Self::ControlLost { last, .. } if last.is_before_all() && last.reply.is_none() => {
                Some("a firewall or an access list may be closing connections: try from elsewhere")
            }
            Self::ControlLost { .. } => {
                Some("the server or something between ended the session: running again goes on")
            }
            Self::NoReply { last, .. } => Some(self.silence_advice(last)),
            Self::NotFtp { source: ReplyError::NotAReply(_), .. } => Some(self.foreign_advice()),
            Self::Login { .. } if self.is_of_too_many() => {
                Some("the server has as many sessions as it allows: end some, or try again later")
            }
            Self::Login { last, .. } => login_advice(last),
            Self::Refused { last } => refusal_advice(last),
            Self::RefusedFor { reason, last } => Some(reason_advice(reason, last.verb)),
            Self::Local { doing: "send", source, .. } => local_advice(source),
            Self::NotProtected { last } => Some(protection_advice(last)),
            Self::Injected { .. } => Some("somebody may sit in between: do not log in from here"),
            Self::Tls { fault, .. } => fault.advice(),
            Self::NotResumed { .. } => Some(FEW_TICKETS),
            Self::DataConnect { .. } | Self::DataAccept { .. } | Self::NoWay { .. } => {
                Some(self.way_advice())
            }
            Self::Malformed { last, .. } if matches!(last.verb, Some(Verb::Epsv | Verb::Pasv)) => {
                Some("something in between may have changed the reply: try --active")
            }
            Self::Stalled { .. } => Some("running again goes on where it stopped"),
            Self::Unproven { missing, .. } => Some(proof_advice(*missing)),
            Self::NoPassword { .. } => Some(WHERE_PASSWORDS_ARE),
            Self::Unsendable(_) => Some(ANOTHER_NAME),
            Self::Cleared => Some("connect again to log in as somebody else"),
            Self::NotFtp { .. }
            | Self::NotInForm { .. }
            | Self::OutOfStep { .. }
            | Self::ReplyOwed { .. }
            | Self::Malformed { .. }
            | Self::DataListen { .. }
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

    /// The protocol that the server speaks in place of FTP, as far as its first line shows: SSH, HTTP, IMAP or POP3.
    pub fn speaks(&self) -> Option<&'static str> {
        const BEGINNINGS: [(&[u8], &str); 4] =
            [(b"SSH-", "SSH"), (b"HTTP/", "HTTP"), (b"* OK", "IMAP"), (b"+OK", "POP3")];
        let Self::NotFtp { source: ReplyError::NotAReply(line), .. } = self else { return None };
        let of_line = |(beginning, _): &&(&[u8], &str)| line.as_bytes().starts_with(beginning);
        BEGINNINGS.iter().find(of_line).map(|(_, name)| *name)
    }

    /// Whether the login, or the session before it, was refused for want of TLS.
    pub fn wants_tls(&self) -> bool {
        match self {
            Self::Login { last, .. } | Self::Closing { last } => wants_tls(last),
            _ => false,
        }
    }

    /// Whether the server has ended the session because nothing was said in it for too long, as its words have it.
    pub fn is_of_silence(&self) -> bool {
        const WORDS: [&str; 8] = [
            "idle",
            "timeout",
            "time-out",
            "time out",
            "timed out",
            "no command",
            "inactiv",
            "no transfer",
        ];
        let Self::Closing { last } = self else { return false };
        let text = last.reply.as_ref().map(|reply| reply.text().to_ascii_lowercase());
        let text = text.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        WORDS.iter().any(|word| text.contains(word))
    }

    /// What helps where something else than an FTP server answers.
    fn foreign_advice(&self) -> &'static str {
        match self.speaks() {
            Some("SSH") => {
                "that is an SSH server; its SFTP is another protocol than FTP: use a client for that (sftp)"
            }
            Some("HTTP") => "that is a web server: check the port of the FTP server",
            Some(_) => "that is a mail server: check the port of the FTP server",
            None => "something else than an FTP server answers on that port",
        }
    }

    /// What helps where no data connection came about.
    fn way_advice(&self) -> &'static str {
        match self {
            Self::DataConnect { elsewhere: true, .. } => {
                "the server names another host for its data, which is believed: leave out --data-address named \
                 (data-address in the settings)"
            }
            Self::DataConnect { .. } => {
                "a firewall may block the server's data ports, or its NAT tells a wrong port: \
                 try --active, or ask the server's keeper to open its passive ports"
            }
            Self::DataAccept { .. } => {
                "a firewall or NAT on this side keeps the server from connecting back: \
                 try --passive"
            }
            _ => {
                "firewalls or NATs on the way, or the server's settings, keep data connections from coming about: \
                 `wharf check` with this address finds out which, and what to ask its keeper for"
            }
        }
    }

    /// What helps where a reply did not come.
    fn silence_advice(&self, last: &Exchange) -> &'static str {
        if last.unended {
            "the server never ends that reply: its last line must have the code of the first and a space (RFC 959 \
             section 4.2), which its keeper has to mend"
        } else if last.is_before_all() {
            "where TLS begins at once (most often at port 990) nothing greets in clear: write ftps://; else the \
             server is slow or stuck: raise --timeout"
        } else if self.unanswered_question().is_some() {
            "a firewall in between may drop that command: the next session asks in another way, where neither \
             --active nor --passive forbids it"
        } else {
            "the server is slow or stuck: raise --timeout"
        }
    }
}

fn reason_advice(reason: &Refusal, verb: Option<Verb>) -> &'static str {
    match reason {
        Refusal::Folder if verb == Some(Verb::Dele) => TO_REMOVE_A_FOLDER,
        Refusal::Folder => OF_A_FOLDER,
        Refusal::Barred => {
            "log in as a user who may, or have the server's keeper give this one the right"
        }
        Refusal::Name => {
            "something may have the name that cannot go: --in-place stores files under their own at once"
        }
        Refusal::There => "mkdir -p takes a folder that is there for made",
        Refusal::NoneAbove { .. } => "mkdir -p makes the folders above it as well",
    }
}

fn proxy_advice(fault: &ProxyFault) -> &'static str {
    match fault {
        ProxyFault::NoConnection(_) => {
            "this is about the proxy, not the server: check --proxy, and that the proxy runs"
        }
        ProxyFault::Login => "check user and password of the proxy",
        ProxyFault::Listens => "TLS goes through socks5:// and http://, and to the server itself",
        ProxyFault::Broken(_) | ProxyFault::Refused(_) => {
            "check --proxy, and whether the proxy goes to that host and port"
        }
    }
}

fn local_advice(source: &io::Error) -> Option<&'static str> {
    let is_folder = source.kind() == io::ErrorKind::IsADirectory;
    is_folder.then_some("put -r stores a folder with all that is in it")
}

fn resolve_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "it has addresses of the other family: leave out -4 or -6"
        }
        _ => "check the spelling of the host's name and the network",
    }
}

fn connect_advice(attempts: &[(SocketAddr, io::Error)]) -> &'static str {
    let all = |kind| attempts.iter().all(|(_, error)| error.kind() == kind);
    if all(io::ErrorKind::ConnectionRefused) {
        "nothing listens on that port: check the port and that the server runs"
    } else if all(io::ErrorKind::TimedOut) {
        "the host is down or a firewall drops the packets"
    } else {
        "check the address and the network"
    }
}

fn login_advice(last: &Exchange) -> Option<&'static str> {
    let reply = last.reply.as_ref()?;
    if wants_tls(last) {
        Some(WRITE_FTPES)
    } else if reply.code.value() == 332 {
        Some("the server wants an account besides user and password")
    } else if reply.text().starts_with(b"OOPS") {
        Some("the server cannot work as it is set up, which its keeper has to mend")
    } else if matches!(reply.code.value(), 500 | 502) {
        Some("the server does not know how users log in: it may be no FTP server")
    } else {
        Some("check user and password; anonymous users may not be welcome")
    }
}

/// Whether a login was refused for want of TLS, as any line of the reply may say.
fn wants_tls(last: &Exchange) -> bool {
    let lines = last.reply.iter().flat_map(|reply| &reply.lines);
    let mut said = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).to_lowercase());
    let is_login = matches!(last.verb, Some(Verb::User | Verb::Pass | Verb::Acct));
    is_login && said.any(|line| ["tls", "ssl", "encrypt"].iter().any(|word| line.contains(word)))
}

fn refusal_advice(last: &Exchange) -> Option<&'static str> {
    let reply = last.reply.as_ref()?;
    let text = String::from_utf8_lossy(reply.text()).to_lowercase();
    let of_tls = ["tls", "ssl", "prot p", "protect"].iter().any(|word| text.contains(word));
    let of_login = ["log in", "logged in", "login"].iter().any(|word| text.contains(word));
    if reply.code.value() == 530 && of_login && !of_tls {
        return Some("nobody is logged in: user NAME of the shell logs in");
    }
    if last.verb == Some(Verb::Ccc) {
        return Some(
            "the server does not go back to clear: without --ccc all of it stays under TLS",
        );
    }
    if let (Some(verb), 500 | 502 | 504 | 530 | 550) = (last.verb, reply.code.value())
        && let Some(advice) = way_refused_advice(verb).filter(|_| !of_tls)
    {
        return Some(advice);
    }
    match reply.code.value() {
        521 | 522 | 534 if last.verb.is_some_and(Verb::opens_transfer) => {
            Some("the server wants data connections under TLS: ftpes://, without --clear-data")
        }
        425 | 530 if of_tls => Some(
            "the server wants TLS on this connection: write ftpes:// in place of ftp://, and leave out \
             --clear-data",
        ),
        425 => Some("the server could not open the data connection: try --active or --passive"),
        426 => Some("the data connection broke: running again goes on where it stopped"),
        450 => Some("the file is in use: try again later"),
        452 | 552 => Some("the server has no room left for it"),
        451 => Some("something went wrong at the server, whose log says what: try again"),
        500 | 502 => Some("the server does not have that command, or not here"),
        501 => Some("the server makes nothing of the name as it was sent"),
        504 => Some("the server has that command, but not with that parameter"),
        550 => missing_advice(last.verb?, &text),
        530 => Some("the server wants a login first"),
        553 if last.verb == Some(Verb::Stor) && is_temporary(last.command.as_bytes()) => Some(
            "the server does not allow the temporary name of an upload: --in-place stores files under their own at once",
        ),
        553 => Some("the server does not allow that name, or writing there"),
        _ => None,
    }
}

/// What helps where the server refuses a way of agreeing on a data connection.
fn way_refused_advice(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Epsv => Some(
            "the server does not do that, or not for this user (cmds_denied, pasv_enable): PASV (--plain) or --active \
             may do",
        ),
        Verb::Pasv => Some(
            "the server does not do passive mode, or not for this user (pasv_enable): --active may do, or have it \
             switched on there",
        ),
        Verb::Eprt | Verb::Port => Some(
            "the server does not do active mode, or not for this user (port_enable), or not to this address: leave out \
             --active",
        ),
        _ => None,
    }
}

/// What helps where a name is refused by 550, which says many things.
fn missing_advice(verb: Verb, text: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["directory not empty", "not empty"]) {
        return Some("there is something in it: rm -r removes it with that");
    }
    if says(&["is a directory", "not a plain file", "not a regular file", "not a file"]) {
        return match verb {
            Verb::Retr | Verb::Size | Verb::Rest => Some(OF_A_FOLDER),
            Verb::Dele => Some(TO_REMOVE_A_FOLDER),
            _ => Some("there is a folder of that name"),
        };
    }
    if says(&["denied", "permission", "not permitted", "not allowed", "privilege", "read-only"]) {
        return Some(
            "this user may not do that there: log in as another one, or ask the server's keeper",
        );
    }
    match verb {
        Verb::Retr | Verb::Size | Verb::Mdtm | Verb::Mlst | Verb::Dele | Verb::Rnfr => {
            Some("check the spelling, also of large and small letters: ls shows what is there")
        }
        Verb::Cwd | Verb::List | Verb::Mlsd | Verb::Nlst | Verb::Rmd => Some(
            "there may be no such folder, or this user may not enter it: ls of the one above shows what is there",
        ),
        Verb::Mkd => Some(
            "it may be there already, its parent may not (mkdir -p goes along with both), or this user may not write there",
        ),
        Verb::Stor | Verb::Appe | Verb::Rnto => {
            Some("the folder that it is to be in may not exist, or this user may not write there")
        }
        _ => None,
    }
}

fn protection_advice(last: &Exchange) -> &'static str {
    if last.verb == Some(Verb::Prot) {
        "the server does not protect data connections; with --prot-fallback they are in clear then, where \
         files and listings can be read and changed on their way"
    } else {
        "the server has no TLS here: it may have it at a port of its own (ftps://, most often 990); with \
         ftp:// passwords and files go in clear"
    }
}

fn proof_advice(missing: Proof) -> &'static str {
    match missing {
        Proof::Size { expected, found } if found > expected => {
            "the file grew or changed while it was moved: try again"
        }
        Proof::CloseNotify => {
            "the end may be cut off: run again; where the server never ends TLS in order, its keeper can mend it"
        }
        Proof::DataEnd | Proof::EndMark | Proof::Size { .. } => "the end may be cut off: run again",
        Proof::LastRow => "something may be missing from it: run again",
        Proof::Beginning => "the server cannot go on with files: store it again without --resume",
        Proof::Unchanged => "try again when nobody writes it",
        Proof::Digest { .. } => "it was changed on its way, or while it was moved: try again",
        Proof::FinalReply => "the bytes may be all there: running again finds out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::Reply;
    use wharf_proto::reply::Code;

    /// As our server, vsftpd, ProFTPD, Pure-FTPd and pyftpdlib have it; and what is none of that.
    #[test]
    fn a_421_after_silence_is_told_as_that_and_another_is_not() {
        let closing = |text: &str| {
            let code = Code::new(421).unwrap();
            let reply = Some(Reply { code, lines: vec![text.into()] });
            let last = Box::new(Exchange { reply, ..Exchange::default() });
            Error::Closing { last }.advice().unwrap()
        };
        for text in [
            "Closing: no command in time.",
            "Timeout.",
            "Idle timeout (600 seconds): closing control connection",
            "Timeout - try typing a little faster next time",
            "Control connection timed out.",
        ] {
            assert!(closing(text).contains("nothing is said"), "{text}");
        }
        for text in ["Too many connections.", "Service going down."] {
            assert!(closing(text).contains("too many users"), "{text}");
        }
    }

    /// As vsftpd has it, whose folder of a user is not there.
    #[test]
    fn a_server_that_cannot_work_as_it_is_set_up_is_not_held_to_be_something_else() {
        let login = |text: &str| {
            let reply = Some(Reply::line(Code::new(500).unwrap(), text));
            let last = Exchange { verb: Some(Verb::Pass), reply, ..Exchange::default() };
            Error::Login { user: "ann".into(), last: Box::new(last) }.advice().unwrap()
        };
        let oops = login("OOPS: cannot change directory:/srv/ann");
        assert!(oops.contains("its keeper"), "{oops}");
        assert!(login("what?").contains("no FTP server"));
    }

    /// Pure-FTPd lets strangers store no name that begins with a dot.
    #[test]
    fn a_553_for_the_temporary_name_of_an_upload_is_told_apart_from_one_for_the_file() {
        let refused = |command: &str| {
            let reply = Some(Reply::line(Code::new(553).unwrap(), "Prohibited file name"));
            let (verb, command) = (Some(Verb::Stor), command.into());
            Error::Refused { last: Box::new(Exchange { verb, command, reply, unended: false }) }
                .advice()
                .unwrap()
        };
        assert!(refused("STOR up/.a b.wharf-part").contains("--in-place"));
        assert!(!refused("STOR up/a b").contains("--in-place"));
    }

    /// Pure-FTPd with TLS demanded: the line that says so is the second.
    #[test]
    fn a_421_that_wants_tls_is_told_as_that() {
        let lines = [
            "Sorry, cleartext sessions are not accepted on this server.",
            "Please reconnect using TLS security mechanisms.",
        ];
        let code = Code::new(421).unwrap();
        let reply = Some(Reply { code, lines: lines.map(Into::into).into() });
        let verb = Some(Verb::User);
        let last = Box::new(Exchange { verb, command: "USER ann".into(), reply, unended: false });
        let advice = Error::Closing { last }.advice().unwrap();
        assert!(advice.contains("ftpes://"), "{advice}");
    }
}
