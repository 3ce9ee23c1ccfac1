//! A row of the ladder: one packet, line or remark, and how we know of it.
//!
//! Rows are what every source makes (the tap today, captures later) and what every renderer reads. This
//! file does not decide which rows a session has; that is `model.rs`.

use crate::label;
use crate::more::More;
use crate::packet::{Flags, Header};
use std::net::SocketAddr;
use wharf_proto::tap::{HalfEnd, Party, Timer};
use wharf_proto::{Lang, Moment, Text, Verb};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1. Hidden rows keep theirs, so that folding never renumbers.
    pub no: u32,
    /// When, where somebody told: a row drawn for completeness has no time. A row inferred from a later
    /// event has that event's time.
    pub at: Option<Moment>,
    /// On which connection.
    pub channel: Channel,
    /// Who sent it; for a [`Packet::Note`], who tells.
    pub from: Party,
    /// The ports of its connection.
    pub ports: Ports,
    /// What it is.
    pub packet: Packet,
    /// The verb it belongs to: a command's own, the one a reply answers, the one that a data connection
    /// serves.
    pub verb: Option<Verb>,
    /// The address that this command or reply names for a data connection.
    pub names: Option<SocketAddr>,
    /// What stands on the arrow. Bytes of a peer are kept as they came; renderers escape them.
    pub label: Text,
    /// What it holds beside that.
    pub more: Option<Box<More>>,
    /// How we know of it.
    pub provenance: Provenance,
    /// Its bytes went under TLS, whether they could be read or not.
    pub tls: bool,
    /// What the capture adds, where it was captured.
    pub wire: Option<Wire>,
}

/// What only a capture knows of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The flags of its segment, or of the first of them.
    pub flags: Flags,
    /// What TCP and IP say beside them.
    pub header: Header,
    /// The number of its first byte, and the next byte that its sender expects.
    pub seq: u32,
    /// See [`Wire::seq`]; of no meaning without [`Flags::ack`].
    pub ack: u32,
    /// How many bytes its segment carried, all lines in it included.
    pub length: u32,
    /// How many segments it stands for: more than one where a run was folded, none where it is one of
    /// several lines in the segment of the row before it.
    pub segments: u32,
    /// Its bytes, or its SYN or FIN, had been sent before: TCP sent them again.
    pub again: bool,
}

impl Row {
    /// Whether this is an acknowledgment and nothing else. Its place depends on the kernel's delayed ACK,
    /// so it takes no part in comparing sessions and is folded unless asked for. The third packet of the
    /// control connection's handshake is not counted among them.
    #[must_use]
    pub fn is_bare_ack(&self) -> bool {
        match self.packet {
            Packet::Ack => true,
            Packet::Established => self.channel != Channel::Control,
            Packet::Syn
            | Packet::SynAck
            | Packet::Command
            | Packet::Reply(_)
            | Packet::Data { .. }
            | Packet::Fin
            | Packet::Rst
            | Packet::Absent
            | Packet::Note(_)
            | Packet::Omitted(_) => false,
        }
    }

    /// What stands on its arrow, with what is ours in this language, and without anything that a terminal could obey.
    #[must_use]
    pub fn words(&self, lang: Lang) -> String {
        label::spoken(self.label.to_string().into(), self, lang).into_owned()
    }

    /// Whether a capture saw that TCP sent it again.
    #[must_use]
    pub fn is_again(&self) -> bool {
        self.wire.is_some_and(|wire| wire.again)
    }

    /// Whether it stands for a packet, and not for a remark or a gap in what is known.
    pub(crate) fn is_packet(&self) -> bool {
        !matches!(self.packet, Packet::Note(_) | Packet::Omitted(_))
    }

    /// Whether it takes sequence space, so that the other side owes it an acknowledgment.
    pub(crate) fn is_acknowledged(&self) -> bool {
        match self.packet {
            Packet::SynAck | Packet::Command | Packet::Reply(_) | Packet::Fin => true,
            Packet::Data { end, .. } => end != Some(HalfEnd::Reset),
            Packet::Syn
            | Packet::Established
            | Packet::Ack
            | Packet::Rst
            | Packet::Absent
            | Packet::Note(_)
            | Packet::Omitted(_) => false,
        }
    }

    /// How many numbers it takes.
    pub(crate) fn weight(&self) -> u32 {
        if let Packet::Omitted(rows) = self.packet { rows } else { 1 }
    }
}

/// A connection of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The control connection.
    Control,
    /// A data connection, by its number.
    Data(u32),
}

/// The ports of a connection, where known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// The client's.
    pub client: Option<u16>,
    /// The server's.
    pub server: Option<u16>,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client's.
    pub client: SocketAddr,
    /// The server's.
    pub server: SocketAddr,
}

impl Ends {
    /// An end in words, as far as it is known: a log does not name every address and port.
    #[must_use]
    pub fn named(end: SocketAddr) -> Option<String> {
        match (end.ip().is_unspecified(), end.port()) {
            (true, _) => None,
            (false, 0) => Some(end.ip().to_string()),
            (false, _) => Some(end.to_string()),
        }
    }
}

impl From<Ends> for Ports {
    fn from(ends: Ends) -> Self {
        // A log does not name every port.
        let known = |end: SocketAddr| Some(end.port()).filter(|port| *port > 0);
        Self { client: known(ends.client), server: known(ends.server) }
    }
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A connection is asked for.
    Syn,
    /// And granted.
    SynAck,
    /// The third packet of a handshake.
    Established,
    /// An acknowledgment and nothing else.
    Ack,
    /// A command line.
    Command,
    /// A reply, with its code.
    Reply(u16),
    /// Bytes of a transfer.
    Data {
        /// How many.
        bytes: u64,
        /// How the sender's half ended, where it ended with them.
        end: Option<HalfEnd>,
    },
    /// A half ended in order.
    Fin,
    /// A half broke off.
    Rst,
    /// What should have come and did not; see [`crate::findings`].
    Absent,
    /// Not a packet but a remark.
    Note(Remark),
    /// This many rows were dropped to bound the memory of a long session.
    Omitted(u32),
}

/// What a [`Packet::Note`] remarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A timer ran out.
    TimerRanOut(Timer),
    /// A data connection could not be opened, or a stranger's was turned away.
    DataRefused,
    /// TLS covers a connection from here on.
    Secured,
    /// TLS could not be begun on a connection.
    NotSecured,
    /// TLS has ended on the control connection.
    Cleared,
    /// A line that names a listener went by again with other words.
    Rewritten,
    /// So many bytes that were sent here were not captured.
    Missing(u64),
    /// A packet did not arrive, as ICMP says.
    Unreachable,
    /// A log says that a data connection could not be opened.
    DataFailed,
    /// What else a log says.
    Logged,
}

/// How we know of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// It was told or captured.
    Seen,
    /// It was captured; that its connection is of this session is only probable.
    Probable,
    /// It must have happened, given what was seen.
    Inferred,
    /// It is drawn for completeness; that it stood in this place is not proven.
    Synthesised,
    /// It did not happen, and should have.
    Absent,
}

impl Provenance {
    /// The same in words.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Seen => lang.of("seen", "実測"),
            Self::Probable => lang.of("probably of this session", "おそらくこのセッション"),
            Self::Inferred => lang.of("inferred", "推定"),
            Self::Synthesised => lang.of("drawn for completeness", "補完"),
            Self::Absent => lang.of("did not come", "来なかった"),
        }
    }
}
