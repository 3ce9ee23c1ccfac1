//! FileZilla: the messages of the client, from its window or its log file, and the log of the server, of version 0.9 and of
//! 1.x, each from its window or its file.

use super::cut::{between, holds, host, ip, is_command, is_reply, number, rsplit, split, whole};
use super::stamp::{of_day, strip};
use super::{Dialect, Heard, Said, cut, stamp::Stamp};
use std::borrow::Cow;
use std::net::IpAddr;

/// The client.
pub(super) struct Client;

impl Dialect for Client {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (stamp, rest) = strip(line);
        let (key, rest) = connection(rest);
        let (label, text) = split(rest, b":")?;
        let text = text.trim_ascii_start();
        let blanks = rest.get(label.len() + 1).is_none_or(|byte| matches!(byte, b' ' | b'\t'));
        let said = match label {
            _ if !blanks => return None,
            b"Command" => Said::Command(Cow::Borrowed(text)),
            // Between the label and a line of a reply stands one blank; more of them are the line's.
            b"Response" => Said::Reply(Cow::Borrowed(rest.get(label.len() + 2..).unwrap_or(b""))),
            b"Status" => status(text),
            b"Error" if text.starts_with(b"Connection timed out") => Said::TimedOut(text),
            b"Error" if text.starts_with(b"Connection attempt failed") => Said::NotOpened(text),
            b"Error" => Said::Note(text),
            b"Trace" | b"Listing" => Said::Aside,
            _ => return None,
        };
        Some(Heard { stamp, key: Cow::Borrowed(key), client: None, said })
    }
}

fn status(text: &[u8]) -> Said<'_> {
    if let Some(to) = text.strip_prefix(b"Connecting to ") {
        let server = host(to.strip_suffix(b"...").unwrap_or(to));
        return Said::Opening(server.unwrap_or_else(cut::nobody));
    }
    if text.starts_with(b"Connection attempt failed") {
        return Said::NotOpened(text);
    }
    if text.starts_with(b"Connection established") {
        return Said::Opened(None);
    }
    if text.starts_with(b"Disconnected from server") {
        return Said::Closed(None);
    }
    let telling = ["unroutable", "insecure", "failed", "TLS connection", "resum", "aborted"];
    if holds(text, &telling) { Said::Note(text) } else { Said::Aside }
}

/// `12345 1 `: the process, and the number of the connection in it.
fn connection(text: &[u8]) -> (&[u8], &[u8]) {
    let behind = number(text)
        .and_then(|(_, rest)| number(rest.strip_prefix(b" ")?))
        .and_then(|(_, rest)| rest.strip_prefix(b" "));
    match behind {
        Some(rest) => (text.get(..text.len() - rest.len() - 1).unwrap_or_default(), rest),
        None => (b"", text),
    }
}

/// The server.
pub(super) struct Server;

impl Dialect for Server {
    fn hear<'l>(&mut self, line: &'l [u8]) -> Option<Heard<'l>> {
        old(line).or_else(|| window(line)).or_else(|| file(line))
    }
}

/// `(000001)1/15/2024 12:00:00 - (not logged in) (127.0.0.1)> USER ann`.
fn old(line: &[u8]) -> Option<Heard<'_>> {
    let (key, rest) = split(line.strip_prefix(b"(")?, b")")?;
    whole::<u64>(key)?;
    let (head, text) = split(rest, b")> ")?;
    let (_, address) = rsplit(head, b"(")?;
    let said = match text {
        _ if text.starts_with(b"Connected") => {
            let port = between(text, b"on port ", b",").and_then(whole);
            Said::Opened(port.map(cut::at_port))
        }
        b"disconnected." => Said::Closed(None),
        _ if is_reply(text) || is_command(text) || text.starts_with(b" ") => Said::Either(text),
        _ => Said::Note(text),
    };
    Some(heard(of_day(head), key, ip(address), said))
}

/// `<15.01.2024 12:00:00> FTP Session 1 127.0.0.1 ann [Command] PWD`.
fn window(line: &[u8]) -> Option<Heard<'_>> {
    let (time, rest) = split(line.strip_prefix(b"<")?, b"> ")?;
    let (head, text) = split(rest, b" [")?;
    let (key, client) = session(head)?;
    let (label, text) = split(text, b"] ").or_else(|| Some((text.strip_suffix(b"]")?, b"")))?;
    let said = match label {
        b"Command" => Said::Command(Cow::Borrowed(text)),
        b"Response" => Said::Reply(Cow::Borrowed(text)),
        b"Error" | b"Warning" => Said::Note(text),
        _ => Said::Aside,
    };
    Some(heard(strip(time).0.or_else(|| of_day(time)), key, client, said))
}

/// `2024-01-15T12:00:00.643Z >> [FTP Session 1 127.0.0.1 ann] PWD`.
fn file(line: &[u8]) -> Option<Heard<'_>> {
    let (stamp, rest) = super::stamp::leading(line)?;
    let (mark, rest) = split(rest, b" [")?;
    let (head, text) = split(rest, b"] ")?;
    let (key, client) = session(head)?;
    let said = match mark {
        b">>" => Said::Command(Cow::Borrowed(text)),
        b"<<" => Said::Reply(Cow::Borrowed(text)),
        b"!!" | b"WW" => Said::Note(text),
        _ if text.ends_with(b" destroyed.") => Said::Closed(None),
        _ => Said::Aside,
    };
    Some(heard(Some(stamp), key, client, said))
}

/// `FTP Session 1 127.0.0.1 ann`.
fn session(head: &[u8]) -> Option<(&[u8], Option<IpAddr>)> {
    let mut words = head.strip_prefix(b"FTP Session ")?.split(|byte| *byte == b' ');
    let key = words.next().filter(|key| whole::<u64>(key).is_some())?;
    Some((key, words.next().and_then(ip)))
}

fn heard<'l>(
    stamp: Option<Stamp>,
    key: &'l [u8],
    client: Option<IpAddr>,
    said: Said<'l>,
) -> Heard<'l> {
    Heard { stamp, key: Cow::Borrowed(key), client, said }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(line: &str) -> (String, Said<'_>) {
        let heard = Client.hear(line.as_bytes()).unwrap();
        (String::from_utf8(heard.key.into_owned()).unwrap(), heard.said)
    }

    fn server(line: &str) -> (String, Option<String>, Said<'_>) {
        let heard = Server.hear(line.as_bytes()).unwrap();
        let client = heard.client.map(|ip| ip.to_string());
        (String::from_utf8(heard.key.into_owned()).unwrap(), client, heard.said)
    }

    #[test]
    fn the_client_writes_with_or_without_time_and_number() {
        let user = Said::Command(Cow::Borrowed(b"USER ann"));
        for (line, key) in [
            ("Command:\tUSER ann", ""),
            ("15:50:48\tCommand:\tUSER ann", ""),
            ("2017-06-06 10:19:30 3928 2 Command: USER ann", "3928 2"),
        ] {
            assert_eq!(client(line), (key.to_owned(), user.clone()), "{line}");
        }
        assert_eq!(client("Response: \t MDTM").1, Said::Reply(Cow::Borrowed(b"\t MDTM")));
        assert_eq!(client("Response:\t MDTM").1, Said::Reply(Cow::Borrowed(b" MDTM")));
        let at = "203.0.113.5:2121".parse().unwrap();
        assert_eq!(client("Status:\tConnecting to 203.0.113.5:2121...").1, Said::Opening(at));
        assert!(Client.hear(b"Status:OK").is_none() && Client.hear(b"Else: x").is_none());
    }

    #[test]
    fn the_server_writes_in_four_ways() {
        let address = || Some("10.0.0.1".to_owned());
        let quit = || Said::Command(Cow::Borrowed(b"QUIT"));
        assert_eq!(
            server("(000012)1/15/2024 12:00:00 PM - ann (10.0.0.1)> QUIT"),
            ("000012".to_owned(), address(), Said::Either(b"QUIT"))
        );
        for line in [
            "<15.01.2024 12:00:00> FTP Session 7 10.0.0.1 ann [Command] QUIT",
            "<1/15/2024 12:00:00 PM> FTP Session 7 10.0.0.1 [Command] QUIT",
            "2024-01-15T12:00:00.643Z >> [FTP Session 7 10.0.0.1 ann] QUIT",
        ] {
            assert_eq!(server(line), ("7".to_owned(), address(), quit()), "{line}");
        }
    }
}
