//! Other protocols, by how they begin: HTTP, SMTP, SIP, SSH, TLS.
//!
//! A browser can be made to send a request to our port whose body holds FTP commands, and what we answer may be
//! taken for an answer of another server (the ALPACA attacks; RFC 9325 section 3.8). So the first line that is no
//! FTP ends the session, whenever it comes. This file only recognises; what is said about it is in `texts.rs`.

use std::fmt;

/// A protocol that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A request of HTTP, by its method (RFC 9110 section 9, RFC 5789).
    Http,
    /// A command of SMTP (RFC 5321 section 4.1.1).
    Smtp,
    /// A request of SIP (RFC 3261) that HTTP does not know.
    Sip,
    /// The identification of SSH (RFC 4253 section 4.2).
    Ssh,
    /// A record of TLS (RFC 8446 section 5.1): somebody takes the port for one with implicit TLS.
    Tls,
}

/// The first words of lines that are never FTP.
const WORDS: [(&[&str], Foreign); 3] = [
    (
        &["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "CONNECT", "TRACE", "PATCH", "PRI"],
        Foreign::Http,
    ),
    (&["EHLO", "HELO", "MAIL", "RCPT", "DATA"], Foreign::Smtp),
    (&["INVITE", "REGISTER", "SUBSCRIBE"], Foreign::Sip),
];

/// A handshake record, whatever version it names.
const TLS: &[u8] = &[0x16, 0x03];

impl Foreign {
    /// The protocol that a whole line belongs to, if it is none of ours.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        if line.starts_with(b"SSH-") {
            return Some(Self::Ssh);
        }
        let word = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).next()?;
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let of_word = WORDS.iter().find(|(words, _)| words.iter().any(|known| is(known)));
        of_word.map(|(_, protocol)| *protocol).or_else(|| Self::of_start(line))
    }

    /// The protocol that bytes begin with which are not waiting for the end of a line.
    pub fn of_start(bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(TLS).then_some(Self::Tls)
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Smtp => "SMTP",
            Self::Sip => "SIP",
            Self::Ssh => "SSH",
            Self::Tls => "TLS",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verb::VERBS;
    use proptest::prelude::*;

    #[test]
    fn s14_first_lines_of_other_protocols_are_known_in_whatever_case() {
        for (line, protocol) in [
            (&b"GET / HTTP/1.1"[..], Foreign::Http),
            (b"post /upload HTTP/1.0", Foreign::Http),
            (b"OPTIONS * HTTP/1.1", Foreign::Http),
            (b"PRI * HTTP/2.0", Foreign::Http),
            (b"CONNECT\thost:21 HTTP/1.1", Foreign::Http),
            (b"EHLO mail.example.org", Foreign::Smtp),
            (b"MAIL FROM:<a@example.org>", Foreign::Smtp),
            (b"data", Foreign::Smtp),
            (b"DATA\r", Foreign::Smtp),
            (b"INVITE sip:bob@example.org SIP/2.0", Foreign::Sip),
            (b"SSH-2.0-OpenSSH_9.2", Foreign::Ssh),
            (b"\x16\x03\x01\x02\x00\x01", Foreign::Tls),
        ] {
            assert_eq!(Foreign::of_line(line), Some(protocol), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn words_that_only_begin_like_those_are_left_to_the_parser() {
        for line in
            [&b""[..], b"GETX", b"PUTS x", b" GET /", b"SSH", b"\x16", b"\x16\x04", b"MAILBOX"]
        {
            assert_eq!(Foreign::of_line(line), None, "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn s14_no_verb_of_the_table_is_taken_for_another_protocol(
            row in 0..VERBS.len(),
            lower in any::<bool>(),
            argument in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            for name in std::iter::once(&VERBS[row].name).chain(VERBS[row].aliases) {
                let name = if lower { name.to_ascii_lowercase() } else { (*name).to_owned() };
                let line = [name.as_bytes(), b" ", &argument].concat();
                prop_assert_eq!(Foreign::of_line(&line), None);
                prop_assert_eq!(Foreign::of_line(name.as_bytes()), None);
            }
        }
    }
}
