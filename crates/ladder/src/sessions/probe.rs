//! A connection of which it is not known yet what it is: the first of its segments, until its words tell.
//!
//! FTP on a port of its own is known by a reply on one side and a verb of FTP on the other. SMTP greets with 220
//! too, and POP has USER and PASS, so one side alone proves nothing.

use super::kept::Kept;
use crate::packet::Segment;
use crate::packets::Packets;
use crate::row::Ends;
use crate::tls::{Opener, Tls};
use std::net::SocketAddr;
use wharf_proto::Verb;
use wharf_proto::tap::Party;

/// Segments kept at most, and bytes of each.
const MAX_SEGMENTS: usize = 12;
const MAX_BYTES: usize = 2048;

/// A connection that is being listened to.
#[derive(Debug, Default)]
pub(super) struct Probe {
    segments: Vec<Kept>,
    /// Who has sent what looks like a reply.
    server: Option<SocketAddr>,
    /// Who has sent what looks like a command.
    client: Option<SocketAddr>,
}

/// What is to be done about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not known yet.
    Wait,
    /// It is no FTP.
    Nothing,
    /// It is a control connection.
    Control(Ends),
    /// It may be a data connection under TLS.
    Data,
}

/// What the first words of a connection make of the guess that it is a data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thought {
    /// Nothing was said yet.
    Wait,
    /// Nothing speaks against it.
    Data,
    /// A server greets: it is a control connection.
    Control,
    /// Another protocol.
    Other,
}

/// How servers greet who has connected (RFC 959 section 5.4).
const GREETINGS: [&[u8]; 3] = [b"120", b"220", b"421"];
/// What requests and greetings of other protocols begin with.
const OTHERS: [&[u8]; 12] = [
    b"GET /",
    b"HEAD /",
    b"POST /",
    b"PUT /",
    b"DELETE /",
    b"OPTIONS ",
    b"CONNECT ",
    b"HTTP/1.",
    b"PRI * HTTP/2",
    b"SSH-",
    b"* OK ",
    b"+OK ",
];

impl Probe {
    /// The next segment.
    pub(super) fn hear(&mut self, segment: &Segment<'_>) -> Verdict {
        let Segment { from, flags, payload, .. } = *segment;
        if self.segments.len() >= MAX_SEGMENTS || flags.rst {
            return Verdict::Nothing;
        }
        let payload = payload.get(..payload.len().min(MAX_BYTES)).unwrap_or_default();
        self.segments.push(Kept::of(segment, MAX_BYTES));
        if payload.is_empty() {
            return Verdict::Wait;
        }
        if Tls::begins(payload) {
            return Verdict::Data;
        }
        match payload {
            [a @ b'1'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] if *a > b'0' => {
                self.server = Some(from);
            }
            _ if is_command(payload) => self.client = Some(from),
            _ => return Verdict::Nothing,
        }
        match (self.client, self.server) {
            (Some(client), Some(server)) if client != server => {
                Verdict::Control(Ends { client, server })
            }
            _ => Verdict::Wait,
        }
    }

    /// The next segment of a connection that was taken for a data connection when it began.
    pub(super) fn think_again(&mut self, segment: &Segment<'_>) -> Thought {
        let begins = |words: &[&[u8]]| words.iter().any(|word| segment.payload.starts_with(word));
        let first = self.segments.first().map(Kept::segment);
        let listener = first.filter(|first| first.flags.syn).map(|first| first.to);
        let verdict = self.hear(segment);
        match segment.payload {
            [] if verdict == Verdict::Wait => Thought::Wait,
            [_, _, _, b' ' | b'-', ..] if listener == Some(segment.from) && begins(&GREETINGS) => {
                Thought::Control
            }
            _ if begins(&OTHERS) => Thought::Other,
            _ => Thought::Data,
        }
    }

    /// What was kept.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.segments.iter().map(Kept::segment)
    }

    /// Whether its first TLS message would resume the TLS session of this session's control connection, which
    /// is visible up to TLS 1.2.
    pub(super) fn resumes(&self, packets: &Packets) -> bool {
        let conns = packets.conns();
        let Some(control) = conns.first().and_then(|control| control.tls.as_ref()) else {
            return false;
        };
        let mut tls = Tls::default();
        for kept in &self.segments {
            tls.take(Party::Client, kept.segment().payload, &mut Opener::default());
        }
        let Some(hello) = tls.client else { return false };
        let same = |ours: Option<&[u8]>, theirs: &[u8]| !theirs.is_empty() && ours == Some(theirs);
        let id = control.server.as_ref().map(|server| server.session_id.as_slice());
        same(id, &hello.session_id) || same(control.ticket.as_deref(), &hello.ticket)
    }
}

/// Whether bytes begin with a verb of FTP that other protocols do not begin with.
fn is_command(bytes: &[u8]) -> bool {
    let word = bytes.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
    word.len() >= 3 && Verb::named(word).is_some()
}
