//! Sessions beside the reference session of 49 rows.

use crate::sessions::{self, Story};
use wharf_ladder::reference::{Kind, Line, REFERENCE};
use wharf_ladder::{Alignment, Channel, Ladder, Packet, Provenance, Row, align, with_acks};
use wharf_proto::tap::Party;
use wharf_proto::{Lang, Text, Verb};

fn rows(story: Story) -> Vec<Row> {
    Ladder::from_events(&story.events()).rows().to_vec()
}

#[track_caller]
fn same(rows: &[Row]) -> Vec<Row> {
    match align(rows) {
        Alignment::Same { rows, .. } => rows,
        Alignment::Differs(first) => panic!("{first}"),
    }
}

#[track_caller]
fn differs(rows: &[Row]) -> String {
    match align(rows) {
        Alignment::Same { .. } => panic!("the session is the reference session"),
        Alignment::Differs(first) => first.to_string(),
    }
}

#[test]
fn the_table_says_what_the_reference_file_says() {
    let file = include_str!("reference.tsv");
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), REFERENCE.len());
    for (line, row) in lines.iter().zip(&REFERENCE) {
        let want: Vec<&str> = line.split('\t').collect();
        let dir = if row.from == Party::Client { "C>S" } else { "S>C" };
        let conn = match row.line {
            Line::Control => "ctl",
            Line::First => "d1",
            Line::Second => "d2",
        };
        let core = if row.kind == Kind::Ack { "0" } else { "1" };
        let (flags, begins) = match row.kind {
            Kind::Syn => ("SYN", String::new()),
            Kind::SynAck => ("SYN,ACK", String::new()),
            Kind::Established | Kind::Ack => ("ACK", String::new()),
            Kind::Command(verb) => ("PSH,ACK", verb.to_string()),
            Kind::Reply(code) => ("PSH,ACK", code.to_string()),
            Kind::DataFin | Kind::Fin => ("FIN,ACK", String::new()),
        };
        assert_eq!(
            [&row.no.to_string(), dir, conn, flags, core],
            [want[0], want[1], want[2], want[3], want[5]]
        );
        assert!(want[4].starts_with(&begins), "{line}");
    }
}

#[test]
fn the_servers_tap_of_the_reference_session_gives_its_49_rows_in_order() {
    let rows = same(&rows(sessions::reference()));
    assert_eq!(rows.len(), 49);
    for (row, want) in rows.iter().zip(&REFERENCE) {
        assert_eq!((row.no, row.from), (want.no, want.from));
        let channel = match want.line {
            Line::Control => Channel::Control,
            Line::First => Channel::Data(1),
            Line::Second => Channel::Data(2),
        };
        assert_eq!(row.channel, channel, "row {}", want.no);
        assert_eq!(row.packet == Packet::Ack, want.kind == Kind::Ack, "row {}", want.no);
    }
    let ports: Vec<_> = rows.iter().map(|row| (row.ports.client, row.ports.server)).collect();
    assert_eq!(ports[22], (Some(1182), Some(20)));
    assert_eq!(ports[38], (Some(1183), Some(20)));
}

#[test]
fn what_the_tap_told_is_seen_what_it_proves_inferred_and_bare_acks_synthesised() {
    for row in same(&rows(sessions::reference())) {
        let want = match row.packet {
            Packet::Ack => Provenance::Synthesised,
            Packet::Syn | Packet::SynAck | Packet::Established => Provenance::Inferred,
            _ => Provenance::Seen,
        };
        assert_eq!(row.provenance, want, "row {}", row.no);
        assert_eq!(row.at.is_none(), row.packet == Packet::Ack, "row {}", row.no);
    }
}

#[test]
fn a_client_that_reads_125_before_it_notices_the_connection_still_has_the_syn_before_the_125() {
    assert_eq!(same(&rows(sessions::reference_by_client())).len(), 49);
}

#[test]
fn a_session_that_goes_on_is_numbered_on_from_50() {
    let rows = same(&rows(sessions::reference().quits()));
    let tail: Vec<String> =
        rows.iter().skip(49).map(|row| format!("{} {}", row.no, row.label)).collect();
    // The 221 and the FIN both come from the server, so each gets its ACK.
    assert_eq!(tail, ["50 QUIT", "51 221 goodbye", "52 ACK", "53 FIN", "54 ACK"]);
}

#[test]
fn a_226_where_the_reference_has_250_is_the_first_divergence() {
    let mut rows = rows(sessions::reference());
    let done = rows
        .iter_mut()
        .find(|row| row.packet == Packet::Reply(250) && row.verb == Some(Verb::List))
        .unwrap();
    done.packet = Packet::Reply(226);
    done.label = Text::from("226 done");
    assert_eq!(
        differs(&rows),
        "reference row 32: expected 250 from the server (control), found 226 done from the server (control)"
    );
}

#[test]
fn where_a_session_diverges_is_told_in_japanese_too() {
    let rows = rows(sessions::reference());
    let Alignment::Differs(first) = align(&rows[..rows.len() - 1]) else { panic!("it ends early") };
    assert_eq!(
        first.words(Lang::Ja),
        "基準の行 48 はサーバーからの 250（コントロール）だが、何もない"
    );
}

#[test]
fn a_session_that_ends_too_early_diverges_where_it_ends() {
    let rows = rows(sessions::reference());
    assert!(differs(&rows[..rows.len() - 1]).starts_with("reference row 48: expected 250"));
}

#[test]
fn a_second_transfer_on_the_first_data_connection_diverges() {
    let mut rows = rows(sessions::reference());
    for row in &mut rows {
        if row.channel == Channel::Data(2) {
            row.channel = Channel::Data(1);
        }
    }
    assert!(differs(&rows).starts_with("reference row 39: expected SYN"));
}

#[test]
fn captured_bare_acks_take_the_places_of_drawn_ones_and_surplus_ones_are_counted() {
    let mut captured = rows(sessions::reference());
    let ack_after = |captured: &mut Vec<Row>, no: u32| {
        let at = captured.iter().position(|row| row.no == no).unwrap();
        let (from, ports) = (captured[at].from.other(), captured[at].ports);
        let ack = Row {
            no: 0,
            from,
            ports,
            packet: Packet::Ack,
            label: Text::from("ACK"),
            provenance: Provenance::Seen,
            ..captured[at].clone()
        };
        captured.insert(at + 1, ack);
    };
    ack_after(&mut captured, 4); // of the 220: row 5 of the reference
    ack_after(&mut captured, 10); // of CWD's 250: row 17
    ack_after(&mut captured, 12); // of the 200 to PORT: no such row
    let Alignment::Same { rows, spare_acks, .. } = align(&captured) else {
        panic!("it is the same")
    };
    let seen = |row: &&Row| row.packet == Packet::Ack && row.provenance == Provenance::Seen;
    let seen: Vec<u32> = rows.iter().filter(seen).map(|row| row.no).collect();
    assert_eq!((seen, spare_acks), (vec![5, 17], 1));
    assert_eq!(rows.len(), 49);
}

#[test]
fn folding_a_session_of_another_kind_leaves_its_numbers_as_they_were() {
    let rows = with_acks(&rows(sessions::passive()));
    assert!((1..).zip(&rows).all(|(no, row)| row.no == no));
    assert!(rows.iter().any(Row::is_bare_ack));
}
