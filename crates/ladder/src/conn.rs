//! What is known of a TCP connection of a session beside its rows: how it was opened, what each side sent, how
//! it ended, and what TLS showed.
//!
//! Packets and taps both fill it in, each as far as it can see; the findings read it.

use crate::label;
use crate::packet::{Segment, Unreachable};
use crate::row::{Channel, Ends};
use crate::tls::Tls;
use std::time::Duration;
use wharf_proto::tap::{HalfEnd, Party, TlsFacts};
use wharf_proto::{Moment, Text, Verb};

/// How many of a side's first bytes are kept.
const FIRST: usize = 16;

/// A connection of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conn {
    /// Which.
    pub channel: Channel,
    /// Its ends.
    pub ends: Option<Ends>,
    /// Who asked for it.
    pub opener: Option<Party>,
    /// The command that a data connection serves, the last of them where there are several.
    pub verb: Option<Verb>,
    /// When it was first seen.
    pub begun: Moment,
    /// When it was granted.
    pub granted: Option<Moment>,
    /// When its opener acknowledged that.
    pub settled: Option<Moment>,
    /// How often it was asked for.
    pub syns: u32,
    /// Whether the answer was a RST.
    pub refused: bool,
    /// Whether ICMP said, before anything else did, that it cannot be reached.
    pub unreachable: Option<Unreachable>,
    /// Nothing but its place in time says that it is of this session.
    pub probable: bool,
    /// Its first and last rows.
    pub rows: (u32, u32),
    /// The client's side.
    pub client: Side,
    /// The server's side.
    pub server: Side,
    /// The TLS that packets showed.
    pub tls: Option<Box<Tls>>,
    /// The TLS that an end told of.
    pub told: Option<Box<TlsFacts>>,
}

/// One side of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Bytes sent.
    pub bytes: u64,
    /// How many more it sent, as TCP's numbers tell, that were not captured.
    pub missing: u64,
    /// How many those were before TLS covered them, where it could be opened.
    pub inside: Option<u64>,
    /// The first of them.
    pub first: Vec<u8>,
    /// Segments that brought them, those that came again left out.
    pub segments: u32,
    /// The longest segment.
    pub longest: u32,
    /// When it sent its first and its last byte.
    pub spoke: Option<(Moment, Moment)>,
    /// How it ended, when, and in which row.
    pub ended: Option<(HalfEnd, Moment, u32)>,
    /// It has sent RST, be it behind its FIN.
    pub is_reset: bool,
    /// Segments sent again.
    pub again: u32,
    /// What it has sent again and the other side has not acknowledged since.
    pub stuck: Option<Stuck>,
    /// Since when it takes nothing more.
    pub full_since: Option<Moment>,
    /// The longest time for which it took nothing.
    pub full: Duration,
    /// The least and the most that it has said it takes, before scaling.
    pub window: Option<(u16, u16)>,
    /// How its SYN has that scaled (RFC 7323 section 2).
    pub scale: Option<u8>,
    /// Hops that its packets had left, the first and the last.
    pub hops: Option<(u8, u8)>,
    /// Line feeds in its bytes, as far as they were captured, and whether there was a NUL among them.
    pub text: Look,
}

/// A piece that is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The number of its first byte.
    pub seq: u32,
    /// How many bytes, the last time.
    pub length: u32,
    /// How often it was sent, the first time included.
    pub times: u32,
    /// When it was sent last.
    pub at: Moment,
    /// In which row that is.
    pub row: u32,
}

/// What the bytes of a side look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Line feeds.
    pub lines: u64,
    /// Those with a carriage return before them.
    pub crlf: u64,
    /// NULs.
    pub nuls: u64,
    /// Bytes looked at.
    pub bytes: u64,
    /// The last of them was a carriage return.
    is_returned: bool,
}

impl Conn {
    pub(crate) fn new(channel: Channel, ends: Option<Ends>, begun: Moment) -> Self {
        Self {
            channel,
            ends,
            opener: None,
            verb: None,
            begun,
            granted: None,
            settled: None,
            syns: 0,
            refused: false,
            unreachable: None,
            probable: false,
            rows: (0, 0),
            client: Side::default(),
            server: Side::default(),
            tls: None,
            told: None,
        }
    }

    /// The same with its rows under other numbers.
    pub(crate) fn renumbered(&self, number: impl Fn(u32) -> u32) -> Self {
        let mut conn = self.clone();
        conn.rows = (number(self.rows.0), number(self.rows.1));
        for side in [&mut conn.client, &mut conn.server] {
            if let Some((.., row)) = &mut side.ended {
                *row = number(*row);
            }
            if let Some(stuck) = &mut side.stuck {
                stuck.row = number(stuck.row);
            }
        }
        conn
    }

    /// A side.
    #[must_use]
    pub fn side(&self, party: Party) -> &Side {
        match party {
            Party::Client => &self.client,
            Party::Server => &self.server,
        }
    }

    pub(crate) fn side_mut(&mut self, party: Party) -> &mut Side {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }

    /// Bytes of both sides.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.client.bytes.saturating_add(self.server.bytes)
    }

    /// The bytes of a transfer that a side sent: those inside TLS, where it could be opened.
    #[must_use]
    pub fn carried(&self, party: Party) -> u64 {
        let side = self.side(party);
        side.inside.unwrap_or(side.bytes)
    }

    /// Whether what it carried is known: it had no TLS, or that could be opened.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let sides = [&self.client, &self.server];
        self.tls.is_none() || sides.iter().any(|side| side.inside.is_some())
    }

    /// How many bytes of both sides were not captured.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.client.missing.saturating_add(self.server.missing)
    }

    /// Whether it was asked for and nobody answered.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.syns > 0 && self.granted.is_none() && !self.refused && self.bytes() == 0
    }

    /// Whether it was asked for in vain: so often, or ICMP said so.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.is_unanswered() && self.unreachable.is_some()
    }

    /// Whether it came to be open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.granted.is_some() || self.bytes() > 0
    }

    /// Whether TLS resumed an earlier session; none where that is not known.
    #[must_use]
    pub fn is_resumed(&self) -> Option<bool> {
        match (&self.told, &self.tls) {
            (Some(facts), _) => Some(facts.resumed),
            (None, Some(tls)) => tls.is_resumed(),
            (None, None) => None,
        }
    }

    /// Whether its TLS is of version 1.3 or later, whose tickets count once each.
    pub(crate) fn is_of_new_tls(&self) -> bool {
        match (&self.told, &self.tls) {
            (Some(facts), _) => *facts.version.to_string() >= *"TLS 1.3",
            (None, tls) => tls.as_ref().is_some_and(|tls| tls.is_new()),
        }
    }

    /// Whether TLS came to cover it.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.told.is_some() || self.tls.as_ref().is_some_and(|tls| tls.is_secured())
    }

    /// Whether a side has said under TLS that nothing follows: the end of a file, whatever TCP does then.
    #[must_use]
    pub fn has_said_all(&self, party: Party) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.said_goodbye(party) == Some(true))
    }

    /// How many bytes are held of what its TLS said.
    pub(crate) fn buffered(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.buffered())
    }

    /// Nothing more comes: what its TLS holds will not be whole.
    pub(crate) fn let_go(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.let_go();
        }
    }

    /// What TLS came to, in words, where the hellos were seen.
    pub(crate) fn terms(&self) -> Option<Text> {
        let tls = self.tls.as_ref()?;
        let resumed = tls.is_resumed()?;
        Some(label::secured(self.channel, &tls.version()?, &tls.cipher()?, resumed))
    }

    /// When the last side ended, where both did.
    #[must_use]
    pub fn closed(&self) -> Option<Moment> {
        let ended = |side: &Side| side.ended;
        match (ended(&self.client), ended(&self.server)) {
            (Some((HalfEnd::Reset, at, _)), _) | (_, Some((HalfEnd::Reset, at, _))) => Some(at),
            (Some((_, a, _)), Some((_, b, _))) => Some(a.max(b)),
            _ => None,
        }
    }

    /// Who ended first, how and when.
    #[must_use]
    pub fn first_end(&self) -> Option<(Party, HalfEnd, Moment)> {
        let of = |party| self.side(party).ended.map(|(how, at, _)| (party, how, at));
        match (of(Party::Client), of(Party::Server)) {
            (Some(client), Some(server)) if server.2 < client.2 => Some(server),
            (client, server) => client.or(server),
        }
    }
}

impl Side {
    /// Whether it has always said that it takes so many bytes at once (RFC 9293 section 3.8.6).
    pub(crate) fn takes(&self, bytes: u32) -> bool {
        let scale = u32::from(self.scale.unwrap_or(0).min(14));
        self.window.is_none_or(|(least, _)| u32::from(least) << scale >= bytes)
    }

    /// Counts the bytes of a segment in.
    pub(crate) fn count(&mut self, at: Moment, new: u32, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(new.into());
        self.segments = self.segments.saturating_add(1);
        self.longest = self.longest.max(new);
        let (first, _) = self.spoke.unwrap_or((at, at));
        self.spoke = Some((first, at));
        // Behind a gap nothing is first.
        if self.missing == 0 {
            self.keep_first(bytes);
        }
    }

    /// Keeps the first of its bytes.
    pub(crate) fn keep_first(&mut self, bytes: &[u8]) {
        let room = FIRST.saturating_sub(self.first.len());
        self.first.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Counts a segment that was sent before.
    pub(crate) fn count_again(&mut self, segment: &Segment<'_>, row: u32) {
        let Segment { seq, length, at, .. } = *segment;
        self.again = self.again.saturating_add(1);
        let before = self.stuck.filter(|stuck| stuck.seq == seq).map_or(1, |stuck| stuck.times);
        self.stuck = Some(Stuck { seq, length, times: before.saturating_add(1), at, row });
    }
}

impl Look {
    /// What comes next does not follow on what was looked at.
    pub(crate) fn tear(&mut self) {
        self.is_returned = false;
    }

    /// Looks at bytes in order.
    pub(crate) fn at(&mut self, bytes: &[u8]) {
        for at in memchr::memchr2_iter(b'\n', 0, bytes) {
            if bytes.get(at) == Some(&0) {
                self.nuls += 1;
            } else {
                let returned = match at.checked_sub(1) {
                    Some(before) => bytes.get(before) == Some(&b'\r'),
                    None => self.is_returned,
                };
                self.lines += 1;
                self.crlf += u64::from(returned);
            }
        }
        self.is_returned = bytes.last().map_or(self.is_returned, |last| *last == b'\r');
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }
}
