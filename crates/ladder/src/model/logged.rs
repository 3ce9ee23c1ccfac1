//! What a log adds to the rows of a session that a tap has other events for, and what it cannot have seen.

use super::{Ladder, Open};
use crate::conn::Conn;
use crate::dialogue::sender;
use crate::label;
use crate::row::{Channel, Ends, Packet, Ports, Provenance, Remark};
use std::net::SocketAddr;
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::{Moment, Text};

/// How a log knows of a row: it has lines of what was said, and the packets are inferred from what it says of them.
pub(super) fn provenance(packet: Packet) -> Provenance {
    match packet {
        Packet::Command | Packet::Reply(_) | Packet::Note(_) | Packet::Omitted(_) => {
            Provenance::Seen
        }
        Packet::Absent => Provenance::Absent,
        Packet::Syn
        | Packet::SynAck
        | Packet::Established
        | Packet::Ack
        | Packet::Data { .. }
        | Packet::Fin
        | Packet::Rst => Provenance::Inferred,
    }
}

impl Ladder {
    /// A session that a log tells of; `is_timed` says whether it tells when.
    pub(crate) fn of_log(is_timed: bool) -> Self {
        let mut ladder = Self { logged: true, untimed: !is_timed, ..Self::default() };
        ladder.summary.is_timed(is_timed);
        ladder
    }

    /// Whether a log tells of it.
    pub(crate) fn is_of_log(&self) -> bool {
        self.logged
    }

    /// Nothing more will come, and if the log did not say how it ended, nobody does.
    pub(crate) fn given_away(&mut self) {
        if self.logged {
            self.summary.is_given_away();
        }
    }

    /// Between whom it is, as far as that is known.
    pub(crate) fn is_between(&mut self, client: SocketAddr, server: SocketAddr) {
        self.ends = Some(Ends { client, server });
    }

    /// What the log remarks.
    pub(crate) fn noted(&mut self, at: Moment, teller: Party, remark: Remark, words: Text) {
        self.last = self.last.max(at);
        self.summary.reached(at);
        self.teller.get_or_insert(teller);
        self.remark(at, teller, remark, words);
        self.shed();
    }

    /// The control connection did not come about: it was refused, or nobody answered.
    pub(crate) fn not_opened(&mut self, at: Moment, is_refused: bool) {
        let first = self.last_no.saturating_add(1);
        self.control_row(at, Party::Client, Packet::Syn, None, Text::of("SYN"));
        if is_refused {
            self.control_row(at, Party::Server, Packet::Rst, None, Text::of("RST"));
        }
        let mut conn = Conn::new(Channel::Control, self.ends, at);
        conn.opener = Some(Party::Client);
        // Who waits in vain has asked again meanwhile.
        conn.syns = if is_refused { 1 } else { 2 };
        conn.refused = is_refused;
        conn.rows = (first, self.last_no);
        self.conns.push(conn);
    }

    /// Bytes of a transfer have moved, on this data connection; the side that sends is known by its verb.
    pub(crate) fn carried(&mut self, at: Moment, no: u32, bytes: u64) {
        let known = self.open.iter().rfind(|conn| conn.no == no);
        let (ports, verb) = match known {
            Some(conn) => (conn.ports, conn.verb),
            None => {
                let verb = self.dialogue.transfer.take();
                self.open.clear();
                self.open.push_back(Open { no, ports: Ports::default(), verb, halves: 1 });
                (Ports::default(), verb)
            }
        };
        let by = sender(verb);
        self.summary.moved(by, bytes);
        let label = label::data(verb, bytes, None);
        let packet = Packet::Data { bytes, end: None::<HalfEnd> };
        let provenance = Provenance::Inferred;
        let channel = Channel::Data(no);
        self.add(super::Draft { at, channel, from: by, ports, packet, verb, label, provenance });
        self.shed();
    }

    /// Who sends on the data connection that is open.
    pub(crate) fn sender(&self) -> Option<Party> {
        self.open.back().map(|conn| sender(conn.verb))
    }

    /// A transfer was complete, though no reply was heard that said so.
    pub(crate) fn completed(&mut self) {
        self.summary.transfer_ended(true);
    }

    /// The control connection has ended, and nobody says by whom and how.
    pub(crate) fn has_ended(&mut self) {
        self.summary.has_ended();
    }

    /// QUIT was answered, as the end of the session shows.
    pub(crate) fn said_goodbye(&mut self) {
        self.summary.answered(221);
    }
}
