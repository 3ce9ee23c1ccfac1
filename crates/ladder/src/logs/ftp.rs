//! The ftp programs of the BSDs and of GNU with `-d`, which mark what they send and show replies as they come; and ncftp.

use super::cut::{ip, is_reply, rsplit, split};
use super::stamp::strip;
use super::{Dialect, Heard, Said, alone, cut};
use std::borrow::Cow;
use std::net::SocketAddr;

/// `---> USER ann`, and `331 Password, please` where it is verbose (-v) too.
#[derive(Debug, Default)]
pub(super) struct Ftp {
    /// The last reply, until something is sent: tnftp shows some of them twice.
    last: Vec<u8>,
}

impl Dialect for Ftp {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, rest) = strip(line);
        if let Some(command) = rest.strip_prefix(b"---> ") {
            self.last.clear();
            return alone(stamp, Said::Command(Cow::Borrowed(command)));
        }
        if let Some(to) = rest.strip_prefix(b"Connected to ") {
            let server = ip(to.strip_suffix(b".").unwrap_or(to));
            return alone(stamp, Said::Opened(server.map(|ip| SocketAddr::new(ip, 0))));
        }
        if is_reply(rest) && self.last == rest {
            return alone(stamp, Said::Aside);
        }
        if is_reply(rest) {
            self.last = rest.to_vec();
            return alone(stamp, Said::Reply(Cow::Borrowed(rest)));
        }
        let (_, why) = split(rest, b"Can't connect to `")?;
        let (to, _) = split(why, b"': ")?;
        let said = match cut::host(to) {
            Some(_) => Said::DataFailed(why),
            None => Said::NotOpened(why),
        };
        alone(stamp, said)
    }
}

/// `Cmd: USER ann`, and `331: Password, please`, of which the other lines have blanks before them.
pub(super) struct NcFtp;

impl Dialect for NcFtp {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, rest) = strip(line);
        if let Some(command) = rest.strip_prefix(b"Cmd: ") {
            return alone(stamp, Said::Command(Cow::Borrowed(command)));
        }
        // The meter may stand before it.
        let reply = rsplit(rest, b"  ").map_or(rest, |(_, reply)| reply);
        if let Some((code, text)) = split(reply, b": ")
            && code.len() == 3
            && is_reply(code)
        {
            return alone(stamp, Said::Reply(Cow::Owned([code, b" ", text].concat())));
        }
        let to = rest.strip_prefix(b"Connected to ")?;
        // It says whom it is connected to when the greeting has come already; of a data connection, at once.
        let (to, _) = split(to, b" for PASV.").or_else(|| split(to, b" for EPSV."))?;
        let server = cut::host(to)?;
        let opener = wharf_proto::tap::Party::Client;
        alone(stamp, Said::DataOpened { opener, client: None, server: Some(server) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_and_what_comes_are_told_apart() {
        let mut ftp = Ftp::default();
        let mut said = |line: &'static str| ftp.hear(line.as_bytes()).map(|heard| heard.said);
        assert_eq!(said("---> PASS XXXX"), Some(Said::Command(Cow::Borrowed(b"PASS XXXX"))));
        assert_eq!(said("220-hello"), Some(Said::Reply(Cow::Borrowed(b"220-hello"))));
        assert_eq!(said("220-hello"), Some(Said::Aside));
        assert_eq!(said("-rw-r--r-- 1 0 0 12 Nov 23 05:01 220"), None);
        let failed = "tnftp: Can't connect to `127.0.0.1:49891': Connection refused";
        assert!(matches!(said(failed), Some(Said::DataFailed(_))));
        let said = |line: &'static str| NcFtp.hear(line.as_bytes()).map(|heard| heard.said);
        assert_eq!(said("331: Password"), Some(Said::Reply(Cow::Borrowed(b"331 Password"))));
        assert_eq!(said("  488.28 kB/s  226: Sent"), Some(Said::Reply(Cow::Borrowed(b"226 Sent"))));
        assert_eq!(said("      EPRT"), None);
        let open = said("Connected to 10.0.0.1:23100 for PASV.");
        assert!(matches!(open, Some(Said::DataOpened { server: Some(_), .. })), "{open:?}");
    }
}
