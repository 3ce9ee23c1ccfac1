//! What is made of segments: lines, retransmissions, gaps, data connections, long runs.

use crate::wire::{ACK, Acceptor, FIN, NONE, Opener, Owned, PSH, RST, SYN, Wire};
use proptest::prelude::*;
use wharf_ladder::summary::Ending;
use wharf_ladder::{Channel, Ends, Flags, Options, Packet, Packets, Row, Segment};
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::{Moment, Verb};

fn tail(wire: &Wire, count: usize) -> Vec<String> {
    let labels = wire.labels();
    labels[labels.len() - count..].to_vec()
}

fn data(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.channel != Channel::Control).collect()
}

fn logged_in() -> Wire {
    let mut wire = Wire::greeted();
    wire.asks("USER ann", "331 password");
    wire.asks("PASS hunter2", "230 in");
    wire
}

/// A transfer in active mode, its data still to come: the number of its connection.
fn active(wire: &mut Wire, command: &str) -> usize {
    wire.asks("PORT 192,0,2,10,4,158", "200 ok");
    wire.asks(command, "150 opening");
    wire.connect("203.0.113.5:20", "192.0.2.10:1182")
}

#[test]
fn commands_and_replies_are_rows_with_their_verbs_and_no_secret() {
    let wire = logged_in();
    let packets = wire.packets();
    assert_eq!(tail(&wire, 5), ["220 ready", "USER ann", "331 password", "PASS …", "230 in"]);
    let last = packets.rows().last().unwrap();
    assert_eq!((last.packet, last.verb), (Packet::Reply(230), Some(Verb::Pass)));
    assert_eq!(last.wire.map(|wire| (wire.flags, wire.segments)), Some((PSH, 1)));
    assert!(!format!("{packets:?}").contains("hunter2"));
}

#[test]
fn two_commands_in_one_segment_are_two_rows_of_which_the_first_stands_for_it() {
    let mut wire = Wire::greeted();
    wire.put(0, Opener, PSH, b"NOOP\r\nSYST\r\n");
    assert_eq!(tail(&wire, 2), ["NOOP", "SYST"]);
    let packets = wire.packets();
    let segments: Vec<u32> =
        packets.rows().iter().filter_map(|row| Some(row.wire?.segments)).collect();
    assert_eq!(segments, [1, 1, 1, 1, 1, 0]);
}

#[test]
fn a_line_over_two_segments_is_the_row_of_the_second() {
    let mut wire = Wire::greeted();
    wire.put(0, Opener, PSH, b"PASS hun");
    wire.put(0, Opener, PSH, b"ter2\r\n");
    wire.put(0, Acceptor, PSH, b"230-a\r\n");
    wire.says("230 b");
    let want = ["8 B, part of a command", "PASS …", "7 B, part of a reply", "230 a (+1 line)"];
    assert_eq!(tail(&wire, 4), want);
}

#[test]
fn what_is_sent_again_is_marked_and_not_read_twice() {
    let mut wire = Wire::greeted();
    wire.put(0, Opener, PSH, b"NOOP\r\n");
    wire.again();
    wire.says("200 ok");
    assert_eq!(tail(&wire, 3), ["NOOP", "6 B again", "200 ok"]);
    let packets = wire.packets();
    let again: Vec<bool> = packets.rows().iter().filter_map(|row| Some(row.wire?.again)).collect();
    assert_eq!(again.iter().filter(|again| **again).count(), 1);
}

#[test]
fn a_syn_and_a_fin_sent_again_are_marked() {
    let mut wire = Wire::default();
    let conn = wire.connection("192.0.2.10:1180", "203.0.113.5:21");
    wire.put(conn, Opener, SYN, b"");
    wire.again();
    wire.put(conn, Acceptor, Flags { ack: true, ..SYN }, b"");
    wire.put(conn, Opener, ACK, b"");
    wire.put(conn, Opener, FIN, b"");
    wire.again();
    assert_eq!(wire.labels(), ["SYN", "SYN again", "SYN, ACK", "ACK", "FIN", "FIN again"]);
}

#[test]
fn a_command_that_the_capture_missed_is_counted_and_what_follows_is_read() {
    let mut wire = Wire::greeted();
    wire.unseen(0, Opener, PSH, b"PASS hunter2\r\n");
    wire.says("230 in");
    wire.put(0, Opener, PSH, b"SYST\r\n");
    assert_eq!(tail(&wire, 3), ["230 in", "⋯ 14 B not captured ⋯", "SYST"]);
    assert_eq!(wire.packets().missing(), 14);
}

#[test]
fn segments_that_change_places_are_read_in_their_order() {
    let mut wire = Wire::greeted();
    wire.put(0, Opener, PSH, b"USER an");
    wire.put(0, Opener, PSH, b"n\r\n");
    let last = wire.segments.len() - 1;
    wire.segments.swap(last, last - 1);
    assert_eq!(tail(&wire, 2), ["3 B, ahead of a gap", "USER ann"]);
    assert_eq!(wire.packets().missing(), 0);
}

#[test]
fn a_capture_from_the_middle_of_a_session_shows_nothing_of_a_line_that_had_begun() {
    let mut wire = Wire::default();
    wire.connection("192.0.2.10:1180", "203.0.113.5:21");
    wire.put(0, Acceptor, ACK, b"");
    wire.put(0, Opener, PSH, b"S hunter2\r\n");
    wire.says("230 in");
    assert_eq!(wire.labels(), ["11 B, part of a command", "230 in"]);
}

#[test]
fn after_auth_tls_nothing_is_read() {
    let mut wire = Wire::greeted();
    wire.asks("AUTH TLS", "234 go on");
    wire.put(0, Opener, PSH, b"\x16\x03\x01 USER ann\r\n");
    wire.put(0, Acceptor, PSH, b"\x16\x03\x03 331 no\r\n");
    assert_eq!(tail(&wire, 3), ["234 go on", "14 B, encrypted", "12 B, encrypted"]);
}

#[test]
fn a_data_connection_carries_its_verb_its_parties_and_data_with_fin_in_one_row() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR a");
    wire.put(conn, Opener, Flags { psh: true, ..FIN }, b"hello");
    wire.put(conn, Acceptor, ACK, b"");
    wire.put(conn, Acceptor, FIN, b"");
    wire.put(conn, Opener, ACK, b"");
    wire.says("226 done");
    let packets = wire.packets();
    let rows = data(packets.rows());
    let got: Vec<(Party, Packet)> = rows.iter().map(|row| (row.from, row.packet)).collect();
    let (server, client) = (Party::Server, Party::Client);
    assert_eq!(
        got,
        [
            (server, Packet::Syn),
            (client, Packet::SynAck),
            (server, Packet::Established),
            (server, Packet::Data { bytes: 5, end: Some(HalfEnd::Fin) }),
            (client, Packet::Ack),
            (client, Packet::Fin),
            (server, Packet::Ack),
        ]
    );
    assert!(rows.iter().all(|row| row.verb == Some(Verb::Retr)));
    assert_eq!(rows[3].label.to_string(), "RETR data 5 B FIN");
    let port = packets.rows().iter().find(|row| row.verb == Some(Verb::Port)).unwrap();
    assert_eq!(port.names, "192.0.2.10:1182".parse().ok());
    assert_eq!((packets.summary().transfers, packets.summary().to_client), (1, 5));
}

#[test]
fn a_connection_opened_before_its_command_serves_the_command_that_comes() {
    let mut wire = logged_in();
    wire.asks("PASV", "227 entering passive mode (203,0,113,5,195,203)");
    wire.connect("192.0.2.10:1181", "203.0.113.5:50123");
    wire.asks("LIST", "125 here it comes");
    let packets = wire.packets();
    assert!(data(packets.rows()).iter().all(|row| row.verb == Some(Verb::List)));
}

#[test]
fn a_refused_connection_is_rst_and_the_next_attempt_another_connection() {
    let mut wire = logged_in();
    wire.asks("PORT 192,0,2,10,4,158", "200 ok");
    wire.asks("RETR a", "150 opening");
    let conn = wire.connection("203.0.113.5:20", "192.0.2.10:1182");
    wire.put(conn, Opener, SYN, b"");
    wire.put(conn, Acceptor, RST, b"");
    wire.reconnect(conn);
    let packets = wire.packets();
    let rows = data(packets.rows());
    let got: Vec<(Channel, Packet)> = rows.iter().map(|row| (row.channel, row.packet)).collect();
    let (first, second) = (Channel::Data(1), Channel::Data(2));
    assert_eq!(
        got,
        [
            (first, Packet::Syn),
            (first, Packet::Rst),
            (second, Packet::Syn),
            (second, Packet::SynAck),
            (second, Packet::Established),
        ]
    );
}

#[test]
fn a_later_control_connection_between_the_same_ends_is_another_session() {
    let mut wire = logged_in();
    let rows = wire.packets().rows().len();
    wire.reconnect(0);
    wire.says("220 ready");
    assert_eq!(wire.packets().rows().len(), rows);
}

#[test]
fn without_port_the_data_connection_goes_to_the_clients_control_port() {
    let mut wire = logged_in();
    wire.asks("RETR a", "150 opening");
    let conn = wire.connect("203.0.113.5:20", "192.0.2.10:1180");
    wire.put(conn, Opener, FIN, b"hello");
    let packets = wire.packets();
    assert_eq!(data(packets.rows()).len(), 4);
    assert_eq!(data(packets.rows())[3].verb, Some(Verb::Retr));
}

#[test]
fn in_block_mode_one_connection_serves_one_command_after_the_other() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR a");
    wire.put(conn, Opener, PSH, b"aaa");
    wire.says("250 done");
    wire.asks("RETR b", "125 open");
    wire.put(conn, Opener, PSH, b"bbbb");
    wire.says("250 done");
    wire.asks("NLST", "125 open");
    wire.put(conn, Opener, PSH, b"c");
    let packets = wire.packets();
    let labels: Vec<String> =
        data(packets.rows()).iter().skip(3).map(|row| row.label.to_string()).collect();
    assert_eq!(labels, ["RETR data 3 B", "RETR data 4 B", "NLST data 1 B"]);
}

#[test]
fn connections_that_the_session_did_not_announce_are_passed_over() {
    let mut wire = logged_in();
    let rows = wire.packets().rows().len();
    wire.asks("PORT 192,0,2,10,4,158", "200 ok");
    wire.connect("203.0.113.5:20", "192.0.2.10:1183");
    wire.connect("192.0.2.10:1181", "203.0.113.5:80");
    wire.connect("192.0.2.10:1190", "203.0.113.5:21");
    assert_eq!(wire.packets().rows().len(), rows + 2);
}

#[test]
fn two_control_connections_are_two_sessions_fed_with_the_same_segments() {
    let mut wire = Wire::greeted();
    wire.connect("192.0.2.10:1190", "203.0.113.5:21");
    wire.put(1, Opener, PSH, b"SYST\r\n");
    wire.put(0, Opener, PSH, b"NOOP\r\n");
    let client = "192.0.2.10:1190".parse().unwrap();
    let server = "203.0.113.5:21".parse().unwrap();
    let mut second = Packets::between(Ends { client, server });
    let taken = wire.segments.iter().filter(|segment| second.push(&segment.segment())).count();
    assert_eq!((taken, second.rows().len()), (4, 4));
    assert_eq!(second.rows()[3].label.to_string(), "SYST");
    assert_eq!(tail(&wire, 1), ["NOOP"]);
}

/// A transfer of ten segments of which the sixth is not captured; `acks` says whether each is acknowledged at once.
fn torn_transfer(acks: bool) -> Wire {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR big");
    for n in 0..10 {
        match n {
            5 => wire.unseen(conn, Opener, ACK, &[b'x'; 1000]),
            _ => wire.put(conn, Opener, ACK, &[b'x'; 1000]),
        }
        if acks {
            wire.put(conn, Acceptor, ACK, b"");
        }
    }
    wire.put(conn, Acceptor, ACK, b"");
    wire
}

#[test]
fn a_row_of_data_ends_at_a_gap_which_has_a_row_of_its_own() {
    let wire = torn_transfer(true);
    let want = [
        "RETR data 1000 B",
        "ACK",
        "RETR data 4000 B in 4 segments",
        "10 ACKs",
        "⋯ 1000 B not captured ⋯",
        "RETR data 4000 B in 4 segments",
    ];
    assert_eq!(tail(&wire, 6), want);
    assert_eq!(wire.packets().missing(), 1000);
    // What is not known to be missing until later ends there as well.
    let wire = torn_transfer(false);
    let want = [
        "RETR data 1000 B",
        "RETR data 4000 B in 4 segments",
        "⋯ 1000 B not captured ⋯",
        "RETR data 4000 B in 4 segments",
        "ACK",
    ];
    assert_eq!(tail(&wire, 5), want);
}

#[test]
fn a_gap_behind_the_first_bytes_and_one_before_the_end_have_their_rows() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR big");
    wire.put(conn, Opener, ACK, b"abc");
    wire.unseen(conn, Opener, ACK, &[b'x'; 500]);
    wire.put(conn, Opener, ACK, b"defg");
    wire.put(conn, Opener, ACK, b"hi");
    wire.put(conn, Acceptor, ACK, b"");
    wire.unseen(conn, Opener, ACK, &[b'x'; 70]);
    wire.put(conn, Acceptor, ACK, b"");
    wire.put(conn, Opener, FIN, b"");
    let want = [
        "RETR data 3 B",
        "⋯ 500 B not captured ⋯",
        "RETR data 6 B in 2 segments",
        "2 ACKs",
        "⋯ 70 B not captured ⋯",
        "FIN",
    ];
    let labels = wire.labels();
    assert!(labels.ends_with(&want.map(str::to_owned)), "{labels:?}");
    assert_eq!(wire.packets().missing(), 570);
}

#[test]
fn what_is_missing_up_to_the_end_has_its_row_before_the_end_of_the_other_side() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR big");
    wire.put(conn, Opener, ACK, b"abc");
    wire.unseen(conn, Opener, ACK, &[b'x'; 500]);
    wire.put(conn, Acceptor, FIN, b"");
    assert_eq!(tail(&wire, 3), ["RETR data 3 B", "⋯ 500 B not captured ⋯", "FIN"]);
    assert_eq!(wire.packets().missing(), 500);
}

#[test]
fn what_comes_out_of_order_is_no_gap() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR big");
    for _ in 0..4 {
        wire.put(conn, Opener, ACK, &[b'x'; 1000]);
    }
    let last = wire.segments.len() - 1;
    wire.segments.swap(last, last - 1);
    wire.put(conn, Acceptor, ACK, b"");
    wire.put(conn, Opener, FIN, b"");
    let want = ["RETR data 1000 B", "RETR data 3000 B in 3 segments", "ACK", "FIN"];
    assert_eq!(tail(&wire, 4), want);
    assert_eq!(wire.packets().missing(), 0);
}

#[test]
fn a_secret_that_the_server_repeats_is_shown_in_no_row() {
    let mut wire = Wire::greeted();
    wire.asks("USER ann", "331 password");
    wire.asks("PASS hunter2", "530-no\r\n hunter2?\r\n530 PASS hunter2 is wrong");
    wire.asks("SITE PSWD hunter2 hunter3", "500 what is hunter3?");
    wire.asks("CWD ftp://ann:hunter4@host/", "550 not hunter4");
    let drawn = format!("{:?}", wire.packets().rows());
    assert!(drawn.contains("PASS …") && !drawn.contains("hunter"), "{drawn}");
}

#[test]
fn a_bulk_transfer_keeps_its_first_bytes_its_end_and_what_came_again_and_folds_the_rest() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR big");
    for n in 0..500 {
        wire.put(conn, Opener, ACK, &[b'x'; 1000]);
        wire.put(conn, Acceptor, ACK, b"");
        if n == 200 {
            wire.asks("NOOP", "200 still here");
        }
        if n == 300 {
            wire.put(conn, Opener, ACK, b"yy");
            wire.again();
        }
    }
    wire.put(conn, Opener, FIN, b"end");
    wire.says("226 done");
    let packets = wire.packets();
    let labels: Vec<String> = wire.labels().split_off(14);
    assert_eq!(
        labels,
        [
            "ACK",
            "RETR data 1000 B",
            "ACK",
            "RETR data 200000 B in 200 segments",
            "200 ACKs",
            "NOOP",
            "200 still here",
            "RETR data 299002 B in 300 segments",
            "299 ACKs",
            "RETR data 2 B again",
            "RETR data 3 B FIN",
            "226 done",
        ]
    );
    assert_eq!(packets.summary().to_client, 500_005);
}

#[test]
fn a_long_session_keeps_its_beginning_its_end_and_its_numbers_in_bounded_memory() {
    const ROUNDS: u32 = 20_000;
    let mut wire = Wire::greeted();
    let mut packets = wire.packets();
    wire.segments.clear();
    for _ in 0..ROUNDS {
        wire.asks("NOOP", "200 ok");
        for segment in wire.segments.drain(..) {
            packets.push(&segment.segment());
        }
    }
    assert!(packets.rows().len() <= 4096);
    assert_eq!(packets.rows()[3].label.to_string(), "220 ready");
    assert_eq!(packets.rows().last().map(|row| row.no), Some(4 + 2 * ROUNDS));
    assert!(packets.rows().windows(2).all(|pair| pair[0].no < pair[1].no));
    assert!(packets.render_text(&Options::default()).contains("rows not kept"));
}

#[test]
fn a_session_is_over_when_every_half_is_closed_and_known_to_be() {
    let mut wire = logged_in();
    let conn = active(&mut wire, "RETR a");
    wire.put(conn, Opener, FIN, b"hello");
    wire.put(conn, Acceptor, FIN, b"");
    wire.asks("QUIT", "221 bye");
    wire.put(0, Acceptor, FIN, b"");
    wire.put(0, Opener, FIN, b"");
    assert!(!wire.packets().is_over());
    wire.put(0, Acceptor, ACK, b"");
    assert!(!wire.packets().is_over(), "the data connection's last ACK is to come");
    wire.put(conn, Opener, ACK, b"");
    assert!(wire.packets().is_over());
    assert_eq!(wire.packets().summary().ending, Ending::InOrder);
}

#[test]
fn a_control_connection_that_is_broken_off_ends_the_session() {
    let mut wire = logged_in();
    wire.put(0, Acceptor, RST, b"");
    assert!(wire.packets().is_over());
    assert_eq!(wire.packets().summary().ending, Ending::Reset);
}

/// A segment of a few ports and numbers, so that it may belong to something.
fn any_segment() -> impl Strategy<Value = Owned> {
    let end = (0..2u8, prop_oneof![Just(21), Just(20), Just(1180), Just(1182), any::<u16>()]);
    let flags = any::<[bool; 6]>().prop_map(|[syn, fin, rst, psh, urg, ack]| Flags {
        syn,
        fin,
        rst: rst && fin,
        psh,
        urg,
        ack,
    });
    let number = || prop_oneof![0..40u32, (u32::MAX - 40)..u32::MAX, any::<u32>()];
    let payload = prop_oneof![
        Just(b"PORT 10,0,0,0,4,158\r\n".to_vec()),
        Just(b"227 (10,0,0,1,4,158)\r\n".to_vec()),
        Just(b"RETR a\r\nLI".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    (end.clone(), end, number(), number(), flags, payload, 0..3u32).prop_map(
        |(from, to, seq, ack, flags, payload, cut)| {
            let length = u32::try_from(payload.len()).expect("short") + cut;
            let [from, to] = [from, to].map(|(host, port)| ([10, 0, 0, host], port).into());
            Owned {
                at: Moment::START,
                from,
                to,
                seq,
                ack,
                flags,
                length,
                payload,
                header: Default::default(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_segments_make_it_panic_or_grow(
        segments in proptest::collection::vec(any_segment(), 0..200),
    ) {
        let mut packets = Packets::of_port(21);
        for segment in &segments {
            packets.push(&segment.segment());
        }
        let numbered = packets.numbered();
        prop_assert!((1..).zip(packets.rows()).all(|(no, row)| row.no == no));
        prop_assert!(numbered.len() >= packets.rows().len().min(1));
        let text = packets.render_text(&Options { packets: true, ..Options::default() });
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        let _ = (packets.missing(), packets.is_over(), packets.align());
    }
}

#[test]
fn a_stray_end_of_an_older_connection_does_not_begin_the_session() {
    let mut packets = Packets::of_port(21);
    let (from, to) = ("10.0.0.1:9".parse().unwrap(), "10.0.0.2:21".parse().unwrap());
    let (at, flags) = (Moment::START, Flags { ack: true, ..NONE });
    let header = wharf_ladder::packet::Header::default();
    let stray = Segment { at, from, to, seq: 1, ack: 1, flags, length: 0, payload: b"", header };
    assert!(!packets.push(&stray));
    assert!(packets.ends().is_none());
}

#[test]
fn bytes_of_an_older_connection_before_the_syn_are_no_gap_of_this_one() {
    let mut wire = Wire::greeted();
    wire.asks("NOOP", "200 ok");
    let (syn, greeting) = (wire.segments[0].clone(), wire.segments[3].clone());
    let (seq, ack) = (greeting.seq.wrapping_add(1 << 28), syn.seq.wrapping_add(1 << 29));
    wire.segments.insert(0, Owned { at: syn.at, seq, ack, ..greeting });
    let packets = wire.packets();
    assert_eq!(packets.missing(), 0);
    assert_eq!(tail(&wire, 2), ["NOOP", "200 ok"]);
}

#[test]
fn a_line_feed_behind_bytes_that_were_not_seen_has_no_carriage_return_before_it() {
    for (seen, crlf) in [(true, 1), (false, 0)] {
        let mut wire = logged_in();
        let conn = active(&mut wire, "RETR a");
        wire.put(conn, Opener, PSH, b"a\r");
        if !seen {
            wire.unseen(conn, Opener, PSH, b"\nb");
            wire.put(conn, Opener, PSH, b"c");
            wire.put(conn, Acceptor, ACK, b"");
        }
        wire.put(conn, Opener, PSH, b"\nd");
        let packets = wire.packets();
        let text = packets.conns()[1].server.text;
        assert_eq!((text.lines, text.crlf), (1, crlf));
    }
}
