//! pure-ftpd through syslog: with `-d` every command, and never a reply. With `-1` (`--logpid`) its sessions can be told
//! apart by their process; without, by the client's address, so that two of one client at a time run into each other.

use super::cut::{ip, number, rsplit, split, whole};
use super::{Dialect, Heard, Said, stamp};
use std::borrow::Cow;

pub(super) struct PureFtpd;

impl Dialect for PureFtpd {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, rest) = stamp::strip(line);
        let (_, rest) = split(rest, b"pure-ftpd")?;
        let (pid, rest) = match rest.strip_prefix(b"[") {
            Some(rest) => number(rest).and_then(|(_, behind)| {
                let pid = rest.get(..rest.len() - behind.len())?;
                Some((Some(pid), behind.strip_prefix(b"]")?))
            })?,
            None => (None, rest),
        };
        let (who, rest) = split(rest.strip_prefix(b": (")?, b") [")?;
        let (_, text) = split(rest, b"] ")?;
        let (_, address) = rsplit(who, b"@")?;
        let client = ip(address);
        let key = Cow::Borrowed(pid.unwrap_or(address));
        Some(Heard { stamp, key, client, said: said(text) })
    }
}

fn said(text: &[u8]) -> Said<'_> {
    if let Some(command) = text.strip_prefix(b"Command [") {
        return match split(command, b"] [") {
            Some((verb, rest)) => {
                let argument = rest.strip_suffix(b"]").unwrap_or(rest);
                // It has put the verb into small letters.
                let verb = verb.to_ascii_uppercase();
                let blank: &[u8] = if argument.is_empty() { b"" } else { b" " };
                Said::Command(Cow::Owned([&verb, blank, argument].concat()))
            }
            None => Said::Aside,
        };
    }
    if text.starts_with(b"New connection from") {
        return Said::Opened(None);
    }
    if text == b"Logout." {
        return Said::Closed(None);
    }
    // `/srv/ftp//hello.txt downloaded  (12 bytes, 112.73KB/sec)`
    let moved = rsplit(text, b"loaded  (").and_then(|(_, rest)| split(rest, b" bytes"));
    moved.and_then(|(bytes, _)| whole(bytes)).map_or(Said::Note(text), Said::Moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_and_what() {
        let hear = |line: &'static str| PureFtpd.hear(line.as_bytes()).unwrap();
        let heard = hear(
            "Nov  3 05:01:03 port pure-ftpd[77]: (ann@::ffff:10.0.0.1) [DEBUG] Command [cwd] [a [b]]",
        );
        assert_eq!(heard.key.as_ref(), b"77");
        assert_eq!(heard.client, "10.0.0.1".parse().ok());
        assert_eq!(heard.said, Said::Command(Cow::Borrowed(b"CWD a [b]")));
        let heard = hear("<95>Nov  3 05:01:03 pure-ftpd: (?@10.0.0.1) [DEBUG] Command [pwd] []");
        assert_eq!(
            (heard.key.as_ref(), heard.said),
            (&b"10.0.0.1"[..], Said::Command(Cow::Borrowed(b"PWD")))
        );
        let heard = hear(
            "Nov  3 05:01:03 pure-ftpd: (ann@port) [NOTICE] /a/b uploaded  (1234 bytes, 243.33KB/sec)",
        );
        assert_eq!((heard.client, heard.said), (None, Said::Moved(1234)));
    }
}
