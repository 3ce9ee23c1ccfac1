//! vsftpd's own log (`log_ftp_protocol=YES`), and the same through syslog.
//!
//! Three processes speak of a session: the one that has privileges tells of logins, a child of it speaks until then, and
//! another child after it. Only the address and the order of things say which belong together.

use super::cut::{holds, ip, number, rsplit, split};
use super::{Dialect, Heard, Said, stamp};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Sessions whose processes are remembered at most.
const MOST: usize = 4096;

/// What is known of the processes.
#[derive(Debug, Default)]
pub(super) struct Vsftpd {
    sessions: VecDeque<Session>,
    /// The session of a process, by its first one.
    of: HashMap<u64, u64>,
}

#[derive(Debug)]
struct Session {
    first: u64,
    client: Option<IpAddr>,
    stage: Stage,
}

/// fresh -> logged in (the parent has said so) -> settled (the child that serves the user has spoken)
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    LoggedIn { parent: u64, user: Vec<u8> },
    Settled,
}

impl Dialect for Vsftpd {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, rest) = stamp::strip(line);
        let (pid, rest) = process(rest)?;
        let (head, behind) = split(rest, b": Client \"").unwrap_or((rest, b""));
        let (user, kind) = rsplit(head, b"] ").unwrap_or((b"", head));
        let (client, behind) = split(behind, b"\"").unwrap_or((behind, b""));
        let client = ip(client);
        let words = quoted(behind);
        let (result, of) = split(kind, b" ").unwrap_or((kind, b""));
        let said = match (result, of) {
            (b"CONNECT", _) => Said::Opened(None),
            (b"FTP", b"command") => Said::Command(Cow::Borrowed(words?)),
            (b"FTP", b"response") => Said::Reply(feature(words?)),
            (b"OK", b"UPLOAD" | b"DOWNLOAD") => match bytes(behind) {
                Some(bytes) => Said::Moved(bytes),
                None => Said::Aside,
            },
            (b"OK" | b"FAIL", b"LOGIN") => Said::Note(head),
            // What they say, the reply says.
            (b"OK" | b"FAIL", _) => Said::Aside,
            (b"DEBUG", _) => Said::Note(words.unwrap_or(rest)),
            _ => return None,
        };
        let key = match (result, of) {
            (b"CONNECT", _) => self.connected(pid, client),
            (b"OK" | b"FAIL", b"LOGIN") => {
                self.told(pid, client, (result == b"OK").then_some(user))
            }
            _ => self.spoken(pid, client, user),
        };
        let key = Cow::Owned(key.to_string().into_bytes());
        Some(Heard { stamp, key, client, said })
    }
}

impl Vsftpd {
    fn connected(&mut self, pid: u64, client: Option<IpAddr>) -> u64 {
        self.of.insert(pid, pid);
        self.sessions.retain(|session| session.first != pid);
        self.remember(Session { first: pid, client, stage: Stage::Fresh })
    }

    /// The parent has told of a login: of its child, which has a later number than itself.
    fn told(&mut self, pid: u64, client: Option<IpAddr>, user: Option<&[u8]>) -> u64 {
        if let Some(first) = self.of.get(&pid) {
            return *first;
        }
        let waits = |session: &&mut Session| {
            session.client == client && session.stage == Stage::Fresh && session.first > pid
        };
        let Some(session) =
            self.sessions.iter_mut().filter(waits).min_by_key(|session| session.first - pid)
        else {
            return self.spoken(pid, client, user.unwrap_or_default());
        };
        if let Some(user) = user {
            session.stage = Stage::LoggedIn { parent: pid, user: user.to_vec() };
        }
        session.first
    }

    /// A process has spoken: of its own session, or of one whose user has just logged in.
    fn spoken(&mut self, pid: u64, client: Option<IpAddr>, user: &[u8]) -> u64 {
        if let Some(first) = self.of.get(&pid) {
            return *first;
        }
        let waits = |session: &&mut Session| {
            let is_parent = matches!(&session.stage, Stage::LoggedIn { parent, user: of } if *parent < pid && of == user);
            is_parent && session.client == client
        };
        if let Some(session) = self.sessions.iter_mut().find(waits) {
            session.stage = Stage::Settled;
            self.of.insert(pid, session.first);
            return session.first;
        }
        self.of.insert(pid, pid);
        self.remember(Session { first: pid, client, stage: Stage::Settled })
    }

    fn remember(&mut self, session: Session) -> u64 {
        let first = session.first;
        self.sessions.push_back(session);
        if self.sessions.len() > MOST
            && let Some(old) = self.sessions.pop_front()
        {
            self.of.retain(|_, of| *of != old.first);
        }
        first
    }
}

/// `[pid 7584] `, or through syslog `host vsftpd[7584]: `.
fn process(text: &[u8]) -> Option<(u64, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"[pid ") {
        let (pid, rest) = number(rest)?;
        return Some((pid, rest.strip_prefix(b"] ")?));
    }
    let (_, rest) = split(text, b"vsftpd[")?;
    let (pid, rest) = number(rest)?;
    Some((pid, rest.strip_prefix(b"]: ")?))
}

/// What stands in quotes behind the address, to the last of them.
fn quoted(behind: &[u8]) -> Option<&[u8]> {
    let text = split(behind, b"\"")?.1;
    rsplit(text, b"\"").map(|(text, _)| text)
}

/// A line of FEAT comes with its line end, which the log shows as `??`.
fn feature(line: &[u8]) -> Cow<'_, [u8]> {
    match line.strip_suffix(b"??").filter(|_| line.starts_with(b" ")) {
        Some(line) => Cow::Borrowed(line),
        None => Cow::Borrowed(line),
    }
}

/// `, "/hello.txt", 12 bytes, 63.34Kbyte/sec`.
fn bytes(behind: &[u8]) -> Option<u64> {
    let behind = rsplit(behind, b"\", ")?.1;
    let (bytes, rest) = number(behind)?;
    holds(rest, &[" bytes"]).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lines: &[&str]) -> Vec<String> {
        let mut dialect = Vsftpd::default();
        let key = |line: &&str| {
            let heard = dialect.hear(line.as_bytes()).unwrap();
            String::from_utf8(heard.key.into_owned()).unwrap()
        };
        lines.iter().map(key).collect()
    }

    #[test]
    fn processes_of_two_sessions_at_a_time_are_told_apart() {
        let log = [
            r#"[pid 11] CONNECT: Client "10.0.0.1""#,
            r#"[pid 21] CONNECT: Client "10.0.0.1""#,
            r#"[pid 21] FTP command: Client "10.0.0.1", "USER ann""#,
            r#"[pid 20] [ann] OK LOGIN: Client "10.0.0.1""#,
            r#"[pid 10] [bob] FAIL LOGIN: Client "10.0.0.1""#,
            r#"[pid 10] [bob] OK LOGIN: Client "10.0.0.1""#,
            r#"[pid 22] [ann] FTP response: Client "10.0.0.1", "230 Login successful.""#,
            r#"[pid 23] [bob] FTP response: Client "10.0.0.1", "230 Login successful.""#,
            r#"[pid 22] [ann] FTP command: Client "10.0.0.1", "PWD""#,
            r#"[pid 40] [ann] FTP command: Client "10.0.0.1", "PWD""#,
        ];
        assert_eq!(keys(&log), ["11", "21", "21", "21", "11", "11", "21", "11", "21", "40"]);
    }
}
