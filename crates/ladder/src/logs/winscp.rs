//! WinSCP's session log: `>` before what is sent, `<` before what comes, `.` before its own remarks, and the time.

use super::cut::{holds, host};
use super::stamp::leading;
use super::{Dialect, Heard, Said, alone, cut};
use std::borrow::Cow;

pub(super) struct WinScp;

impl Dialect for WinScp {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (mark, rest) = (line.get(..2)?, line.get(2..)?);
        let (stamp, text) = leading(rest)?;
        let said = match mark {
            b"> " => Said::Command(Cow::Borrowed(text)),
            b"< " => Said::Reply(Cow::Borrowed(text)),
            b". " => remarked(text),
            b"! " | b"* " => Said::Note(text),
            _ => return None,
        };
        alone(Some(stamp), said)
    }
}

fn remarked(text: &[u8]) -> Said<'_> {
    if let Some(to) = text.strip_prefix(b"Connecting to ") {
        let server = host(to.strip_suffix(b" ...").unwrap_or(to));
        return Said::Opening(server.unwrap_or_else(cut::nobody));
    }
    if text.starts_with(b"Connected with ") {
        return Said::Opened(None);
    }
    if text.starts_with(b"Connection failed") {
        return Said::NotOpened(text);
    }
    if text.starts_with(b"Disconnected from server") {
        return Said::Closed(None);
    }
    if text.starts_with(b"Timeout detected. (data connection)") {
        return Said::DataFailed(text);
    }
    if text.starts_with(b"Timeout detected") {
        return Said::TimedOut(text);
    }
    if holds(text, &["unroutable", "could not", "failed"]) { Said::Note(text) } else { Said::Aside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_say_who_spoke() {
        let said = |line: &'static str| WinScp.hear(line.as_bytes()).map(|heard| heard.said);
        let at = "203.0.113.5:21".parse().unwrap();
        let connecting = ". 2024-01-15 10:23:45.123 Connecting to 203.0.113.5:21 ...";
        assert_eq!(said(connecting), Some(Said::Opening(at)));
        let pass = "> 2024-01-15 10:23:45.223 PASS ********";
        assert_eq!(said(pass), Some(Said::Command(Cow::Borrowed(b"PASS ********"))));
        let reply = "< 2024-01-15 10:23:45.323 230 In";
        assert_eq!(said(reply), Some(Said::Reply(Cow::Borrowed(b"230 In"))));
        assert_eq!(said("> USER ann"), None);
    }
}
