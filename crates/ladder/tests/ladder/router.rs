//! Whose a segment is: several sessions at once, ports of their own, transfers between servers, TLS, sessions
//! whose beginning is not there, frames captured twice, and bounds.

use crate::wire::{ACK, Acceptor, FIN, Opener, Owned, PSH, SYN, Wire};
use std::time::Duration;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::{Channel, Flags, Lang, Packet, Provenance};
use wharf_proto::tap::Party;
use wharf_proto::{Moment, Verb};

fn sessions(segments: &[Owned]) -> Vec<Vec<Session>> {
    let mut sessions = Sessions::default();
    for segment in segments {
        sessions.push(&segment.segment());
    }
    sessions.finish()
}

/// The sessions, each on its own.
fn each(segments: &[Owned]) -> Vec<Session> {
    sessions(segments).into_iter().flatten().collect()
}

/// Which commands have data connections.
fn served(session: &Session) -> Vec<Option<Verb>> {
    let is_syn =
        |row: &&wharf_ladder::Row| row.channel != Channel::Control && row.packet == Packet::Syn;
    session.packets.rows().iter().filter(is_syn).map(|row| row.verb).collect()
}

/// A control connection of this client and server, greeted.
fn control(wire: &mut Wire, client: &str, server: &str) -> usize {
    let conn = wire.connect(client, server);
    say(wire, conn, "220 ready");
    conn
}

fn say(wire: &mut Wire, conn: usize, line: &str) {
    wire.put(conn, Acceptor, PSH, format!("{line}\r\n").as_bytes());
}

fn ask(wire: &mut Wire, conn: usize, command: &str, reply: &str) {
    wire.put(conn, Opener, PSH, format!("{command}\r\n").as_bytes());
    say(wire, conn, reply);
}

fn end(wire: &mut Wire, conn: usize) {
    wire.put(conn, Acceptor, FIN, b"");
    wire.put(conn, Opener, FIN, b"");
    wire.put(conn, Acceptor, ACK, b"");
}

#[test]
fn two_sessions_between_the_same_hosts_have_their_own_data_connections() {
    let mut wire = Wire::default();
    let one = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    let two = control(&mut wire, "192.0.2.10:1190", "203.0.113.5:21");
    ask(&mut wire, one, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, two, "PASV", "227 ok (203,0,113,5,195,81)");
    ask(&mut wire, one, "RETR a", "150 go");
    ask(&mut wire, two, "STOR b", "150 go");
    wire.connect("192.0.2.10:1191", "203.0.113.5:50001");
    wire.connect("192.0.2.10:1181", "203.0.113.5:50000");
    let sessions = each(&wire.segments);
    assert_eq!(served(&sessions[0]), [Some(Verb::Retr)]);
    assert_eq!(served(&sessions[1]), [Some(Verb::Stor)]);
}

#[test]
fn ends_that_are_used_again_are_of_the_session_that_has_named_them_since() {
    let mut wire = Wire::default();
    let one = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    ask(&mut wire, one, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, one, "RETR a", "150 go");
    let data = wire.connect("192.0.2.10:1191", "203.0.113.5:50000");
    end(&mut wire, data);
    let two = control(&mut wire, "192.0.2.10:1190", "203.0.113.5:21");
    ask(&mut wire, two, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, two, "STOR b", "150 go");
    wire.reconnect(data);
    let sessions = each(&wire.segments);
    assert_eq!(served(&sessions[0]), [Some(Verb::Retr)]);
    assert_eq!(served(&sessions[1]), [Some(Verb::Stor)]);
}

#[test]
fn active_sessions_of_a_server_that_does_not_use_port_20_do_not_change_places() {
    let mut wire = Wire::default();
    let one = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    let two = control(&mut wire, "192.0.2.10:1190", "203.0.113.5:21");
    ask(&mut wire, one, "PORT 192,0,2,10,4,158", "200 ok");
    ask(&mut wire, two, "EPRT |1|192.0.2.10|1192|", "200 ok");
    ask(&mut wire, two, "LIST", "150 go");
    ask(&mut wire, one, "retr a", "150 go");
    wire.connect("203.0.113.5:41000", "192.0.2.10:1192");
    wire.connect("203.0.113.5:41001", "192.0.2.10:1182");
    let sessions = each(&wire.segments);
    assert_eq!(served(&sessions[0]), [Some(Verb::Retr)]);
    assert_eq!(served(&sessions[1]), [Some(Verb::List)]);
}

#[test]
fn a_session_on_any_port_is_known_by_what_is_said_and_mail_is_none() {
    let mut wire = Wire::default();
    let ftp = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:4021");
    ask(&mut wire, ftp, "USER ann", "331 password");
    ask(&mut wire, ftp, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, ftp, "LIST", "150 go");
    wire.connect("192.0.2.10:1181", "203.0.113.5:50000");
    let mail = control(&mut wire, "192.0.2.10:1182", "203.0.113.5:25");
    ask(&mut wire, mail, "EHLO here", "250 hello");
    let sessions = each(&wire.segments);
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].packets.rows()[0].packet, Packet::Syn, "from its beginning");
    assert_eq!(served(&sessions[0]), [Some(Verb::List)]);
}

#[test]
fn a_client_that_connects_to_another_address_than_the_one_named_is_still_found() {
    let mut wire = Wire::default();
    let conn = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    ask(&mut wire, conn, "PASV", "227 ok (10,0,0,5,195,80)");
    ask(&mut wire, conn, "LIST", "150 go");
    wire.connect("192.0.2.10:1181", "203.0.113.5:50000");
    assert_eq!(served(&each(&wire.segments)[0]), [Some(Verb::List)]);
}

#[test]
fn a_transfer_between_two_servers_joins_their_sessions() {
    let mut wire = Wire::default();
    let one = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    let two = control(&mut wire, "192.0.2.10:1190", "198.51.100.7:21");
    ask(&mut wire, one, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, two, "PORT 203,0,113,5,195,80", "200 ok");
    ask(&mut wire, one, "STOR a", "150 go");
    ask(&mut wire, two, "RETR a", "150 go");
    wire.connect("198.51.100.7:20", "203.0.113.5:50000");
    let groups = sessions(&wire.segments);
    assert_eq!(groups.len(), 1);
    let [one, two] = groups[0].as_slice() else { panic!("two sessions") };
    assert_eq!((served(one), served(two)), (vec![Some(Verb::Stor)], vec![Some(Verb::Retr)]));
    assert_eq!((&one.partners, &two.partners), (&vec![2], &vec![1]));
}

#[test]
fn block_mode_credits_each_file_on_one_connection_to_its_own_command() {
    let mut wire = Wire::default();
    let conn = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    ask(&mut wire, conn, "MODE B", "200 ok");
    ask(&mut wire, conn, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, conn, "RETR a", "150 go");
    let data = wire.connect("192.0.2.10:1181", "203.0.113.5:50000");
    wire.put(data, Acceptor, PSH, b"\x40\0\x01a");
    say(&mut wire, conn, "250 done");
    ask(&mut wire, conn, "LIST", "125 go");
    wire.put(data, Acceptor, PSH, b"\x40\0\x01b");
    let sessions = each(&wire.segments);
    let verbs: Vec<Option<Verb>> = sessions[0]
        .packets
        .rows()
        .iter()
        .filter(|row| row.channel != Channel::Control && matches!(row.packet, Packet::Data { .. }))
        .map(|row| row.verb)
        .collect();
    assert_eq!(verbs, [Some(Verb::Retr), Some(Verb::List)]);
}

/// A session whose control connection goes under TLS.
fn sealed(wire: &mut Wire, client: &str) -> usize {
    let conn = control(wire, client, "203.0.113.5:21");
    ask(wire, conn, "AUTH TLS", "234 go");
    wire.put(conn, Opener, PSH, b"\x16\x03\x01\x00\x02ab");
    wire.put(conn, Acceptor, PSH, b"\x16\x03\x03\x00\x02cd");
    conn
}

#[test]
fn under_tls_a_data_connection_is_taken_for_the_sessions_that_was_just_heard() {
    let mut wire = Wire::default();
    let conn = sealed(&mut wire, "192.0.2.10:1180");
    wire.wait(Duration::from_secs(5));
    wire.connect("192.0.2.10:4000", "203.0.113.5:50000");
    wire.put(conn, Opener, PSH, b"\x17\x03\x03\x00\x02ef");
    let data = wire.connect("192.0.2.10:4001", "203.0.113.5:50001");
    wire.put(data, Acceptor, PSH, b"bytes");
    let sessions = each(&wire.segments);
    let conns = sessions[0].packets.conns();
    assert_eq!(conns.len(), 2, "the first one came out of nothing");
    assert!(conns[1].probable && conns[1].server.bytes == 5);
}

#[test]
fn another_session_with_the_same_server_is_no_data_connection_of_one_under_tls() {
    let mut wire = Wire::default();
    for port in [1180, 1190] {
        let conn = control(&mut wire, &format!("203.0.113.5:{port}"), "203.0.113.5:4021");
        ask(&mut wire, conn, "AUTH TLS", "234 go");
        wire.put(conn, Opener, PSH, b"\x16\x03\x01\x00\x02ab");
    }
    let sessions = each(&wire.segments);
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|session| session.packets.conns().len() == 1));
}

#[test]
fn a_session_whose_beginning_was_not_captured_is_read_from_where_it_is() {
    let mut wire = Wire::default();
    let conn = wire.connection("192.0.2.10:1180", "203.0.113.5:4021");
    say(&mut wire, conn, "230 in");
    ask(&mut wire, conn, "PASV", "227 ok (203,0,113,5,195,80)");
    ask(&mut wire, conn, "LIST", "150 go");
    wire.connect("192.0.2.10:1181", "203.0.113.5:50000");
    let sessions = each(&wire.segments);
    assert_eq!(served(&sessions[0]), [Some(Verb::List)]);
    assert!(matches!(sessions[0].packets.rows()[0].packet, Packet::Reply(230)));
}

#[test]
fn frames_that_were_captured_twice_are_read_once() {
    let mut wire = Wire::greeted();
    wire.asks("USER ann", "331 password");
    let doubled: Vec<Owned> =
        wire.segments.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
    let rows = |segments: &[Owned]| each(segments)[0].packets.rows().len();
    assert_eq!(rows(&doubled), rows(&wire.segments));
}

#[test]
fn a_port_that_is_used_again_begins_another_session() {
    let mut wire = Wire::greeted();
    end(&mut wire, 0);
    wire.reconnect(0);
    wire.says("220 ready");
    let all = each(&wire.segments);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].packets.rows()[0].packet, Packet::Syn, "it begins with its beginning");
}

#[test]
fn a_session_that_is_given_away_leaves_its_port_to_the_one_that_has_it_now() {
    let mut wire = Wire::greeted();
    end(&mut wire, 0);
    wire.reconnect(0);
    wire.says("220 ready");
    wire.wait(Duration::from_secs(5));
    wire.says("421 bye");
    let (mut sessions, mut numbers) = (Sessions::default(), Vec::new());
    for segment in &wire.segments {
        sessions.push(&segment.segment());
        numbers.extend(sessions.take_finished().iter().flatten().map(|one| one.no));
    }
    numbers.extend(sessions.finish().iter().flatten().map(|one| one.no));
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn sessions_that_are_over_are_given_away_and_late_ones_wait_for_the_first() {
    let mut wire = Wire::default();
    let one = control(&mut wire, "192.0.2.10:1180", "203.0.113.5:21");
    let two = control(&mut wire, "192.0.2.11:1190", "203.0.113.5:21");
    end(&mut wire, two);
    wire.wait(Duration::from_secs(5));
    wire.put(one, Acceptor, PSH, b"421 bye\r\n");
    let mut sessions = Sessions::default();
    wire.segments.iter().for_each(|segment| sessions.push(&segment.segment()));
    assert!(sessions.take_finished().is_empty(), "the second is over, the first is not");
    let at = wire.segments.len();
    end(&mut wire, one);
    wire.wait(Duration::from_secs(5));
    control(&mut wire, "192.0.2.12:1", "203.0.113.5:21");
    wire.segments[at..].iter().for_each(|segment| sessions.push(&segment.segment()));
    let numbers: Vec<u64> = sessions.take_finished().iter().flatten().map(|one| one.no).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn any_number_of_open_sessions_is_held_in_bounds() {
    let mut sessions = Sessions::default();
    let mut given = 0;
    for client in 0..30_000u32 {
        let segment = wharf_ladder::Segment {
            at: Moment::after(Duration::from_micros(client.into())),
            from: format!("10.{}.{}.{}:1180", client >> 16, (client >> 8) & 255, client & 255)
                .parse()
                .unwrap(),
            to: "203.0.113.5:21".parse().unwrap(),
            seq: 7,
            ack: 0,
            flags: Flags { ack: false, ..SYN },
            length: 0,
            payload: b"",
            header: wharf_ladder::packet::Header::default(),
        };
        sessions.push(&segment);
        given += sessions.take_finished().len();
        assert!(sessions.open().count() < 10_000);
    }
    assert_eq!(given + sessions.finish().len(), 30_000);
}

#[test]
fn under_tls_the_port_before_the_control_port_says_who_opened_a_data_connection_on_one_host() {
    let steps = "ends 127.0.0.1:1180 127.0.0.1:21\nunder-tls\n>> 1703030002aaaa\n<< 1703030002aaaa\n\
                 data d 127.0.0.1:20 127.0.0.1:1182 open\ndata d <bytes 10\ndata d <fin\ndata d >fin\n";
    let session = crate::verdicts::sessions(&crate::verdicts::play("active", steps)).remove(0);
    let conns = session.packets.conns();
    let data = conns.iter().find(|conn| conn.channel != Channel::Control).expect("a connection");
    assert_eq!(data.opener, Some(Party::Server));
    assert_eq!(data.ends.map(|ends| ends.server.port()), Some(20));
}

#[test]
fn of_a_session_under_tls_nothing_is_said_that_nobody_heard() {
    let steps = "under-tls\n>> 1703030002aaaa\n<< 1703030002aaaa\n<fin\n>fin\n";
    let session = crate::verdicts::sessions(&crate::verdicts::play("sealed", steps)).remove(0);
    let summary = session.packets.summary();
    assert_eq!(summary.line(Lang::En, false), "transfers not known, 0 B, closed");
    assert_eq!(summary.line(Lang::Ja, false), "転送数は不明、0 バイト、終了");
}

#[test]
fn what_another_protocol_says_is_not_taken_for_a_data_connection_under_tls() {
    let mut wire = Wire::default();
    let conn = sealed(&mut wire, "192.0.2.10:1180");
    let web = wire.connect("192.0.2.10:4000", "203.0.113.5:8080");
    wire.put(conn, Acceptor, PSH, b"\x17\x03\x03\x00\x02ef");
    wire.put(web, Opener, PSH, b"GET / HTTP/1.1\r\n\r\n");
    wire.put(web, Acceptor, PSH, &[b'x'; 1400]);
    let data = wire.connect("192.0.2.10:4001", "203.0.113.5:50001");
    wire.put(data, Acceptor, PSH, b"bytes");
    let sessions = each(&wire.segments);
    let packets = &sessions[0].packets;
    let conns = packets.conns();
    assert_eq!(conns.len(), 2);
    assert_eq!(conns[1].ends.map(|ends| ends.server.port()), Some(50001));
    let numbers: Vec<u32> = packets.rows().iter().map(|row| row.no).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<u32>>(), "rows are numbered anew");
    assert_eq!((conns[0].rows, conns[1].rows), ((1, 9), (10, 13)));
    let of_data = |row: &&wharf_ladder::Row| row.channel == conns[1].channel;
    assert!(
        packets.rows().iter().filter(of_data).all(|row| row.provenance == Provenance::Probable)
    );
}

#[test]
fn a_greeting_is_of_another_session_however_near_one_under_tls_is() {
    let mut wire = Wire::default();
    sealed(&mut wire, "192.0.2.10:1180");
    let other = wire.connect("192.0.2.10:1190", "203.0.113.5:4021");
    say(&mut wire, other, "220 ready");
    ask(&mut wire, other, "USER ann", "331 password");
    let sessions = each(&wire.segments);
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].packets.conns().len(), 1);
    assert!(matches!(sessions[1].packets.rows()[3].packet, Packet::Reply(220)));
}

#[test]
fn nothing_is_of_a_session_whose_control_connection_is_closed() {
    let mut wire = Wire::default();
    let conn = sealed(&mut wire, "192.0.2.10:1180");
    end(&mut wire, conn);
    let data = wire.connect("192.0.2.10:4001", "203.0.113.5:50001");
    wire.put(data, Acceptor, PSH, b"bytes");
    let clear = control(&mut wire, "192.0.2.10:1191", "203.0.113.5:21");
    ask(&mut wire, clear, "PASV", "227 ok (203,0,113,5,195,80)");
    end(&mut wire, clear);
    wire.connect("192.0.2.10:4002", "203.0.113.5:50000");
    let sessions = each(&wire.segments);
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|session| session.packets.conns().len() == 1));
}

#[test]
fn a_connection_that_is_not_granted_stays_with_the_session_under_tls() {
    let mut wire = Wire::default();
    sealed(&mut wire, "192.0.2.10:1180");
    let data = wire.connection("192.0.2.10:4001", "203.0.113.5:50001");
    wire.put(data, Opener, SYN, b"");
    wire.unreachable("203.0.113.5", 13);
    let sessions = each(&wire.segments);
    let ids: Vec<&str> = sessions[0].findings().iter().map(|finding| finding.rule.id).collect();
    assert!(ids.contains(&"D12"), "{ids:?}");
}

#[test]
fn what_is_held_of_handshakes_that_do_not_end_is_in_the_bounds_too() {
    // A message that is longer than three records.
    let record = |body: &[u8]| {
        let mut record = [&[0x16, 3, 3, 0x40, 0][..], body].concat();
        record.resize(5 + 0x4000, 0);
        record
    };
    let records = [record(&[1, 0, 0xff, 0]), record(&[]), record(&[])];
    let (mut sessions, mut given) = (Sessions::default(), 0);
    for client in 0..600 {
        let mut wire = Wire::default();
        let client = format!("10.0.{}.{}:1180", client >> 8, client & 255);
        let conn = wire.connect(&client, "203.0.113.5:21");
        for end in [Opener, Acceptor] {
            records.iter().for_each(|record| wire.put(conn, end, PSH, record));
        }
        wire.segments.iter().for_each(|segment| sessions.push(&segment.segment()));
        given += sessions.take_finished().len();
        assert!(sessions.open().count() < 450);
    }
    assert_eq!(given + sessions.finish().len(), 600);
}
