//! curl with `-v` and with `--trace-ascii -`, with `--trace-time` or without.
//!
//! Of its own remarks, of which many are on TLS and on what it remembers, those are kept that say how connections came
//! about or why something failed.

use super::cut::{between, holds, ip, is_command, is_reply, number, rsplit, socket, split, whole};
use super::stamp::strip;
use super::{Dialect, Heard, Said, alone};
use std::borrow::Cow;
use std::net::SocketAddr;
use wharf_proto::tap::Party;

/// The longest line that is put together.
const LONGEST: usize = 16 * 1024;

/// What is to be remembered from line to line.
#[derive(Debug, Default)]
pub(super) struct Curl {
    /// Where a data connection is being opened to.
    to: Option<SocketAddr>,
    has_data: bool,
    /// The numbers of bytes are those of TLS records, and not of a file.
    has_tls: bool,
    amid: bool,
    /// What the next lines of a trace hold a piece of each.
    piece: Option<Piece>,
}

/// A line in a trace: who sent it, its length, and what has come of it.
#[derive(Debug)]
struct Piece {
    from: Party,
    length: u64,
    bytes: Vec<u8>,
}

impl Dialect for Curl {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        if let Some(heard) = self.pieced(line) {
            return Some(heard);
        }
        let (stamp, rest) = strip(behind_meter(line));
        if let Some(said) = self.traced(rest) {
            return alone(stamp, said);
        }
        let (mark, text) = (rest.get(..2)?, rest.get(2..)?);
        let said = match mark {
            b"> " if is_command(text) => Said::Command(Cow::Borrowed(text)),
            b"< " if is_reply(text) || self.amid => {
                // A reply of several lines ends with a line that begins as its first, and a blank.
                self.amid = if is_reply(text) { text.get(3) == Some(&b'-') } else { self.amid };
                Said::Reply(Cow::Borrowed(text))
            }
            b"{ " | b"} " => self.moved(text)?,
            b"* " => self.remarked(text),
            _ => return None,
        };
        alone(stamp, said)
    }
}

impl Curl {
    /// `== Info: ...`, `=> Send header, 16 bytes (0x10)`, `<= Recv data, 12 bytes (0xc)`.
    fn traced<'l>(&mut self, text: &'l [u8]) -> Option<Said<'l>> {
        if let Some(words) = text.strip_prefix(b"== Info: ") {
            return Some(self.remarked(words));
        }
        let (from, text) = match (text.strip_prefix(b"=> Send "), text.strip_prefix(b"<= Recv ")) {
            (Some(text), _) => (Party::Client, text),
            (_, Some(text)) => (Party::Server, text),
            _ => return None,
        };
        let (what, text) = split(text, b", ")?;
        let (length, _) = number(text)?;
        self.piece = None;
        match what {
            b"header" => self.piece = Some(Piece { from, length, bytes: Vec::new() }),
            b"data" if self.has_data && !self.has_tls => return Some(Said::Moved(length)),
            _ => {}
        }
        Some(Said::Aside)
    }

    /// `0000: USER anonymous`, and `0040: ...` where that is long; the line end is not shown.
    fn pieced<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (at, text) = split(line, b": ").filter(|(at, _)| at.len() == 4)?;
        at.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        let Some(piece) = &mut self.piece else { return alone(None, Said::Aside) };
        let room = LONGEST.saturating_sub(piece.bytes.len());
        piece.bytes.extend(text.iter().take(room));
        if u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX).saturating_add(2) < piece.length {
            return alone(None, Said::Aside);
        }
        let Piece { from, bytes, .. } = self.piece.take()?;
        alone(
            None,
            match from {
                Party::Client => Said::Command(Cow::Owned(bytes)),
                Party::Server => Said::Reply(Cow::Owned(bytes)),
            },
        )
    }

    /// `[12 bytes data]`.
    fn moved<'l>(&self, text: &[u8]) -> Option<Said<'l>> {
        let bytes = whole(between(text, b"[", b" bytes data]")?)?;
        let is_data = self.has_data && !self.has_tls;
        Some(if is_data { Said::Moved(bytes) } else { Said::Aside })
    }

    fn remarked<'l>(&mut self, text: &'l [u8]) -> Said<'l> {
        let text = text.trim_ascii_start();
        if let Some(to) = text.strip_prefix(b"Trying ") {
            let server = to.strip_suffix(b"...").and_then(socket);
            return match (self.to, server) {
                (None, Some(server)) => {
                    *self = Self::default();
                    Said::Opening(server)
                }
                _ => Said::Aside,
            };
        }
        if text.starts_with(b"Connecting to ") {
            self.to = end(text);
            return Said::Aside;
        }
        if text.starts_with(b"Connected ") {
            let Some(server) = self.to.take() else { return Said::Opened(end(text)) };
            self.has_data = true;
            return Said::DataOpened { opener: Party::Client, client: None, server: Some(server) };
        }
        if text.starts_with(b"Connection accepted from server") {
            self.has_data = true;
            return Said::DataOpened { opener: Party::Server, client: None, server: None };
        }
        if text.starts_with(b"connect to ") && split(text, b" failed: ").is_some() {
            let is_data = self.to.take().is_some();
            return if is_data { Said::DataFailed(text) } else { Said::NotOpened(text) };
        }
        if let Some(words) = text.strip_prefix(b"SSL connection using ") {
            let is_first = !std::mem::replace(&mut self.has_tls, true);
            return match split(words, b" / ").filter(|_| is_first) {
                Some((version, rest)) => {
                    Said::Secured(version, rest.split(|byte| *byte == b' ').next().unwrap_or(rest))
                }
                None => Said::Aside,
            };
        }
        if text.starts_with(b"Closing connection") {
            return Said::Closed(Some(Party::Client));
        }
        let telling = [
            "denied",
            "fail",
            "refused",
            "timed out",
            "timeout",
            "error",
            "skip ",
            "not exist",
            "remaining",
            "reset",
        ];
        // What "fails" in a certificate that nobody asked about is none of it.
        match holds(text, &telling) && !text.starts_with(b"SSL certificate") {
            true => Said::Note(text),
            false => Said::Aside,
        }
    }
}

/// A line without the meter that it may have been written behind.
fn behind_meter(line: &[u8]) -> &[u8] {
    let line = rsplit(line, b"\r").map_or(line, |(_, line)| line);
    let Some((_, behind)) = rsplit(line, b"--:--:--") else { return line };
    let behind = behind.trim_ascii_start();
    number(behind).map_or(line, |(_, rest)| rest)
}

/// `to NAME (10.0.0.1) port 21 (#0)`.
fn end(text: &[u8]) -> Option<SocketAddr> {
    let at = ip(between(text, b"(", b")")?)?;
    let (port, _) = number(split(text, b") port ")?.1)?;
    Some(SocketAddr::new(at, port.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_and_pages_are_no_log_of_curl() {
        for line in ["> said the captain", "< and then", "* a list", "{ x }"] {
            let said = Curl::default().hear(line.as_bytes()).map(|heard| heard.said);
            assert!(matches!(said, None | Some(Said::Aside)), "{line}: {said:?}");
        }
    }

    #[test]
    fn a_trace_is_put_together_from_its_pieces() {
        let mut curl = Curl::default();
        let mut said = |line: &'static str| curl.hear(line.as_bytes()).map(|heard| heard.said);
        assert_eq!(said("05:01:02.769692 => Send header, 5 bytes (0x5)"), Some(Said::Aside));
        assert_eq!(said("0000: PWD"), Some(Said::Command(Cow::Borrowed(b"PWD"))));
        assert_eq!(said("<= Recv header, 67 bytes (0x43)"), Some(Said::Aside));
        let begin = "0000: 150 Opening BINARY mode data connection for hello.txt (12 bytes)";
        assert_eq!(said(begin), Some(Said::Aside));
        let whole = [begin.as_bytes().get(6..).unwrap(), b"."].concat();
        assert_eq!(said("0040: ."), Some(Said::Reply(Cow::Owned(whole))));
    }

    #[test]
    fn a_line_behind_the_meter_is_read() {
        let line = b"\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0*   Trying 127.0.0.1:48509...";
        let at = "127.0.0.1:48509".parse().unwrap();
        assert_eq!(Curl::default().hear(line).unwrap().said, Said::Opening(at));
    }
}
