//! The bare ACKs of a session that nobody captured: where they are drawn when only the tap spoke.
//!
//! The rule: a segment that the other side does not answer with a segment of its own, next on the same
//! connection, is followed by an ACK. That is the least TCP does (RFC 9293 section 3.8.6.3); a kernel may
//! send more of them, and elsewhere. So they are marked as synthesised, and a session of which at least
//! one bare ACK was seen gets none.

use crate::row::{Channel, Packet, Provenance, Row};
use std::collections::HashMap;
use wharf_proto::Text;

/// The rows with bare ACKs between them, numbered from 1.
#[must_use]
pub fn with_acks(rows: &[Row]) -> Vec<Row> {
    numbered_from(rows, 1)
}

/// The same, numbered from `first`.
pub(crate) fn numbered_from(rows: &[Row], first: u32) -> Vec<Row> {
    let seen = rows.iter().any(|row| row.packet == Packet::Ack);
    let owed = if seen { vec![false; rows.len()] } else { owed(rows) };
    let mut out = Vec::with_capacity(rows.len() * 2);
    let mut no = first;
    let mut add = |row: Row| {
        let next = no.saturating_add(row.weight());
        out.push(Row { no, ..row });
        no = next;
    };
    for (row, owed) in rows.iter().zip(owed) {
        add(row.clone());
        if owed {
            add(ack_of(row));
        }
    }
    out
}

/// The bare ACK that the other side sends for `row`.
pub(crate) fn ack_of(row: &Row) -> Row {
    Row {
        no: 0,
        at: None,
        channel: row.channel,
        from: row.from.other(),
        ports: row.ports,
        packet: Packet::Ack,
        verb: row.verb,
        names: None,
        more: None,
        label: Text::of("ACK"),
        provenance: Provenance::Synthesised,
        tls: false,
        wire: None,
    }
}

/// For each row, whether a bare ACK follows it. Looks from the end, so that the next row of the same
/// connection is at hand.
fn owed(rows: &[Row]) -> Vec<bool> {
    let mut next: HashMap<Channel, &Row> = HashMap::new();
    let mut owed: Vec<bool> = rows
        .iter()
        .rev()
        .map(|row| {
            if matches!(row.packet, Packet::Omitted(_)) {
                next.clear();
            }
            row.is_packet() && is_owed(row, next.insert(row.channel, row))
        })
        .collect();
    owed.reverse();
    owed
}

fn is_owed(row: &Row, next: Option<&Row>) -> bool {
    row.is_acknowledged()
        && match next {
            None => true,
            Some(next) if next.packet == Packet::Rst => false,
            Some(next) if row.packet == Packet::SynAck => next.packet != Packet::Established,
            Some(next) => next.from == row.from,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Ports;
    use wharf_proto::tap::Party::{self, Client, Server};

    fn row(channel: Channel, from: Party, packet: Packet) -> Row {
        Row {
            no: 0,
            at: None,
            channel,
            from,
            ports: Ports::default(),
            packet,
            verb: None,
            names: None,
            more: None,
            label: Text::default(),
            provenance: Provenance::Seen,
            tls: false,
            wire: None,
        }
    }

    fn packets(rows: &[Row]) -> Vec<(u32, Party, Packet)> {
        with_acks(rows).iter().map(|row| (row.no, row.from, row.packet)).collect()
    }

    #[test]
    fn a_segment_answered_by_the_other_side_carries_the_ack_and_an_unanswered_one_gets_its_own() {
        let ctl = Channel::Control;
        let rows = [
            row(ctl, Client, Packet::Command),
            row(ctl, Server, Packet::Reply(125)),
            row(ctl, Server, Packet::Reply(250)),
        ];
        assert_eq!(
            packets(&rows),
            [
                (1, Client, Packet::Command),
                (2, Server, Packet::Reply(125)),
                (3, Client, Packet::Ack),
                (4, Server, Packet::Reply(250)),
                (5, Client, Packet::Ack),
            ]
        );
    }

    #[test]
    fn the_handshake_of_a_data_connection_ends_with_a_bare_ack_whatever_comes_next() {
        let d = Channel::Data(1);
        let rows = [
            row(d, Server, Packet::Syn),
            row(d, Client, Packet::SynAck),
            row(d, Server, Packet::Fin),
        ];
        let got: Vec<Packet> = with_acks(&rows).iter().map(|row| row.packet).collect();
        assert_eq!(got, [Packet::Syn, Packet::SynAck, Packet::Ack, Packet::Fin, Packet::Ack]);
    }

    #[test]
    fn nothing_is_acknowledged_across_a_reset() {
        let d = Channel::Data(1);
        let data = Packet::Data { bytes: 9, end: None };
        let rows = [row(d, Server, data), row(d, Client, Packet::Rst)];
        assert_eq!(packets(&rows).len(), 2);
    }

    #[test]
    fn a_session_with_a_captured_bare_ack_gets_no_drawn_ones() {
        let ctl = Channel::Control;
        let rows = [row(ctl, Client, Packet::Command), row(ctl, Server, Packet::Ack)];
        assert_eq!(packets(&rows).len(), 2);
    }
}
