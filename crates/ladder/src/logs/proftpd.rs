//! proftpd: what it says of commands in its system log (DebugLevel 5 and more), of commands and replies in its TraceLog,
//! and of both in an ExtendedLog. And what logs of transfers look like, which tell of no session.

use super::cut::{between, ip, is_command, is_reply, number, rsplit, socket, split, whole};
use super::stamp::{self, leading};
use super::{Dialect, Heard, Said};
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use wharf_proto::tap::Party;
use wharf_proto::{Verb, command};

/// Processes that are remembered at most.
const MOST: usize = 4096;

/// The system log, and the trace log.
#[derive(Debug, Default)]
pub(super) struct Proftpd {
    of: HashMap<u64, Process>,
}

/// What a process is at.
#[derive(Debug, Default)]
struct Process {
    /// The command that goes from module to module, until it has been logged.
    command: Option<Vec<u8>>,
    /// The server's end of a data connection whose other end comes in the next line.
    local: Option<SocketAddr>,
}

impl Dialect for Proftpd {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, rest) = leading(line)?;
        let (pid, rest) = match rest.strip_prefix(b"[") {
            Some(traced) => number(traced)?,
            None => number(split(rest, b"proftpd[")?.1)?,
        };
        let rest = rest.strip_prefix(b"]")?;
        let (client, said) = match rest.strip_prefix(b" <") {
            Some(traced) => (None, self.traced(pid, traced)?),
            None => {
                let (of, text) = split(rest, b"]): ").or_else(|| split(rest, b"]) - "))?;
                (ip(rsplit(of, b"[")?.1), self.said(pid, text))
            }
        };
        let key = Cow::Owned(pid.to_string().into_bytes());
        Some(Heard { stamp: Some(stamp), key, client, said })
    }
}

impl Proftpd {
    /// `response:1>: 220 ready`.
    fn traced<'l>(&mut self, pid: u64, line: &'l [u8]) -> Option<Said<'l>> {
        let (channel, text) = split(line, b">: ")?;
        let (channel, level) = split(channel, b":")?;
        whole::<u8>(level)?;
        Some(match channel {
            b"response" if level == b"1" => Said::Reply(Cow::Borrowed(text)),
            b"command" if text.starts_with(b"client sent EOF") => Said::Closed(Some(Party::Client)),
            b"command" => self.dispatched(pid, text),
            _ => Said::Aside,
        })
    }

    fn said<'l>(&mut self, pid: u64, text: &'l [u8]) -> Said<'l> {
        match text {
            b"FTP session opened." => return Said::Opened(None),
            b"FTP session closed." => {
                self.of.remove(&pid);
                return Said::Closed(None);
            }
            _ => {}
        }
        if let Some((way, end)) = split(text, b" data connection opened - ") {
            return self.opened(pid, way, end);
        }
        let telling: [&[u8]; 5] = [
            b"Login successful",
            b"Login failed",
            b"no such user",
            b"SECURITY VIOLATION",
            b"Refused",
        ];
        match telling.iter().any(|words| split(text, words).is_some()) {
            true => Said::Note(text),
            false => self.dispatched(pid, text),
        }
    }

    /// `dispatching PRE_CMD command 'RETR a' to mod_core`: once for each module that looks at it.
    fn dispatched<'l>(&mut self, pid: u64, text: &'l [u8]) -> Said<'l> {
        let Some(rest) = text.strip_prefix(b"dispatching ") else { return Said::Aside };
        let Some((phase, rest)) = split(rest, b" command '") else { return Said::Aside };
        let Some((line, _)) = rsplit(rest, b"' to mod_") else { return Said::Aside };
        let process = self.process(pid);
        if phase.starts_with(b"LOG_CMD") {
            process.command = None;
            return Said::Aside;
        }
        // What it calls OPTS_UTF8 is what the client has called OPTS UTF8, a line before.
        let is_own =
            line.split(|byte| *byte == b' ').next().is_some_and(|word| word.contains(&b'_'));
        let is_new = phase == b"PRE_CMD" && process.command.as_deref() != Some(line);
        if is_own || !is_new {
            return Said::Aside;
        }
        process.command = Some(line.to_vec());
        Said::Command(Cow::Borrowed(line))
    }

    /// `passive` and `local  : 10.0.0.2:43965`, then the same with `remote`.
    fn opened<'l>(&mut self, pid: u64, way: &[u8], end: &[u8]) -> Said<'l> {
        let Some((which, address)) = split(end, b": ") else { return Said::Aside };
        let address = socket(address);
        if which.starts_with(b"local") {
            self.process(pid).local = address;
            return Said::Aside;
        }
        let opener = if way == b"passive" { Party::Client } else { Party::Server };
        let server = self.of.get_mut(&pid).and_then(|process| process.local.take());
        Said::DataOpened { opener, client: address, server }
    }

    /// What a process is at; of too many the others are forgotten.
    fn process(&mut self, pid: u64) -> &mut Process {
        if self.of.len() >= MOST && !self.of.contains_key(&pid) {
            self.of.clear();
        }
        self.of.entry(pid).or_default()
    }
}

/// An ExtendedLog: the client's line in quotes, the code, and what its LogFormat has around them.
pub(super) struct Extended;

impl Dialect for Extended {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (before, rest) = split(line, b"\"")?;
        let (line, code, rest) = quoted(rest)?;
        let (stamp, before) = times(before);
        let (mut pid, mut client) = (None, None);
        for word in before.split(|byte| *byte == b' ') {
            let inside = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]"));
            let inside = inside.unwrap_or(word);
            pid = pid.or_else(|| whole::<u64>(inside).map(|_| inside));
            let address = || ip(inside).or_else(|| socket(inside).map(|at| at.ip()));
            client = client.or_else(address);
        }
        let by_address = || client.map(|ip| ip.to_string().into_bytes()).unwrap_or_default();
        let key = pid.map_or_else(|| Cow::Owned(by_address()), Cow::Borrowed);
        let said = exchange(line, code, rest);
        Some(Heard { stamp, key, client, said })
    }
}

/// The client's line, the code behind it, and the rest: `RETR a" 226 12`.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut from = 0;
    loop {
        let (_, behind) = split(text.get(from..)?, b"\" ")?;
        let end = text.len() - behind.len() - 2;
        let code = behind.split(|byte| *byte == b' ').next().unwrap_or_default();
        let line = text.get(..end)?;
        if code == b"-" || (code.len() == 3 && is_reply(code)) {
            let word = line.split(|byte| matches!(byte, b' ' | b'_')).next()?;
            Verb::named(word)?;
            let rest = behind.get(code.len()..)?.trim_ascii_start();
            return Some((line, code, rest));
        }
        from = end + 1;
    }
}

/// The time that stands somewhere before the quotes, and what else does.
fn times(before: &[u8]) -> (Option<stamp::Stamp>, &[u8]) {
    if let Some((stamp, rest)) = leading(before) {
        return (Some(stamp), rest);
    }
    let at = before.iter().position(|byte| *byte == b'[');
    let found = at.and_then(|at| leading(before.get(at..)?).map(|(stamp, _)| (stamp, at)));
    match found {
        Some((stamp, at)) => (Some(stamp), before.get(..at).unwrap_or(before)),
        None => (None, before),
    }
}

/// What is behind the code: the words of the reply (%S) or the bytes of the transfer (%b), or both.
fn exchange<'l>(line: &'l [u8], code: &'l [u8], rest: &'l [u8]) -> Said<'l> {
    // What it has made of OPTS UTF8 for itself.
    let line = match line.iter().position(|byte| matches!(byte, b' ' | b'_')) {
        Some(at) if line.get(at) == Some(&b'_') => {
            let (verb, rest) = line.split_at(at);
            Cow::Owned([verb, b" ", rest.get(1..).unwrap_or_default()].concat())
        }
        _ => Cow::Borrowed(line),
    };
    let (verb, _) = command::redacted(&line);
    if code == b"-" {
        return match verb {
            Some(Verb::Opts | Verb::Site) => Said::Aside,
            _ => Said::Exchange { command: line, reply: None, bytes: None },
        };
    }
    let moves = verb.is_some_and(Verb::opens_transfer);
    // Quotes may be those of the LogFormat, or of the reply itself.
    let inside = rest.strip_prefix(b"\"").and_then(|rest| rsplit(rest, b"\""));
    let inside = inside.map(|(text, behind)| (text, behind.trim_ascii()));
    let is_count = |count: &[u8]| matches!(count, b"" | b"-") || whole::<u64>(count).is_some();
    let (text, count) = match inside.filter(|(_, behind)| is_count(behind)) {
        Some(inside) => inside,
        None if rest == b"-" => (&b""[..], &b""[..]),
        None if moves && whole::<u64>(rest).is_some() => (&b""[..], rest),
        None => (rest, &b""[..]),
    };
    let text = if text == b"-" { b"" } else { text };
    let reply = [code, b" ", text].concat();
    let reply = Some(Cow::Owned(reply.trim_ascii_end().to_vec()));
    let bytes = whole(count).filter(|bytes| moves && *bytes > 0);
    Said::Exchange { command: line, reply, bytes }
}

/// What to do about a log that tells of transfers alone: xferlog, and pure-ftpd's and IIS' web forms of it.
pub(super) fn of_transfers(head: &[u8]) -> Option<&'static str> {
    let lines = head.split(|byte| *byte == b'\n').map(super::lines::trimmed);
    let is_one = |line: &[u8]| is_xferlog(line) || is_web(line);
    lines.take(100).any(is_one).then_some(
        "a log of transfers (xferlog or the like), which does not say who asked what: there is no session to draw. Switch on \
         the log of the dialogue: log_ftp_protocol=YES in vsftpd, ExtendedLog in proftpd, -d in pure-ftpd",
    )
}

/// `Mon Nov 23 05:01:02 2026 1 10.0.0.1 12 /hello.txt b _ o a ann ftp 0 * c`.
fn is_xferlog(line: &[u8]) -> bool {
    let Some((_, rest)) = leading(line) else { return false };
    let words: Vec<&[u8]> = rest.split(|byte| *byte == b' ').collect();
    let end = words.len();
    let at = |back: usize| end.checked_sub(back).and_then(|at| words.get(at)).copied();
    end >= 13
        && words.first().is_some_and(|seconds| number(seconds).is_some())
        && matches!(at(1), Some(b"c" | b"i"))
        && matches!(at(7), Some(b"i" | b"o" | b"d"))
        && matches!(at(9), Some(b"a" | b"b"))
}

/// `10.0.0.1 - ann [23/Nov/2026:05:01:03 -0000] "GET /hello.txt" 200 12`.
fn is_web(line: &[u8]) -> bool {
    let request = between(line, b"] \"", b"\" ");
    line.starts_with(b"#Software: Pure-FTPd")
        || request.is_some_and(|words| {
            (words.starts_with(b"GET ") || words.starts_with(b"PUT ")) && !is_command(words)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(line: &str) -> (String, Said<'_>) {
        let heard = Extended.hear(line.as_bytes()).unwrap();
        (String::from_utf8(heard.key.into_owned()).unwrap(), heard.said)
    }

    fn exchange<'l>(command: &'l str, reply: &'l str, bytes: Option<u64>) -> Said<'l> {
        let (command, reply) = (Cow::Borrowed(command.as_bytes()), Some(reply.as_bytes().into()));
        Said::Exchange { command, reply, bytes }
    }

    #[test]
    fn an_extended_log_is_read_in_any_format() {
        assert_eq!(
            extended("10.0.0.1 UNKNOWN ann [23/Nov/2026:05:01:21 +0000] \"RETR a\" b\" 226 12"),
            ("10.0.0.1".to_owned(), exchange("RETR a\" b", "226", Some(12)))
        );
        assert_eq!(
            extended("2026-11-23 05:01:21,110 [8721] 10.0.0.1:53058 peer:21 \"SIZE a\" 213 12"),
            ("8721".to_owned(), exchange("SIZE a", "213 12", None))
        );
        assert_eq!(
            extended("[23/Nov/2026:05:01:21 +0000] 8721 ann \"PWD\" 257 \"\"/\" is here\" -"),
            ("8721".to_owned(), exchange("PWD", "257 \"/\" is here", None))
        );
        assert_eq!(
            extended("[8721] \"PWD\" 257 \"/\" is here"),
            ("8721".to_owned(), exchange("PWD", "257 \"/\" is here", None))
        );
        assert_eq!(
            extended("8721 \"OPTS_UTF8 ON\" 200 \"UTF8 set to on\""),
            ("8721".to_owned(), exchange("OPTS UTF8 ON", "200 UTF8 set to on", None))
        );
        assert!(Extended.hear(b"10.0.0.1 - - [x] \"GET / HTTP/1.1\" 200 12").is_none());
    }

    #[test]
    fn a_command_that_goes_from_module_to_module_is_one() {
        let mut dialect = Proftpd::default();
        let mut commands = |lines: &[&'static str]| {
            let said = lines.iter().map(|line| {
                let line = format!("2026-11-23 05:01:21,103 [8721] <command:7>: {line}");
                let heard = dialect.hear(line.as_bytes()).unwrap();
                if let Said::Command(line) = heard.said { Some(line.into_owned()) } else { None }
            });
            said.flatten().collect::<Vec<_>>()
        };
        let pwd = [
            "dispatching PRE_CMD command 'PWD' to mod_core.c",
            "dispatching PRE_CMD command 'PWD' to mod_core.c",
            "dispatching CMD command 'PWD' to mod_core.c",
            "dispatching LOG_CMD command 'PWD' to mod_log.c",
        ];
        assert_eq!(commands(&[pwd, pwd].concat()), [b"PWD", b"PWD"]);
    }

    #[test]
    fn logs_of_transfers_are_known_and_told_what_is_wanted() {
        for log in [
            "Mon Nov 23 05:01:02 2026 1 10.0.0.1 12 /hello.txt b _ o a ann ftp 0 * c",
            "10.0.0.1 - ann [23/Nov/2026:05:01:03 -0000] \"GET /hello.txt\" 200 12",
        ] {
            assert!(of_transfers(log.as_bytes()).unwrap().contains("log_ftp_protocol"), "{log}");
        }
        assert_eq!(of_transfers(b"anything else"), None);
    }
}
