//! lftp with `debug 9` (or `-d`): marks before each line, and what `debug -p -t -c` puts before those.
//!
//! Connections that it has at the same time are not told apart in it.

use super::cut::{between, holds, ip, number, split, whole};
use super::stamp::strip;
use super::{Dialect, Heard, Said, alone};
use std::borrow::Cow;
use std::net::SocketAddr;
use wharf_proto::tap::Party;

const MARKS: [&[u8; 5]; 4] = [b"---> ", b"<--- ", b"---- ", b"**** "];

/// What is to be remembered from line to line.
#[derive(Debug, Default)]
pub(super) struct Lftp {
    /// Where a data connection is being opened to.
    to: Option<SocketAddr>,
    /// A data connection is open.
    has_data: bool,
}

impl Dialect for Lftp {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, mark, text) = marked(line)?;
        let said = match mark {
            b"---> " => Said::Command(Cow::Borrowed(text)),
            b"<--- " => Said::Reply(Cow::Borrowed(text)),
            b"---- " => self.went_on(text),
            _ => self.stumbled(text),
        };
        alone(stamp, said)
    }
}

impl Lftp {
    fn went_on<'l>(&mut self, text: &'l [u8]) -> Said<'l> {
        if text.starts_with(b"Connecting to ") {
            self.has_data = false;
            return Said::Opening(end(text).unwrap_or_else(super::cut::nobody));
        }
        if text.starts_with(b"Connecting data socket to ") {
            self.to = end(text);
            return Said::Aside;
        }
        if text.starts_with(b"Data connection established") {
            self.has_data = true;
            let server = self.to.take();
            return Said::DataOpened { opener: Party::Client, client: None, server };
        }
        if text.starts_with(b"Accepted data connection from ") {
            self.has_data = true;
            return Said::DataOpened { opener: Party::Server, client: None, server: end(text) };
        }
        let ends = [&b"Got EOF on data connection"[..], b"Closing data socket"];
        if ends.iter().any(|words| text.starts_with(words)) {
            let had = std::mem::take(&mut self.has_data);
            return if had { Said::DataEnded } else { Said::Aside };
        }
        if text.starts_with(b"Closing control socket") {
            return Said::Closed(Some(Party::Client));
        }
        let chatter = ["resolving", "address found", "addresses found", "closing "];
        if holds(text, &chatter) { Said::Aside } else { Said::Note(text) }
    }

    fn stumbled<'l>(&mut self, text: &'l [u8]) -> Said<'l> {
        if text.starts_with(b"Data socket error") {
            self.to = None;
            return Said::DataFailed(text);
        }
        match text {
            _ if text.starts_with(b"Socket error") => Said::NotOpened(text),
            _ if text.starts_with(b"Timeout") => Said::TimedOut(text),
            _ => Said::Note(text),
        }
    }
}

/// The mark of a line, and what is behind it; before it may be a process, a time and a host.
fn marked(line: &[u8]) -> Option<(Option<super::Stamp>, &'static [u8], &[u8])> {
    let mark = |text: &[u8]| MARKS.into_iter().find(|mark| text.starts_with(*mark));
    if let Some(mark) = mark(line) {
        return Some((None, mark, line.get(5..)?));
    }
    let rest = match line.strip_prefix(b"[") {
        Some(rest) => number(rest)?.1.strip_prefix(b"] ")?,
        None => line,
    };
    let (stamp, rest) = strip(rest);
    // Without any of them it would be some text that has such a mark in it.
    if rest.len() == line.len() {
        return None;
    }
    let (rest, found) = match mark(rest) {
        Some(found) => (rest, found),
        None => {
            let (_, rest) = split(rest, b" ")?;
            (rest, mark(rest)?)
        }
    };
    Some((stamp, found, rest.get(5..)?))
}

/// `... to NAME (10.0.0.1) port 21`.
fn end(text: &[u8]) -> Option<SocketAddr> {
    let at = ip(between(text, b"(", b")")?)?;
    let (_, port) = split(text, b") port ")?;
    Some(SocketAddr::new(at, whole(port)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_and_without_what_debug_puts_before_them() {
        let pwd = Said::Command(Cow::Borrowed(b"PWD"));
        for line in ["---> PWD", "[7587] 2026-11-23 05:01:02 10.0.0.1 ---> PWD", "[7] ---> PWD"] {
            assert_eq!(Lftp::default().hear(line.as_bytes()).unwrap().said, pwd, "{line}");
        }
        assert!(Lftp::default().hear(b"see ---> PWD").is_none());
        let mut lftp = Lftp::default();
        assert_eq!(lftp.hear(b"---- Closing data socket").unwrap().said, Said::Aside);
        let to = lftp.hear(b"---- Connecting data socket to (10.0.0.1) port 58781");
        assert_eq!(to.unwrap().said, Said::Aside);
        let server = "10.0.0.1:58781".parse().ok();
        let open = Said::DataOpened { opener: Party::Client, client: None, server };
        assert_eq!(lftp.hear(b"---- Data connection established").unwrap().said, open);
        assert_eq!(lftp.hear(b"---- Closing data socket").unwrap().said, Said::DataEnded);
    }
}
