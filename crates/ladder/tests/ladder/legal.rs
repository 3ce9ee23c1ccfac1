//! What TCP allows and is easily taken for something else: refusals that are none, acknowledgments of other connections,
//! segments that are put together anew when they are sent again, stamps out of order. And what it makes of all that is held.

use crate::wire::{ACK, Acceptor, FIN, NONE, Opener, Owned, PSH, RST, SYN, Wire};
use std::time::Duration;
use wharf_ladder::Flags;
use wharf_ladder::render::json;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_proto::{Moment, Verb};

const GRANTED: Flags = Flags { ack: true, ..SYN };

/// A connection to port 21 that is asked for.
fn asked() -> Wire {
    let mut wire = Wire::default();
    let conn = wire.connection("192.0.2.10:1180", "203.0.113.5:21");
    wire.put(conn, Opener, SYN, b"");
    wire
}

/// The SYN once more, and a session that begins and ends in order.
fn goes_on(wire: &mut Wire) {
    wire.wait(Duration::from_secs(1));
    let first = wire.segments[0].clone();
    wire.segments.push(Owned { at: wire.now(), ..first });
    wire.put(0, Acceptor, GRANTED, b"");
    wire.put(0, Opener, ACK, b"");
    wire.says("220 ready");
    wire.asks("USER ann", "331 password");
    wire.wait(Duration::from_secs(3));
    wire.asks("QUIT", "221 bye");
    wire.put(0, Acceptor, FIN, b"");
    wire.put(0, Opener, FIN, b"");
    wire.put(0, Acceptor, ACK, b"");
}

/// Its one session, given away not before its end.
fn only(wire: &Wire) -> Session {
    let mut sessions = Sessions::default();
    for segment in &wire.segments {
        assert!(sessions.take_finished().is_empty(), "it goes on");
        sessions.push(&segment.segment());
    }
    let mut all: Vec<Session> = sessions.finish().into_iter().flatten().collect();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn tail(wire: &Wire, count: usize) -> Vec<String> {
    let labels = wire.labels();
    labels[labels.len() - count..].to_vec()
}

fn ids(session: &Session) -> Vec<&'static str> {
    session.findings().iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn a_client_that_breaks_off_the_connection_of_before_and_asks_again_is_not_refused() {
    let mut wire = asked();
    // The server acknowledges what the connection of before has sent, and is told that there is none.
    wire.put(0, Acceptor, ACK, b"");
    let challenge = wire.segments.last_mut().unwrap();
    (challenge.seq, challenge.ack) = (77, challenge.ack.wrapping_add(1 << 29));
    wire.put(0, Opener, Flags { rst: true, ..NONE }, b"");
    goes_on(&mut wire);
    let session = only(&wire);
    assert_eq!(ids(&session), [""; 0]);
    assert_eq!(session.packets.missing(), 0);
    let control = &session.packets.conns()[0];
    assert!(!control.refused && control.granted.is_some() && control.client.ended.is_some());
}

#[test]
fn a_server_that_refuses_once_and_then_grants_the_same_syn_is_there() {
    let mut wire = asked();
    wire.put(0, Acceptor, RST, b"");
    assert!(only(&wire).packets.conns()[0].refused);
    goes_on(&mut wire);
    let mut packets = wharf_ladder::Packets::of_port(21);
    wire.segments.iter().for_each(|segment| assert!(packets.push(&segment.segment())));
    let control = packets.conns()[0];
    assert!(!control.refused && control.granted.is_some());
    assert_eq!(packets.summary().ending, wharf_ladder::summary::Ending::InOrder);
    assert!(packets.is_over());
}

#[test]
fn a_server_that_refuses_each_syn_stays_one_that_refuses() {
    let mut wire = asked();
    wire.put(0, Acceptor, RST, b"");
    wire.segments.push(wire.segments[0].clone());
    let refused = |wire: &Wire| wire.packets().conns()[0].refused;
    assert!(refused(&wire));
    wire.put(0, Acceptor, RST, b"");
    assert!(refused(&wire) && wire.packets().is_over());
}

#[test]
fn an_acknowledgment_of_what_cannot_have_been_sent_makes_nothing_missing() {
    for flags in [ACK, RST] {
        let mut wire = Wire::greeted();
        wire.asks("USER ann", "331 password");
        wire.put(0, Acceptor, flags, b"");
        let last = wire.segments.last_mut().unwrap();
        last.ack = last.ack.wrapping_add(1 << 30);
        assert_eq!(wire.packets().missing(), 0);
    }
    // What comes before its turn is still waited for behind one.
    let mut wire = Wire::greeted();
    wire.put(0, Acceptor, ACK, b"");
    let last = wire.segments.last_mut().unwrap();
    last.ack = last.ack.wrapping_add(1 << 30);
    wire.put(0, Opener, PSH, b"USER an");
    wire.put(0, Opener, PSH, b"n\r\n");
    let last = wire.segments.len() - 1;
    wire.segments.swap(last, last - 1);
    assert_eq!(tail(&wire, 1), ["USER ann"]);
    assert_eq!(wire.packets().missing(), 0);
}

#[test]
fn a_keep_alive_is_drawn_as_an_acknowledgment_and_nothing_is_sent_again() {
    let mut wire = Wire::greeted();
    wire.asks("NOOP", "200 ok");
    wire.probes(0, Opener);
    wire.put(0, Acceptor, ACK, b"");
    assert_eq!(tail(&wire, 3), ["200 ok", "ACK", "ACK"]);
    assert_eq!(wire.packets().conns()[0].client.again, 0);
}

#[test]
fn behind_a_reply_that_was_not_captured_the_next_one_answers_the_next_command() {
    let mut wire = Wire::greeted();
    wire.put(0, Opener, PSH, b"MODE S\r\n");
    wire.unseen(0, Acceptor, PSH, b"200 never seen\r\n");
    wire.wait(Duration::from_secs(5));
    wire.asks("NOOP", "200 ok");
    let session = only(&wire);
    let verbs: Vec<_> = session.packets.rows().iter().filter_map(|row| row.verb).collect();
    assert_eq!(verbs, [Verb::Mode, Verb::Noop, Verb::Noop]);
    let (wait, verb, _) = session.statistics().longest.unwrap();
    assert_eq!((wait.as_secs(), verb), (0, Verb::Noop));
}

#[test]
fn a_line_that_is_sent_again_with_the_next_one_behind_it_was_not_rewritten() {
    let mut wire = Wire::greeted();
    wire.put(0, Opener, PSH, b"PORT 10,0,0,1,4,5\r\n");
    wire.unseen(0, Opener, PSH, b"RETR b\r\n");
    wire.rewritten("PORT 10,0,0,1,4,5\r\nRETR b");
    wire.says("200 ok");
    assert_eq!(tail(&wire, 3), ["PORT 10,0,0,1,4,5", "RETR b", "200 ok"]);
    assert_eq!(wire.packets().missing(), 0);
}

#[test]
fn of_a_segment_that_was_rewritten_the_line_is_told_and_no_secret_that_follows_it() {
    let mut wire = Wire::greeted();
    wire.asks("PASS hunter2", "230 in");
    wire.put(0, Opener, PSH, b"port 10,0,0,1,4,5\r\nACCT secret99\r\nSTOR x\r\n");
    wire.rewritten("port 198,51,100,9,4,15 hunter2\r\nACCT secret99\r\nSTOR x");
    let want = [
        "port 10,0,0,1,4,5",
        "ACCT …",
        "STOR x",
        "rewritten: port 198,51,100,9,4,15 …",
        "23 B again",
    ];
    assert_eq!(tail(&wire, 5), want);
    let session = only(&wire);
    let shown = format!("{session:?}{:?}", session.findings());
    assert!(!shown.contains("hunter2") && !shown.contains("secret99"));
}

#[test]
fn a_stamp_before_the_others_neither_shortens_a_session_nor_lies_outside_it() {
    let mut wire = Wire::default();
    wire.wait(Duration::from_secs(2));
    wire.connect("192.0.2.10:1180", "203.0.113.5:21");
    wire.says("220 ready");
    wire.wait(Duration::from_secs(5));
    wire.asks("QUIT", "221 bye");
    let last = wire.segments.last().unwrap().at;
    // The SYN, ACK before the SYN, and the last of the file before the one above it.
    wire.segments[1].at = Moment::after(Duration::from_secs(1));
    wire.put(0, Acceptor, FIN, b"");
    wire.segments.last_mut().unwrap().at = Moment::after(Duration::from_secs(3));
    let packets = wire.packets();
    assert_eq!(packets.summary().span(), Some((wire.segments[1].at, last)));
    assert_eq!(packets.summary().duration(), last.since(wire.segments[1].at));
    let listed = json::listed(&only(&wire), None, false);
    assert!(listed.contains("\"at\":1.0,") && listed.contains("\"took\":6."), "{listed}");
}

#[test]
fn replies_that_never_end_and_bytes_before_their_turn_are_held_in_bounds() {
    let line = [b' '; 1_000];
    let part = [&line[..998], b"\r\n"].concat().repeat(64);
    let held = |sessions: &Sessions| sessions.open().count();
    let (mut replies, mut early) = (Sessions::default(), Sessions::default());
    for client in 0..1_600 {
        let mut wire = Wire::default();
        wire.connect(&format!("192.0.2.{}:{}", client % 200, 2000 + client), "203.0.113.5:21");
        wire.says("211-much");
        let mut gap = wire.segments.clone();
        wire.put(0, Acceptor, PSH, &part);
        wire.segments.iter().for_each(|segment| replies.push(&segment.segment()));
        let mut last = wire.segments.pop().unwrap();
        last.seq = last.seq.wrapping_add(10);
        gap.push(last);
        gap.iter().for_each(|segment| early.push(&segment.segment()));
        for sessions in [&mut replies, &mut early] {
            sessions.take_finished();
        }
    }
    // 64,000 bytes each, of 256 to a row, of which 160,000 are held.
    assert!(held(&replies) < 800, "{}", held(&replies));
    assert!(held(&early) < 800, "{}", held(&early));
}
